//! [`Database`] on SQLite.

use super::records::change_if_own;
use super::{
    Sqlite, audit_log, capture_requests, login_attempts, record_names, refresh_tokens, sealed,
    service_tokens, signed_rows, usage, users,
};
use crate::audit::{Anchor, ChainKey, Entry, Head, Row};
use crate::store::row_signer::RowSigner;
use crate::store::{
    AttemptLimit, AuditFilter, CAPTURE_REQUEST_LIFETIME_MS, CaptureRequest, Database, Found, Hash,
    MAX_ATTEMPT_WINDOW_MS, Page, Refresh, RefreshToken, ServiceToken, StoreError, Usages, User, UserStatus,
};
use async_trait::async_trait;
use rusqlite::Connection;
use secrecy::SecretString;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

impl Sqlite {
    /// Changes a user and ends all sign-ins; false where there is no such user.
    async fn change_user(
        &self,
        id: Uuid,
        change: impl FnOnce(User) -> User + Send + 'static,
        now: i64,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        let signer = self.signer()?;
        let checking = Arc::clone(&signer);
        let change = move |c: &Connection| users::change(c, &checking, id, change, now);
        let is_changed = self.write_noting(entry, |changed| *changed, change).await?;
        signer.report_broken(self).await?;
        Ok(is_changed)
    }
}

#[async_trait]
impl Database for Sqlite {
    async fn check(&self, key_id: &str, now: i64) -> Result<(), StoreError> {
        self.check_now(key_id, now).await
    }

    /// Empties the write-ahead log, and with it what is left there of what was
    /// erased, by this process or another.
    async fn erase(&self) -> Result<(), StoreError> {
        self.writer.checkpoint().await
    }

    async fn purge(&self, now: i64) -> Result<(), StoreError> {
        self.write(move |c| {
            c.execute("DELETE FROM refresh_tokens WHERE expires_at <= ?1", [now])?;
            c.execute("DELETE FROM vault_sessions WHERE expires_at <= ?1", [now])?;
            let over = now - MAX_ATTEMPT_WINDOW_MS;
            c.execute("DELETE FROM login_attempts WHERE window_started_at <= ?1", [over])?;
            let oldest_request = now - CAPTURE_REQUEST_LIFETIME_MS;
            c.execute("DELETE FROM capture_requests WHERE created_at <= ?1", [oldest_request]).map(drop)
        })
        .await
    }

    async fn add_user(&self, user: User, entry: Entry) -> Result<bool, StoreError> {
        let signer = self.signer()?;
        self.write_noting(entry, |added| *added, move |c| users::add(c, &signer, &user)).await
    }

    async fn user_by_email(&self, email: String) -> Result<Option<User>, StoreError> {
        self.read_signed(move |c, signer| users::by_email(c, signer, &email)).await
    }

    async fn user(&self, id: Uuid) -> Result<Option<User>, StoreError> {
        self.read_signed(move |c, signer| users::find(c, signer, id)).await
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        self.read(users::all).await
    }

    async fn usages(&self) -> Result<Usages, StoreError> {
        self.read(usage::all).await
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
        self.write_noting(entry, |deleted| *deleted, move |c| users::delete(c, id)).await
    }

    async fn add_refresh_token(
        &self,
        token: RefreshToken,
        verified: User,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        let signer = self.signer()?;
        let add = move |c: &Connection| refresh_tokens::add(c, &signer, &token, &verified);
        self.write_noting(entry, |added| *added, add).await
    }

    async fn refresh_token_owner(&self, hash: Hash) -> Result<Option<Uuid>, StoreError> {
        self.read(move |c| refresh_tokens::owner(c, &hash)).await
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
            let outcome = refresh_tokens::refresh(batch, &checking, hash, successor, times)?;
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
        self.read_signed(move |c, signer| users::by_token(c, signer, &hash, now)).await
    }

    async fn end_family(&self, hash: Hash) -> Result<(), StoreError> {
        self.write(move |c| refresh_tokens::end_family(c, &hash)).await
    }

