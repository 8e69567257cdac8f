//! The operations on `service_tokens` in SQLite.

use super::{Sqlite, row};
use crate::audit::Entry;
use crate::store::{Hash, ServiceToken, ServiceTokens, StoreError};
use rusqlite::types::Type;
use rusqlite::{Error, OptionalExtension as _, Result, Row, params};

const COLUMNS: &str = "name, verbs, platforms, require_acting_user, created_at, revoked_at";

impl ServiceTokens for Sqlite {
    async fn add_service_token(
        &self,
        token: ServiceToken,
        hash: Hash,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        let (signer, new) = (self.signer()?, (token, hash));
        self.write_audited((entry, |added| *added), move |c| {
            let sql = format!(
                "INSERT INTO service_tokens ({COLUMNS}, token_hash, mac)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (name) DO NOTHING"
            );
            let (token, hash) = &new;
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
                    &hash[..],
                    signer.sign(&new)
                ],
            )?;
            Ok(inserted > 0)
        })
        .await
    }

    async fn live_service_token(&self, hash: Hash) -> Result<Option<ServiceToken>, StoreError> {
        self.read_signed(move |c, signer| {
            let sql = format!(
                "SELECT {COLUMNS}, mac FROM service_tokens WHERE token_hash = ?1 AND revoked_at IS NULL"
            );
            let read = row::kept(|found| Ok((read(found)?, hash)));
            let kept = c.prepare_cached(&sql)?.query_row([&hash[..]], read).optional()?;
            Ok(kept.and_then(|kept| signer.check(kept)).map(|(token, _)| token))
        })
        .await
    }

    async fn service_tokens(&self) -> Result<Vec<ServiceToken>, StoreError> {
        // The rows are not checked, because a list grants no rights.
        self.read(|c| {
            let sql = format!("SELECT {COLUMNS} FROM service_tokens ORDER BY name");
            c.prepare(&sql)?.query_map([], read)?.collect()
        })
        .await
    }

    async fn revoke_service_token(&self, name: String, now: i64, entry: Entry) -> Result<bool, StoreError> {
        let signer = self.signer()?;
        self.write_audited((entry, |revoked| *revoked), move |c| {
            let select =
                format!("SELECT {HASHED} FROM service_tokens WHERE name = ?1 AND revoked_at IS NULL");
            let Some((token, hash)) = c.query_row(&select, [&name], read_hashed).optional()? else {
                return Ok(false);
            };
            // The row is not checked, because a revoked token grants no rights.
            let revoked = (ServiceToken { revoked_at: Some(now), ..token }, hash);
            let update = "UPDATE service_tokens SET revoked_at = ?2, mac = ?3 WHERE name = ?1";
            c.execute(update, params![&name, now, signer.sign(&revoked)])?;
            Ok(true)
        })
        .await
    }
}

/// The columns for [`read_hashed`], in its order.
pub(super) const HASHED: &str =
    "name, verbs, platforms, require_acting_user, created_at, revoked_at, token_hash";

pub(super) fn read_hashed(row: &Row<'_>) -> Result<(ServiceToken, Hash), Error> {
    Ok((read(row)?, row.get(6)?))
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
