//! `users`.

use super::{refresh_tokens, row};
use crate::store::row_signer::RowSigner;
use crate::store::{Hash, User};
use rusqlite::{Connection, OptionalExtension as _, Result, params};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

/// Stores a new user; false where the e-mail address is taken.
pub(super) fn add(c: &Connection, signer: &RowSigner, user: &User) -> Result<bool> {
    let sql = format!(
        "INSERT INTO users ({}, mac) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (email) DO NOTHING",
        row::USER
    );
    let User { id, email, password_hash, status, created_at, tokens_valid_from } = user;
    // The hash, as a value of its column.
    let (hash, status) = (password_hash.expose_secret(), status.as_str());
    let mac = signer.sign(user);
    let columns = params![id.to_string(), email, hash, status, created_at, tokens_valid_from, mac];
    c.execute(&sql, columns).map(|added| added > 0)
}

pub(super) fn by_email(c: &Connection, signer: &RowSigner, email: &str) -> Result<Option<User>> {
    let sql = format!("SELECT {}, mac FROM users WHERE email = ?1", row::USER);
    let kept = c.prepare_cached(&sql)?.query_row([email], row::kept(row::user)).optional()?;
    Ok(kept.and_then(|kept| signer.check(kept)))
}

pub(super) fn find(c: &Connection, signer: &RowSigner, id: Uuid) -> Result<Option<User>> {
    let sql = format!("SELECT {}, mac FROM users WHERE id = ?1", row::USER);
    let kept = c.prepare_cached(&sql)?.query_row([id.to_string()], row::kept(row::user)).optional()?;
    Ok(kept.and_then(|kept| signer.check(kept)))
}

/// The user who signed in with the unspent token with `hash`, until its time.
pub(super) fn by_token(c: &Connection, signer: &RowSigner, hash: &Hash, now: i64) -> Result<Option<User>> {
    match refresh_tokens::find(c, signer, hash)? {
        Some(token) if token.spent_at.is_none() && token.expires_at > now => find(c, signer, token.user_id),
        _ => Ok(None),
    }
}

/// All users, by e-mail address, as they are kept: a list grants nothing.
pub(super) fn all(c: &Connection) -> Result<Vec<User>> {
    let sql = format!("SELECT {} FROM users ORDER BY email", row::USER);
    c.prepare(&sql)?.query_map([], row::user)?.collect()
}

/// Changes a user and ends all sign-ins; false where there is no such user.
pub(super) fn change(
    c: &Connection,
    signer: &RowSigner,
    id: Uuid,
    change: impl FnOnce(User) -> User,
    now: i64,
) -> Result<bool> {
    let Some(user) = find(c, signer, id)? else { return Ok(false) };
    let changed = change(user).with_sign_ins_ended(now);
    c.execute("DELETE FROM refresh_tokens WHERE user_id = ?1", [id.to_string()])?;
    let sql =
        "UPDATE users SET password_hash = ?2, status = ?3, tokens_valid_from = ?4, mac = ?5 WHERE id = ?1";
    let (hash, status) = (changed.password_hash.expose_secret(), changed.status.as_str());
    let mac = signer.sign(&changed);
    c.execute(sql, params![id.to_string(), hash, status, changed.tokens_valid_from, mac])?;
    Ok(true)
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
