//! Checks whether PostgreSQL works, and removes expired records.

use super::Postgres;
use super::transaction::{Acting, Step};
use crate::store::{
    CAPTURE_REQUEST_LIFETIME_MS, Keys as _, MAX_ATTEMPT_WINDOW_MS, RecordsUpkeep, StoreError, Upkeep,
};

const TOUCH: &str = "INSERT INTO readiness VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET checked_at = $1";
/// Limits the memory in this transaction, so that larger results go to a temporary file on the
/// disk.
const LITTLE_MEMORY: &str = "SELECT set_config('work_mem', '64kB', true)";
const FILL_FILE: &str = "SELECT count(*) FROM generate_series(1, 8192)";
/// The owners of the old requests to delete.
const LOCK_OWNERS_OF_OLD: &str = "
    SELECT lock_owner(id) FROM (
        SELECT DISTINCT user_id AS id FROM capture_requests WHERE created_at <= $1 ORDER BY 1
    ) owners";
const PURGE_REQUESTS: &str = "DELETE FROM capture_requests WHERE created_at <= $1";
const PURGE_TOKENS: &str = "DELETE FROM refresh_tokens WHERE expires_at <= $1";
const PURGE_VAULT_SESSIONS: &str = "DELETE FROM vault_sessions WHERE expires_at <= $1";
const PURGE_ATTEMPTS: &str = "DELETE FROM login_attempts WHERE window_started_at <= $1";

impl Upkeep for Postgres {
    async fn check(&self, key_id: String, now: i64) -> Result<(), StoreError> {
        self.read(Acting::Nobody, &[Step("SELECT count(*) FROM readiness", &[])]).await?;
        // The row reuses free space, but the other file must grow.
        let steps = [Step(LITTLE_MEMORY, &[]), Step(FILL_FILE, &[]), Step(TOUCH, &[&now])];
        self.write(Acting::Nobody, &steps).await?;
        if self.is_retired(key_id).await? { Err(StoreError::RetiredKey) } else { Ok(()) }
    }

    async fn erase(&self) -> Result<(), StoreError> {
        // PostgreSQL's vacuum and log decide when erased values are overwritten.
        Ok(())
    }

    async fn purge(&self, now: i64) -> Result<(), StoreError> {
        let oldest_request = now - CAPTURE_REQUEST_LIFETIME_MS;
        let steps = [
            Step(LOCK_OWNERS_OF_OLD, &[&oldest_request]),
            Step(PURGE_REQUESTS, &[&oldest_request]),
            Step(PURGE_TOKENS, &[&now]),
            Step(PURGE_VAULT_SESSIONS, &[&now]),
            Step(PURGE_ATTEMPTS, &[&(now - MAX_ATTEMPT_WINDOW_MS)]),
        ];
        self.write(Acting::Maintenance, &steps).await.map(drop)
    }
}

impl RecordsUpkeep for Postgres {
    async fn check_records(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn finish_operations(&self) {
        // An operation is a transaction, which completes or is undone.
    }
}
