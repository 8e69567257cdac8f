//! What is sealed, whatever table it is in.

use super::{Sqlite, row};
use crate::store::{Sealed, SealedRecords, SealedTable, StoreError};
use uuid::Uuid;

impl SealedRecords for Sqlite {
    async fn sealed(&self, table: SealedTable, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        self.read(move |c| {
    let (name, column) = (table.name(), table.column());
    let sql = format!(
        "SELECT id, user_id, {column} FROM {name} WHERE id > ?1 AND {column} IS NOT NULL ORDER BY id LIMIT ?2"
    );
    let read = |found: &rusqlite::Row<'_>| {
        Ok(Sealed { table, id: row::id(found, 0)?, user_id: row::id(found, 1)?, blob: found.get(2)? })
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
            let (name, column) = (old.table.name(), old.table.column());
            let sql = format!(
                "UPDATE {name} SET {column} = ?3, credentials_version = ?4 WHERE id = ?1 AND {column} = ?2"
            );
            let parameters = (old.id.to_string(), &old.blob, &blob, credentials_version);
            c.prepare_cached(&sql)?.execute(parameters).map(|changed| changed > 0)
        })
        .await
    }
}
