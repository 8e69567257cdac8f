//! `service_tokens`.

use super::session::{Acting, Step};
use super::{Postgres, row};
use crate::audit::Entry;
use crate::store::{Hash, ServiceToken, StoreError};
use tokio_postgres::Row;

const ADD: &str = "
    INSERT INTO service_tokens
        (name, token_hash, verbs, platforms, require_acting_user, created_at, revoked_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO NOTHING RETURNING name";
const LIVE: &str = "
    SELECT name, verbs, platforms, require_acting_user, created_at, revoked_at
    FROM service_tokens WHERE token_hash = $1 AND revoked_at IS NULL";
const ALL: &str = r#"
    SELECT name, verbs, platforms, require_acting_user, created_at, revoked_at
    FROM service_tokens ORDER BY name COLLATE "C""#;
const REVOKE: &str = "
    UPDATE service_tokens SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL RETURNING name";

/// Stores a token under its name; false where the name is taken.
pub(super) async fn add(
    store: &Postgres,
    token: &ServiceToken,
    hash: &Hash,
    entry: Entry,
) -> Result<bool, StoreError> {
    let hash = &hash[..];
    let ServiceToken { name, verbs, platforms, require_acting_user, created_at, revoked_at } = token;
    let add = Step(ADD, &[name, &hash, verbs, platforms, require_acting_user, created_at, revoked_at]);
    Ok(!store.write_noting(Acting::Nobody, entry, &[add], 0).await?[0].is_empty())
}

/// The token with this hash, unless it is revoked.
pub(super) async fn live(store: &Postgres, hash: &Hash) -> Result<Option<ServiceToken>, StoreError> {
    let rows = store.read(Acting::Nobody, &[Step(LIVE, &[&&hash[..]])]).await?;
    row::optional(&rows, read)
}

/// All tokens, by name.
pub(super) async fn all(store: &Postgres) -> Result<Vec<ServiceToken>, StoreError> {
    row::all(&store.read(Acting::Nobody, &[Step(ALL, &[])]).await?, read)
}

/// Revokes a token; false where no live one has the name.
pub(super) async fn revoke(store: &Postgres, name: &str, now: i64, entry: Entry) -> Result<bool, StoreError> {
    let steps = [Step(REVOKE, &[&name, &now])];
    Ok(!store.write_noting(Acting::Nobody, entry, &steps, 0).await?[0].is_empty())
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
