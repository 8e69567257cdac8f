//! [`AppCredentialStore`] on SQLite.

pub(super) mod credentials;
pub(super) mod projects;
pub(super) mod types;

use super::{Sqlite, sealed};
use crate::audit::Entry;
use crate::store::app_credentials::listed_bytes;
use crate::store::{
    Actor, AddProject, AppCredential, AppCredentialFilter, AppCredentialStore, CredentialType, DeleteType,
    Listed, Page, Project, ProjectEdit, PutAppCredential, PutType, Revision, Sealed, SealedTable, SetMembers,
    StoreError,
};
use async_trait::async_trait;
use uuid::Uuid;

/// The first of these records, by their ids, as far as they may be read at once.
fn listed<T>(
    ids: Vec<Uuid>,
    total: u64,
    find: impl Fn(Uuid) -> rusqlite::Result<Option<T>>,
    bytes: impl Fn(&T) -> usize,
) -> rusqlite::Result<Listed<T>> {
    let (mut first, mut read, mut ids) = (Vec::new(), 0, ids.into_iter());
    while read < listed_bytes!()
        && let Some(id) = ids.next()
    {
        let found = find(id)?;
        read += found.as_ref().map_or(0, &bytes);
        first.extend(found);
    }
    Ok(Listed { first, rest: ids.collect(), total })
}

/// In which version values are sealed.
const VERSION: &str = "v2";

#[async_trait]
impl AppCredentialStore for Sqlite {
    async fn credential_types(
        &self,
        owner_id: Uuid,
        page: Page,
    ) -> Result<Listed<CredentialType>, StoreError> {
        self.read_signed(move |c, signer| types::page(c, signer, owner_id, page)).await
    }

    async fn type_names(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError> {
        self.read(move |c| types::names(c, owner_id)).await
    }

    async fn credential_type(&self, id: Uuid) -> Result<Option<CredentialType>, StoreError> {
        self.read_signed(move |c, signer| types::find(c, signer, id)).await
    }

    async fn add_credential_type(&self, new: CredentialType, entry: Entry) -> Result<PutType, StoreError> {
        let signer = self.signer()?;
        self.write_noting(entry, |put| *put == PutType::Stored, move |c| types::add(c, &signer, &new)).await
    }

    async fn update_credential_type(
        &self,
        changed: CredentialType,
        known: CredentialType,
        entry: Entry,
    ) -> Result<PutType, StoreError> {
        let signer = self.signer()?;
        let update = move |c: &rusqlite::Connection| types::update(c, &signer, &changed, known.updated_at);
        self.write_noting(entry, |put| *put == PutType::Stored, update).await
    }

    async fn delete_credential_type(
        &self,
        owner_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<DeleteType, StoreError> {
        let delete = move |c: &rusqlite::Connection| types::delete(c, owner_id, id);
        self.write_noting(entry, |deleted| *deleted == DeleteType::Deleted, delete).await
    }

    async fn project(&self, id: Uuid) -> Result<Option<Project>, StoreError> {
        self.read_signed(move |c, signer| projects::find(c, signer, id)).await
    }

    async fn projects(&self, user_id: Uuid, page: Page) -> Result<Listed<Project>, StoreError> {
        self.read_signed(move |c, signer| projects::page(c, signer, user_id, page)).await
    }

    async fn own_projects(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError> {
        self.read(move |c| projects::own(c, owner_id)).await
    }

    async fn add_project(&self, new: Project, entry: Entry) -> Result<AddProject, StoreError> {
        let signer = self.signer()?;
        let add = move |c: &rusqlite::Connection| projects::add(c, &signer, &new);
        self.write_noting(entry, |added| *added == AddProject::Added, add).await
    }

    async fn update_project(&self, edit: ProjectEdit, entry: Entry) -> Result<Option<bool>, StoreError> {
        self.write_noting(entry, |put| *put == Some(true), move |c| projects::update(c, &edit)).await
    }

    async fn delete_project(&self, owner_id: Uuid, id: Uuid, entry: Entry) -> Result<bool, StoreError> {
        self.write_noting(entry, |deleted| *deleted, move |c| projects::delete(c, owner_id, id)).await
    }

    async fn set_project_members(
        &self,
        own: (Uuid, Uuid),
        member_ids: Vec<Uuid>,
        are_users: bool,
        now: i64,
        entry: Entry,
    ) -> Result<SetMembers, StoreError> {
        let signer = self.signer()?;
        let set = move |c: &rusqlite::Connection| {
            projects::set_members(c, &signer, own, (&member_ids, are_users), now)
        };
        self.write_noting(entry, |set| *set == SetMembers::Set, set).await
    }

    async fn add_app_credential(
        &self,
        new: AppCredential,
        type_updated_at: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        let signer = self.signer()?;
        let add = move |c: &rusqlite::Connection| credentials::add(c, &signer, &new, type_updated_at);
        self.write_noting(entry, |put| *put == PutAppCredential::Stored, add).await
    }

    async fn update_app_credential(
        &self,
        changed: AppCredential,
        type_updated_at: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        let update = move |c: &rusqlite::Connection| credentials::update(c, &changed, type_updated_at);
        self.write_noting(entry, |put| *put == PutAppCredential::Stored, update).await
    }

    async fn app_credential(&self, actor: Actor, id: Uuid) -> Result<Option<AppCredential>, StoreError> {
        self.read_signed(move |c, signer| credentials::find(c, signer, actor, id)).await
    }

    async fn app_credentials_of(
        &self,
        owner_id: Uuid,
        filter: AppCredentialFilter,
        page: Page,
    ) -> Result<Listed<AppCredential>, StoreError> {
        self.read_signed(move |c, signer| credentials::page(c, signer, owner_id, &filter, page)).await
    }

    async fn app_credentials_by_project(
        &self,
        own: (Uuid, Uuid),
    ) -> Result<Listed<AppCredential>, StoreError> {
        self.read_signed(move |c, signer| credentials::by_project(c, signer, own)).await
    }

    async fn delete_app_credential(
        &self,
        owner_id: Uuid,
        id: Uuid,
        known: Option<Revision>,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        self.write_noting(entry, |deleted| *deleted, move |c| credentials::delete(c, (owner_id, id), known))
            .await
    }

    async fn assign_app_credential(
        &self,
        own: (Uuid, Uuid),
        known: Option<Revision>,
        project_ids: Vec<Uuid>,
        now: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        let signer = self.signer()?;
        let assign =
            move |c: &rusqlite::Connection| credentials::assign(c, &signer, own, known, &project_ids, now);
        self.write_noting(entry, |put| *put == PutAppCredential::Stored, assign).await
    }

    async fn sealed_values(&self, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        self.read(move |c| sealed::after(c, SealedTable::AppCredentialKeys, after, limit)).await
    }

    async fn replace_sealed_value(&self, old: Sealed, blob: String) -> Result<bool, StoreError> {
        self.write(move |c| sealed::replace(c, &old, &blob, VERSION)).await
    }
}
