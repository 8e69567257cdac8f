//! Sealing everything anew under the writing key, while servers serve.
//!
//! First the older keys are retired: a server that still seals with one can store
//! nothing from then on, so that nothing is left under an old key in the end. A
//! blob is replaced only where it is unchanged since it was read: a server's update
//! in between wins, and is itself under a key that is in use. What was replaced is
//! on disk, so an interrupted rotation goes on where it stopped when it is run again.

use crate::clock::now_ms;
use crate::directus;
use crate::keyed_stores::{KeyedStores, OpenError};
use crate::sealing::{self, Place, SealingError, Version};
use crate::store::{Records, Sealed, SealedTable, StoreError};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error as ThisError;
use tokio::task::{JoinError, JoinSet};
use uuid::Uuid;

/// Blobs that are read at a time, and replaced at the same time.
const BATCH: u32 = 100;

/// How often everything is looked at. The second time there is nothing left to
/// do, but for what a server wrote whose start was still under way.
const PASSES: usize = 3;

/// How long a server that has found its key in use may go on to store what it has
/// sealed with it in Directus: it asks Directus for up to three things before.
pub(crate) const UNDER_WAY: Duration = directus::TIMEOUT.saturating_mul(4);

/// Why a rotation stopped.
#[derive(Debug, ThisError)]
pub(crate) enum RotationError {
    #[error("some program still seals with an older key: give all of them the new one, and run this again")]
    OldKeyInUse,
    #[error(
        "the encryption key has the id {given}, but {newest} came into use after it, and a key that is \
         rotated away from never comes back: run this with the newest key"
    )]
    Backwards { given: String, newest: String },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the store failed: {0}; run it again to go on")]
    Store(#[from] StoreError),
    #[error("the server's own key {name} can't be sealed again: {error}")]
    OwnKey { name: &'static str, error: SealingError },
    #[error("a task ended early: {0}")]
    Task(#[from] JoinError),
}

/// What a rotation has done so far.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Blobs that were looked at.
    pub(crate) seen: u64,
    /// Blobs that were sealed anew.
    pub(crate) replaced: u64,
    /// Blobs that someone else has changed meanwhile.
    pub(crate) overtaken: u64,
    /// Records whose blob does not open, and why.
    pub(crate) faults: Vec<String>,
}

/// Seals all blobs anew, and tells of each batch.
pub(crate) async fn rotate(
    stores: &KeyedStores,
    mut tell: impl FnMut(SealedTable, &Progress),
) -> Result<Progress, RotationError> {
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
    Err(RotationError::OldKeyInUse)
}

async fn pass(
    stores: &KeyedStores,
    tell: &mut impl FnMut(SealedTable, &Progress),
) -> Result<Progress, RotationError> {
    let mut progress = Progress::default();
    for table in SealedTable::ALL {
        let mut after = Uuid::nil();
        loop {
            let batch = match table {
                SealedTable::AppCredentialKeys => stores.app_credentials.sealed_values(after, BATCH).await?,
                table => stores.records.sealed(table, after, BATCH).await?,
            };
            let Some(last) = batch.last() else { break };
            after = last.id;
            rotate_batch(stores, batch, &mut progress).await?;
            tell(table, &progress);
        }
    }
    Ok(progress)
}

/// Sees to it that nothing more is sealed with another key than the writing one.
async fn retire_old_keys(stores: &KeyedStores) -> Result<(), RotationError> {
    stores.keep_canary().await?;
    let given = stores.keys.writing().id();
    if let Some((newest, _)) = stores.database.canaries().await?.pop()
        && newest != given
    {
        return Err(RotationError::Backwards { given: given.to_owned(), newest });
    }
    stores.database.retire_keys(given.to_owned(), now_ms()).await?;
    if stores.blob_version == Version::V1 {
        tokio::time::sleep(UNDER_WAY).await;
    }
    Ok(())
}

/// Forgets the keys under which nothing is sealed any more: they need not be
/// given from now on.
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
) -> Result<(), RotationError> {
    let mut replacing = JoinSet::new();
    for sealed in batch {
        progress.seen += 1;
        let place = Place {
            table: sealed.table.name(),
            column: sealed.table.column(),
            record_id: sealed.id,
            owner_id: sealed.user_id,
        };
        let is_of_app = sealed.table == SealedTable::AppCredentialKeys;
        let version = if is_of_app { Version::V2 } else { stores.blob_version };
        match sealing::reseal(&stores.keys, version, &place, &sealed.blob) {
            Ok(None) => {}
            Ok(Some(blob)) if is_of_app => {
                let values = Arc::clone(&stores.app_credentials);
                replacing.spawn(async move { values.replace_sealed_value(sealed, blob).await });
            }
            Ok(Some(blob)) => {
                let records: Arc<dyn Records> = Arc::clone(&stores.records);
                replacing.spawn(async move { records.replace_sealed(sealed, blob, version.as_str()).await });
            }
            Err(error) => progress.faults.push(format!("{}/{}: {error}", place.table, place.record_id)),
        }
    }
    while let Some(replaced) = replacing.join_next().await {
        let count = if replaced?? { &mut progress.replaced } else { &mut progress.overtaken };
        *count += 1;
    }
    Ok(())
}

async fn rotate_own_keys(stores: &KeyedStores) -> Result<(), RotationError> {
    for (key, kept) in &stores.sealed_own_keys {
        let resealed = sealing::reseal(&stores.keys, Version::V2, &key.place, kept);
        let resealed = resealed.map_err(|error| RotationError::OwnKey { name: key.name, error })?;
        if let Some(new) = resealed {
            // Where it is another by now, another rotation has sealed it.
            stores.database.replace_own_key(key.name, kept.clone(), new).await?;
        }
    }
    Ok(())
}
