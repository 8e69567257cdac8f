//! [`Database`] on PostgreSQL.

use super::transaction::{Acting, Step};
use super::{
    Postgres, audit_log, capture_requests, login_attempts, record_names, refresh_tokens, row, sealed,
    service_tokens, signed_rows, users,
};
use crate::audit::{Anchor, ChainKey, Entry, Head, Row};
use crate::store::row_signer::RowSigner;
use crate::store::{
    AttemptLimit, AuditFilter, CAPTURE_REQUEST_LIFETIME_MS, CaptureRequest, Database, Found, Hash,
    MAX_ATTEMPT_WINDOW_MS, Page, Refresh, RefreshToken, ServiceToken, StoreError, Usages, User, UserStatus,
};
use async_trait::async_trait;
use secrecy::SecretString;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

#[async_trait]
impl Database for Postgres {
    async fn check(&self, key_id: &str, now: i64) -> Result<(), StoreError> {
        self.check_now(key_id, now).await
    }

    /// Nothing: when PostgreSQL writes over what was erased is its vacuum's
    /// and its log's affair.
    async fn erase(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn purge(&self, now: i64) -> Result<(), StoreError> {
        const TOKENS: &str = "DELETE FROM refresh_tokens WHERE expires_at <= $1";
        const VAULT_SESSIONS: &str = "DELETE FROM vault_sessions WHERE expires_at <= $1";
        const ATTEMPTS: &str = "DELETE FROM login_attempts WHERE window_started_at <= $1";
        let oldest_request = now - CAPTURE_REQUEST_LIFETIME_MS;
        let steps = [
            Step(capture_requests::LOCK_OWNERS_OF_OLD, &[&oldest_request]),
            Step(capture_requests::DELETE_OLD, &[&oldest_request]),
            Step(TOKENS, &[&now]),
            Step(VAULT_SESSIONS, &[&now]),
            Step(ATTEMPTS, &[&(now - MAX_ATTEMPT_WINDOW_MS)]),
        ];
        self.write(Acting::Maintenance, &steps).await.map(drop)
    }

    async fn add_user(&self, user: User, entry: Entry) -> Result<bool, StoreError> {
        users::add(self, &user, entry).await
    }

    async fn user_by_email(&self, email: String) -> Result<Option<User>, StoreError> {
        users::by_email(self, &email).await
    }

    async fn user(&self, id: Uuid) -> Result<Option<User>, StoreError> {
        users::find(self, id).await
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        users::all(self).await
    }

    async fn usages(&self) -> Result<Usages, StoreError> {
        users::usages(self).await
    }

    async fn set_user_status(
        &self,
        id: Uuid,
        status: UserStatus,
        now: i64,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        users::change(self, id, |user| User { status, ..user }, now, entry).await
    }

    async fn set_password(
        &self,
        id: Uuid,
        hash: SecretString,
        now: i64,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        users::change(self, id, |user| User { password_hash: hash.clone(), ..user }, now, entry).await
    }

    async fn delete_user(&self, id: Uuid, entry: Entry) -> Result<bool, StoreError> {
        users::delete(self, id, entry).await
    }

    async fn add_refresh_token(
        &self,
        token: RefreshToken,
        verified: User,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        refresh_tokens::add(self, &token, &verified, entry).await
    }

    async fn refresh_token_owner(&self, hash: Hash) -> Result<Option<Uuid>, StoreError> {
        refresh_tokens::owner(self, &hash).await
    }

    async fn refresh(
        &self,
        hash: Hash,
        successor: Hash,
        times: (i64, i64, i64),
        reuse: Entry,
    ) -> Result<Refresh, StoreError> {
        refresh_tokens::refresh(self, hash, successor, times, reuse).await
    }

    async fn user_by_token(&self, hash: Hash, now: i64) -> Result<Option<User>, StoreError> {
        users::by_token(self, &hash, now).await
    }

    async fn end_family(&self, hash: Hash) -> Result<(), StoreError> {
        refresh_tokens::end_family(self, &hash).await
    }

    async fn count_attempt(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError> {
        login_attempts::count(self, &limits, now).await
    }

    async fn attempt_wait(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError> {
        login_attempts::wait(self, &limits, now).await
    }

    async fn uncount_attempt(&self, subjects: Vec<Hash>) -> Result<(), StoreError> {
        login_attempts::uncount(self, &subjects).await
    }

    async fn add_service_token(
        &self,
        token: ServiceToken,
        hash: Hash,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        service_tokens::add(self, &(token, hash), entry).await
    }

    async fn live_service_token(&self, hash: Hash) -> Result<Option<ServiceToken>, StoreError> {
        service_tokens::live(self, hash).await
    }

    async fn service_tokens(&self) -> Result<Vec<ServiceToken>, StoreError> {
        service_tokens::all(self).await
    }

    async fn revoke_service_token(&self, name: String, now: i64, entry: Entry) -> Result<bool, StoreError> {
        service_tokens::revoke(self, &name, now, entry).await
    }

    async fn add_capture_request(&self, new: CaptureRequest) -> Result<Uuid, StoreError> {
        capture_requests::add(self, &new).await
    }

    async fn capture_requests_of(
        &self,
        user_id: Uuid,
        page: Page,
        now: i64,
    ) -> Result<(Vec<CaptureRequest>, u64), StoreError> {
        capture_requests::page(self, user_id, page, now).await
    }

    async fn delete_capture_request(&self, user_id: Uuid, id: Uuid) -> Result<Found<()>, StoreError> {
        capture_requests::delete(self, user_id, id).await
    }

    async fn delete_capture_requests_for(
        &self,
        creator_profile_id: Uuid,
        platform: Option<String>,
    ) -> Result<(), StoreError> {
        capture_requests::delete_for(self, creator_profile_id, platform.as_deref()).await
    }

    async fn canaries(&self) -> Result<Vec<(String, String)>, StoreError> {
        sealed::canaries(self).await
    }

    async fn add_canary(&self, key_id: String, canary: String, now: i64) -> Result<(), StoreError> {
        sealed::add_canary(self, &key_id, &canary, now).await
    }

    async fn remove_canary(&self, key_id: String) -> Result<(), StoreError> {
        sealed::remove_canary(self, &key_id).await
    }

    async fn retire_keys(&self, except: String, now: i64) -> Result<(), StoreError> {
        sealed::retire_keys(self, &except, now).await
    }

    async fn is_retired(&self, key_id: String) -> Result<bool, StoreError> {
        sealed::is_retired(self, &key_id).await
    }

    async fn own_key(&self, name: &'static str, sealed: String) -> Result<String, StoreError> {
        sealed::own_key(self, name, &sealed).await
    }

    async fn replace_own_key(
        &self,
        name: &'static str,
        old: String,
        new: String,
    ) -> Result<bool, StoreError> {
        sealed::replace_own_key(self, name, &old, &new).await
    }

    async fn sign_rows(
        &self,
        key: Arc<ChainKey>,
        name: &'static str,
        old: String,
        new: String,
    ) -> Result<Option<u64>, StoreError> {
        signed_rows::sign_all(self, &RowSigner::new(key), name, (&old, &new)).await
    }

    async fn broken_rows(&self) -> Result<Vec<String>, StoreError> {
        signed_rows::broken(self).await
    }

    fn set_chain_key(&self, key: Arc<ChainKey>) {
        // A second time changes nothing: the database has one key.
        let _ = self.signer.set(Arc::new(RowSigner::new(key)));
    }

    async fn append(&self, entry: Entry) -> Result<(), StoreError> {
        self.appender.run((self.chain_key()?, entry)).await?
    }

    async fn audit_rows(&self, (chain, sequence): (i64, i64), limit: u32) -> Result<Vec<Row>, StoreError> {
        let steps = [Step(audit_log::ROWS, &[&chain, &sequence, &i64::from(limit)])];
        let rows = self.read(Acting::Nobody, &steps).await?;
        row::all(&rows, |row| Ok(audit_log::read_row(row)?))
    }

    async fn newest_audit_rows(&self, filter: AuditFilter, limit: u32) -> Result<Vec<Row>, StoreError> {
        audit_log::newest(self, filter, limit).await
    }

    async fn record_names(&self, ids: Vec<Uuid>) -> Result<HashMap<String, String>, StoreError> {
        record_names::find(self, &ids).await
    }

    async fn audit_heads(&self) -> Result<Vec<Head>, StoreError> {
        let rows = self.read(Acting::Nobody, &[Step(audit_log::HEADS, &[])]).await?;
        row::all(&rows, |row| Ok(audit_log::read_head(row)?))
    }
    async fn audit_anchors(&self) -> Result<Vec<Anchor>, StoreError> {
        let rows = self.read(Acting::Nobody, &[Step(audit_log::ANCHORS, &[])]).await?;
        row::all(&rows, |row| Ok(audit_log::read_anchor(row)?))
    }

    async fn move_audit_anchor(&self, from: i64, to: Anchor) -> Result<bool, StoreError> {
        audit_log::move_anchor(self, from, &to).await
    }
}
