//! Sealing everything anew under the writing key, while servers serve.
//!
//! A blob is replaced only where it is unchanged since it was read: a server's
//! update in between wins, and is itself under the writing key, since every
//! replica has that for writing by now. What was replaced is on disk, so an
//! interrupted rotation goes on where it stopped when it is run again.

use crate::keyed_stores::{CHAIN_KEY_PLACE, KeyedStores};
use crate::sealing::{self, Place, SealingError, Version};
use crate::store::{Records, Sealed, SealedTable, StoreError};
use std::sync::Arc;
use thiserror::Error as ThisError;
use tokio::task::{JoinError, JoinSet};
use uuid::Uuid;

/// Blobs that are read at a time, and replaced at the same time.
const BATCH: u32 = 100;

/// How often everything is looked at. The second time there is nothing left to
/// do, but for what a server wrote whose start was still under way.
const PASSES: usize = 3;

/// Why a rotation stopped.
#[derive(Debug, ThisError)]
pub(crate) enum RotationError {
    #[error("some server still seals with an older key: give all of them the new one, and run this again")]
    OldKeyInUse,
    #[error("the store failed: {0}; run it again to go on")]
    Store(#[from] StoreError),
    #[error("the audit log's key can't be sealed anew: {0}")]
    ChainKey(SealingError),
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
    let mut done = Progress::default();
    for _ in 0..PASSES {
        let pass = pass(stores, &mut tell).await?;
        let is_last = pass.replaced == 0 && pass.overtaken == 0 || !pass.faults.is_empty();
        done.seen = pass.seen;
        done.replaced += pass.replaced;
        done.overtaken += pass.overtaken;
        done.faults = pass.faults;
        if is_last {
            rotate_chain_key(stores).await?;
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
            let batch = stores.records.sealed(table, after, BATCH).await?;
            let Some(last) = batch.last() else { break };
            after = last.id;
            rotate_batch(stores, batch, &mut progress).await?;
            tell(table, &progress);
        }
    }
    Ok(progress)
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
        match sealing::reseal(&stores.keys, stores.blob_version, &place, &sealed.blob) {
            Ok(None) => {}
            Ok(Some(blob)) => {
                let records: Arc<dyn Records> = Arc::clone(&stores.records);
                let version = stores.blob_version.as_str();
                replacing.spawn(async move { records.replace_sealed(sealed, blob, version).await });
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

async fn rotate_chain_key(stores: &KeyedStores) -> Result<(), RotationError> {
    let kept = &stores.sealed_chain_key;
    let resealed = sealing::reseal(&stores.keys, Version::V2, &CHAIN_KEY_PLACE, kept);
    if let Some(new) = resealed.map_err(RotationError::ChainKey)? {
        // Where it is another by now, another rotation has sealed it anew.
        stores.database.replace_audit_key(kept.clone(), new).await?;
    }
    Ok(())
}
