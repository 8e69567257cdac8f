//! What is sealed, whatever table it is in.

use super::{Sqlite, row};
use crate::store::{Sealed, SealedRecords, SealedTable, StoreError};
use rusqlite::{Connection, Result};
use uuid::Uuid;

impl SealedRecords for Sqlite {
    async fn sealed(&self, table: SealedTable, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        self.read(move |c| sealed_after(c, table, after, limit)).await
    }

    async fn replace_sealed(
        &self,
        old: Sealed,
        blob: String,
        credentials_version: &'static str,
    ) -> Result<bool, StoreError> {
        self.write(move |c| replace(c, &old, &blob, credentials_version)).await
    }
}

/// What is sealed in a table, by id, after the given one.
pub(super) fn sealed_after(
    c: &Connection,
    table: SealedTable,
    after: Uuid,
    limit: u32,
) -> Result<Vec<Sealed>> {
    let (name, column) = (table.name(), table.column());
    let sql = format!(
        "SELECT id, user_id, {column} FROM {name} WHERE id > ?1 AND {column} IS NOT NULL ORDER BY id LIMIT ?2"
    );
    let read = |found: &rusqlite::Row<'_>| {
        Ok(Sealed { table, id: row::id(found, 0)?, user_id: row::id(found, 1)?, blob: found.get(2)? })
    };
    c.prepare_cached(&sql)?.query_map((after.to_string(), limit), read)?.collect()
}

/// Puts `blob` in the place of `old`; false where that has another text by now.
pub(super) fn replace(c: &Connection, old: &Sealed, blob: &str, version: &str) -> Result<bool> {
    let (name, column) = (old.table.name(), old.table.column());
    let sql =
        format!("UPDATE {name} SET {column} = ?3, credentials_version = ?4 WHERE id = ?1 AND {column} = ?2");
    let parameters = (old.id.to_string(), &old.blob, blob, version);
    c.prepare_cached(&sql)?.execute(parameters).map(|changed| changed > 0)
}
