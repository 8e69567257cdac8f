//! The operations on `refresh_tokens` in SQLite.

use super::{Sqlite, row, users};
use crate::audit::Entry;
use crate::store::row_signer::{KeptToken, RowSigner};
use crate::store::{
    Hash, MAX_KEPT_TOKENS, MAX_SIGN_INS, MAX_SUCCESSORS, Refresh, RefreshToken, RefreshTokens, StoreError,
    User,
};
use crate::words::Word as _;
use rusqlite::{Connection as DbConnection, OptionalExtension as _, Result, Row, params};
use secrecy::ExposeSecret as _;
use std::sync::Arc;
use uuid::Uuid;

/// The columns for [`read`], in its order.
pub(super) const COLUMNS: &str = "token_hash, family_id, user_id, expires_at, spent_at";

impl RefreshTokens for Sqlite {
    async fn add_refresh_token(
        &self,
        token: RefreshToken,
        verified: User,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        let signer = self.signer()?;
        self.write_audited((entry, |added| *added), move |c| add(c, &signer, &token, &verified)).await
    }

    async fn refresh_token_owner(&self, hash: Hash) -> Result<Option<Uuid>, StoreError> {
        self.read(move |c| {
            let select = "SELECT user_id FROM refresh_tokens WHERE token_hash = ?1";
            c.prepare_cached(select)?.query_row([&hash[..]], |found| row::id(found, 0)).optional()
        })
        .await
    }

    async fn refresh(
        &self,
        hash: Hash,
        successor: Hash,
        times: (i64, i64, i64),
        reuse: Entry,
    ) -> Result<Refresh, StoreError> {
        let signer = self.signer()?;
        let checking = Arc::clone(&signer);
        let refreshing = self.write(move |batch| {
            let outcome = refresh(batch, &checking, hash, successor, times)?;
            if matches!(outcome, Refresh::Reused(_)) {
                batch.append(checking.key(), reuse)?;
            }
            Ok(outcome)
        });
        let outcome = refreshing.await?;
        signer.report_broken(self).await?;
        Ok(outcome)
    }

    async fn user_by_token(&self, hash: Hash, now: i64) -> Result<Option<User>, StoreError> {
        self.read_signed(move |c, signer| match find(c, signer, &hash)? {
            Some(token) if token.spent_at.is_none() && token.expires_at > now => {
                users::find(c, signer, token.user_id)
            }
            _ => Ok(None),
        })
        .await
    }

    async fn end_family(&self, hash: Hash) -> Result<(), StoreError> {
        self.write(move |c| end_family(c, &hash)).await
    }
}

/// Stores the token of a new sign-in; false if the user changed since it was verified.
fn add(c: &DbConnection, signer: &RowSigner, token: &RefreshToken, verified: &User) -> Result<bool> {
    let select =
        "SELECT 1 FROM users WHERE id = ?1 AND password_hash = ?2 AND status = ?3 AND tokens_valid_from = ?4";
    let is_as_verified = c.prepare_cached(select)?.exists(params![
        verified.id.to_string(),
        // The hash is exposed for comparison with its column.
        verified.password_hash.expose_secret(),
        verified.status.as_str(),
        verified.tokens_valid_from
    ])?;
    if is_as_verified {
        insert(c, signer, &KeptToken::of(token, verified.id), None)?;
    }
    // Ids of sign-ins are in order of time, as far as clocks are right; this one stays.
    let evict = "DELETE FROM refresh_tokens WHERE user_id = ?1 AND family_id NOT IN (
        SELECT DISTINCT family_id FROM refresh_tokens WHERE user_id = ?1
        ORDER BY family_id = ?2 DESC, family_id DESC LIMIT ?3)";
    let user_id = verified.id.to_string();
    c.prepare_cached(evict)?.execute((user_id, token.family_id.to_string(), MAX_SIGN_INS))?;
    Ok(is_as_verified)
}

