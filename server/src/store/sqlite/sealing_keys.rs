//! The canaries of the keys that were used here.

use super::{Store, StoreError};

impl Store {
    /// The canaries of the keys that were used here, by key id.
    pub(crate) async fn canaries(&self) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT key_id, canary FROM sealing_keys ORDER BY key_id";
        self.read(|c| c.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()).await
    }

    /// Keeps a key's canary, unless it has one.
    pub(crate) async fn add_canary(
        &self,
        key_id: String,
        canary: String,
        now: i64,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO sealing_keys VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        self.write(move |c| c.execute(sql, (key_id, canary, now)).map(drop)).await
    }
}
