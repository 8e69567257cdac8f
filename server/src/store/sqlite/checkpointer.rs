//! The thread that copies the write-ahead log into the database while writes go on.
//!
//! A checkpoint writes each changed page to its place in the database and syncs the
//! file. In the writing thread all writes would wait for this, longer with a larger
//! database. Only a log without uncopied pages starts again from its beginning, so the
//! writing thread copies the rest itself once the log is long.

use rusqlite::hooks::Wal;
use rusqlite::{Connection as DbConnection, Result};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// New pages in the log after which the thread copies them.
const PAGES_TO_COPY: i32 = 1_000;
/// Pages in the log (16 MiB) from which the writing thread copies what is left.
const PAGES_TO_RESTART: i32 = 4_000;

/// The thread and its connection.
// Decision: docs/decisions/storage.md#a-separate-thread-copies-sqlites-log
pub(super) struct Checkpointer {
    connection: Arc<Mutex<DbConnection>>,
    thread: thread::JoinHandle<()>,
}

impl Checkpointer {
    /// Starts the thread. The commits of `writer` wake it.
    pub(super) fn start(connection: DbConnection, writer: &mut DbConnection) -> Result<Self> {
        // One waiting wake-up is enough: the thread then copies everything that was committed.
        let (wake, woken) = sync_channel(1);
        writer.wal_hook(Some(on_commit(wake)))?;
        let connection = Arc::new(Mutex::new(connection));
        let mine = Arc::clone(&connection);
        let thread = thread::spawn(move || run(&mine, &woken));
        Ok(Self { connection, thread })
    }

    /// Waits for a running checkpoint and keeps the next one from starting.
    pub(super) fn pause(&self) -> MutexGuard<'_, DbConnection> {
        lock(&self.connection)
    }

    /// Ends the thread and closes its connection. The connection `writer` must be closed.
    pub(super) fn join(self) {
        // If the thread panicked, the log says so.
        let _ = self.thread.join();
    }
}

/// What SQLite calls after each commit with the number of pages in the log.
fn on_commit(wake: SyncSender<()>) -> impl FnMut(&mut Wal, i32) -> Result<()> + Send + 'static {
    let mut woken_at = 0;
    move |wal, pages| {
        if pages < woken_at {
            // The log has started again.
            woken_at = 0;
        }
        if pages >= PAGES_TO_RESTART {
            // The commit stands whether this works or not, and the next one tries again.
            let _ = wal.checkpoint();
        } else if pages - woken_at >= PAGES_TO_COPY {
            woken_at = pages;
            let _ = wake.try_send(());
        }
        Ok(())
    }
}

fn run(connection: &Mutex<DbConnection>, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        let copied = lock(connection).query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = copied {
            tracing::warn!(%error, "could not copy the write-ahead log into the database");
        }
    }
}

fn lock(connection: &Mutex<DbConnection>) -> MutexGuard<'_, DbConnection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
