//! The SQLite store: one connection that writes, and a few that read.
//!
//! Writes queue up for one thread, which runs all waiting ones in one transaction, each in its own
//! savepoint, and answers them after the commit. With `synchronous=FULL` a commit syncs the
//! write-ahead log: an answer means "on disk", and many answers share one sync.

mod app_credentials;
mod audit_log;
mod capture_requests;
mod checkpointer;
mod connections;
mod download_credentials;
mod keys;
mod login_attempts;
mod migrations;
mod readers;
mod refresh_tokens;
mod row;
mod sealed;
mod service_tokens;
mod sessions;
mod signed_rows;
#[cfg(test)]
pub(super) mod testing;
mod upkeep;
mod usage;
mod users;
mod vault;
mod writer;

use crate::audit::{ChainKey, Entry};
use crate::store::row_signer::RowSigner;
use crate::store::{Found, Judge, Page, StoreError, UsageLimits};
use readers::Readers;
use rusqlite::config::DbConfig;
use rusqlite::{Connection as DbConnection, OpenFlags, OptionalExtension as _};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;
use std::time::Duration;
use uuid::Uuid;
use writer::{Batch, Writer};

/// How long to wait for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// The most connections that read at the same time, limited also by the number of processors.
const MAX_READERS: usize = 4;
/// The size of the writing connection's page cache, so that it finds records to reveal and
/// supersede without the operating system.
const WRITER_CACHE_KIB: i64 = 8 * 1024;

/// The SQLite database in the data directory.
#[derive(Debug)]
pub(crate) struct Sqlite {
    readers: Readers,
    /// Signs rows and chains the audit log.
    signer: OnceLock<Arc<RowSigner>>,
    limits: UsageLimits,
    /// Closed last: only a connection that writes can merge the log into the database and remove
    /// it.
    writer: Writer,
}

impl Sqlite {
    /// Opens or creates the database and updates its schema. No part of the path may be a link.
    pub(crate) fn open(path: &Path, limits: UsageLimits) -> Result<Self, StoreError> {
        // SQLITE_OPEN_URI is missing, so that every path is only a path.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut connection = connect(path, flags)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        // The previous pages of a savepoint: in a file they would be written twice as often as the
        // log.
        connection.pragma_update(None, "temp_store", "memory")?;
        // Erased cookies are overwritten, not only unlinked.
        connection.pragma_update(None, "secure_delete", true)?;
        migrations::apply(&mut connection)?;
        usage::limit(&connection, limits)?;
        let heads = audit_log::heads(&connection)?;
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let count = available_parallelism().map_or(1, |count| count.get().min(MAX_READERS));
        let readers = (0..count).map(|_| connect(path, read_only)).collect::<Result<_, _>>()?;
        Ok(Self {
            signer: OnceLock::new(),
            limits,
            writer: Writer::start(connection, connect(path, flags)?, heads)?,
            readers: Readers::start(readers),
        })
    }

