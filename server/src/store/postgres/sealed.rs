//! Sealed texts of all columns.

use super::transaction::{Acting, Step};
use super::{LOCK_OWNER, Postgres, row};
use crate::store::{Sealed, SealedColumn, SealedRecords, StoreError};
use uuid::Uuid;

fn select(column: SealedColumn) -> &'static str {
    match column {
        SealedColumn::Connections => {
            "SELECT id, user_id, encrypted_credentials FROM platform_connections
             WHERE id > $1 AND encrypted_credentials IS NOT NULL ORDER BY id LIMIT $2"
        }
        SealedColumn::DownloadCredentials => {
            "SELECT id, user_id, encrypted_credentials FROM download_credentials
             WHERE id > $1 ORDER BY id LIMIT $2"
        }
        SealedColumn::SessionCookies => {
            "SELECT id, user_id, encrypted_cookies FROM platform_sessions
             WHERE id > $1 AND encrypted_cookies IS NOT NULL ORDER BY id LIMIT $2"
        }
        SealedColumn::SessionOrigins => {
            "SELECT id, user_id, encrypted_origins FROM platform_sessions
             WHERE id > $1 AND encrypted_origins IS NOT NULL ORDER BY id LIMIT $2"
        }
        SealedColumn::AppCredentialKeys => {
            "SELECT id, user_id, encrypted_value FROM app_credential_keys
             WHERE id > $1 ORDER BY id LIMIT $2"
        }
    }
}

fn update(column: SealedColumn) -> &'static str {
    match column {
        SealedColumn::Connections => {
            "UPDATE platform_connections SET encrypted_credentials = $3, credentials_version = $4
             WHERE id = $1 AND encrypted_credentials = $2 RETURNING id"
        }
        SealedColumn::DownloadCredentials => {
            "UPDATE download_credentials SET encrypted_credentials = $3, credentials_version = $4
             WHERE id = $1 AND encrypted_credentials = $2 RETURNING id"
        }
        SealedColumn::SessionCookies => {
            "UPDATE platform_sessions SET encrypted_cookies = $3, credentials_version = $4
             WHERE id = $1 AND encrypted_cookies = $2 RETURNING id"
        }
        SealedColumn::SessionOrigins => {
            "UPDATE platform_sessions SET encrypted_origins = $3, credentials_version = $4
             WHERE id = $1 AND encrypted_origins = $2 RETURNING id"
        }
        SealedColumn::AppCredentialKeys => {
            "UPDATE app_credential_keys SET encrypted_value = $3, credentials_version = $4
             WHERE id = $1 AND encrypted_value = $2 RETURNING id"
        }
    }
}

impl SealedRecords for Postgres {
    async fn sealed(&self, column: SealedColumn, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        let rows =
            self.read(Acting::Maintenance, &[Step(select(column), &[&after, &i64::from(limit)])]).await?;
        row::all(&rows, |row| {
            Ok(Sealed { column, id: row.try_get(0)?, user_id: row.try_get(1)?, blob: row.try_get(2)? })
        })
    }

    async fn replace_sealed(
        &self,
        old: Sealed,
        blob: String,
        credentials_version: &'static str,
    ) -> Result<bool, StoreError> {
        let Sealed { column, id, user_id, blob: sealed } = &old;
        let change = Step(update(*column), &[id, sealed, &blob, &credentials_version]);
        Ok(!self.write(Acting::Maintenance, &[Step(LOCK_OWNER, &[user_id]), change]).await?.is_empty())
    }
}
