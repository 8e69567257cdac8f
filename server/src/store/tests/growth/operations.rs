//! Every operation of a store, as its callers use it.

mod sessions;

use super::super::records::{download, session};
use super::super::{EVERYTHING, sealed_connection, usage};
use super::super::{OTHER, OWNER, Store, connect, connection, entry, revealed, user, vault};
use super::load;
use crate::audit::{Anchor, ChainKey};
use crate::store::{
    Actor, AddProject, AppCredential, AppCredentialFilter, AttemptLimit, CredentialType, CredentialsUpdate,
    DeleteType, FieldType, Found, Hash, NewConnection, NewSession, Page, ProjectEdit, PutAppCredential,
    PutConnection, PutSession, PutType, Refresh, RefreshToken, Revision, SealedColumn, SealedValue,
    ServiceToken, SetMembers, TypeField, UpdateCredentials, User, UserStatus, VaultWrite,
};
use std::sync::Arc;
use uuid::Uuid;

/// The time of everything. Existing rows are neither older nor newer.
pub(super) const NOW: i64 = 1_000_000_000_000;
const HOUR_MS: i64 = 60 * 60 * 1000;
const PAGE: Page = Page { number: 1, size: 3 };
/// The connection with a long history.
pub(super) const CONNECTION: Uuid = Uuid::from_u128(7);
/// The type of most app credentials, and its field.
pub(super) const TYPE: Uuid = Uuid::from_u128(50);
pub(super) const FIELD: Uuid = Uuid::from_u128(51);
const PROJECT: Uuid = Uuid::from_u128(52);

/// Stores the records that every pass needs.
pub(super) async fn set_up(store: &dyn Store) {
    connect(store, CONNECTION.as_u128(), OWNER).await;
    let own = credential_type(TYPE, FIELD, "most");
    assert_eq!(store.add_credential_type(own, entry("add")).await.unwrap(), PutType::Stored);
    let own = usage::project(PROJECT.as_u128(), OWNER);
    assert_eq!(store.add_project(own, entry("add")).await.unwrap(), AddProject::Added);
    assert!(store.set_up_vault(vault::header(1), NOW, entry("set-up")).await.unwrap());
}

/// One round of all operations. Each number is used once.
pub(super) struct Pass<'s> {
    pub(super) store: &'s dyn Store,
    pub(super) number: u8,
}

