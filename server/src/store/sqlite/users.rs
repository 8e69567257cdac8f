//! The operations on `users` in SQLite.

use super::{Sqlite, row};
use crate::audit::Entry;
use crate::store::row_signer::RowSigner;
use crate::store::{StoreError, User, UserStatus, Users};
use crate::words::Word as _;
use rusqlite::{Connection as DbConnection, OptionalExtension as _, Result, params};
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use std::sync::Arc;
use uuid::Uuid;

impl Sqlite {
    /// Changes a user and ends all sign-ins; false if the user does not exist.
    async fn change_user(
        &self,
        id: Uuid,
        change: impl FnOnce(User) -> User + Send + 'static,
        now: i64,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        let signer = self.signer()?;
        let checking = Arc::clone(&signer);
        let change = move |c: &DbConnection| {
            let Some(user) = find(c, &checking, id)? else { return Ok(false) };
            let changed = change(user).with_sign_ins_ended(now);
            let id = id.to_string();
            c.execute("DELETE FROM refresh_tokens WHERE user_id = ?1", [&id])?;
            let sql = "UPDATE users SET password_hash = ?2, status = ?3, tokens_valid_from = ?4, mac = ?5
                       WHERE id = ?1";
            // The hash is exposed as the value of its column.
            let (hash, status) = (changed.password_hash.expose_secret(), changed.status.as_str());
            let mac = checking.sign(&changed);
            c.execute(sql, params![id, hash, status, changed.tokens_valid_from, mac]).map(|_| true)
        };
        let is_changed = self.write_audited((entry, |changed| *changed), change).await?;
        signer.report_broken(self).await?;
        Ok(is_changed)
    }
}

impl Users for Sqlite {
    async fn add_user(&self, user: User, entry: Entry) -> Result<bool, StoreError> {
        let signer = self.signer()?;
        self.write_audited((entry, |added| *added), move |c| {
            let sql = format!(
                "INSERT INTO users ({}, mac) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (email) DO NOTHING",
                row::USER
            );
            let User { id, email, password_hash, status, created_at, tokens_valid_from } = &user;
            // The hash is exposed as the value of its column.
            let (hash, status) = (password_hash.expose_secret(), status.as_str());
            let mac = signer.sign(&user);
            let columns = params![id.to_string(), email, hash, status, created_at, tokens_valid_from, mac];
            c.execute(&sql, columns).map(|added| added > 0)
        })
        .await
    }

    async fn user_by_email(&self, email: String) -> Result<Option<User>, StoreError> {
        self.read_signed(move |c, signer| {
            let sql = format!("SELECT {}, mac FROM users WHERE email = ?1", row::USER);
            let kept = c.prepare_cached(&sql)?.query_row([&email], row::kept(row::user)).optional()?;
            Ok(kept.and_then(|kept| signer.check(kept)))
        })
        .await
    }

    async fn user(&self, id: Uuid) -> Result<Option<User>, StoreError> {
        self.read_signed(move |c, signer| find(c, signer, id)).await
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        // Unchecked, because a list grants no rights.
        self.read(|c| {
            let sql = format!("SELECT {} FROM users ORDER BY email", row::USER);
            c.prepare(&sql)?.query_map([], row::user)?.collect()
        })
        .await
    }

    async fn set_user_status(
        &self,
        id: Uuid,
        status: UserStatus,
        now: i64,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        self.change_user(id, move |user| User { status, ..user }, now, entry).await
    }

    async fn set_password(
        &self,
        id: Uuid,
        hash: SecretString,
        now: i64,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        self.change_user(id, move |user| User { password_hash: hash, ..user }, now, entry).await
    }

    async fn delete_user(&self, id: Uuid, entry: Entry) -> Result<bool, StoreError> {
        self.write_audited((entry, |deleted| *deleted), move |c| {
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
            // Prevent requests of this user that are still running from storing anything.
            let gone = "INSERT INTO owner_usage (owner_id, is_gone) VALUES (?1, 1)
                ON CONFLICT (owner_id) DO UPDATE SET is_gone = 1";
            c.execute(gone, [&id])?;
            Ok(is_deleted)
        })
        .await
    }
}

pub(super) fn find(c: &DbConnection, signer: &RowSigner, id: Uuid) -> Result<Option<User>> {
    let sql = format!("SELECT {}, mac FROM users WHERE id = ?1", row::USER);
    let kept = c.prepare_cached(&sql)?.query_row([id.to_string()], row::kept(row::user)).optional()?;
    Ok(kept.and_then(|kept| signer.check(kept)))
}
