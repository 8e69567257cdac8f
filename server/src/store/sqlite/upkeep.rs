//! Checks whether SQLite works, and removes expired records.

use super::Sqlite;
use crate::store::{
    CAPTURE_REQUEST_LIFETIME_MS, Keys as _, MAX_ATTEMPT_WINDOW_MS, RecordsUpkeep, StoreError, Upkeep,
};
use rusqlite::Result;

impl Upkeep for Sqlite {
    async fn check(&self, key_id: String, now: i64) -> Result<(), StoreError> {
        self.read(|c| c.query_row("SELECT count(*) FROM readiness", [], |_| Ok(()))).await?;
        let touch = "INSERT INTO readiness VALUES (1, ?1) ON CONFLICT DO UPDATE SET checked_at = ?1";
        self.write(move |c| c.prepare_cached(touch)?.execute([now]).map(drop)).await?;
        if self.is_retired(key_id).await? { Err(StoreError::RetiredKey) } else { Ok(()) }
    }

    async fn erase(&self) -> Result<(), StoreError> {
        // Empties the write-ahead log, which may still have values erased by this process or
        // another.
        self.writer.checkpoint().await
    }

    async fn purge(&self, now: i64) -> Result<(), StoreError> {
        self.write(move |c| {
            c.execute("DELETE FROM refresh_tokens WHERE expires_at <= ?1", [now])?;
            c.execute("DELETE FROM vault_sessions WHERE expires_at <= ?1", [now])?;
            let over = now - MAX_ATTEMPT_WINDOW_MS;
            c.execute("DELETE FROM login_attempts WHERE window_started_at <= ?1", [over])?;
            let oldest_request = now - CAPTURE_REQUEST_LIFETIME_MS;
            c.execute("DELETE FROM capture_requests WHERE created_at <= ?1", [oldest_request]).map(drop)
        })
        .await
    }
}

impl RecordsUpkeep for Sqlite {
    async fn check_records(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn finish_operations(&self) {
        // An operation is a transaction, which completes or is undone.
    }
}
