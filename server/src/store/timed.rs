//! A store whose operations are timed for `/metrics`.

mod app_credentials;
mod vault;

use super::{
    Actor, AttemptLimit, AuditFilter, CaptureRequest, Connection, CredentialsUpdate, Database,
    DownloadCredential, Found, Hash, Judge, NewConnection, NewDownloadCredential, NewSession, NewestSession,
    Page, PutConnection, PutSession, Records, Refresh, RefreshToken, Sealed, SealedConnection,
    SealedDownloadCredential, SealedTable, ServiceToken, Session, StoreError, UpdateCredentials, Usages,
    User, UserStatus,
};
use crate::audit::{Anchor, ChainKey, Entry, Head, Row};
use crate::metrics::Metrics;
use async_trait::async_trait;
use secrecy::SecretString;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Times each operation of `inner` under the operation's own name.
#[derive(Debug)]
pub(crate) struct Timed<S: ?Sized> {
    inner: Arc<S>,
    metrics: Arc<Metrics>,
}

impl<S: ?Sized> Timed<S> {
    pub(crate) fn new(inner: Arc<S>, metrics: Arc<Metrics>) -> Self {
        Self { inner, metrics }
    }

    async fn time<T>(&self, operation: &'static str, running: impl Future<Output = T>) -> T {
        self.metrics.time_store(operation, running).await
    }
}

#[async_trait]
impl Records for Timed<dyn Records> {
    async fn check_records(&self) -> Result<(), StoreError> {
        self.time("check_records", self.inner.check_records()).await
    }

    async fn finish_operations(&self) {
        self.inner.finish_operations().await;
    }

    async fn connection_by_identity(
        &self,
        user_id: Uuid,
        identity_key: String,
    ) -> Result<Option<Uuid>, StoreError> {
        self.time("connection_by_identity", self.inner.connection_by_identity(user_id, identity_key)).await
    }

    async fn put_connection(&self, new: NewConnection, entry: Entry) -> Result<PutConnection, StoreError> {
        self.time("put_connection", self.inner.put_connection(new, entry)).await
    }

    async fn update_credentials(
        &self,
        actor: Actor,
        update: CredentialsUpdate,
        entry: Entry,
    ) -> Result<UpdateCredentials, StoreError> {
        self.time("update_credentials", self.inner.update_credentials(actor, update, entry)).await
    }

    async fn connection(&self, actor: Actor, id: Uuid) -> Result<Found<Connection>, StoreError> {
        self.time("connection", self.inner.connection(actor, id)).await
    }

    async fn reveal_connection(&self, id: Uuid, judge: Judge<SealedConnection>) -> Result<(), StoreError> {
        self.time("reveal_connection", self.inner.reveal_connection(id, judge)).await
    }

    async fn connections_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Connection>, u64), StoreError> {
        self.time("connections_of", self.inner.connections_of(user_id, page)).await
    }

    async fn delete_connection(
        &self,
        user_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        self.time("delete_connection", self.inner.delete_connection(user_id, id, entry)).await
    }

    async fn add_download_credential(
        &self,
        new: NewDownloadCredential,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        self.time("add_download_credential", self.inner.add_download_credential(new, entry)).await
    }

    async fn reveal_download_credential(
        &self,
        id: Uuid,
        judge: Judge<SealedDownloadCredential>,
    ) -> Result<(), StoreError> {
        self.time("reveal_download_credential", self.inner.reveal_download_credential(id, judge)).await
    }

    async fn download_credentials_of(
        &self,
        user_id: Uuid,
        page: Page,
    ) -> Result<(Vec<DownloadCredential>, u64), StoreError> {
        self.time("download_credentials_of", self.inner.download_credentials_of(user_id, page)).await
    }

    async fn delete_download_credential(
        &self,
        user_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        self.time("delete_download_credential", self.inner.delete_download_credential(user_id, id, entry))
            .await
    }

    async fn put_session(&self, new: NewSession, entry: Entry) -> Result<PutSession, StoreError> {
        self.time("put_session", self.inner.put_session(new, entry)).await
    }

    async fn reveal_session(
        &self,
        creator_profile_id: Uuid,
        platform: String,
        judge: Judge<NewestSession>,
    ) -> Result<(), StoreError> {
        self.time("reveal_session", self.inner.reveal_session(creator_profile_id, platform, judge)).await
    }

    async fn revoke_session(
        &self,
        user_id: Uuid,
        id: Uuid,
        now: i64,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        self.time("revoke_session", self.inner.revoke_session(user_id, id, now, entry)).await
    }

    async fn newest_session(
        &self,
        user_id: Uuid,
        creator_profile_id: Uuid,
        platform: &str,
    ) -> Result<Option<Session>, StoreError> {
        self.time("newest_session", self.inner.newest_session(user_id, creator_profile_id, platform)).await
    }

    async fn sessions_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Session>, u64), StoreError> {
        self.time("sessions_of", self.inner.sessions_of(user_id, page)).await
    }

    async fn purge_sessions(&self, ended_before: i64) -> Result<(), StoreError> {
        self.time("purge_sessions", self.inner.purge_sessions(ended_before)).await
    }

    async fn sealed(&self, table: SealedTable, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        self.time("sealed", self.inner.sealed(table, after, limit)).await
    }

    async fn replace_sealed(
        &self,
        old: Sealed,
        blob: String,
        credentials_version: &'static str,
    ) -> Result<bool, StoreError> {
        self.time("replace_sealed", self.inner.replace_sealed(old, blob, credentials_version)).await
    }
}

