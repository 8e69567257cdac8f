//! `service_tokens`.

use super::transaction::{Acting, Step};
use super::{Postgres, row};
use crate::audit::Entry;
use crate::store::{Hash, ServiceToken, StoreError};
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
/// A token is changed by that alone, and its name is never another's.
const REVOKE: &str = "
    UPDATE service_tokens SET revoked_at = $2, mac = $3 WHERE name = $1 AND revoked_at IS NULL RETURNING name";

/// Stores a token under its name; false where the name is taken.
pub(super) async fn add(
    store: &Postgres,
    new: &(ServiceToken, Hash),
    entry: Entry,
) -> Result<bool, StoreError> {
    let (token, hash) = new;
    let (hash, mac) = (&hash[..], &store.signer()?.sign(new)[..]);
    let ServiceToken { name, verbs, platforms, require_acting_user, created_at, revoked_at } = token;
    let add = Step(ADD, &[name, &hash, verbs, platforms, require_acting_user, created_at, revoked_at, &mac]);
    Ok(!store.write_noting(Acting::Nobody, entry, &[add], 0).await?[0].is_empty())
}

/// The token with this hash, unless it is revoked.
pub(super) async fn live(store: &Postgres, hash: Hash) -> Result<Option<ServiceToken>, StoreError> {
    let rows = store.read(Acting::Nobody, &[Step(LIVE, &[&&hash[..]])]).await?;
    let kept = row::optional(&rows, row::kept(|found| Ok((read(found)?, hash))))?;
    Ok(store.genuine_one(kept).await?.map(|(token, _)| token))
}

/// All tokens, by name, as they are kept: a list grants nothing.
pub(super) async fn all(store: &Postgres) -> Result<Vec<ServiceToken>, StoreError> {
    row::all(&store.read(Acting::Nobody, &[Step(ALL, &[])]).await?, read)
}

/// Revokes a token; false where no live one has the name.
pub(super) async fn revoke(store: &Postgres, name: &str, now: i64, entry: Entry) -> Result<bool, StoreError> {
    let rows = store.read(Acting::Nobody, &[Step(BY_NAME, &[&name])]).await?;
    let Some((token, hash)) = row::optional(&rows, read_hashed)? else { return Ok(false) };
    // Whatever it says: a token that is revoked grants nothing.
    let mac = &store.signer()?.sign(&(ServiceToken { revoked_at: Some(now), ..token }, hash))[..];
    let steps = [Step(REVOKE, &[&name, &now, &mac])];
    Ok(!store.write_noting(Acting::Nobody, entry, &steps, 0).await?[0].is_empty())
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
