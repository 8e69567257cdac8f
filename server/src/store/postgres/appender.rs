//! Rows of the audit log that go with no other change, as those that tell of
//! what was revealed: all that wait are appended in one transaction.

use super::session::Connector;
use crate::audit::{ChainKey, Entry};
use crate::store::StoreError;
use deadpool::managed::Pool;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Rows that may wait; one more waits for room.
const QUEUE: usize = 1024;
/// Rows in one transaction, so that the first of them does not wait for long.
const BATCH: usize = 256;

/// A row to be appended, and whom to tell that it is on disk.
struct Job {
    key: Arc<ChainKey>,
    entry: Entry,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

/// The way to the task that appends; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Appender(mpsc::Sender<Job>);

impl Appender {
    pub(super) fn start(pool: Pool<Connector>) -> Self {
        let (jobs, mut queue) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            let mut waiting = Vec::new();
            while queue.recv_many(&mut waiting, BATCH).await > 0 {
                append(&pool, std::mem::take(&mut waiting)).await;
            }
        });
        Self(jobs)
    }

    /// Appends a row. Returns once it is on disk.
    pub(super) async fn append(&self, key: Arc<ChainKey>, entry: Entry) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Job { key, entry, answer }).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

async fn append(pool: &Pool<Connector>, jobs: Vec<Job>) {
    // The database has one key: any job's is that of all.
    let Some(key) = jobs.first().map(|job| Arc::clone(&job.key)) else { return };
    let (entries, answers): (Vec<_>, Vec<_>) = jobs.into_iter().map(|job| (job.entry, job.answer)).unzip();
    let appended = async { Ok::<_, StoreError>(super::session(pool).await?.append(&key, entries).await?) };
    let appended = appended.await;
    if let Err(error) = &appended {
        tracing::error!(%error, rows = answers.len(), "rows of the audit log may not have been appended");
    }
    for answer in answers {
        // A caller that has gone away wants no answer.
        let _ = answer.send(appended.as_ref().map_or(Err(StoreError::NotCommitted), |()| Ok(())));
    }
}
