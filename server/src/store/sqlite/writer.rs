//! The thread that owns the writing connection and groups commits.

use super::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::thread;
use tokio::sync::{mpsc, oneshot};

/// Writes that may wait; a sender beyond them waits for room.
const QUEUE: usize = 1024;
/// Writes in one transaction, so that the first of them does not wait for long.
const BATCH: usize = 256;

/// What is left to do of a write once the fate of its transaction is known.
type Answer = Box<dyn FnOnce(bool) + Send>;
/// A write: does its work, and returns how to answer.
type Job = Box<dyn FnOnce(&Connection) -> Answer + Send>;

/// The way to the writing thread; the thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(mut connection: Connection) -> Self {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let thread = thread::spawn(move || {
            while let Some(first) = queue.blocking_recv() {
                run_batch(&mut connection, first, &mut queue);
            }
        });
        Self { jobs: Some(jobs), thread: Some(thread) }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = in_savepoint(connection, operation);
            Box::new(move |is_committed| {
                let result = if is_committed {
                    result.map_err(StoreError::from)
                } else {
                    Err(StoreError::NotCommitted)
                };
                // A caller that has gone away wants no answer.
                let _ = sender.send(result);
            })
        });
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        receiver.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Closing the queue lets the thread finish what was accepted.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs the first job and all that wait in one transaction, then answers them.
fn run_batch(connection: &mut Connection, first: Job, queue: &mut mpsc::Receiver<Job>) {
    let mut answers = Vec::new();
    let committed =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
            let mut next = Some(first);
            while let Some(job) = next {
                answers.push(job(&transaction));
                // A full disk makes SQLite roll the whole transaction back by itself;
                // a savepoint after that would commit on its own.
                if transaction.is_autocommit() {
                    break;
                }
                next = if answers.len() < BATCH { queue.try_recv().ok() } else { None };
            }
            transaction.commit()
        });
    if let Err(error) = &committed {
        tracing::error!(%error, writes = answers.len(), "a transaction was not committed");
    }
    for answer in answers {
        answer(committed.is_ok());
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    operation: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.execute_batch("SAVEPOINT job")?;
    match operation(connection) {
        Ok(value) => connection.execute_batch("RELEASE job").map(|()| value),
        Err(error) => {
            connection.execute_batch("ROLLBACK TO job; RELEASE job")?;
            Err(error)
        }
    }
}
