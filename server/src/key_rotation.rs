//! Key rotation: re-encrypts all records with the writing key while servers serve.
//!
//! First the older keys are retired: a server that still seals with one can't store anything any
//! more, so nothing stays under an old key. A blob is replaced only if it is unchanged since it was
//! read: a server's update in between wins, and uses a current key. Replaced blobs are on disk, so
//! an interrupted rotation continues where it stopped.

use crate::clock::now_ms;
use crate::directus;
use crate::keyed_stores::{KeyedStores, OpenError};
use crate::sealing::{self, SealedAt, SealingError, Version};
use crate::store::{Records, Sealed, SealedColumn, StoreError};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error as ThisError;
use tokio::task::{JoinError, JoinSet};
use uuid::Uuid;

/// Blobs that are read at a time and replaced at the same time.
const BATCH: u32 = 100;

/// The most passes over all records. The second pass finds only what a server wrote while it was
/// starting.
const PASSES: usize = 3;

/// How long a server that found its key in use may take to store what it sealed in Directus: it
/// makes up to three calls before.
pub(crate) const UNDER_WAY: Duration = directus::TIMEOUT.saturating_mul(4);

/// Why a key rotation stopped.
#[derive(Debug, ThisError)]
pub(crate) enum KeyRotationError {
    #[error("a program still encrypts with an older key; give all of them the new one, and run this again")]
    OldKeyInUse,
    #[error(
        "the encryption key has the id {given}, but {newest} came into use after it; a retired key can't be \
         used again, so run this with the newest key"
    )]
    Backwards { given: String, newest: String },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the store failed: {0}; run it again to continue")]
    Store(#[from] StoreError),
    #[error("the server's own key {name} can't be re-encrypted: {error}")]
    OwnKey { name: &'static str, error: SealingError },
    #[error("a task ended early: {0}")]
    Task(#[from] JoinError),
}

/// The progress of a key rotation.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Blobs that were checked.
    pub(crate) seen: u64,
    /// Blobs that were re-encrypted.
    pub(crate) replaced: u64,
    /// Blobs that someone else changed meanwhile.
    pub(crate) overtaken: u64,
    /// Records whose blob can't be decrypted, and why.
    pub(crate) faults: Vec<String>,
}

/// Re-encrypts all blobs and reports each batch.
pub(crate) async fn rotate(
    stores: &KeyedStores,
    mut tell: impl FnMut(SealedColumn, &Progress),
) -> Result<Progress, KeyRotationError> {
    retire_old_keys(stores).await?;
    let mut done = Progress::default();
    for _ in 0..PASSES {
        let pass = pass(stores, &mut tell).await?;
        let is_last = pass.replaced == 0 && pass.overtaken == 0 || !pass.faults.is_empty();
        done.seen = pass.seen;
        done.replaced += pass.replaced;
        done.overtaken += pass.overtaken;
        done.faults = pass.faults;
        if is_last {
            rotate_own_keys(stores).await?;
            return Ok(done);
        }
    }
    Err(KeyRotationError::OldKeyInUse)
}

async fn pass(
    stores: &KeyedStores,
    tell: &mut impl FnMut(SealedColumn, &Progress),
) -> Result<Progress, KeyRotationError> {
    let mut progress = Progress::default();
    for column in SealedColumn::ALL {
        let mut after = Uuid::nil();
        loop {
            let batch = match column {
                SealedColumn::AppCredentialKeys => stores.app_credentials.sealed_values(after, BATCH).await?,
                column => stores.records.sealed(column, after, BATCH).await?,
            };
            let Some(last) = batch.last() else { break };
            after = last.id;
            rotate_batch(stores, batch, &mut progress).await?;
            tell(column, &progress);
        }
    }
    Ok(progress)
}

/// Makes sure that nothing more is sealed with a key other than the writing one.
// Decision: docs/decisions/keys-and-audit.md#key-rotation-retires-the-old-key-in-the-database
async fn retire_old_keys(stores: &KeyedStores) -> Result<(), KeyRotationError> {
    stores.keep_canary().await?;
    let given = stores.keys.writing().id();
    if let Some((newest, _)) = stores.database.canaries().await?.pop()
        && newest != given
    {
        return Err(KeyRotationError::Backwards { given: given.to_owned(), newest });
    }
    stores.database.retire_keys(given.to_owned(), now_ms()).await?;
    if stores.blob_version == Version::V1 {
        tokio::time::sleep(UNDER_WAY).await;
    }
    Ok(())
}

/// Forgets the keys that seal nothing any more: from now on they need not be set.
pub(crate) async fn forget_old_keys(stores: &KeyedStores) -> Result<(), StoreError> {
    for (key_id, _) in stores.database.canaries().await? {
        if key_id != stores.keys.writing().id() {
            stores.database.remove_canary(key_id).await?;
        }
    }
    Ok(())
}

/// Replaces many at once, so that they share commits.
async fn rotate_batch(
    stores: &KeyedStores,
    batch: Vec<Sealed>,
    progress: &mut Progress,
) -> Result<(), KeyRotationError> {
    let mut replacing = JoinSet::new();
    for sealed in batch {
        progress.seen += 1;
        let sealed_at = SealedAt {
            table: sealed.column.table(),
            column: sealed.column.name(),
            record_id: sealed.id,
            owner_id: sealed.user_id,
        };
        let is_of_app = sealed.column == SealedColumn::AppCredentialKeys;
        let version = if is_of_app { Version::V2 } else { stores.blob_version };
        match sealing::reseal(&stores.keys, version, &sealed_at, &sealed.blob) {
            Ok(None) => {}
            Ok(Some(blob)) if is_of_app => {
                let values = Arc::clone(&stores.app_credentials);
                replacing.spawn(async move { values.replace_sealed_value(sealed, blob).await });
            }
            Ok(Some(blob)) => {
                let records: Arc<dyn Records> = Arc::clone(&stores.records);
                replacing.spawn(async move { records.replace_sealed(sealed, blob, version.as_str()).await });
            }
            Err(error) => {
                progress.faults.push(format!("{}/{}: {error}", sealed_at.table, sealed_at.record_id))
            }
        }
    }
    while let Some(replaced) = replacing.join_next().await {
        let count = if replaced?? { &mut progress.replaced } else { &mut progress.overtaken };
        *count += 1;
    }
    Ok(())
}

async fn rotate_own_keys(stores: &KeyedStores) -> Result<(), KeyRotationError> {
    for (key, kept) in &stores.sealed_own_keys {
        let resealed = sealing::reseal(&stores.keys, Version::V2, &key.sealed_at, kept);
        let resealed = resealed.map_err(|error| KeyRotationError::OwnKey { name: key.name, error })?;
        if let Some(new) = resealed {
            // If it changed meanwhile, another rotation has re-encrypted it.
            stores.database.replace_own_key(key.name, kept.clone(), new).await?;
        }
    }
    Ok(())
}
