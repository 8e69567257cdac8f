//! The operations on `sealing_keys`, `retired_keys` and `own_keys` in PostgreSQL.

use super::transaction::{Acting, Step};
use super::{Postgres, row};
use crate::store::{Keys, StoreError};

const CANARIES: &str = "SELECT key_id, canary FROM sealing_keys ORDER BY created_at, key_id";
const ADD_CANARY: &str = "
    INSERT INTO sealing_keys (key_id, canary, created_at) SELECT $1, $2, $3
    WHERE NOT EXISTS (SELECT FROM retired_keys WHERE key_id = $1) ON CONFLICT (key_id) DO NOTHING";
const REMOVE_CANARY: &str = "DELETE FROM sealing_keys WHERE key_id = $1";
const RETIRE: &str = "
    INSERT INTO retired_keys (key_id, retired_at) SELECT key_id, $2 FROM sealing_keys WHERE key_id <> $1
    ON CONFLICT (key_id) DO NOTHING";
/// Each statement waits for the transactions that are writing to the table.
const WAIT_FOR_WRITERS: [&str; 5] = [
    "LOCK TABLE sealing_keys IN SHARE MODE",
    "LOCK TABLE platform_connections IN SHARE MODE",
    "LOCK TABLE download_credentials IN SHARE MODE",
    "LOCK TABLE platform_sessions IN SHARE MODE",
    "LOCK TABLE app_credential_keys IN SHARE MODE",
];
const IS_RETIRED: &str = "SELECT 1 FROM retired_keys WHERE key_id = $1";
const KEEP_OWN_KEY: &str =
    "INSERT INTO own_keys (name, encrypted_key) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const OWN_KEY: &str = "SELECT encrypted_key FROM own_keys WHERE name = $1";
pub(super) const REPLACE_OWN_KEY: &str =
    "UPDATE own_keys SET encrypted_key = $3 WHERE name = $1 AND encrypted_key = $2 RETURNING name";

impl Keys for Postgres {
    async fn canaries(&self) -> Result<Vec<(String, String)>, StoreError> {
        let rows = self.read(Acting::Nobody, &[Step(CANARIES, &[])]).await?;
        row::all(&rows, |row| Ok((row.try_get(0)?, row.try_get(1)?)))
    }

    async fn add_canary(&self, key_id: String, canary: String, now: i64) -> Result<(), StoreError> {
        self.write(Acting::Nobody, &[Step(ADD_CANARY, &[&key_id, &canary, &now])]).await.map(drop)
    }

    async fn remove_canary(&self, key_id: String) -> Result<(), StoreError> {
        self.write(Acting::Nobody, &[Step(REMOVE_CANARY, &[&key_id])]).await.map(drop)
    }

    async fn retire_keys(&self, except: String, now: i64) -> Result<(), StoreError> {
        // A transaction may have just found its key in use: the locks wait for it. One that comes
        // later to a locked table finds the key retired. The tables are locked one by one, each
        // briefly, so that no deadlock with a transaction on several tables arises.
        self.write(Acting::Nobody, &[Step(RETIRE, &[&except, &now])]).await?;
        for wait in WAIT_FOR_WRITERS {
            self.write(Acting::Maintenance, &[Step(wait, &[])]).await?;
        }
        Ok(())
    }

    async fn is_retired(&self, key_id: String) -> Result<bool, StoreError> {
        Ok(!self.read(Acting::Nobody, &[Step(IS_RETIRED, &[&key_id])]).await?.is_empty())
    }

    async fn own_key(&self, name: &'static str, sealed: String) -> Result<String, StoreError> {
        let steps = [Step(KEEP_OWN_KEY, &[&name, &sealed]), Step(OWN_KEY, &[&name])];
        let rows = self.write(Acting::Nobody, &steps).await?;
        row::optional(&rows, |found| Ok(found.try_get(0)?))?.ok_or(StoreError::NotCommitted)
    }

    async fn replace_own_key(
        &self,
        name: &'static str,
        old: String,
        new: String,
    ) -> Result<bool, StoreError> {
        let steps = [Step(REPLACE_OWN_KEY, &[&name, &old, &new])];
        Ok(!self.write(Acting::Nobody, &steps).await?.is_empty())
    }
}
