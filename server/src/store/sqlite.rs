//! The SQLite store: one connection that writes, a few that read.
//!
//! Writers queue up at one thread, which runs all that wait in one
//! transaction, each within a savepoint of its own, and answers them after the
//! commit. With `synchronous=FULL` a commit is a sync of the write-ahead log:
//! an answer means "on disk", and many answers share one sync.

mod app_credentials;
mod audit_log;
mod capture_requests;
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
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;
use std::time::Duration;
use uuid::Uuid;
use writer::{Batch, Writer};

/// How long another process's transaction is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// The most connections that read at the same time; there are no more than
/// processors for them.
const MAX_READERS: usize = 4;
/// Pages that the connection which writes keeps in memory, so that it finds what
/// it reveals and supersedes without asking the operating system.
const WRITER_CACHE_KIB: i64 = 8 * 1024;

/// The SQLite database in the data directory.
#[derive(Debug)]
pub(crate) struct Sqlite {
    readers: Readers,
    /// What rows are signed with, and the audit log is chained with.
    signer: OnceLock<Arc<RowSigner>>,
    limits: UsageLimits,
    /// Closed last: only a connection that writes can empty the log into the
    /// database and remove it.
    writer: Writer,
}

impl Sqlite {
    /// Opens or makes the database and brings its schema up to date. No part of the
    /// path may be a link.
    pub(crate) fn open(path: &Path, limits: UsageLimits) -> Result<Self, StoreError> {
        // Without SQLITE_OPEN_URI: a path is a path, whatever it begins with.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut connection = connect(path, flags)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        // The former pages of a savepoint: in a file they would be written twice as
        // often as the log.
        connection.pragma_update(None, "temp_store", "memory")?;
        // Erased cookies are overwritten, not just unlinked.
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
            writer: Writer::start(connection, heads),
            readers: Readers::start(readers),
        })
    }

    /// Runs `operation` on a connection that reads, off the async threads.
    async fn read<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.run(operation).await
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
            // Both statements see the same rows.
            let c = c.unchecked_transaction()?;
            let user_id = user_id.to_string();
            // As it is kept: counting takes longer the more there are.
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

    /// Runs `operation` in a savepoint of the next transaction. Returns once
    /// that is on disk; an error of `operation` undoes what it did.
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

    /// The same, with `entry` appended to the audit log where the operation did
    /// what was asked, as `did` tells of its outcome.
    async fn write_noting<T: Send + 'static>(
        &self,
        (entry, did): (Entry, fn(&T) -> bool),
        operation: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
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

    /// Reads rows that grant rights, and tells of those that are broken.
    async fn read_signed<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection, &RowSigner) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let signer = self.signer()?;
        let checking = Arc::clone(&signer);
        let found = self.read(move |c| operation(c, &checking)).await?;
        signer.report_broken(self).await?;
        Ok(found)
    }

    /// Changes the user's own record, which is noted where it was done.
    async fn change_own(
        &self,
        record: (&'static str, Uuid, Uuid),
        entry: Entry,
        change: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<Found<()>, StoreError> {
        let did = |found: &Found<()>| *found == Found::Own(());
        self.write_noting((entry, did), move |c| change_if_own(c, record, change)).await
    }

    /// Finds a record and has it judged, on the connection that writes: what
    /// was found and the row that tells of it are of one moment, one thread is
    /// woken for both, and that connection's pages stay in memory.
    async fn reveal<R: 'static>(
        &self,
        judge: Judge<R>,
        find: impl FnOnce(&Connection, &RowSigner) -> rusqlite::Result<Option<R>> + Send + 'static,
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

/// Whether the record of this id is the user's own.
fn owned(c: &Connection, table: &str, id: Uuid, user_id: Uuid) -> rusqlite::Result<Found<()>> {
    let sql = format!("SELECT user_id FROM {table} WHERE id = ?1");
    let owner = c.prepare_cached(&sql)?.query_row([id.to_string()], |found| row::id(found, 0)).optional()?;
    Ok(match owner {
        None => Found::Nothing,
        Some(owner) if owner == user_id => Found::Own(()),
        Some(_) => Found::Foreign,
    })
}

/// Changes the record of this id where it is the user's own.
fn change_if_own(
    c: &Connection,
    (table, id, user_id): (&str, Uuid, Uuid),
    change: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<Found<()>> {
    let found = owned(c, table, id, user_id)?;
    if found == Found::Own(()) {
        change(c)?;
    }
    Ok(found)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    #[cfg_attr(not(test), expect(unused_mut, reason = "tests watch what it does"))]
    let mut connection = Connection::open_with_flags(path, flags)?;
    #[cfg(test)]
    testing::watch(&mut connection, path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    // A statement keeps its plan whatever is bound to it: to plan it anew takes longer
    // than to run it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

#[cfg(test)]
mod tests;
