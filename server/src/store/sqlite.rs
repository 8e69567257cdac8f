//! The SQLite store: one connection that writes, a few that read.
//!
//! Writers queue up at one thread, which runs all that wait in one
//! transaction, each within a savepoint of its own, and answers them after the
//! commit. With `synchronous=FULL` a commit is a sync of the write-ahead log:
//! an answer means "on disk", and many answers share one sync.

mod connections;
mod migrations;
mod row;
mod sessions;
mod users;
mod writer;

use crate::request::Page;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Semaphore;
use uuid::Uuid;
use writer::Writer;

/// How long another process's transaction is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that read at the same time.
const READERS: usize = 4;

/// Why the store could not do what it was asked.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// SQLite's own words; they go to the log, never to a caller.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The batch that this write was part of could not be committed.
    #[error("the write was not committed")]
    NotCommitted,
    /// The store is shutting down, or its thread is gone.
    #[error("the store is closed")]
    Closed,
    /// The file was written by a newer Stagepass.
    #[error("the database has schema version {found}, but this program knows {known} at most")]
    Newer { found: usize, known: usize },
    /// A landed migration is not the one that was applied.
    #[error("migration {0} of the database is not the one of this program")]
    Altered(usize),
}

/// The SQLite database in the data directory.
#[derive(Debug)]
pub(crate) struct Store {
    readers: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
    /// Closed last: only a connection that writes can empty the log into the
    /// database and remove it.
    writer: Writer,
}

impl Store {
    /// Opens or makes the database and brings its schema up to date.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = connect(path, OpenFlags::default())?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Erased cookies are overwritten, not just unlinked.
        connection.pragma_update(None, "secure_delete", true)?;
        migrations::apply(&mut connection)?;
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let readers = (0..READERS).map(|_| connect(path, read_only)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            writer: Writer::start(connection),
            readers: Arc::new(Mutex::new(readers)),
            permits: Arc::new(Semaphore::new(READERS)),
        })
    }

    /// Whether the store reads and writes.
    pub(crate) async fn check(&self) -> Result<(), StoreError> {
        self.read(|connection| connection.query_row("SELECT 1", [], |_| Ok(()))).await?;
        self.write(|_| Ok(())).await
    }

    /// Runs `operation` on a connection that reads, off the async threads.
    async fn read<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let readers = Arc::clone(&self.readers);
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let lock = || readers.lock().unwrap_or_else(PoisonError::into_inner);
            let connection = lock().pop().ok_or(StoreError::Closed)?;
            let result = operation(&connection);
            lock().push(connection);
            Ok(result?)
        });
        task.await.map_err(|_| StoreError::Closed)?
    }

    /// A page of the user's rows of a table, in the order given, and how many
    /// rows there are.
    async fn read_page<T: Send + 'static>(
        &self,
        (table, columns, order): (&'static str, &'static str, &'static str),
        user_id: Uuid,
        page: Page,
        read_row: fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<(Vec<T>, u64), StoreError> {
        self.read(move |c| {
            let user_id = user_id.to_string();
            let count = format!("SELECT count(*) FROM {table} WHERE user_id = ?1");
            let total = c.prepare_cached(&count)?.query_row([&user_id], |found| found.get(0))?;
            let select = format!(
                "SELECT {columns} FROM {table} WHERE user_id = ?1 ORDER BY {order} LIMIT ?2 OFFSET ?3"
            );
            let mut select = c.prepare_cached(&select)?;
            let rows = select.query_map((user_id, page.size, page.offset()), read_row)?;
            Ok((rows.collect::<Result<_, _>>()?, total))
        })
        .await
    }

    /// Runs `operation` in a savepoint of the next transaction. Returns once
    /// that is on disk; an error of `operation` undoes what it did.
    async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(operation).await
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn store() -> (Store, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        (Store::open(&directory.path().join("stagepass.db")).unwrap(), directory)
    }

    #[tokio::test]
    async fn many_writes_at_once_share_transactions_and_a_failing_one_spoils_no_other() {
        let (store, _directory) = store();
        let store = Arc::new(store);
        store.write(|c| c.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY)")).await.unwrap();
        let tasks: Vec<_> = (0..200_i64)
            .map(|n| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let insert = move |c: &Connection| {
                        c.execute("INSERT INTO t VALUES (?1)", [n])?;
                        // Every tenth fails after it has written.
                        if n % 10 == 0 { Err(rusqlite::Error::InvalidQuery) } else { Ok(()) }
                    };
                    store.write(insert).await.is_ok()
                })
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            done += usize::from(task.await.unwrap());
        }
        let count: usize =
            store.read(|c| c.query_row("SELECT count(*) FROM t", [], |row| row.get(0))).await.unwrap();
        assert_eq!((done, count), (180, 180));
    }

    #[tokio::test]
    async fn every_commit_is_synced() {
        let (store, _directory) = store();
        let level = store.write(|c| c.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)));
        assert_eq!(level.await.unwrap(), 2, "FULL");
    }
}
