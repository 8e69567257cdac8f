//! Tests of the vault's tables.

use super::{Opened, entry, logged_actions, on_every_store};
use crate::store::{
    PasswordChange, SealedVaultCredential, VaultCredential, VaultHeader, VaultSession, VaultWrite,
};
use std::sync::Arc;
use uuid::Uuid;

const MOST: u32 = 5;

on_every_store!(
    sets_up_a_vault_once,
    a_session_lasts_until_it_expires_or_there_are_too_many_newer_ones,
    a_service_and_name_belong_to_one_credential,
    finds_uses_and_deletes_a_credential_by_its_id,
    lists_credentials_newest_first,
    never_exceeds_the_limit_however_many_come_at_once,
    only_a_live_session_can_change_the_password,
    a_new_password_replaces_everything_sealed_and_ends_the_other_sessions,
    refuses_writes_with_a_former_key,
    refuses_a_new_password_until_everything_is_re_encrypted,
    credentials_added_during_a_password_change_all_have_one_key,
);

pub(super) fn header(key_epoch: i64) -> VaultHeader {
    let byte = key_epoch.to_be_bytes()[7];
    VaultHeader { salt: [byte; 16], canary: vec![byte; 60], key_epoch, signature: [byte; 32] }
}

pub(super) fn session(number: u8, key_epoch: i64, expires_at: i64) -> VaultSession {
    VaultSession { token_hash: [number; 32], sealed_master_key: vec![number; 72], key_epoch, expires_at }
}

pub(super) fn credential(number: u128, name: &str, sealed_key: &[u8]) -> SealedVaultCredential {
    let credential = VaultCredential {
        id: Uuid::from_u128(number),
        service: "openai".to_owned(),
        name: name.to_owned(),
        created_at: i64::try_from(number).unwrap(),
        last_used_at: None,
    };
    SealedVaultCredential { credential, sealed_key: sealed_key.to_vec(), mac: [7; 32], key_epoch: 1 }
}

pub(super) fn change(key_epoch: i64, credentials: Vec<SealedVaultCredential>) -> PasswordChange {
    let header = header(key_epoch);
    PasswordChange {
        header,
        credentials,
        token_hash: [1; 32],
        sealed_master_key: b"resealed".to_vec(),
        now: 99,
    }
}

async fn set_up(opened: &Opened) {
    assert!(opened.store.set_up_vault(header(1), 0, entry("set-up")).await.unwrap());
}

async fn add(opened: &Opened, key_epoch: i64, new: SealedVaultCredential) -> VaultWrite<Option<Vec<Uuid>>> {
    opened.store.add_vault_credentials(vec![new], 1000, key_epoch, entry("add")).await.unwrap()
}

async fn sets_up_a_vault_once(opened: &Opened) {
    let store = &opened.store;
    assert!(store.vault_header().await.unwrap().is_none());
    assert_eq!(
        add(opened, 0, credential(1, "a", b"k")).await,
        VaultWrite::Stale,
        "before the vault is set up"
    );
    let both = tokio::join!(
        store.set_up_vault(header(1), 0, entry("set-up")),
        store.set_up_vault(VaultHeader { salt: [9; 16], ..header(1) }, 0, entry("set-up")),
    );
    assert_ne!(both.0.unwrap(), both.1.unwrap());
    let kept = store.vault_header().await.unwrap().unwrap();
    assert_eq!((kept.canary, kept.key_epoch, kept.signature), (vec![1; 60], 1, [1; 32]));
    assert_eq!(logged_actions(&**store).await, ["set-up"]);
}

async fn a_session_lasts_until_it_expires_or_there_are_too_many_newer_ones(opened: &Opened) {
    let store = &opened.store;
    set_up(opened).await;
    for number in 1..=6 {
        let added = store.add_vault_session(session(number, 1, 100), MOST, entry("login")).await.unwrap();
        assert_eq!(added, VaultWrite::Done(()));
    }
    let is_live = async |number: u8, now| store.vault_session([number; 32], now).await.unwrap().is_some();
    assert!(!is_live(1, 0).await, "the oldest of six");
    assert!(is_live(2, 99).await && !is_live(2, 100).await);
    let (header, found) = store.vault_session([6; 32], 0).await.unwrap().unwrap();
    assert_eq!((header.canary, header.key_epoch), (vec![1; 60], 1));
    assert_eq!((found.sealed_master_key, found.key_epoch, found.expires_at), (vec![6; 72], 1, 100));

    assert!(store.end_vault_session([6; 32], entry("logout")).await.unwrap());
    assert!(!store.end_vault_session([6; 32], entry("logout")).await.unwrap());
    assert!(!is_live(6, 0).await);
    store.purge(100).await.unwrap();
    assert!(!is_live(2, 0).await, "the session has expired and was removed");
    assert_eq!(
        logged_actions(&**store).await,
        ["login", "login", "login", "login", "login", "login", "logout", "set-up"]
    );
}

