//! The operations on `refresh_tokens` in PostgreSQL.

use super::transaction::{Acting, Step, View};
use super::{Postgres, row};
use crate::audit::Entry;
use crate::store::row_signer::KeptToken;
use crate::store::{
    Hash, MAX_KEPT_TOKENS, MAX_SIGN_INS, MAX_SUCCESSORS, Refresh, RefreshToken, RefreshTokens, StoreError,
    User,
};
use crate::words::Word as _;
use secrecy::ExposeSecret as _;
use tokio_postgres::Row;
use uuid::Uuid;

/// Locks the user, so that only one transaction at a time changes the user's sign-ins. Later
/// statements see what was committed during the wait, above all a change of the password.
const LOCK_USER: &str = "SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE";
/// Adds a token if the user has not changed since the password was verified.
const ADD: &str = "
    INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at, mac)
    SELECT $1, $2, id, $3, $8 FROM users
    WHERE id = $4 AND password_hash = $5 AND status = $6 AND tokens_valid_from = $7 RETURNING user_id";
/// Locks the token's user for the same reason: ending a family would miss a successor that is being
/// stored.
const LOCK: &str = "
    SELECT 1 FROM users WHERE id = (SELECT user_id FROM refresh_tokens WHERE token_hash = $1)
    FOR NO KEY UPDATE";
const FIND: &str = "
    SELECT token_hash, family_id, user_id, expires_at, spent_at, mac FROM refresh_tokens WHERE token_hash = $1";
const OF_TOKEN: &str = "
    SELECT id, email, password_hash, status, created_at, tokens_valid_from, mac FROM users WHERE id =
        (SELECT user_id FROM refresh_tokens WHERE token_hash = $1 AND spent_at IS NULL AND expires_at > $2)";
const OWNER: &str = "SELECT user_id FROM refresh_tokens WHERE token_hash = $1";
/// All but the newest sign-ins, which always include the new one. Their ids are in order of time,
/// as far as clocks are right.
const EVICT_SIGN_INS: &str = "
    DELETE FROM refresh_tokens WHERE user_id = $1 AND family_id NOT IN (
        SELECT family_id FROM refresh_tokens WHERE user_id = $1 GROUP BY family_id
        ORDER BY family_id = $2 DESC, family_id DESC LIMIT $3
    )";
/// If the token is unchanged since it was read: the MAC covers all of it.
const VALID_FROM: &str = "
    SELECT tokens_valid_from FROM refresh_tokens t JOIN users ON users.id = user_id
    WHERE token_hash = $1 AND t.mac = $2";
/// If the token was spent before this time.
const END_REUSED: &str = "
    DELETE FROM refresh_tokens WHERE family_id IN
        (SELECT family_id FROM refresh_tokens WHERE token_hash = $1 AND mac = $2 AND spent_at < $3)
    RETURNING user_id";
/// All but the newest live successors of a token that has not expired.
const EVICT_SUCCESSORS: &str = "
    DELETE FROM refresh_tokens WHERE token_hash IN (
        SELECT t.token_hash FROM refresh_tokens t JOIN refresh_tokens spent USING (family_id)
        WHERE spent.token_hash = $1 AND spent.mac = $2 AND spent.expires_at > $3
            AND t.parent_hash = $1 AND t.spent_at IS NULL
        ORDER BY t.expires_at DESC, t.token_hash OFFSET $4
    )";
/// Spends the token, and stores its successor.
const SPEND: &str = "
    WITH spent AS (
        UPDATE refresh_tokens SET spent_at = $3, mac = $4
        WHERE token_hash = $1 AND mac = $2 AND expires_at > $8 RETURNING family_id, user_id
    )
    INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at, parent_hash, mac)
    SELECT $5, family_id, user_id, $6, $1, $7 FROM spent";
/// Ends a sign-in with too many tokens: forgetting spent ones would hide their reuse.
const END_OVERUSED: &str = "
    DELETE FROM refresh_tokens
    WHERE family_id = $1 AND (SELECT count(*) FROM refresh_tokens WHERE family_id = $1) > $2";
const END_FAMILY: &str = "
    DELETE FROM refresh_tokens
    WHERE family_id IN (SELECT family_id FROM refresh_tokens WHERE token_hash = $1)";
/// How often a refresh starts over because another came in between.
const TRIES: usize = 100;

