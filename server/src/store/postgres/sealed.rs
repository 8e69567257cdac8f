//! What is sealed, whatever table it is in; the canaries of keys, and the server's own keys.

use super::transaction::{Acting, Step};
use super::{LOCK_OWNER, Postgres, row};
use crate::store::{Sealed, SealedTable, StoreError};
use uuid::Uuid;

const CANARIES: &str = "SELECT key_id, canary FROM sealing_keys ORDER BY created_at, key_id";
const ADD_CANARY: &str = "
    INSERT INTO sealing_keys (key_id, canary, created_at) SELECT $1, $2, $3
    WHERE NOT EXISTS (SELECT FROM retired_keys WHERE key_id = $1) ON CONFLICT (key_id) DO NOTHING";
const REMOVE_CANARY: &str = "DELETE FROM sealing_keys WHERE key_id = $1";
const RETIRE: &str = "
    INSERT INTO retired_keys (key_id, retired_at) SELECT key_id, $2 FROM sealing_keys WHERE key_id <> $1
    ON CONFLICT (key_id) DO NOTHING";
/// Each waits for the transactions that are writing into the table.
const WAIT_FOR_WRITERS: [&str; 5] = [
    "LOCK TABLE sealing_keys IN SHARE MODE",
    "LOCK TABLE platform_connections IN SHARE MODE",
    "LOCK TABLE download_credentials IN SHARE MODE",
    "LOCK TABLE platform_sessions IN SHARE MODE",
    "LOCK TABLE app_credential_keys IN SHARE MODE",
];
const IS_RETIRED: &str = "SELECT 1 FROM retired_keys WHERE key_id = $1";
const KEEP_OWN_KEY: &str =
    "INSERT INTO own_keys (name, encrypted_key) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const OWN_KEY: &str = "SELECT encrypted_key FROM own_keys WHERE name = $1";
pub(super) const REPLACE_OWN_KEY: &str =
    "UPDATE own_keys SET encrypted_key = $3 WHERE name = $1 AND encrypted_key = $2 RETURNING name";

fn select(table: SealedTable) -> &'static str {
    match table {
        SealedTable::Connections => {
            "SELECT id, user_id, encrypted_credentials FROM platform_connections
             WHERE id > $1 AND encrypted_credentials IS NOT NULL ORDER BY id LIMIT $2"
        }
        SealedTable::DownloadCredentials => {
            "SELECT id, user_id, encrypted_credentials FROM download_credentials
             WHERE id > $1 ORDER BY id LIMIT $2"
        }
        SealedTable::Sessions => {
            "SELECT id, user_id, encrypted_cookies FROM platform_sessions
             WHERE id > $1 AND encrypted_cookies IS NOT NULL ORDER BY id LIMIT $2"
        }
        SealedTable::AppCredentialKeys => {
            "SELECT id, user_id, encrypted_value FROM app_credential_keys
             WHERE id > $1 ORDER BY id LIMIT $2"
        }
    }
}

fn update(table: SealedTable) -> &'static str {
    match table {
        SealedTable::Connections => {
            "UPDATE platform_connections SET encrypted_credentials = $3, credentials_version = $4
             WHERE id = $1 AND encrypted_credentials = $2 RETURNING id"
        }
        SealedTable::DownloadCredentials => {
            "UPDATE download_credentials SET encrypted_credentials = $3, credentials_version = $4
             WHERE id = $1 AND encrypted_credentials = $2 RETURNING id"
        }
        SealedTable::Sessions => {
            "UPDATE platform_sessions SET encrypted_cookies = $3, credentials_version = $4
             WHERE id = $1 AND encrypted_cookies = $2 RETURNING id"
        }
        SealedTable::AppCredentialKeys => {
            "UPDATE app_credential_keys SET encrypted_value = $3, credentials_version = $4
             WHERE id = $1 AND encrypted_value = $2 RETURNING id"
        }
    }
}

/// What is sealed in a table, by id, after the given one.
pub(super) async fn after(
    store: &Postgres,
    table: SealedTable,
    after: Uuid,
    limit: u32,
) -> Result<Vec<Sealed>, StoreError> {
    let rows = store.read(Acting::Maintenance, &[Step(select(table), &[&after, &i64::from(limit)])]).await?;
    row::all(&rows, |row| {
        Ok(Sealed { table, id: row.try_get(0)?, user_id: row.try_get(1)?, blob: row.try_get(2)? })
    })
}

/// Puts `blob` in the place of `old`; false where that has another text by now.
pub(super) async fn replace(
    store: &Postgres,
    old: &Sealed,
    blob: &str,
    version: &str,
) -> Result<bool, StoreError> {
    let steps =
        [Step(LOCK_OWNER, &[&old.user_id]), Step(update(old.table), &[&old.id, &old.blob, &blob, &version])];
    Ok(!store.write(Acting::Maintenance, &steps).await?.is_empty())
}

/// The canaries of the keys that were used here, by key id, the last one at the end.
pub(super) async fn canaries(store: &Postgres) -> Result<Vec<(String, String)>, StoreError> {
    let rows = store.read(Acting::Nobody, &[Step(CANARIES, &[])]).await?;
    row::all(&rows, |row| Ok((row.try_get(0)?, row.try_get(1)?)))
}

/// Keeps a key's canary, unless it has one or is retired.
pub(super) async fn add_canary(
    store: &Postgres,
    key_id: &str,
    canary: &str,
    now: i64,
) -> Result<(), StoreError> {
    store.write(Acting::Nobody, &[Step(ADD_CANARY, &[&key_id, &canary, &now])]).await.map(drop)
}

pub(super) async fn remove_canary(store: &Postgres, key_id: &str) -> Result<(), StoreError> {
    store.write(Acting::Nobody, &[Step(REMOVE_CANARY, &[&key_id])]).await.map(drop)
}

/// Retires all keys that have a canary, but one.
///
/// A transaction may have found its key in use just before: it is waited for.
/// One that comes later, to a table that was locked, finds the key retired. The
/// tables are locked one by one, each for a moment, so that nobody who holds one
/// of them is waited for while he waits for another.
pub(super) async fn retire_keys(store: &Postgres, except: &str, now: i64) -> Result<(), StoreError> {
    store.write(Acting::Nobody, &[Step(RETIRE, &[&except, &now])]).await?;
    for wait in WAIT_FOR_WRITERS {
        store.write(Acting::Maintenance, &[Step(wait, &[])]).await?;
    }
    Ok(())
}

pub(super) async fn is_retired(store: &Postgres, key_id: &str) -> Result<bool, StoreError> {
    Ok(!store.read(Acting::Nobody, &[Step(IS_RETIRED, &[&key_id])]).await?.is_empty())
}

/// Keeps a sealed key of the server's own unless there is one; gives the one that is kept.
pub(super) async fn own_key(store: &Postgres, name: &str, sealed: &str) -> Result<String, StoreError> {
    let steps = [Step(KEEP_OWN_KEY, &[&name, &sealed]), Step(OWN_KEY, &[&name])];
    let rows = store.write(Acting::Nobody, &steps).await?;
    row::optional(&rows, |found| Ok(found.try_get(0)?))?.ok_or(StoreError::NotCommitted)
}

/// Puts an own key, sealed again, in the place of `old`; false where another is there.
pub(super) async fn replace_own_key(
    store: &Postgres,
    name: &str,
    old: &str,
    new: &str,
) -> Result<bool, StoreError> {
    let steps = [Step(REPLACE_OWN_KEY, &[&name, &old, &new])];
    Ok(!store.write(Acting::Nobody, &steps).await?.is_empty())
}