async fn a_service_and_name_belong_to_one_credential(opened: &Opened) {
    let store = &opened.store;
    set_up(opened).await;
    let all = vec![credential(1, "a", b"one"), credential(2, "b", b"two"), credential(3, "a", b"three")];
    let added = store.add_vault_credentials(all, 2, 1, entry("import")).await.unwrap();
    assert_eq!(added, VaultWrite::Done(Some(vec![Uuid::from_u128(1), Uuid::from_u128(2)])));
    assert_eq!(add(opened, 1, credential(4, "b", b"four")).await, VaultWrite::Done(Some(vec![])));
    let other = |name: &str, service: &str| {
        let mut other = credential(5, name, b"five");
        service.clone_into(&mut other.credential.service);
        other
    };
    assert!(
        matches!(add(opened, 1, other("a", "binance")).await, VaultWrite::Done(Some(added)) if added.len() == 1)
    );
    assert_eq!(logged_actions(&**store).await, ["add", "import", "set-up"], "nothing for taken names");
}

async fn finds_uses_and_deletes_a_credential_by_its_id(opened: &Opened) {
    let store = &opened.store;
    set_up(opened).await;
    add(opened, 1, credential(1, "a", b"sealed")).await;
    let (id, nobody) = (Uuid::from_u128(1), Uuid::from_u128(404));
    let found = store.vault_credential(id).await.unwrap().unwrap();
    assert_eq!((found.sealed_key, found.mac, found.key_epoch), (b"sealed".to_vec(), [7; 32], 1));
    assert!(found.credential.last_used_at.is_none());
    assert!(store.vault_credential(nobody).await.unwrap().is_none());

    let using = async |id, now| store.use_vault_credential(id, 1, now, entry("use")).await.unwrap();
    assert_eq!(using(id, 77).await, VaultWrite::Done(true));
    assert_eq!(store.vault_credential(id).await.unwrap().unwrap().credential.last_used_at, Some(77));
    assert_eq!(using(nobody, 78).await, VaultWrite::Done(false));

    let delete = async |id| store.delete_vault_credential(id, 1, entry("delete")).await.unwrap();
    assert_eq!(delete(id).await, VaultWrite::Done(true));
    assert_eq!(delete(id).await, VaultWrite::Done(false));
    assert!(store.vault_credentials().await.unwrap().is_empty());
    assert_eq!(logged_actions(&**store).await, ["add", "delete", "set-up", "use"]);
}

async fn lists_credentials_newest_first(opened: &Opened) {
    set_up(opened).await;
    for number in [2, 3, 1] {
        add(opened, 1, credential(number, &number.to_string(), b"k")).await;
    }
    let names: Vec<_> =
        opened.store.vault_credentials().await.unwrap().into_iter().map(|found| found.name).collect();
    assert_eq!(names, ["3", "2", "1"]);
    let sealed = opened.store.sealed_vault_credentials().await.unwrap();
    assert!(sealed.iter().map(|found| &found.credential.name).eq(&names));
}

async fn never_exceeds_the_limit_however_many_come_at_once(opened: &Opened) {
    let store = &opened.store;
    set_up(opened).await;
    let adding: Vec<_> = (1..=20)
        .map(|number: u128| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let new = vec![credential(number, &number.to_string(), b"k")];
                store.add_vault_credentials(new, 7, 1, entry("add")).await.unwrap()
            })
        })
        .collect();
    for adding in adding {
        assert!(matches!(adding.await.unwrap(), VaultWrite::Done(_)));
    }
    let there = store.sealed_vault_credentials().await.unwrap();
    assert_eq!(there.len(), 7);
    // An existing credential needs no room. If a new one exceeds the limit, nothing of the same
    // call is added.
    let again = credential(100, &there[0].credential.name, b"k");
    let add = async |new| store.add_vault_credentials(new, 7, 1, entry("import")).await.unwrap();
    assert_eq!(add(vec![again.clone()]).await, VaultWrite::Done(Some(vec![])));
    assert_eq!(add(vec![again, credential(101, "new", b"k")]).await, VaultWrite::Done(None));
    assert_eq!(store.vault_credentials().await.unwrap().len(), 7);
}

async fn only_a_live_session_can_change_the_password(opened: &Opened) {
    let store = &opened.store;
    set_up(opened).await;
    let change = async || store.change_vault_password(change(2, vec![]), entry("change")).await.unwrap();
    assert_eq!(change().await, VaultWrite::Stale, "without a session");
    store.add_vault_session(session(1, 1, 99), MOST, entry("login")).await.unwrap();
    assert_eq!(change().await, VaultWrite::Stale, "the session has expired");
    assert_eq!(store.vault_header().await.unwrap().unwrap().key_epoch, 1);
    assert_eq!(logged_actions(&**store).await, ["login", "set-up"]);
}

