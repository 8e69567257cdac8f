//! Reads the table `owner_usage`, which the schema's triggers maintain.

use super::{Sqlite, row};
use crate::store::usage::{BYTES, COUNTED, total_rows};
use crate::store::{OwnerUsage, StoreError, Usage, UsageLimits, Usages};
use rusqlite::{Connection as DbConnection, Result};
use std::fmt::Write as _;

impl OwnerUsage for Sqlite {
    async fn usages(&self) -> Result<Usages, StoreError> {
        self.read(|c| {
            let select = format!("SELECT owner_id, {}, {BYTES} FROM owner_usage", total_rows());
            let read = |found: &rusqlite::Row<'_>| {
                Ok((row::id(found, 0)?, Usage { rows: found.get(1)?, bytes: found.get(2)? }))
            };
            c.prepare(&select)?.query_map([], read)?.collect()
        })
        .await
    }
}

/// Refuses every write on this connection that would exceed a limit. The triggers belong to the
/// connection, because limits are settings of a server. An owner above a limit can still reduce the
/// usage, also by replacing something: the reference is the usage when the write began, which is
/// remembered if it is above a limit.
pub(super) fn limit(c: &DbConnection, limits: UsageLimits) -> Result<()> {
    let rows = COUNTED.iter().map(|(table, _)| (*table, limits.most_rows()));
    let limited: Vec<_> = rows
        .chain([(BYTES, limits.most_bytes())])
        .filter_map(|(column, most)| Some((column, most?)))
        .collect();
    let mut sql = "CREATE TEMP TABLE was_over AS SELECT * FROM main.owner_usage LIMIT 0;
        CREATE UNIQUE INDEX temp.was_over_owner ON was_over (owner_id);"
        .to_owned();
    for (column, most) in limited {
        let refuse = format!("BEGIN SELECT RAISE(ABORT, 'limit {column} {most}'); END;");
        let _ = write!(
            sql,
            "CREATE TEMP TRIGGER limit_before_{column} BEFORE UPDATE OF {column} ON main.owner_usage
             WHEN OLD.{column} > {most}
             BEGIN
                 INSERT INTO was_over SELECT * FROM main.owner_usage WHERE owner_id = OLD.owner_id
                 ON CONFLICT DO NOTHING;
             END;
             CREATE TEMP TRIGGER limit_first_{column} AFTER INSERT ON main.owner_usage
             WHEN NEW.{column} > {most} {refuse}
             CREATE TEMP TRIGGER limit_{column} AFTER UPDATE OF {column} ON main.owner_usage
             WHEN NEW.{column} > {most} AND NEW.{column} > ifnull(
                 (SELECT {column} FROM was_over WHERE owner_id = NEW.owner_id), OLD.{column}
             ) {refuse}"
        );
    }
    c.execute_batch(&sql)
}

/// Forgets what the previous write remembered.
pub(super) fn begin(c: &DbConnection) -> Result<()> {
    if c.prepare_cached("SELECT 1 FROM was_over")?.exists([])? {
        c.prepare_cached("DELETE FROM was_over")?.execute([])?;
    }
    Ok(())
}