#[async_trait]
impl Database for Timed<dyn Database> {
    async fn check(&self, key_id: &str, now: i64) -> Result<(), StoreError> {
        self.time("check", self.inner.check(key_id, now)).await
    }

    async fn erase(&self) -> Result<(), StoreError> {
        self.time("erase", self.inner.erase()).await
    }

    async fn purge(&self, now: i64) -> Result<(), StoreError> {
        self.time("purge", self.inner.purge(now)).await
    }

    async fn add_user(&self, user: User, entry: Entry) -> Result<bool, StoreError> {
        self.time("add_user", self.inner.add_user(user, entry)).await
    }

    async fn user_by_email(&self, email: String) -> Result<Option<User>, StoreError> {
        self.time("user_by_email", self.inner.user_by_email(email)).await
    }

    async fn user(&self, id: Uuid) -> Result<Option<User>, StoreError> {
        self.time("user", self.inner.user(id)).await
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        self.time("users", self.inner.users()).await
    }

    async fn usages(&self) -> Result<Usages, StoreError> {
        self.time("usages", self.inner.usages()).await
    }

    async fn set_user_status(
        &self,
        id: Uuid,
        status: UserStatus,
        now: i64,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        self.time("set_user_status", self.inner.set_user_status(id, status, now, entry)).await
    }

    async fn set_password(
        &self,
        id: Uuid,
        hash: SecretString,
        now: i64,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        self.time("set_password", self.inner.set_password(id, hash, now, entry)).await
    }

    async fn delete_user(&self, id: Uuid, entry: Entry) -> Result<bool, StoreError> {
        self.time("delete_user", self.inner.delete_user(id, entry)).await
    }

    async fn add_refresh_token(
        &self,
        token: RefreshToken,
        verified: User,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        self.time("add_refresh_token", self.inner.add_refresh_token(token, verified, entry)).await
    }

    async fn refresh_token_owner(&self, hash: Hash) -> Result<Option<Uuid>, StoreError> {
        self.time("refresh_token_owner", self.inner.refresh_token_owner(hash)).await
    }

    async fn refresh(
        &self,
        hash: Hash,
        successor: Hash,
        times: (i64, i64, i64),
        reuse: Entry,
    ) -> Result<Refresh, StoreError> {
        self.time("refresh", self.inner.refresh(hash, successor, times, reuse)).await
    }

    async fn user_by_token(&self, hash: Hash, now: i64) -> Result<Option<User>, StoreError> {
        self.time("user_by_token", self.inner.user_by_token(hash, now)).await
    }

    async fn end_family(&self, hash: Hash) -> Result<(), StoreError> {
        self.time("end_family", self.inner.end_family(hash)).await
    }

