//! The operations on `service_tokens` in PostgreSQL.

use super::transaction::{Acting, Step};
use super::{Postgres, row};
use crate::audit::Entry;
use crate::store::{Hash, ServiceToken, ServiceTokens, StoreError};
use tokio_postgres::Row;

const ADD: &str = "
    INSERT INTO service_tokens
        (name, token_hash, verbs, platforms, require_acting_user, created_at, revoked_at, mac)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO NOTHING RETURNING name";
const LIVE: &str = "
    SELECT name, verbs, platforms, require_acting_user, created_at, revoked_at, mac
    FROM service_tokens WHERE token_hash = $1 AND revoked_at IS NULL";
const ALL: &str = r#"
    SELECT name, verbs, platforms, require_acting_user, created_at, revoked_at
    FROM service_tokens ORDER BY name COLLATE "C""#;
const BY_NAME: &str = "
    SELECT name, verbs, platforms, require_acting_user, created_at, revoked_at, token_hash
    FROM service_tokens WHERE name = $1 AND revoked_at IS NULL";
/// Revokes a token. No other statement changes a token, and a name is never reused.
const REVOKE: &str = "
    UPDATE service_tokens SET revoked_at = $2, mac = $3 WHERE name = $1 AND revoked_at IS NULL RETURNING name";

impl ServiceTokens for Postgres {
    async fn add_service_token(
        &self,
        token: ServiceToken,
        hash: Hash,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        let new = (token, hash);
        let (token, hash) = &new;
        let (hash, mac) = (&hash[..], &self.signer()?.sign(&new)[..]);
        let ServiceToken { name, verbs, platforms, require_acting_user, created_at, revoked_at } = token;
        let add =
            Step(ADD, &[name, &hash, verbs, platforms, require_acting_user, created_at, revoked_at, &mac]);
        Ok(!self.write_audited(Acting::Nobody, entry, &[add], 0).await?[0].is_empty())
    }

    async fn live_service_token(&self, hash: Hash) -> Result<Option<ServiceToken>, StoreError> {
        let rows = self.read(Acting::Nobody, &[Step(LIVE, &[&&hash[..]])]).await?;
        let kept = row::optional(&rows, row::kept(|found| Ok((read(found)?, hash))))?;
        Ok(self.genuine_one(kept).await?.map(|(token, _)| token))
    }

    async fn service_tokens(&self) -> Result<Vec<ServiceToken>, StoreError> {
        // Unchecked, because a list grants no rights.
        row::all(&self.read(Acting::Nobody, &[Step(ALL, &[])]).await?, read)
    }

    async fn revoke_service_token(&self, name: String, now: i64, entry: Entry) -> Result<bool, StoreError> {
        let rows = self.read(Acting::Nobody, &[Step(BY_NAME, &[&name])]).await?;
        let Some((token, hash)) = row::optional(&rows, read_hashed)? else { return Ok(false) };
        // Unchecked, because a revoked token grants no rights.
        let mac = &self.signer()?.sign(&(ServiceToken { revoked_at: Some(now), ..token }, hash))[..];
        let steps = [Step(REVOKE, &[&name, &now, &mac])];
        Ok(!self.write_audited(Acting::Nobody, entry, &steps, 0).await?[0].is_empty())
    }
}

/// A token with its hash.
pub(super) fn read_hashed(row: &Row) -> Result<(ServiceToken, Hash), StoreError> {
    let hash: &[u8] = row.try_get("token_hash")?;
    Ok((read(row)?, hash.try_into().map_err(|_| StoreError::UnknownWord("token_hash"))?))
}

fn read(row: &Row) -> Result<ServiceToken, StoreError> {
    Ok(ServiceToken {
        name: row.try_get("name")?,
        verbs: row.try_get("verbs")?,
        platforms: row.try_get("platforms")?,
        require_acting_user: row.try_get("require_acting_user")?,
        created_at: row.try_get("created_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}
