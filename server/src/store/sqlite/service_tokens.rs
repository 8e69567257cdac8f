//! `service_tokens`.

use super::{Store, StoreError};
use crate::store::{Hash, ServiceToken};
use rusqlite::types::Type;
use rusqlite::{Error, ErrorCode, OptionalExtension as _, Row, params};

const COLUMNS: &str = "name, verbs, platforms, require_acting_user, created_at, revoked_at";

impl Store {
    /// Stores a token under its name; false where the name is taken.
    pub(crate) async fn add_service_token(
        &self,
        token: ServiceToken,
        hash: Hash,
    ) -> Result<bool, StoreError> {
        let sql =
            format!("INSERT INTO service_tokens ({COLUMNS}, token_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
        self.write(move |c| {
            let lists = [&token.verbs, &token.platforms].map(|list| serde_json::json!(list).to_string());
            let inserted = c.execute(
                &sql,
                params![
                    token.name,
                    lists[0],
                    lists[1],
                    token.require_acting_user,
                    token.created_at,
                    token.revoked_at,
                    &hash[..]
                ],
            );
            match inserted {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Ok(false),
                other => other.map(|_| true),
            }
        })
        .await
    }

    /// The token with this hash, unless it is revoked.
    pub(crate) async fn live_service_token(&self, hash: Hash) -> Result<Option<ServiceToken>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM service_tokens WHERE token_hash = ?1 AND revoked_at IS NULL");
        self.read(move |c| c.prepare_cached(&sql)?.query_row([&hash[..]], read).optional()).await
    }

    /// All tokens, by name.
    pub(crate) async fn service_tokens(&self) -> Result<Vec<ServiceToken>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM service_tokens ORDER BY name");
        self.read(move |c| c.prepare(&sql)?.query_map([], read)?.collect()).await
    }

    /// Revokes a token; false where no live one has the name.
    pub(crate) async fn revoke_service_token(&self, name: String, now: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE service_tokens SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL";
        self.write(move |c| c.execute(sql, (name, now)).map(|changed| changed > 0)).await
    }
}

fn read(row: &Row<'_>) -> Result<ServiceToken, Error> {
    let list = |index| -> Result<Vec<String>, Error> {
        let text: String = row.get(index)?;
        serde_json::from_str(&text)
            .map_err(|error| Error::FromSqlConversionFailure(index, Type::Text, Box::new(error)))
    };
    Ok(ServiceToken {
        name: row.get(0)?,
        verbs: list(1)?,
        platforms: list(2)?,
        require_acting_user: row.get(3)?,
        created_at: row.get(4)?,
        revoked_at: row.get(5)?,
    })
}