    async fn count_attempt(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError> {
        self.write(move |c| login_attempts::count(c, &limits, now)).await
    }

    async fn attempt_wait(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError> {
        self.read(move |c| login_attempts::wait(c, &limits, now)).await
    }

    async fn uncount_attempt(&self, subjects: Vec<Hash>) -> Result<(), StoreError> {
        self.write(move |c| login_attempts::uncount(c, &subjects)).await
    }

    async fn add_service_token(
        &self,
        token: ServiceToken,
        hash: Hash,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        let (signer, new) = (self.signer()?, (token, hash));
        self.write_noting(entry, |added| *added, move |c| service_tokens::add(c, &signer, &new)).await
    }

    async fn live_service_token(&self, hash: Hash) -> Result<Option<ServiceToken>, StoreError> {
        self.read_signed(move |c, signer| service_tokens::live(c, signer, hash)).await
    }

    async fn service_tokens(&self) -> Result<Vec<ServiceToken>, StoreError> {
        self.read(service_tokens::all).await
    }

    async fn revoke_service_token(&self, name: String, now: i64, entry: Entry) -> Result<bool, StoreError> {
        let signer = self.signer()?;
        let revoke = move |c: &Connection| service_tokens::revoke(c, &signer, &name, now);
        self.write_noting(entry, |revoked| *revoked, revoke).await
    }

    async fn add_capture_request(&self, new: CaptureRequest) -> Result<Uuid, StoreError> {
        self.write(move |c| capture_requests::add(c, &new)).await
    }

    async fn capture_requests_of(
        &self,
        user_id: Uuid,
        page: Page,
        now: i64,
    ) -> Result<(Vec<CaptureRequest>, u64), StoreError> {
        self.read(move |c| capture_requests::page(c, user_id, page, now)).await
    }

    async fn delete_capture_request(&self, user_id: Uuid, id: Uuid) -> Result<Found<()>, StoreError> {
        let record = ("capture_requests", id, user_id);
        self.write(move |c| change_if_own(c, record, |c| capture_requests::delete(c, id))).await
    }

    async fn delete_capture_requests_for(
        &self,
        creator_profile_id: Uuid,
        platform: Option<String>,
    ) -> Result<(), StoreError> {
        self.write(move |c| capture_requests::delete_for(c, creator_profile_id, platform.as_deref())).await
    }

    async fn canaries(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.read(sealed::canaries).await
    }

    async fn add_canary(&self, key_id: String, canary: String, now: i64) -> Result<(), StoreError> {
        self.write(move |c| sealed::add_canary(c, &key_id, &canary, now)).await
    }

    async fn remove_canary(&self, key_id: String) -> Result<(), StoreError> {
        self.write(move |c| sealed::remove_canary(c, &key_id)).await
    }

    async fn retire_keys(&self, except: String, now: i64) -> Result<(), StoreError> {
        // Others' writes come wholly before this one or after it.
        self.write(move |c| sealed::retire_keys(c, &except, now)).await
    }

    async fn is_retired(&self, key_id: String) -> Result<bool, StoreError> {
        self.read(move |c| sealed::is_retired(c, &key_id)).await
    }

    async fn own_key(&self, name: &'static str, sealed: String) -> Result<String, StoreError> {
        self.write(move |c| sealed::own_key(c, name, &sealed)).await
    }

    async fn replace_own_key(
        &self,
        name: &'static str,
        old: String,
        new: String,
    ) -> Result<bool, StoreError> {
        self.write(move |c| sealed::replace_own_key(c, name, &old, &new)).await
    }

    async fn sign_rows(
        &self,
        key: Arc<ChainKey>,
        name: &'static str,
        old: String,
        new: String,
    ) -> Result<Option<u64>, StoreError> {
        let signer = RowSigner::new(key);
        self.write(move |c| {
            let is_ours = sealed::replace_own_key(c, name, &old, &new)?;
            is_ours.then(|| signed_rows::sign_all(c, &signer)).transpose()
        })
        .await
    }

    async fn broken_rows(&self) -> Result<Vec<String>, StoreError> {
        let signer = self.signer()?;
        self.read(move |c| signed_rows::broken(c, &signer)).await
    }

    fn set_chain_key(&self, key: Arc<ChainKey>) {
        // A second time changes nothing: the database has one key.
        let _ = self.signer.set(Arc::new(RowSigner::new(key)));
    }

    async fn append(&self, entry: Entry) -> Result<(), StoreError> {
        self.write_noting(entry, |()| true, |_| Ok(())).await
    }

    async fn audit_rows(&self, after: (i64, i64), limit: u32) -> Result<Vec<Row>, StoreError> {
        self.read(move |c| audit_log::rows(c, after, limit)).await
    }

    async fn newest_audit_rows(&self, filter: AuditFilter, limit: u32) -> Result<Vec<Row>, StoreError> {
        self.read(move |c| audit_log::newest(c, &filter, limit)).await
    }

    async fn record_names(&self, ids: Vec<Uuid>) -> Result<HashMap<String, String>, StoreError> {
        self.read(move |c| record_names::find(c, &ids)).await
    }

    async fn audit_heads(&self) -> Result<Vec<Head>, StoreError> {
        self.read(audit_log::heads).await
    }

    async fn audit_anchors(&self) -> Result<Vec<Anchor>, StoreError> {
        self.read(audit_log::anchors).await
    }

    async fn move_audit_anchor(&self, from: i64, to: Anchor) -> Result<bool, StoreError> {
        self.write(move |c| audit_log::move_anchor(c, from, &to)).await
    }
}
