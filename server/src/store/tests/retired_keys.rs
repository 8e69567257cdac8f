//! Keys that a rotation has replaced.

use super::records::{download, session};
use super::{OWNER, Opened, Store, connection, entry, noted, on_every_store, sealed_connection};
use crate::store::{
    Actor, CredentialsUpdate, NewConnection, NewDownloadCredential, NewSession, PutSession, StoreError,
    UpdateCredentials,
};
use uuid::Uuid;

const OLD: &str = "00000001";
const NEW: &str = "00000002";

on_every_store!(what_is_sealed_with_a_retired_key_is_not_stored_any_more, a_retired_key_does_not_come_back,);

fn blob(key: &str) -> String {
    format!("v2:{key}:iv:tag:ciphertext")
}

async fn put(store: &dyn Store, key: &str, number: u128) -> Result<(), StoreError> {
    let new = connection(number, OWNER, &format!("key {number}"));
    let new = NewConnection { encrypted_credentials: blob(key), ..new };
    store.put_connection(new, entry("put")).await.map(drop)
}

/// A connection under each key, and the old one retired.
async fn retire(store: &dyn Store) {
    for (number, key) in [(1, OLD), (2, NEW)] {
        store.add_canary(key.to_owned(), "canary".to_owned(), number).await.unwrap();
        put(store, key, number.unsigned_abs().into()).await.unwrap();
    }
    store.retire_keys(NEW.to_owned(), 3).await.unwrap();
}

/// Stores something of every kind, with a number of its own where it is new.
async fn put_all(store: &dyn Store, key: &str) -> Vec<Result<(), StoreError>> {
    let id = Uuid::from_u128(2);
    let update = CredentialsUpdate {
        id,
        renamed: None,
        encrypted_credentials: blob(key),
        credentials_version: "v2",
        now: 4,
    };
    let session = NewSession { encrypted_cookies: blob(key), ..session(5, id, 4) };
    let download = NewDownloadCredential { encrypted_credentials: blob(key), ..download(6, id) };
    let updated = store.update_credentials(Actor::Service, update, entry("put")).await;
    vec![
        put(store, key, 2).await,
        put(store, key, 4).await,
        updated.map(|outcome| assert_eq!(outcome, UpdateCredentials::Updated)),
        store.put_session(session, entry("put")).await.map(|put| assert_eq!(put, PutSession::Stored)),
        store.add_download_credential(download, entry("put")).await.map(|is_stored| assert!(is_stored)),
    ]
}

async fn what_is_sealed_with_a_retired_key_is_not_stored_any_more(Opened { store, .. }: &Opened) {
    let store = &**store;
    retire(store).await;
    for outcome in put_all(store, OLD).await {
        assert!(matches!(outcome, Err(StoreError::RetiredKey)), "{outcome:?}");
    }
    assert_eq!(noted(store).await, ["put"; 2], "nothing was done");
    for outcome in put_all(store, NEW).await {
        outcome.unwrap();
    }
    // What the old key has sealed is there until it is sealed anew.
    let (_, old) = sealed_connection(store, Uuid::from_u128(1)).await.unwrap();
    assert_eq!(old.unwrap(), blob(OLD));
}

async fn a_retired_key_does_not_come_back(Opened { store, .. }: &Opened) {
    let store = &**store;
    retire(store).await;
    let is_retired = async |key: &str| store.is_retired(key.to_owned()).await.unwrap();
    assert_eq!((is_retired(OLD).await, is_retired(NEW).await), (true, false));
    let known = async || store.canaries().await.unwrap().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(known().await, [OLD, NEW], "what it has sealed must still be read");
    store.remove_canary(OLD.to_owned()).await.unwrap();
    store.add_canary(OLD.to_owned(), "canary".to_owned(), 5).await.unwrap();
    assert_eq!(known().await, [NEW]);
    store.retire_keys(NEW.to_owned(), 6).await.unwrap();
    assert!(is_retired(OLD).await);
}
