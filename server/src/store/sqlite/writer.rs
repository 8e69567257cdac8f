//! The thread with the writing connection, which groups commits.

use super::checkpointer::Checkpointer;
use super::{BUSY_TIMEOUT, audit_log};
use crate::audit::{ChainKey, Entry, Head};
use crate::store::StoreError;
use rusqlite::{Connection as DbConnection, Transaction, TransactionBehavior};
use std::cell::RefCell;
use std::ops::Deref;
use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The most waiting writes; further senders wait for room.
const QUEUE: usize = 1024;
/// The most writes in one transaction, so that the first does not wait long.
const BATCH: usize = 256;

/// The rest of a write once the result of its transaction is known.
type Answer = Box<dyn FnOnce(bool) + Send>;
/// A write: does its work, unless there is no transaction, and returns how to answer.
type Write = Box<dyn FnOnce(Option<&Batch<'_>>) -> Answer + Send>;

/// Work for the thread.
enum Job {
    Write(Write),
    /// Merge the log into the database, between transactions.
    Checkpoint(oneshot::Sender<rusqlite::Result<()>>),
}

/// The queue to the writing thread, which ends when this is dropped.
// Decision: docs/decisions/storage.md#sqlite-is-used-through-rusqlite-and-one-writing-thread
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    /// `checkpoints` is a separate connection for checkpoints. `known` are the heads of the audit log
    /// from which this process continues.
    pub(super) fn start(
        mut connection: DbConnection,
        checkpoints: DbConnection,
        mut known: Vec<Head>,
    ) -> rusqlite::Result<Self> {
        let checkpointer = Checkpointer::start(checkpoints, &mut connection)?;
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let thread = thread::spawn(move || {
            let mut next = queue.blocking_recv();
            while let Some(job) = next {
                next = match job {
                    Job::Write(write) => run_batch(&mut connection, &mut known, write, &mut queue),
                    Job::Checkpoint(answer) => {
                        let _ = answer.send(truncate_log(&connection, &checkpointer));
                        None
                    }
                };
                next = next.or_else(|| queue.blocking_recv());
            }
            drop(connection);
            checkpointer.join();
        });
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `operation` in a savepoint of the next transaction; an error undoes its changes.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Batch<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.enqueue(|batch| batch.in_savepoint(operation)).await
    }

    /// The same without a savepoint, for an operation that changes the database only with its last
    /// statement, which SQLite undoes if it fails.
    pub(super) async fn run_one_change<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Batch<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.enqueue(|batch| batch.attempt(operation)).await
    }

    async fn enqueue<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Batch<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let write: Write = Box::new(move |batch| {
            let result = batch.map(operation);
            Box::new(move |is_committed| {
                let result = result.filter(|_| is_committed);
                // A caller that gave up needs no answer.
                let _ = sender.send(result.unwrap_or(Err(StoreError::NotCommitted)));
            })
        });
        self.send(Job::Write(write)).await?;
        receiver.await.map_err(|_| StoreError::Closed)?
    }

    /// Merges the log into the database.
    pub(super) async fn checkpoint(&self) -> Result<(), StoreError> {
        let (sender, receiver) = oneshot::channel();
        self.send(Job::Checkpoint(sender)).await?;
        Ok(receiver.await.map_err(|_| StoreError::Closed)??)
    }

    async fn send(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.send(job).await.map_err(|_| StoreError::Closed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Closing the queue lets the thread finish accepted work.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The transaction of a batch of writes.
pub(super) struct Batch<'c> {
    transaction: Transaction<'c>,
    /// Where this process last saw the audit log end; see [`audit_log::head`].
    known: &'c [Head],
    /// Where the audit log ends after the rows appended so far. It is read before the first row and
    /// stored after the last.
    head: RefCell<Option<Head>>,
}

impl Deref for Batch<'_> {
    type Target = DbConnection;

    fn deref(&self) -> &DbConnection {
        &self.transaction
    }
}

