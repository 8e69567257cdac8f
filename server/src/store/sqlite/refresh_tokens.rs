//! `refresh_tokens`.

use super::row;
use crate::store::{Hash, MAX_SIGN_INS, MAX_SUCCESSORS, MAX_TOKENS_OF_SIGN_IN, Refresh, RefreshToken, User};
use rusqlite::{Connection, OptionalExtension as _, Result, params};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

/// Stores the token of a new sign-in; false where the user is not as was verified.
pub(super) fn add(c: &Connection, token: &RefreshToken, verified: &User) -> Result<bool> {
    let sql = "INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at)
        SELECT ?1, ?2, id, ?3 FROM users
        WHERE id = ?4 AND password_hash = ?5 AND status = ?6 AND tokens_valid_from = ?7";
    let added = c.prepare_cached(sql)?.execute(params![
        &token.token_hash[..],
        token.family_id.to_string(),
        token.expires_at,
        verified.id.to_string(),
        // The hash, to be compared with its column.
        verified.password_hash.expose_secret(),
        verified.status.as_str(),
        verified.tokens_valid_from
    ])?;
    // Ids of sign-ins are in the order of time, as far as clocks are right; this one stays.
    let evict = "DELETE FROM refresh_tokens WHERE user_id = ?1 AND family_id NOT IN (
        SELECT DISTINCT family_id FROM refresh_tokens WHERE user_id = ?1
        ORDER BY family_id = ?2 DESC, family_id DESC LIMIT ?3)";
    let user_id = verified.id.to_string();
    c.prepare_cached(evict)?.execute((user_id, token.family_id.to_string(), MAX_SIGN_INS))?;
    Ok(added > 0)
}

/// Whose the token with `hash` is.
pub(super) fn owner(c: &Connection, hash: &Hash) -> Result<Option<Uuid>> {
    let select = "SELECT user_id FROM refresh_tokens WHERE token_hash = ?1";
    c.prepare_cached(select)?.query_row([&hash[..]], |found| row::id(found, 0)).optional()
}

/// Spends the token with `hash` and stores its successor.
pub(super) fn refresh(
    c: &Connection,
    hash: Hash,
    successor: Hash,
    (now, lifetime_ms, grace_ms): (i64, i64, i64),
) -> Result<Refresh> {
    let select = "SELECT user_id, tokens_valid_from, expires_at, spent_at
        FROM refresh_tokens JOIN users ON users.id = user_id WHERE token_hash = ?1";
    let read = |found: &rusqlite::Row<'_>| {
        let (expires_at, spent_at): (i64, Option<i64>) = (found.get(2)?, found.get(3)?);
        Ok((row::id(found, 0)?, found.get(1)?, expires_at, spent_at))
    };
    let found = c.prepare_cached(select)?.query_row([&hash[..]], read).optional()?;
    let Some((user_id, tokens_valid_from, expires_at, spent_at)) = found else {
        return Ok(Refresh::Unknown);
    };
    if spent_at.is_some_and(|spent_at| now - spent_at > grace_ms) {
        end_family(c, &hash)?;
        return Ok(Refresh::Reused(user_id));
    }
    if expires_at <= now {
        return Ok(Refresh::Expired);
    }
    let spend = "UPDATE refresh_tokens SET spent_at = coalesce(spent_at, ?2) WHERE token_hash = ?1";
    c.execute(spend, (&hash[..], now))?;
    succeed(c, &hash, &successor, now + lifetime_ms)?;
    Ok(Refresh::Renewed { user_id, tokens_valid_from })
}

/// Stores a successor of the token with `hash`. Of those before it few live on, and of
/// the sign-in's tokens not all: what is spent goes first, then what is oldest.
fn succeed(c: &Connection, hash: &Hash, successor: &Hash, expires_at: i64) -> Result<()> {
    let insert = "INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at, parent_hash)
        SELECT ?2, family_id, user_id, ?3, ?1 FROM refresh_tokens WHERE token_hash = ?1";
    let evict_successors = "DELETE FROM refresh_tokens WHERE token_hash IN (
        SELECT t.token_hash FROM refresh_tokens t JOIN refresh_tokens spent USING (family_id)
        WHERE spent.token_hash = ?1 AND t.parent_hash = ?1 AND t.spent_at IS NULL
        ORDER BY t.expires_at DESC, t.token_hash LIMIT -1 OFFSET ?2)";
    let evict_tokens = "DELETE FROM refresh_tokens WHERE token_hash IN (
        SELECT t.token_hash FROM refresh_tokens t JOIN refresh_tokens newest USING (family_id)
        WHERE newest.token_hash = ?1
        ORDER BY t.spent_at IS NOT NULL, t.expires_at DESC, t.token_hash = ?1 DESC LIMIT -1 OFFSET ?2)";
    c.prepare_cached(evict_successors)?.execute((&hash[..], MAX_SUCCESSORS - 1))?;
    c.prepare_cached(insert)?.execute((&hash[..], &successor[..], expires_at))?;
    c.prepare_cached(evict_tokens)?.execute((&successor[..], MAX_TOKENS_OF_SIGN_IN)).map(drop)
}

/// Ends the sign-in that the token with `hash` descends from.
pub(super) fn end_family(c: &Connection, hash: &Hash) -> Result<()> {
    let sql = "DELETE FROM refresh_tokens
               WHERE family_id IN (SELECT family_id FROM refresh_tokens WHERE token_hash = ?1)";
    c.execute(sql, [&hash[..]]).map(drop)
}
