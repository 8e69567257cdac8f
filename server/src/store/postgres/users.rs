//! The operations on `users` in PostgreSQL.

use super::transaction::{Acting, Parameters, Step};
use super::{Postgres, row};
use crate::audit::Entry;
use crate::store::{StoreError, User, UserStatus, Users};
use crate::words::Word as _;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use uuid::Uuid;

const ADD: &str = r#"
    INSERT INTO users (id, email, password_hash, status, created_at, tokens_valid_from, mac)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (lower(email COLLATE "C")) DO NOTHING RETURNING id"#;
const BY_EMAIL: &str = r#"
    SELECT id, email, password_hash, status, created_at, tokens_valid_from, mac
    FROM users WHERE lower(email COLLATE "C") = lower($1 COLLATE "C")"#;
/// Row-level security does not guard this table, so connections with the rights of a service can
/// run this too.
pub(super) const FIND: &str = "
    SELECT id, email, password_hash, status, created_at, tokens_valid_from, mac FROM users WHERE id = $1";
const ALL: &str = r#"
    SELECT id, email, password_hash, status, created_at, tokens_valid_from
    FROM users ORDER BY lower(email COLLATE "C")"#;
/// Waits for running sign-ins, so that none is missed.
const LOCK: &str = "SELECT 1 FROM users WHERE id = $1 FOR UPDATE";
const END_SIGN_INS: &str = "DELETE FROM refresh_tokens WHERE user_id = $1";
/// If the row is unchanged since it was read: the MAC covers all of it.
const CHANGE: &str = "
    UPDATE users SET password_hash = $2, status = $3, tokens_valid_from = $4, mac = $5
    WHERE id = $1 AND mac = $6 RETURNING id";
/// How often a change starts over because another came in between.
const TRIES: usize = 100;
/// The owners of changed records: the user, and owners of projects with the user as a member.
const LOCK_OWNERS: &str = "
    SELECT lock_owner(id) FROM (
        SELECT $1::uuid AS id UNION SELECT owner_id FROM project_members WHERE user_id = $1 ORDER BY 1
    ) owners";
/// Locks the connections before their requests are deleted: storing a session locks in this order.
const LOCK_CONNECTIONS: &str = "
    SELECT id FROM platform_connections WHERE user_id = $1 ORDER BY id FOR UPDATE";
const DELETE_REQUESTS: &str = "DELETE FROM capture_requests WHERE user_id = $1";
/// Deletes credentials before their types, each locked in the same order as when a credential is
/// written.
const DELETE_APP_CREDENTIALS: [&str; 4] = [
    "SELECT id FROM credential_types WHERE owner_id = $1 ORDER BY id FOR UPDATE",
    "DELETE FROM projects WHERE owner_id = $1",
    "DELETE FROM app_credentials WHERE owner_id = $1",
    "DELETE FROM credential_types WHERE owner_id = $1",
];
const DELETE: &str = "DELETE FROM users WHERE id = $1 RETURNING id";
/// Runs after the user is deleted: adding a member locks the user, so no membership can follow.
const END_MEMBERSHIPS: &str = "DELETE FROM project_members WHERE user_id = $1";
/// Prevents requests of this user that are still running from storing anything.
const KEEP_GONE: &str = "UPDATE owner_usage SET is_gone = true WHERE owner_id = $1";

impl Postgres {
    /// Changes a user and ends all sign-ins; false if the user does not exist.
    async fn change_user(
        &self,
        id: Uuid,
        change: impl Fn(User) -> User,
        now: i64,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        let signer = self.signer()?;
        for _ in 0..TRIES {
            let rows = self.read(Acting::Nobody, &[Step(FIND, &[&id])]).await?;
            let Some(user) = self.genuine_one(row::optional(&rows, row::kept(row::user))?).await? else {
                return Ok(false);
            };
            let known = signer.sign(&user);
            let changed = change(user).with_sign_ins_ended(now);
            // The hash is exposed as the value of its column.
            let (hash, status) = (changed.password_hash.expose_secret(), changed.status.as_str());
            let (mac, known) = (&signer.sign(&changed)[..], &known[..]);
            let change = Step(CHANGE, &[&id, &hash, &status, &changed.tokens_valid_from, &mac, &known]);
            let steps = [Step(LOCK, &[&id]), Step(END_SIGN_INS, &[&id]), change];
            if !self.write_audited(Acting::Maintenance, entry.clone(), &steps, 2).await?[2].is_empty() {
                return Ok(true);
            }
        }
        Err(StoreError::NotCommitted)
    }
}

impl Users for Postgres {
    async fn add_user(&self, user: User, entry: Entry) -> Result<bool, StoreError> {
        let User { id, email, password_hash, status, created_at, tokens_valid_from } = &user;
        // The hash is exposed as the value of its column.
        let (hash, status) = (password_hash.expose_secret(), status.as_str());
        let mac = &self.signer()?.sign(&user)[..];
        let add = Step(ADD, &[id, email, &hash, &status, created_at, tokens_valid_from, &mac]);
        Ok(!self.write_audited(Acting::Nobody, entry, &[add], 0).await?[0].is_empty())
    }

    async fn user_by_email(&self, email: String) -> Result<Option<User>, StoreError> {
        let rows = self.read(Acting::Nobody, &[Step(BY_EMAIL, &[&email])]).await?;
        self.genuine_one(row::optional(&rows, row::kept(row::user))?).await
    }

    async fn user(&self, id: Uuid) -> Result<Option<User>, StoreError> {
        let rows = self.service_readers.read(&[Step(FIND, &[&id])]).await?;
        self.genuine_one(row::optional(&rows[0], row::kept(row::user))?).await
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        // Unchecked, because a list grants no rights.
        let rows = self.read(Acting::Nobody, &[Step(ALL, &[])]).await?;
        row::all(&rows, row::user)
    }

    async fn set_user_status(
        &self,
        id: Uuid,
        status: UserStatus,
        now: i64,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        self.change_user(id, |user| User { status, ..user }, now, entry).await
    }

    async fn set_password(
        &self,
        id: Uuid,
        hash: SecretString,
        now: i64,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        self.change_user(id, |user| User { password_hash: hash.clone(), ..user }, now, entry).await
    }

    async fn delete_user(&self, id: Uuid, entry: Entry) -> Result<bool, StoreError> {
        let id: Parameters<'_> = &[&id];
        let mut steps = vec![Step(LOCK_OWNERS, id), Step(LOCK_CONNECTIONS, id), Step(DELETE_REQUESTS, id)];
        steps.extend(DELETE_APP_CREDENTIALS.map(|delete| Step(delete, id)));
        let deletion = steps.len();
        steps.extend([Step(DELETE, id), Step(END_MEMBERSHIPS, id), Step(KEEP_GONE, id)]);
        Ok(!self.write_audited(Acting::Maintenance, entry, &steps, deletion).await?[deletion].is_empty())
    }
}
