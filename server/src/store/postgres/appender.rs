//! Rows of the audit log that go with no other change, as those that tell of
//! what was revealed: all that wait are appended in one transaction.

use super::gatherer::Gatherer;
use super::pool::Pool;
use crate::audit::{ChainKey, Entry};
use crate::store::StoreError;
use std::sync::Arc;

/// Rows in one transaction, so that the first of them does not wait for long.
const BATCH: usize = 256;

/// A row to be appended. The database has one key: any row's is that of all.
type Job = (Arc<ChainKey>, Entry);

/// Appends rows, and says of each once it is on disk.
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