impl<'c> Batch<'c> {
    fn begin(connection: &'c mut DbConnection, known: &'c [Head]) -> rusqlite::Result<Self> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(Self { transaction, known, head: RefCell::default() })
    }

    /// Appends a row to the audit log.
    pub(super) fn append(&self, key: &ChainKey, entry: Entry) -> rusqlite::Result<()> {
        let reached = self.head.borrow().clone();
        let head = reached.map_or_else(|| audit_log::head(self, key, self.known), Ok)?;
        let (row, head) = head.append(key, entry);
        audit_log::insert(self, &row)?;
        self.head.replace(Some(head));
        Ok(())
    }

    /// Runs an operation. If it fails, the end of the audit log stays where it was. An operation
    /// that panics fails like any other: the thread continues.
    fn attempt<T>(&self, operation: impl FnOnce(&Self) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let head = self.head.borrow().clone();
        // Nothing undoes changes here: the caller's savepoint does, or they were one statement,
        // which SQLite undoes.
        let done = match panic::catch_unwind(AssertUnwindSafe(|| operation(self))) {
            Ok(done) => done.map_err(StoreError::from),
            // The panic's message is in the log.
            Err(_) => Err(StoreError::NotCommitted),
        };
        if done.is_err() {
            self.head.replace(head);
        }
        done
    }

    fn in_savepoint<T>(&self, operation: impl FnOnce(&Self) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let run = |sql| self.prepare_cached(sql)?.execute([]).map(drop);
        run("SAVEPOINT job")?;
        let done =
            self.attempt(|batch| operation(batch).and_then(|value| run("RELEASE job").map(|()| value)));
        if done.is_err() && !self.is_undone() {
            run("ROLLBACK TO job")?;
            run("RELEASE job")?;
        }
        done
    }

    /// Whether SQLite rolled the whole transaction back by itself, as on a full disk. Further
    /// writes would then commit on their own.
    fn is_undone(&self) -> bool {
        self.transaction.is_autocommit()
    }

    /// Fails if there is nothing left to commit. Returns where the audit log ends, if rows were
    /// appended.
    fn commit(self) -> rusqlite::Result<Option<Head>> {
        let head = self.head.take();
        if !self.is_undone()
            && let Some(head) = &head
        {
            audit_log::keep_head(&self.transaction, head)?;
        }
        self.transaction.commit()?;
        Ok(head)
    }
}

/// Runs the first write and all waiting ones in one transaction, then answers them. Returns a
/// waiting job that is not a write.
// Decision: docs/decisions/storage.md#the-writing-thread-syncs-one-batch-at-a-time
fn run_batch(
    connection: &mut DbConnection,
    known: &mut Vec<Head>,
    first: Write,
    queue: &mut mpsc::Receiver<Job>,
) -> Option<Job> {
    let mut other = None;
    let mut answers = Vec::new();
    let committed = match Batch::begin(connection, known) {
        Err(error) => {
            answers.push(first(None));
            Err(error)
        }
        Ok(batch) => {
            let mut next = Some(first);
            while let Some(write) = next.take() {
                answers.push(write(Some(&batch)));
                if batch.is_undone() || answers.len() == BATCH {
                    break;
                }
                match queue.try_recv() {
                    Ok(Job::Write(write)) => next = Some(write),
                    Ok(job) => other = Some(job),
                    Err(_) => {}
                }
            }
            batch.commit()
        }
    };
    let is_committed = committed.is_ok();
    match committed {
        Ok(Some(head)) => *known = vec![head],
        Ok(None) => {}
        Err(error) => {
            tracing::error!(%error, writes = answers.len(), "a transaction was not committed");
        }
    }
    for answer in answers {
        answer(is_committed);
    }
    other
}

// Decision: docs/decisions/storage.md#erased-values-leave-sqlites-files-within-seconds
fn truncate_log(connection: &DbConnection, checkpointer: &Checkpointer) -> rusqlite::Result<()> {
    let _paused = checkpointer.pause();
    // No write should wait for a long read: the next time is early enough.
    connection.busy_timeout(Duration::ZERO)?;
    // The answer's first column says whether readers prevented it.
    let is_busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    if is_busy? {
        tracing::debug!("the write-ahead log was not emptied because of a running read");
    }
    Ok(())
}