impl RefreshTokens for Postgres {
    async fn add_refresh_token(
        &self,
        token: RefreshToken,
        verified: User,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        let RefreshToken { token_hash, family_id, expires_at } = &token;
        let User { id, password_hash, status, tokens_valid_from, .. } = &verified;
        // The hash is exposed for comparison with its column.
        let (hash, password_hash, status) = (&token_hash[..], password_hash.expose_secret(), status.as_str());
        let mac = &self.signer()?.sign(&KeptToken::of(&token, *id))[..];
        let steps = [
            Step(LOCK_USER, &[id]),
            Step(ADD, &[&hash, family_id, expires_at, id, &password_hash, &status, tokens_valid_from, &mac]),
            Step(EVICT_SIGN_INS, &[id, family_id, &MAX_SIGN_INS]),
        ];
        Ok(!self.write_audited(Acting::Nobody, entry, &steps, 1).await?[1].is_empty())
    }

    async fn refresh_token_owner(&self, hash: Hash) -> Result<Option<Uuid>, StoreError> {
        let rows = self.read(Acting::Nobody, &[Step(OWNER, &[&&hash[..]])]).await?;
        row::optional(&rows, |found| Ok(found.try_get(0)?))
    }

    async fn refresh(
        &self,
        hash: Hash,
        successor: Hash,
        (now, lifetime_ms, grace_ms): (i64, i64, i64),
        reuse: Entry,
    ) -> Result<Refresh, StoreError> {
        let signer = self.signer()?;
        // Each statement depends on the row whose user the first statement locks.
        for _ in 0..TRIES {
            let rows = self.read(Acting::Nobody, &[Step(FIND, &[&&hash[..]])]).await?;
            let Some(token) = self.genuine_one(row::optional(&rows, row::kept(read))?).await? else {
                return Ok(Refresh::Unknown);
            };
            let (user_id, reused_before) = (token.user_id, now - grace_ms);
            let (spent, next) = (token.spent(now), token.successor(successor, now + lifetime_ms));
            let macs = [signer.sign(&token), signer.sign(&spent), signer.sign(&next)];
            let [known, spent_mac, next_mac] = [&macs[0][..], &macs[1][..], &macs[2][..]];
            let (hash, successor) = (&hash[..], &successor[..]);
            let steps = [
                Step(LOCK, &[&hash]),
                Step(VALID_FROM, &[&hash, &known]),
                Step(END_REUSED, &[&hash, &known, &reused_before]),
                Step(EVICT_SUCCESSORS, &[&hash, &known, &now, &(MAX_SUCCESSORS - 1)]),
                Step(
                    SPEND,
                    &[
                        &hash,
                        &known,
                        &spent.spent_at,
                        &spent_mac,
                        &successor,
                        &next.expires_at,
                        &next_mac,
                        &now,
                    ],
                ),
                Step(END_OVERUSED, &[&token.family_id, &MAX_KEPT_TOKENS]),
            ];
            let rows = self.write_audited(Acting::Nobody, reuse.clone(), &steps, 2).await?;
            let tokens_valid_from = row::optional(&rows[1], |found| Ok(found.try_get(0)?))?;
            // If the token has changed since it was read, read it again.
            let Some(tokens_valid_from) = tokens_valid_from else { continue };
            return Ok(match token.spent_at {
                Some(spent_at) if spent_at < reused_before => Refresh::Reused(user_id),
                _ if token.expires_at <= now => Refresh::Expired,
                _ => Refresh::Renewed { user_id, tokens_valid_from },
            });
        }
        Err(StoreError::NotCommitted)
    }

    async fn user_by_token(&self, hash: Hash, now: i64) -> Result<Option<User>, StoreError> {
        let hash = &hash[..];
        let steps = [Step(FIND, &[&hash]), Step(OF_TOKEN, &[&hash, &now])];
        let rows = self.read_all(Acting::Nobody, View::Snapshot, &steps).await?;
        let token = self.genuine_one(row::optional(&rows[0], row::kept(read))?).await?;
        let user = self.genuine_one(row::optional(&rows[1], row::kept(row::user))?).await?;
        Ok(token.and(user))
    }

    async fn end_family(&self, hash: Hash) -> Result<(), StoreError> {
        let hash = &hash[..];
        self.write(Acting::Nobody, &[Step(LOCK, &[&hash]), Step(END_FAMILY, &[&hash])]).await.map(drop)
    }
}

pub(super) fn read(row: &Row) -> Result<KeptToken, StoreError> {
    let hash: &[u8] = row.try_get("token_hash")?;
    Ok(KeptToken {
        token_hash: hash.try_into().map_err(|_| StoreError::UnknownWord("token_hash"))?,
        family_id: row.try_get("family_id")?,
        user_id: row.try_get("user_id")?,
        expires_at: row.try_get("expires_at")?,
        spent_at: row.try_get("spent_at")?,
    })
}
