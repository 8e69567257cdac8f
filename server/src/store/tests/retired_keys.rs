//! Keys that a key rotation has replaced.

use super::records::{download, session};
use super::{OWNER, Opened, Store, connection, entry, logged_actions, on_every_store, sealed_connection};
use crate::store::{
    Actor, CredentialsUpdate, NewConnection, NewDownloadCredential, NewSession, PutSession, StoreError,
    UpdateCredentials,
};
use uuid::Uuid;

const OLD: &str = "00000001";
const NEW: &str = "00000002";

on_every_store!(refuses_text_sealed_with_a_retired_key, a_retired_key_cannot_be_used_again,);

fn blob(key: &str) -> String {
    format!("v2:{key}:iv:tag:ciphertext")
}

async fn put(store: &dyn Store, key: &str, number: u128) -> Result<(), StoreError> {
    let new = connection(number, OWNER, &format!("key {number}"));
    let new = NewConnection { encrypted_credentials: blob(key), ..new };
    store.put_connection(new, entry("put")).await.map(drop)
}

/// Stores a connection with each key, and retires the old one.
async fn retire(store: &dyn Store) {
    for (number, key) in [(1, OLD), (2, NEW)] {
        store.add_canary(key.to_owned(), "canary".to_owned(), number).await.unwrap();
        put(store, key, number.unsigned_abs().into()).await.unwrap();
    }
    store.retire_keys(NEW.to_owned(), 3).await.unwrap();
}

/// Stores something of every kind; new records get their own number.
async fn put_all(store: &dyn Store, key: &str) -> Vec<Result<(), StoreError>> {
    let id = Uuid::from_u128(2);
    let update = CredentialsUpdate {
        id,
        renamed: None,
        encrypted_credentials: blob(key),
        credentials_version: "v2",
        now: 4,
    };
    let with_cookies = NewSession { encrypted_cookies: blob(key), ..session(5, id, 4) };
    let with_origins = NewSession { encrypted_origins: Some(blob(key)), ..session(7, id, 5) };
    let stored = |put: PutSession| assert_eq!(put, PutSession::Stored);
    let download = NewDownloadCredential { encrypted_credentials: blob(key), ..download(6, id) };
    let updated = store.update_credentials(Actor::Service, update, entry("put")).await;
    vec![
        put(store, key, 2).await,
        put(store, key, 4).await,
        updated.map(|outcome| assert_eq!(outcome, UpdateCredentials::Updated)),
        store.put_session(with_cookies, entry("put")).await.map(stored),
        store.put_session(with_origins, entry("put")).await.map(stored),
        store.add_download_credential(download, entry("put")).await.map(|is_stored| assert!(is_stored)),
    ]
}

async fn refuses_text_sealed_with_a_retired_key(Opened { store, .. }: &Opened) {
    let store = &**store;
    retire(store).await;
    for outcome in put_all(store, OLD).await {
        assert!(matches!(outcome, Err(StoreError::RetiredKey)), "{outcome:?}");
    }
    assert_eq!(logged_actions(store).await, ["put"; 2], "nothing was done");
    for outcome in put_all(store, NEW).await {
        outcome.unwrap();
    }
    // Text that the old key sealed stays until it is re-encrypted.
    let (_, old) = sealed_connection(store, Uuid::from_u128(1)).await.unwrap();
    assert_eq!(old.unwrap(), blob(OLD));
}

async fn a_retired_key_cannot_be_used_again(Opened { store, .. }: &Opened) {
    let store = &**store;
    retire(store).await;
    let is_retired = async |key: &str| store.is_retired(key.to_owned()).await.unwrap();
    assert_eq!((is_retired(OLD).await, is_retired(NEW).await), (true, false));
    let known = async || store.canaries().await.unwrap().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(known().await, [OLD, NEW], "what it sealed must stay readable");
    store.remove_canary(OLD.to_owned()).await.unwrap();
    store.add_canary(OLD.to_owned(), "canary".to_owned(), 5).await.unwrap();
    assert_eq!(known().await, [NEW]);
    store.retire_keys(NEW.to_owned(), 6).await.unwrap();
    assert!(is_retired(OLD).await);
}