    /// Runs `operation` on a reading connection, off the async threads.
    async fn read<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&DbConnection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.run(operation).await
    }

    /// A page of the user's rows of a table in the given order, and their total number.
    async fn read_page<T: Send + 'static>(
        &self,
        (table, columns, order): (&'static str, &'static str, &'static str),
        user_id: Uuid,
        page: Page,
        read_row: fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<(Vec<T>, u64), StoreError> {
        self.read(move |c| {
            // Both statements must see the same rows.
            let c = c.unchecked_transaction()?;
            let user_id = user_id.to_string();
            // The stored number, because counting slows down with more rows.
            let count = format!("SELECT ifnull((SELECT {table} FROM owner_usage WHERE owner_id = ?1), 0)");
            let total = c.prepare_cached(&count)?.query_row([&user_id], |found| found.get(0))?;
            let select = format!(
                "SELECT {columns} FROM {table} WHERE user_id = ?1 ORDER BY {order} LIMIT ?2 OFFSET ?3"
            );
            let mut select = c.prepare_cached(&select)?;
            let rows = select.query_map((user_id, page.size, page.offset()), read_row)?;
            Ok((rows.collect::<rusqlite::Result<Vec<_>>>()?, total))
        })
        .await
    }

    /// Runs `operation` in a savepoint of the next transaction, and returns once that is on disk.
    /// An error of `operation` undoes its changes.
    async fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Batch<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let limited = |batch: &Batch<'_>| {
            usage::begin(batch)?;
            operation(batch)
        };
        self.writer.run(limited).await
    }

    /// The same, and appends `entry` to the audit log if `did` says that the outcome is a success.
    async fn write_audited<T: Send + 'static>(
        &self,
        (entry, did): (Entry, fn(&T) -> bool),
        operation: impl FnOnce(&DbConnection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let key = self.chain_key()?;
        self.write(move |batch| {
            let outcome = operation(batch)?;
            if did(&outcome) {
                batch.append(&key, entry)?;
            }
            Ok(outcome)
        })
        .await
    }

    /// Reads rows that grant rights, and reports broken ones.
    async fn read_signed<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&DbConnection, &RowSigner) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let signer = self.signer()?;
        let checking = Arc::clone(&signer);
        let found = self.read(move |c| operation(c, &checking)).await?;
        signer.report_broken(self).await?;
        Ok(found)
    }

    /// Changes the user's own record, and logs a change.
    async fn change_own(
        &self,
        record: (&'static str, Uuid, Uuid),
        entry: Entry,
        change: impl FnOnce(&DbConnection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<Found<()>, StoreError> {
        let did = |found: &Found<()>| *found == Found::Own(());
        self.write_audited((entry, did), move |c| change_if_own(c, record, change)).await
    }

    /// Finds a record and passes it to `judge`, on the writing connection.
    // Decision: docs/decisions/storage.md#sqlites-writing-thread-also-reveals
    async fn reveal<R: 'static>(
        &self,
        judge: Judge<R>,
        find: impl FnOnce(&DbConnection, &RowSigner) -> rusqlite::Result<Option<R>> + Send + 'static,
    ) -> Result<(), StoreError> {
        let signer = self.signer()?;
        let checking = Arc::clone(&signer);
        let judging = move |batch: &Batch<'_>| batch.append(checking.key(), judge(find(batch, &checking)?));
        self.writer.run_one_change(judging).await?;
        signer.report_broken(self).await
    }

    fn signer(&self) -> Result<Arc<RowSigner>, StoreError> {
        self.signer.get().cloned().ok_or(StoreError::NoAuditKey)
    }

    fn chain_key(&self) -> Result<Arc<ChainKey>, StoreError> {
        Ok(Arc::clone(self.signer()?.key()))
    }
}

/// Whether the record with this id belongs to the user.
fn owned(c: &DbConnection, table: &str, id: Uuid, user_id: Uuid) -> rusqlite::Result<Found<()>> {
    let sql = format!("SELECT user_id FROM {table} WHERE id = ?1");
    let owner = c.prepare_cached(&sql)?.query_row([id.to_string()], |found| row::id(found, 0)).optional()?;
    Ok(match owner {
        None => Found::Nothing,
        Some(owner) if owner == user_id => Found::Own(()),
        Some(_) => Found::Foreign,
    })
}

/// Changes the record with this id if it belongs to the user.
fn change_if_own(
    c: &DbConnection,
    (table, id, user_id): (&str, Uuid, Uuid),
    change: impl FnOnce(&DbConnection) -> rusqlite::Result<()>,
) -> rusqlite::Result<Found<()>> {
    let found = owned(c, table, id, user_id)?;
    if found == Found::Own(()) {
        change(c)?;
    }
    Ok(found)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<DbConnection, StoreError> {
    #[cfg_attr(not(test), expect(unused_mut, reason = "tests watch its statements"))]
    let mut connection = DbConnection::open_with_flags(path, flags)?;
    #[cfg(test)]
    testing::watch(&mut connection, path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Keep a statement's plan whatever its parameters: planning takes longer than running.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

#[cfg(test)]
mod tests;