    async fn count_attempt(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError> {
        self.time("count_attempt", self.inner.count_attempt(limits, now)).await
    }

    async fn attempt_wait(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError> {
        self.time("attempt_wait", self.inner.attempt_wait(limits, now)).await
    }

    async fn uncount_attempt(&self, subjects: Vec<Hash>) -> Result<(), StoreError> {
        self.time("uncount_attempt", self.inner.uncount_attempt(subjects)).await
    }

    async fn add_service_token(
        &self,
        token: ServiceToken,
        hash: Hash,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        self.time("add_service_token", self.inner.add_service_token(token, hash, entry)).await
    }

    async fn live_service_token(&self, hash: Hash) -> Result<Option<ServiceToken>, StoreError> {
        self.time("live_service_token", self.inner.live_service_token(hash)).await
    }

    async fn service_tokens(&self) -> Result<Vec<ServiceToken>, StoreError> {
        self.time("service_tokens", self.inner.service_tokens()).await
    }

    async fn revoke_service_token(&self, name: String, now: i64, entry: Entry) -> Result<bool, StoreError> {
        self.time("revoke_service_token", self.inner.revoke_service_token(name, now, entry)).await
    }

    async fn add_capture_request(&self, new: CaptureRequest) -> Result<Uuid, StoreError> {
        self.time("add_capture_request", self.inner.add_capture_request(new)).await
    }

    async fn capture_requests_of(
        &self,
        user_id: Uuid,
        page: Page,
        now: i64,
    ) -> Result<(Vec<CaptureRequest>, u64), StoreError> {
        self.time("capture_requests_of", self.inner.capture_requests_of(user_id, page, now)).await
    }

    async fn delete_capture_request(&self, user_id: Uuid, id: Uuid) -> Result<Found<()>, StoreError> {
        self.time("delete_capture_request", self.inner.delete_capture_request(user_id, id)).await
    }

    async fn delete_capture_requests_for(
        &self,
        creator_profile_id: Uuid,
        platform: Option<String>,
    ) -> Result<(), StoreError> {
        self.time(
            "delete_capture_requests_for",
            self.inner.delete_capture_requests_for(creator_profile_id, platform),
        )
        .await
    }

    async fn canaries(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.time("canaries", self.inner.canaries()).await
    }

    async fn add_canary(&self, key_id: String, canary: String, now: i64) -> Result<(), StoreError> {
        self.time("add_canary", self.inner.add_canary(key_id, canary, now)).await
    }

    async fn remove_canary(&self, key_id: String) -> Result<(), StoreError> {
        self.time("remove_canary", self.inner.remove_canary(key_id)).await
    }

    async fn retire_keys(&self, except: String, now: i64) -> Result<(), StoreError> {
        self.time("retire_keys", self.inner.retire_keys(except, now)).await
    }

    async fn is_retired(&self, key_id: String) -> Result<bool, StoreError> {
        self.time("is_retired", self.inner.is_retired(key_id)).await
    }

    async fn own_key(&self, name: &'static str, sealed: String) -> Result<String, StoreError> {
        self.time("own_key", self.inner.own_key(name, sealed)).await
    }

    async fn replace_own_key(
        &self,
        name: &'static str,
        old: String,
        new: String,
    ) -> Result<bool, StoreError> {
        self.time("replace_own_key", self.inner.replace_own_key(name, old, new)).await
    }

    async fn sign_rows(
        &self,
        key: Arc<ChainKey>,
        name: &'static str,
        old: String,
        new: String,
    ) -> Result<Option<u64>, StoreError> {
        self.time("sign_rows", self.inner.sign_rows(key, name, old, new)).await
    }

    async fn broken_rows(&self) -> Result<Vec<String>, StoreError> {
        self.time("broken_rows", self.inner.broken_rows()).await
    }

    fn set_chain_key(&self, key: Arc<ChainKey>) {
        self.inner.set_chain_key(key);
    }

    async fn append(&self, entry: Entry) -> Result<(), StoreError> {
        self.time("append", self.inner.append(entry)).await
    }

    async fn audit_rows(&self, after: (i64, i64), limit: u32) -> Result<Vec<Row>, StoreError> {
        self.time("audit_rows", self.inner.audit_rows(after, limit)).await
    }

    async fn newest_audit_rows(&self, filter: AuditFilter, limit: u32) -> Result<Vec<Row>, StoreError> {
        self.time("newest_audit_rows", self.inner.newest_audit_rows(filter, limit)).await
    }

    async fn record_names(&self, ids: Vec<Uuid>) -> Result<HashMap<String, String>, StoreError> {
        self.time("record_names", self.inner.record_names(ids)).await
    }

    async fn audit_heads(&self) -> Result<Vec<Head>, StoreError> {
        self.time("audit_heads", self.inner.audit_heads()).await
    }

    async fn audit_anchors(&self) -> Result<Vec<Anchor>, StoreError> {
        self.time("audit_anchors", self.inner.audit_anchors()).await
    }

    async fn move_audit_anchor(&self, from: i64, to: Anchor) -> Result<bool, StoreError> {
        self.time("move_audit_anchor", self.inner.move_audit_anchor(from, to)).await
    }
}
