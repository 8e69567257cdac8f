//! The operations on `sealing_keys`, `retired_keys` and `own_keys` in SQLite.

use super::Sqlite;
use crate::store::{Keys, StoreError};
use rusqlite::{Connection as DbConnection, Result};

impl Keys for Sqlite {
    async fn canaries(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.read(|c| {
            let sql = "SELECT key_id, canary FROM sealing_keys ORDER BY created_at, key_id";
            c.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .await
    }

    async fn add_canary(&self, key_id: String, canary: String, now: i64) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "INSERT INTO sealing_keys SELECT ?1, ?2, ?3
                WHERE NOT EXISTS (SELECT 1 FROM retired_keys WHERE key_id = ?1) ON CONFLICT DO NOTHING";
            c.execute(sql, (&key_id, &canary, now)).map(drop)
        })
        .await
    }

    async fn remove_canary(&self, key_id: String) -> Result<(), StoreError> {
        self.write(move |c| c.execute("DELETE FROM sealing_keys WHERE key_id = ?1", [&key_id]).map(drop))
            .await
    }

    async fn retire_keys(&self, except: String, now: i64) -> Result<(), StoreError> {
        // Other writes come completely before or after this one.
        self.write(move |c| {
            let sql = "INSERT INTO retired_keys SELECT key_id, ?2 FROM sealing_keys WHERE key_id <> ?1
                ON CONFLICT DO NOTHING";
            c.execute(sql, (&except, now)).map(drop)
        })
        .await
    }

    async fn is_retired(&self, key_id: String) -> Result<bool, StoreError> {
        self.read(move |c| {
            c.prepare_cached("SELECT 1 FROM retired_keys WHERE key_id = ?1")?.exists([&key_id])
        })
        .await
    }

    async fn own_key(&self, name: &'static str, sealed: String) -> Result<String, StoreError> {
        self.write(move |c| {
            c.execute("INSERT INTO own_keys VALUES (?1, ?2) ON CONFLICT DO NOTHING", [name, &sealed])?;
            c.query_row("SELECT encrypted_key FROM own_keys WHERE name = ?1", [name], |row| row.get(0))
        })
        .await
    }

    async fn replace_own_key(
        &self,
        name: &'static str,
        old: String,
        new: String,
    ) -> Result<bool, StoreError> {
        self.write(move |c| replace_own_key(c, name, &old, &new)).await
    }
}

/// Replaces the `old` blob of an own key by a re-encrypted one; false if it is different by now.
pub(super) fn replace_own_key(c: &DbConnection, name: &str, old: &str, new: &str) -> Result<bool> {
    let sql = "UPDATE own_keys SET encrypted_key = ?3 WHERE name = ?1 AND encrypted_key = ?2";
    c.execute(sql, (name, old, new)).map(|changed| changed > 0)
}
