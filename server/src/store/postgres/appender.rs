//! Appends rows of the audit log that belong to no other change, such as those about reveals: all
//! waiting rows share one transaction.

use super::gatherer::Gatherer;
use super::pool::Pool;
use crate::audit::{ChainKey, Entry};
use crate::store::StoreError;
use std::sync::Arc;

/// The most rows in one transaction, so that the first does not wait long.
const BATCH: usize = 256;

/// A row to append. The database has one key, so all rows share it.
type Job = (Arc<ChainKey>, Entry);

/// Appends rows, and answers once they are on disk.
pub(super) type Appender = Gatherer<Job, Result<(), StoreError>>;

/// Starts the task that appends.
pub(super) fn start(pool: Pool) -> Appender {
    Gatherer::start(BATCH, move |jobs| append(pool.clone(), jobs))
}

async fn append(pool: Pool, jobs: Vec<Job>) -> Vec<Result<(), StoreError>> {
    let count = jobs.len();
    let Some(key) = jobs.first().map(|(key, _)| Arc::clone(key)) else { return Vec::new() };
    let entries = jobs.into_iter().map(|(_, entry)| entry);
    let appended = async { Ok::<_, StoreError>(pool.get().await?.append(&key, entries).await?) };
    let appended = appended.await;
    if let Err(error) = &appended {
        tracing::error!(%error, rows = count, "rows of the audit log may not have been appended");
    }
    (0..count).map(|_| appended.as_ref().map_or(Err(StoreError::NotCommitted), |()| Ok(()))).collect()
}
