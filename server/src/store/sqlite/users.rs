//! `users`.

use super::row;
use crate::store::{Hash, User};
use rusqlite::{Connection, OptionalExtension as _, Result};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

/// Stores a new user; false where the e-mail address is taken.
pub(super) fn add(c: &Connection, user: &User) -> Result<bool> {
    let sql = format!(
        "INSERT INTO users ({}) VALUES (?1, ?2, ?3, 'active', ?4, ?4) ON CONFLICT (email) DO NOTHING",
        row::USER
    );
    let hash = user.password_hash.expose_secret();
    c.execute(&sql, (user.id.to_string(), &user.email, hash, user.created_at)).map(|added| added > 0)
}

pub(super) fn by_email(c: &Connection, email: &str) -> Result<Option<User>> {
    let sql = format!("SELECT {} FROM users WHERE email = ?1", row::USER);
    c.prepare_cached(&sql)?.query_row([email], row::user).optional()
}

pub(super) fn find(c: &Connection, id: Uuid) -> Result<Option<User>> {
    let sql = format!("SELECT {} FROM users WHERE id = ?1", row::USER);
    c.prepare_cached(&sql)?.query_row([id.to_string()], row::user).optional()
}

/// The user who signed in with the unspent token with `hash`, until its time.
pub(super) fn by_token(c: &Connection, hash: &Hash, now: i64) -> Result<Option<User>> {
    let sql = format!(
        "SELECT {} FROM users WHERE id =
            (SELECT user_id FROM refresh_tokens WHERE token_hash = ?1 AND spent_at IS NULL AND expires_at > ?2)",
        row::USER
    );
    c.prepare_cached(&sql)?.query_row((&hash[..], now), row::user).optional()
}

/// All users, by e-mail address.
pub(super) fn all(c: &Connection) -> Result<Vec<User>> {
    let sql = format!("SELECT {} FROM users ORDER BY email", row::USER);
    c.prepare(&sql)?.query_map([], row::user)?.collect()
}

/// Sets a column of a user and ends all sign-ins; false where there is no such user.
pub(super) fn change(c: &Connection, id: Uuid, column: &str, value: &str, now: i64) -> Result<bool> {
    let id = id.to_string();
    c.execute("DELETE FROM refresh_tokens WHERE user_id = ?1", [&id])?;
    let sql = format!(
        "UPDATE users SET {column} = ?2, tokens_valid_from = max(?3, tokens_valid_from + 1) WHERE id = ?1"
    );
    c.execute(&sql, (id, value, now)).map(|changed| changed > 0)
}

/// Deletes a user and all that is the user's; false where there is none.
pub(super) fn delete(c: &Connection, id: Uuid) -> Result<bool> {
    let id = id.to_string();
    for delete in [
        "DELETE FROM capture_requests WHERE user_id = ?1",
        "DELETE FROM app_credentials WHERE owner_id = ?1",
        "DELETE FROM projects WHERE owner_id = ?1",
        "DELETE FROM project_members WHERE user_id = ?1",
        "DELETE FROM credential_types WHERE owner_id = ?1",
    ] {
        c.execute(delete, [&id])?;
    }
    let is_deleted = c.execute("DELETE FROM users WHERE id = ?1", [&id])? > 0;
    // What a request of the user's that is under way would store is refused from now on.
    let gone = "INSERT INTO owner_usage (owner_id, is_gone) VALUES (?1, 1)
                ON CONFLICT (owner_id) DO UPDATE SET is_gone = 1";
    c.execute(gone, [&id])?;
    Ok(is_deleted)
}