fn insert(c: &DbConnection, signer: &RowSigner, token: &KeptToken, parent: Option<&Hash>) -> Result<()> {
    let insert = format!(
        "INSERT INTO refresh_tokens ({COLUMNS}, mac, parent_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
    );
    let KeptToken { token_hash, family_id, user_id, expires_at, spent_at } = token;
    let (family, user, mac) = (family_id.to_string(), user_id.to_string(), signer.sign(token));
    c.prepare_cached(&insert)?
        .execute(params![token_hash, family, user, expires_at, spent_at, mac, parent])?;
    Ok(())
}

/// The token with `hash`.
fn find(c: &DbConnection, signer: &RowSigner, hash: &Hash) -> Result<Option<KeptToken>> {
    let select = format!("SELECT {COLUMNS}, mac FROM refresh_tokens WHERE token_hash = ?1");
    let kept = c.prepare_cached(&select)?.query_row([&hash[..]], row::kept(read)).optional()?;
    Ok(kept.and_then(|kept| signer.check(kept)))
}

/// Spends the token with `hash` and stores its successor.
fn refresh(
    c: &DbConnection,
    signer: &RowSigner,
    hash: Hash,
    successor: Hash,
    (now, lifetime_ms, grace_ms): (i64, i64, i64),
) -> Result<Refresh> {
    let Some(token) = find(c, signer, &hash)? else { return Ok(Refresh::Unknown) };
    let user_id = token.user_id;
    if token.spent_at.is_some_and(|spent_at| now - spent_at > grace_ms) {
        end_family(c, &hash)?;
        return Ok(Refresh::Reused(user_id));
    }
    if token.expires_at <= now {
        return Ok(Refresh::Expired);
    }
    let spent = token.spent(now);
    let spend = "UPDATE refresh_tokens SET spent_at = ?2, mac = ?3 WHERE token_hash = ?1";
    c.execute(spend, params![hash, spent.spent_at, signer.sign(&spent)])?;
    succeed(c, signer, &hash, &token.successor(successor, now + lifetime_ms))?;
    let select = "SELECT tokens_valid_from FROM users WHERE id = ?1";
    let tokens_valid_from =
        c.prepare_cached(select)?.query_row([user_id.to_string()], |found| found.get(0))?;
    Ok(Refresh::Renewed { user_id, tokens_valid_from })
}

/// Stores a successor of the token with `hash`. Only a few earlier successors stay. A sign-in with
/// too many tokens is ended, because forgetting spent ones would hide their reuse.
fn succeed(c: &DbConnection, signer: &RowSigner, hash: &Hash, successor: &KeptToken) -> Result<()> {
    let evict_successors = "DELETE FROM refresh_tokens WHERE token_hash IN (
        SELECT t.token_hash FROM refresh_tokens t JOIN refresh_tokens spent USING (family_id)
        WHERE spent.token_hash = ?1 AND t.parent_hash = ?1 AND t.spent_at IS NULL
        ORDER BY t.expires_at DESC, t.token_hash LIMIT -1 OFFSET ?2)";
    let end_overused = "DELETE FROM refresh_tokens WHERE family_id = ?1
        AND (SELECT count(*) FROM refresh_tokens WHERE family_id = ?1) > ?2";
    c.prepare_cached(evict_successors)?.execute((&hash[..], MAX_SUCCESSORS - 1))?;
    insert(c, signer, successor, Some(hash))?;
    c.prepare_cached(end_overused)?.execute((successor.family_id.to_string(), MAX_KEPT_TOKENS)).map(drop)
}

/// Ends the sign-in from which the token with `hash` descends.
fn end_family(c: &DbConnection, hash: &Hash) -> Result<()> {
    let sql = "DELETE FROM refresh_tokens
               WHERE family_id IN (SELECT family_id FROM refresh_tokens WHERE token_hash = ?1)";
    c.execute(sql, [&hash[..]]).map(drop)
}

pub(super) fn read(found: &Row<'_>) -> Result<KeptToken> {
    Ok(KeptToken {
        token_hash: found.get(0)?,
        family_id: row::id(found, 1)?,
        user_id: row::id(found, 2)?,
        expires_at: found.get(3)?,
        spent_at: found.get(4)?,
    })
}