async fn a_new_password_replaces_everything_sealed_and_ends_the_other_sessions(opened: &Opened) {
    let store = &opened.store;
    set_up(opened).await;
    for number in [1, 2] {
        store.add_vault_session(session(number, 1, 100), MOST, entry("login")).await.unwrap();
        add(opened, 1, credential(number.into(), &number.to_string(), b"former")).await;
    }
    let resealed = vec![credential(1, "1", b"resealed 1"), credential(2, "2", b"resealed 2")];
    let changed = store.change_vault_password(change(2, resealed), entry("change")).await.unwrap();
    assert_eq!(changed, VaultWrite::Done(true));

    let kept = store.vault_header().await.unwrap().unwrap();
    assert_eq!((kept.salt, kept.canary, kept.key_epoch, kept.signature), ([2; 16], vec![2; 60], 2, [2; 32]));
    let sealed = store.sealed_vault_credentials().await.unwrap();
    let keys: Vec<_> = sealed.into_iter().map(|found| found.sealed_key).collect();
    assert_eq!(keys, [b"resealed 2", b"resealed 1"]);
    assert!(!store.has_vault_strays(2).await.unwrap() && store.has_vault_strays(1).await.unwrap());
    let (_, own) = store.vault_session([1; 32], 0).await.unwrap().unwrap();
    assert_eq!((own.sealed_master_key, own.key_epoch, own.expires_at), (b"resealed".to_vec(), 2, 100));
    assert!(store.vault_session([2; 32], 0).await.unwrap().is_none());
    assert_eq!(logged_actions(&**store).await, ["add", "add", "change", "login", "login", "set-up"]);
}

async fn refuses_writes_with_a_former_key(opened: &Opened) {
    let store = &opened.store;
    set_up(opened).await;
    store.add_vault_session(session(1, 1, 100), MOST, entry("login")).await.unwrap();
    add(opened, 1, credential(1, "a", b"former")).await;
    let resealed = vec![credential(1, "a", b"resealed")];
    store.change_vault_password(change(2, resealed.clone()), entry("change")).await.unwrap();

    let id = Uuid::from_u128(1);
    assert_eq!(add(opened, 1, credential(2, "b", b"former")).await, VaultWrite::Stale);
    assert_eq!(
        store.add_vault_session(session(2, 1, 100), MOST, entry("login")).await.unwrap(),
        VaultWrite::Stale
    );
    assert!(matches!(store.use_vault_credential(id, 1, 7, entry("use")).await.unwrap(), VaultWrite::Stale));
    assert_eq!(store.delete_vault_credential(id, 1, entry("delete")).await.unwrap(), VaultWrite::Stale);
    let again = store.change_vault_password(change(2, resealed), entry("change")).await.unwrap();
    assert_eq!(again, VaultWrite::Stale);

    assert!(store.vault_session([2; 32], 0).await.unwrap().is_none());
    let left = store.sealed_vault_credentials().await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((&left[0].sealed_key[..], left[0].credential.last_used_at), (&b"resealed"[..], None));
    assert_eq!(logged_actions(&**store).await, ["add", "change", "login", "set-up"]);
}

async fn refuses_a_new_password_until_everything_is_re_encrypted(opened: &Opened) {
    let store = &opened.store;
    set_up(opened).await;
    store.add_vault_session(session(1, 1, 100), MOST, entry("login")).await.unwrap();
    for number in [1, 2] {
        add(opened, 1, credential(number, &number.to_string(), b"former")).await;
    }
    let one = credential(1, "1", b"resealed");
    let gone = credential(3, "3", b"resealed");
    for not_all in [vec![], vec![one.clone()], vec![one.clone(), credential(2, "2", b"resealed"), gone]] {
        let changed = store.change_vault_password(change(2, not_all), entry("change")).await.unwrap();
        assert_eq!(changed, VaultWrite::Done(false));
        assert_eq!(store.vault_header().await.unwrap().unwrap().key_epoch, 1);
        let sealed = store.sealed_vault_credentials().await.unwrap();
        assert!(sealed.iter().all(|found| found.sealed_key == b"former"));
        assert_eq!(store.vault_session([1; 32], 0).await.unwrap().unwrap().1.key_epoch, 1);
    }
    assert_eq!(logged_actions(&**store).await, ["add", "add", "login", "set-up"]);
}

async fn credentials_added_during_a_password_change_all_have_one_key(opened: &Opened) {
    let store = &opened.store;
    set_up(opened).await;
    store.add_vault_session(session(1, 1, 100), MOST, entry("login")).await.unwrap();
    let adding: Vec<_> = (1..=40)
        .map(|number: u128| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let new = vec![credential(number, &number.to_string(), b"former")];
                store.add_vault_credentials(new, 1000, 1, entry("add")).await.unwrap()
            })
        })
        .collect();
    loop {
        let mut there = store.sealed_vault_credentials().await.unwrap();
        there.iter_mut().for_each(|found| found.sealed_key = b"resealed".to_vec());
        let changed = store.change_vault_password(change(2, there), entry("change")).await.unwrap();
        if changed == VaultWrite::Done(true) {
            break;
        }
    }
    let mut added = 0;
    for adding in adding {
        added += match adding.await.unwrap() {
            VaultWrite::Done(ids) => ids.unwrap().len(),
            VaultWrite::Stale => 0,
        };
    }
    let sealed = store.sealed_vault_credentials().await.unwrap();
    assert_eq!(sealed.len(), added);
    assert!(sealed.iter().all(|found| found.sealed_key == b"resealed"));
    assert!(!store.has_vault_strays(2).await.unwrap());
}
