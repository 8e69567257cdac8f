//! Users and their refresh tokens.

use super::{Store, StoreError, row};
use crate::store::{Hash, Refresh, RefreshToken, User, UserStatus};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Result};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

impl Store {
    /// Stores a new user; false where the e-mail address is taken.
    pub(crate) async fn add_user(&self, user: User) -> Result<bool, StoreError> {
        let sql = format!("INSERT INTO users ({}) VALUES (?1, ?2, ?3, 'active', ?4, ?4)", row::USER);
        let insert = move |c: &Connection| {
            let hash = user.password_hash.expose_secret();
            let inserted = c.execute(&sql, (user.id.to_string(), &user.email, hash, user.created_at));
            match inserted {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Ok(false),
                other => other.map(|_| true),
            }
        };
        self.write(insert).await
    }

    pub(crate) async fn user_by_email(&self, email: String) -> Result<Option<User>, StoreError> {
        let sql = format!("SELECT {} FROM users WHERE email = ?1", row::USER);
        self.read(move |c| c.prepare_cached(&sql)?.query_row([email], row::user).optional()).await
    }

    pub(crate) async fn user(&self, id: Uuid) -> Result<Option<User>, StoreError> {
        let sql = format!("SELECT {} FROM users WHERE id = ?1", row::USER);
        self.read(move |c| c.prepare_cached(&sql)?.query_row([id.to_string()], row::user).optional()).await
    }

    /// All users, by e-mail address.
    pub(crate) async fn users(&self) -> Result<Vec<User>, StoreError> {
        let sql = format!("SELECT {} FROM users ORDER BY email", row::USER);
        self.read(move |c| c.prepare(&sql)?.query_map([], row::user)?.collect()).await
    }

    /// Sets a user's status; false where there is no such user. Suspending
    /// also ends all sign-ins.
    pub(crate) async fn set_user_status(
        &self,
        email: String,
        status: UserStatus,
        now: i64,
    ) -> Result<bool, StoreError> {
        let word = match status {
            UserStatus::Active => "active",
            UserStatus::Suspended => "suspended",
        };
        let sql = "UPDATE users SET status = ?2, tokens_valid_from = ?3 WHERE email = ?1";
        self.change_user(email, sql, word.to_owned(), now).await
    }

    /// Sets a user's password and ends all sign-ins; false where there is no such user.
    pub(crate) async fn set_password(
        &self,
        email: String,
        hash: SecretString,
        now: i64,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE users SET password_hash = ?2, tokens_valid_from = ?3 WHERE email = ?1";
        self.change_user(email, sql, hash.expose_secret().to_owned(), now).await
    }

    async fn change_user(
        &self,
        email: String,
        sql: &'static str,
        value: String,
        now: i64,
    ) -> Result<bool, StoreError> {
        let end_sign_ins =
            "DELETE FROM refresh_tokens WHERE user_id IN (SELECT id FROM users WHERE email = ?1)";
        let change = move |c: &Connection| {
            c.execute(end_sign_ins, [&email])?;
            c.execute(sql, (email, value, now)).map(|changed| changed > 0)
        };
        self.write(change).await
    }

    /// Deletes a user and all that is the user's; false where there is none.
    pub(crate) async fn delete_user(&self, email: String) -> Result<bool, StoreError> {
        self.write(move |c| {
            c.execute("DELETE FROM users WHERE email = ?1", [email]).map(|deleted| deleted > 0)
        })
        .await
    }

    /// Stores the refresh token of a new sign-in.
    pub(crate) async fn add_refresh_token(&self, token: RefreshToken) -> Result<(), StoreError> {
        self.write(move |c| insert_token(c, &token)).await
    }

    /// Spends the token with `hash` and stores its successor. A spent token
    /// that comes again within `grace_ms` gets a successor as well; later, its
    /// family is ended.
    pub(crate) async fn refresh(
        &self,
        hash: Hash,
        successor: Hash,
        (now, lifetime_ms, grace_ms): (i64, i64, i64),
    ) -> Result<Refresh, StoreError> {
        self.write(move |c| {
            let select =
                "SELECT family_id, user_id, expires_at, spent_at FROM refresh_tokens WHERE token_hash = ?1";
            let found = c.prepare_cached(select)?.query_row([&hash[..]], |found| {
                Ok((
                    row::id(found, 0)?,
                    row::id(found, 1)?,
                    found.get::<_, i64>(2)?,
                    found.get::<_, Option<i64>>(3)?,
                ))
            });
            let Some((family_id, user_id, expires_at, spent_at)) = found.optional()? else {
                return Ok(Refresh::Unknown);
            };
            if spent_at.is_some_and(|spent_at| now - spent_at > grace_ms) {
                c.execute("DELETE FROM refresh_tokens WHERE family_id = ?1", [family_id.to_string()])?;
                return Ok(Refresh::Reused);
            }
            if expires_at <= now {
                return Ok(Refresh::Expired);
            }
            let spend = "UPDATE refresh_tokens SET spent_at = coalesce(spent_at, ?2) WHERE token_hash = ?1";
            c.execute(spend, (&hash[..], now))?;
            let token =
                RefreshToken { token_hash: successor, family_id, user_id, expires_at: now + lifetime_ms };
            insert_token(c, &token)?;
            Ok(Refresh::Renewed(user_id))
        })
        .await
    }

    /// Ends the sign-in that the token with `hash` descends from.
    pub(crate) async fn end_family(&self, hash: Hash) -> Result<(), StoreError> {
        let sql = "DELETE FROM refresh_tokens
                   WHERE family_id IN (SELECT family_id FROM refresh_tokens WHERE token_hash = ?1)";
        self.write(move |c| c.execute(sql, [&hash[..]]).map(drop)).await
    }
}

fn insert_token(c: &Connection, token: &RefreshToken) -> Result<()> {
    let sql =
        "INSERT INTO refresh_tokens (token_hash, family_id, user_id, expires_at) VALUES (?1, ?2, ?3, ?4)";
    let (family, user) = (token.family_id.to_string(), token.user_id.to_string());
    c.prepare_cached(sql)?.execute((&token.token_hash[..], family, user, token.expires_at)).map(drop)
}
