//! Sealed texts of all columns.

use super::{Sqlite, row};
use crate::store::{Sealed, SealedColumn, SealedRecords, StoreError};
use uuid::Uuid;

impl SealedRecords for Sqlite {
    async fn sealed(&self, column: SealedColumn, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        self.read(move |c| {
    let (table, name) = (column.table(), column.name());
    let sql = format!(
        "SELECT id, user_id, {name} FROM {table} WHERE id > ?1 AND {name} IS NOT NULL ORDER BY id LIMIT ?2"
    );
    let read = |found: &rusqlite::Row<'_>| {
        Ok(Sealed { column, id: row::id(found, 0)?, user_id: row::id(found, 1)?, blob: found.get(2)? })
    };
    c.prepare_cached(&sql)?.query_map((after.to_string(), limit), read)?.collect()
})
.await
    }

    async fn replace_sealed(
        &self,
        old: Sealed,
        blob: String,
        credentials_version: &'static str,
    ) -> Result<bool, StoreError> {
        self.write(move |c| {
            let (table, name) = (old.column.table(), old.column.name());
            let sql = format!(
                "UPDATE {table} SET {name} = ?3, credentials_version = ?4 WHERE id = ?1 AND {name} = ?2"
            );
            let parameters = (old.id.to_string(), &old.blob, &blob, credentials_version);
            c.prepare_cached(&sql)?.execute(parameters).map(|changed| changed > 0)
        })
        .await
    }
}