impl Pass<'_> {
    /// Runs the operations that must not slow down as more is stored.
    pub(super) async fn run(&self) {
        self.users().await;
        self.sign_ins().await;
        self.services().await;
        self.connections().await;
        self.downloads().await;
        self.sessions().await;
        self.requests().await;
        self.credential_types().await;
        self.projects().await;
        self.app_credentials().await;
        self.vault().await;
        self.keys().await;
        self.audit_log_and_upkeep().await;
    }

    /// Runs the operations that read everything of a kind: lists for the operator, a search in the
    /// audit log and its names, signing and verifying, a search in an owner's names.
    pub(super) async fn run_walks(&self, key: &Arc<ChainKey>) {
        let store = self.store;
        store.users().await.unwrap();
        store.usages().await.unwrap();
        store.service_tokens().await.unwrap();
        store.broken_rows().await.unwrap();
        assert_eq!(store.newest_audit_rows(EVERYTHING, 10).await.unwrap().len(), 10);
        assert!(!store.record_names(vec![OWNER, CONNECTION]).await.unwrap().is_empty());
        store.own_key("rows", "one".to_owned()).await.unwrap();
        let [one, two] = ["one", "two"].map(str::to_owned);
        store.sign_rows(Arc::clone(key), "rows", one, two).await.unwrap().unwrap();
        for credential_type_id in [None, Some(TYPE)] {
            let folded_search = Some("nothing has this name".to_owned());
            let filter = AppCredentialFilter { credential_type_id, folded_search };
            assert_eq!(store.app_credentials_of(OWNER, filter, PAGE).await.unwrap().total, 0);
        }
    }

    fn id(&self, number: u64) -> Uuid {
        Uuid::from_u128((u128::from(self.number) + 1) << 64 | u128::from(number))
    }

    fn name(&self, of: &str) -> String {
        format!("{of} of pass {}", self.number)
    }

    fn hash(&self, number: u8) -> Hash {
        let mut hash = [number; 32];
        hash[0] = self.number;
        hash
    }

    async fn users(&self) {
        let (store, id) = (self.store, self.id(1));
        let email = format!("{id}@example.org");
        assert!(store.add_user(user(id, &email), entry("add")).await.unwrap());
        assert!(!store.add_user(user(self.id(2), &email), entry("add")).await.unwrap());
        assert_eq!(store.user_by_email(email).await.unwrap().unwrap().id, id);
        assert!(store.set_user_status(id, UserStatus::Suspended, NOW, entry("suspend")).await.unwrap());
        assert!(store.set_password(id, "another".into(), NOW, entry("password")).await.unwrap());
        let connection = NewConnection { user_id: id, ..self.new_connection(3) };
        store.put_connection(connection, entry("connect")).await.unwrap();
        let session = NewSession { user_id: id, ..session(self.id(4).as_u128(), self.id(3), NOW) };
        assert_eq!(store.put_session(session, entry("session")).await.unwrap(), PutSession::Stored);
        store.add_project(usage::project(self.id(5).as_u128(), id), entry("add")).await.unwrap();
        assert!(store.delete_user(id, entry("delete")).await.unwrap());
        assert!(store.user(id).await.unwrap().is_none());
    }

    async fn verified(&self) -> User {
        self.store.user(OWNER).await.unwrap().unwrap()
    }

    async fn sign_ins(&self) {
        let store = self.store;
        let token = |number| RefreshToken {
            token_hash: self.hash(number),
            family_id: self.id(number.into()),
            expires_at: NOW + HOUR_MS,
        };
        for number in [1, 2] {
            let verified = self.verified().await;
            assert!(store.add_refresh_token(token(number), verified, entry("login")).await.unwrap());
        }
        assert_eq!(store.refresh_token_owner(self.hash(1)).await.unwrap(), Some(OWNER));
        assert_eq!(store.user_by_token(self.hash(1), NOW).await.unwrap().unwrap().id, OWNER);
        let refresh = async |number, now| {
            let times = (now, HOUR_MS, 10);
            store.refresh(self.hash(1), self.hash(number), times, entry("reuse")).await.unwrap()
        };
        assert!(matches!(refresh(3, NOW).await, Refresh::Renewed { .. }));
        assert!(matches!(refresh(4, NOW + 1).await, Refresh::Renewed { .. }));
        assert_eq!(refresh(5, NOW + 20).await, Refresh::Reused(OWNER));
        store.end_family(self.hash(2)).await.unwrap();

        let limits =
            [6, 7].map(|number| AttemptLimit { subject: self.hash(number), attempts: 2, window_ms: HOUR_MS });
        for full in [false, false, true] {
            assert_eq!(store.count_attempt(limits.to_vec(), NOW).await.unwrap().is_some(), full);
        }
        assert!(store.attempt_wait(limits.to_vec(), NOW).await.unwrap().is_some());
        store.uncount_attempt(limits.map(|limit| limit.subject).to_vec()).await.unwrap();
    }

    async fn services(&self) {
        let (store, name) = (self.store, self.name("service"));
        let token = ServiceToken {
            name: name.clone(),
            verbs: vec!["reveal".to_owned()],
            platforms: Vec::new(),
            require_acting_user: false,
            created_at: NOW,
            revoked_at: None,
        };
        assert!(store.add_service_token(token, self.hash(8), entry("add")).await.unwrap());
        assert_eq!(store.live_service_token(self.hash(8)).await.unwrap().unwrap().name, name);
        assert!(store.revoke_service_token(name, NOW, entry("revoke")).await.unwrap());
    }

    fn new_connection(&self, number: u64) -> NewConnection {
        let id = self.id(number);
        connection(id.as_u128(), OWNER, &id.to_string())
    }

    async fn connections(&self) {
        let (store, id) = (self.store, self.id(10));
        let put = async |new| store.put_connection(new, entry("connect")).await.unwrap();
        assert_eq!(put(self.new_connection(10)).await, PutConnection::Created);
        assert_eq!(put(self.new_connection(10)).await, PutConnection::Updated);
        let clash = NewConnection { id: self.id(11), ..self.new_connection(10) };
        assert_eq!(put(clash).await, PutConnection::Clash(id));
        assert_eq!(store.connection_by_identity(OWNER, id.to_string()).await.unwrap(), Some(id));
        let renamed = Some((self.name("key"), "name".to_owned()));
        for (actor, renamed) in [(Actor::User(OWNER), renamed), (Actor::Service, None)] {
            let update = CredentialsUpdate { renamed, ..usage::update(id, "sealed again") };
            let updated = store.update_credentials(actor, update, entry("update")).await.unwrap();
            assert_eq!(updated, UpdateCredentials::Updated);
        }
        let find = async |actor| store.connection(actor, id).await.unwrap();
        assert!(matches!(find(Actor::User(OWNER)).await, Found::Own(_)));
        assert!(matches!(find(Actor::User(OTHER)).await, Found::Foreign));
        assert!(matches!(find(Actor::Service).await, Found::Own(_)));
        assert!(sealed_connection(store, id).await.is_some());
        assert!(store.connections_of(OWNER, PAGE).await.unwrap().1 > 0);
        let allow = async |user| store.allow_write_back(user, id, true, entry("allow")).await.unwrap();
        assert_eq!((allow(OTHER).await, allow(OWNER).await), (Found::Foreign, Found::Own(())));
        assert!(store.is_write_back_allowed(OWNER, id).await.unwrap());
        self.replace_sealed(SealedColumn::Connections).await;
    }

    async fn downloads(&self) {
        let (store, id) = (self.store, self.id(12));
        let new = download(id.as_u128(), CONNECTION);
        assert!(store.add_download_credential(new, entry("add")).await.unwrap());
        let reveal = async |judge| store.reveal_download_credential(id, judge).await;
        assert!(revealed(reveal).await.is_some());
        assert!(store.download_credentials_of(OWNER, PAGE).await.unwrap().1 > 0);
        self.replace_sealed(SealedColumn::DownloadCredentials).await;
        let delete = async || store.delete_download_credential(OWNER, id, entry("delete")).await.unwrap();
        assert_eq!((delete().await, delete().await), (Found::Own(()), Found::Nothing));
    }

    /// Re-encrypts the first text of a column.
    async fn replace_sealed(&self, column: SealedColumn) {
        let some = self.store.sealed(column, Uuid::nil(), 10).await.unwrap();
        let first = some.into_iter().next().unwrap();
        assert!(self.store.replace_sealed(first, self.name("resealed"), "v2").await.unwrap());
    }

    /// A type only for this pass.
    fn own_type(&self) -> CredentialType {
        credential_type(self.id(30), self.id(31), &self.name("type"))
    }

    async fn credential_types(&self) {
        let (store, own) = (self.store, self.own_type());
        assert_eq!(store.add_credential_type(own, entry("add")).await.unwrap(), PutType::Stored);
        assert!(store.credential_types(OWNER, PAGE).await.unwrap().total > 6);
        assert!(store.type_names(OWNER).await.unwrap().len() > 6);
        let known = store.credential_type(TYPE).await.unwrap().unwrap();
        let mut changed = known.clone();
        changed.fields[0].field_label = self.name("label");
        let changed = store.update_credential_type(changed, known, entry("change")).await.unwrap();
        assert_eq!(changed, PutType::Stored);
        let unused = credential_type(self.id(32), self.id(33), &self.name("unused"));
        store.add_credential_type(unused.clone(), entry("add")).await.unwrap();
        let without = CredentialType { fields: Vec::new(), ..unused.clone() };
        let changed = store.update_credential_type(without, unused, entry("change")).await.unwrap();
        assert_eq!(changed, PutType::Stored);
        let deleted = store.delete_credential_type(OWNER, self.id(32), entry("delete")).await.unwrap();
        assert_eq!(deleted, DeleteType::Deleted);
    }

    async fn projects(&self) {
        let (store, id) = (self.store, self.id(34));
        let new = usage::project(id.as_u128(), OWNER);
        assert_eq!(store.add_project(new, entry("add")).await.unwrap(), AddProject::Added);
        let own = (OWNER, id);
        let set = store.set_project_members(own, vec![OTHER], true, NOW, entry("set")).await.unwrap();
        assert_eq!(set, SetMembers::Set);
        assert!(store.project(id).await.unwrap().is_some());
        assert!(store.projects(OTHER, PAGE).await.unwrap().total > 0);
        assert!(!store.own_projects(OWNER).await.unwrap().is_empty());
        let edit = ProjectEdit {
            id,
            owner_id: OWNER,
            project_name: Some(self.name("another")),
            description: None,
            updated_at: NOW,
        };
        assert_eq!(store.update_project(edit, entry("edit")).await.unwrap(), Some(true));
    }

    async fn app_credentials(&self) {
        let (store, project) = (self.store, self.id(34));
        let mut new = self.app_credential(35);
        new.project_ids = vec![PROJECT, project];
        let updated_at = store.credential_type(self.id(30)).await.unwrap().unwrap().updated_at;
        let put = store.add_app_credential(new.clone(), updated_at, entry("add")).await.unwrap();
        assert_eq!(put, PutAppCredential::Stored);
        new.version = 2;
        let put = store.update_app_credential(new, updated_at, entry("change")).await.unwrap();
        assert_eq!(put, PutAppCredential::Stored);
        for (actor, is_shown) in
            [(Actor::User(OWNER), true), (Actor::Service, true), (Actor::User(OTHER), false)]
        {
            assert_eq!(store.app_credential(actor, self.id(35)).await.unwrap().is_some(), is_shown);
        }
        for credential_type_id in [None, Some(self.id(30))] {
            let filter = AppCredentialFilter { credential_type_id, folded_search: None };
            assert!(store.app_credentials_of(OWNER, filter, PAGE).await.unwrap().total > 0);
        }
        assert_eq!(store.app_credentials_by_project((OWNER, PROJECT)).await.unwrap().total, 1);
        self.change_a_type_in_use().await;
        let assign = async |known, projects| {
            store.assign_app_credential((OWNER, self.id(35)), known, projects, NOW, entry("assign")).await
        };
        let known = Some(Revision { version: 2, type_updated_at: updated_at });
        assert_eq!(assign(known, vec![project]).await.unwrap(), PutAppCredential::Stored);
        assert!(store.delete_project(OWNER, project, entry("delete")).await.unwrap());
        let sealed = store.sealed_values(Uuid::nil(), 10).await.unwrap().into_iter().next().unwrap();
        assert!(store.replace_sealed_value(sealed, self.name("resealed")).await.unwrap());
        let known = Some(Revision { version: 4, type_updated_at: updated_at });
        let deleted = store.delete_app_credential(OWNER, self.id(35), known, entry("delete")).await;
        assert!(deleted.unwrap());
    }

    async fn change_a_type_in_use(&self) {
        let store = self.store;
        let known = store.credential_type(self.id(30)).await.unwrap().unwrap();
        let changed = CredentialType { fields: Vec::new(), ..known.clone() };
        let changed = store.update_credential_type(changed, known, entry("change")).await.unwrap();
        assert_eq!(changed, PutType::FieldInUse(1));
        let deleted = store.delete_credential_type(OWNER, self.id(30), entry("delete")).await.unwrap();
        assert_eq!(deleted, DeleteType::InUse(1));
    }

    fn app_credential(&self, number: u64) -> AppCredential {
        AppCredential {
            id: self.id(number),
            owner_id: OWNER,
            credential_name: self.name("credential"),
            credential_type_id: self.id(30),
            description: None,
            values: vec![SealedValue { field_id: self.id(31), blob: "sealed".to_owned(), is_new: true }],
            project_ids: Vec::new(),
            version: 1,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    async fn vault(&self) {
        let (store, epoch) = (self.store, i64::from(self.number) + 1);
        assert_eq!(store.vault_header().await.unwrap().unwrap().key_epoch, epoch);
        assert!(!store.has_vault_strays(epoch).await.unwrap());
        let login = vault::session(1, epoch, NOW + HOUR_MS);
        assert_eq!(store.add_vault_session(login, 9, entry("login")).await.unwrap(), VaultWrite::Done(()));
        assert!(store.vault_session([1; 32], NOW).await.unwrap().is_some());
        let id = self.id(40);
        let new = vec![vault::credential(id.as_u128() & 0xff, &self.name("key"), b"sealed")];
        let id = new[0].credential.id;
        let added = store.add_vault_credentials(new, 9, epoch, entry("add")).await.unwrap();
        assert_eq!(added, VaultWrite::Done(Some(vec![id])));
        assert_eq!(store.vault_credentials().await.unwrap().len(), 1);
        assert!(store.vault_credential(id).await.unwrap().is_some());
        let used = store.use_vault_credential(id, epoch, NOW, entry("use")).await.unwrap();
        assert_eq!(used, VaultWrite::Done(true));
        let sealed = store.sealed_vault_credentials().await.unwrap();
        let change = vault::change(epoch + 1, sealed);
        let changed = store.change_vault_password(change, entry("password")).await.unwrap();
        assert_eq!(changed, VaultWrite::Done(true));
        let deleted = store.delete_vault_credential(id, epoch + 1, entry("delete")).await.unwrap();
        assert_eq!(deleted, VaultWrite::Done(true));
        assert!(store.end_vault_session([1; 32], entry("logout")).await.unwrap());
    }

    async fn keys(&self) {
        let store = self.store;
        store.add_canary("00000001".to_owned(), "canary".to_owned(), NOW).await.unwrap();
        store.add_canary("00000002".to_owned(), "canary".to_owned(), NOW).await.unwrap();
        assert!(!store.canaries().await.unwrap().is_empty());
        store.retire_keys("00000001".to_owned(), NOW).await.unwrap();
        store.remove_canary("00000002".to_owned()).await.unwrap();
        assert!(store.is_retired("00000002".to_owned()).await.unwrap());
        let kept = store.own_key("proof", self.name("proof")).await.unwrap();
        assert!(store.replace_own_key("proof", kept, self.name("proof")).await.unwrap());
    }

    async fn audit_log_and_upkeep(&self) {
        let store = self.store;
        store.append(entry("reveal")).await.unwrap();
        assert_eq!(store.audit_rows((i64::MIN, 0), 10).await.unwrap().len(), 10);
        assert!(!store.audit_heads().await.unwrap().is_empty());
        let anchor = |sequence| Anchor {
            chain: load::CHAIN,
            sequence,
            mac: [0; 32],
            cuts: 0,
            removed_at: NOW,
            removed_by: "server".to_owned(),
            signature: [0; 32],
        };
        let [before, next] = [0, 1].map(|step| 2 * i64::from(self.number) + step);
        assert!(store.move_audit_anchor(before, anchor(next)).await.unwrap());
        assert!(store.move_audit_anchor(next, anchor(next + 1)).await.unwrap());
        assert!(!store.audit_anchors().await.unwrap().is_empty());
        // The check runs once a second.
        store.check("00000001".to_owned(), NOW + 10_000 * i64::from(self.number)).await.unwrap();
        store.check_records().await.unwrap();
        store.purge(NOW).await.unwrap();
        store.erase().await.unwrap();
    }
}

fn credential_type(id: Uuid, field_id: Uuid, name: &str) -> CredentialType {
    let field = TypeField {
        id: field_id,
        field_name: "key".to_owned(),
        field_label: "Key".to_owned(),
        field_type: FieldType::Password,
        required: true,
        sensitive: true,
    };
    CredentialType {
        id,
        owner_id: Some(OWNER),
        type_name: name.to_owned(),
        description: None,
        fields: vec![field],
        created_at: NOW,
        updated_at: NOW,
    }
}
