//! `refresh_tokens`.

use super::row;
use crate::store::{Hash, Refresh, RefreshToken};
use rusqlite::{Connection, OptionalExtension as _, Result};

pub(super) fn add(c: &Connection, token: &RefreshToken) -> Result<()> {
    let sql =
        "INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at) VALUES (?1, ?2, ?3, ?4)";
    let (family, user) = (token.family_id.to_string(), token.user_id.to_string());
    c.prepare_cached(sql)?.execute((&token.token_hash[..], family, user, token.expires_at)).map(drop)
}

/// Spends the token with `hash` and stores its successor.
pub(super) fn refresh(
    c: &Connection,
    hash: Hash,
    successor: Hash,
    (now, lifetime_ms, grace_ms): (i64, i64, i64),
) -> Result<Refresh> {
    let select = "SELECT family_id, user_id, expires_at, spent_at FROM refresh_tokens WHERE token_hash = ?1";
    let read = |found: &rusqlite::Row<'_>| {
        let spent_at: Option<i64> = found.get(3)?;
        Ok((row::id(found, 0)?, row::id(found, 1)?, found.get::<_, i64>(2)?, spent_at))
    };
    let found = c.prepare_cached(select)?.query_row([&hash[..]], read).optional()?;
    let Some((family_id, user_id, expires_at, spent_at)) = found else { return Ok(Refresh::Unknown) };
    if spent_at.is_some_and(|spent_at| now - spent_at > grace_ms) {
        c.execute("DELETE FROM refresh_tokens WHERE family_id = ?1", [family_id.to_string()])?;
        return Ok(Refresh::Reused(user_id));
    }
    if expires_at <= now {
        return Ok(Refresh::Expired);
    }
    let spend = "UPDATE refresh_tokens SET spent_at = coalesce(spent_at, ?2) WHERE token_hash = ?1";
    c.execute(spend, (&hash[..], now))?;
    add(c, &RefreshToken { token_hash: successor, family_id, user_id, expires_at: now + lifetime_ms })?;
    Ok(Refresh::Renewed(user_id))
}

/// Ends the sign-in that the token with `hash` descends from.
pub(super) fn end_family(c: &Connection, hash: &Hash) -> Result<()> {
    let sql = "DELETE FROM refresh_tokens
               WHERE family_id IN (SELECT family_id FROM refresh_tokens WHERE token_hash = ?1)";
    c.execute(sql, [&hash[..]]).map(drop)
}
