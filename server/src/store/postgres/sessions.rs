//! The operations on `platform_sessions` in PostgreSQL.

use super::gatherer::Gatherer;
use super::pool::Pool;
use super::transaction::{Acting, Parameters, Step};
use super::{Postgres, bounds, row};
use crate::audit::Entry;
use crate::store::row_signer::RowSigner;
use crate::store::{
    AuditLog as _, Found, Judge, NewSession, NewestSession, Page, PutSession, SealedParts, SealedSession,
    Session, Sessions, StoreError,
};
use std::iter;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// The most sessions in one transaction, so that the first does not wait long.
const BATCH: usize = 32;
/// A session with more sealed text than this is stored by itself, which limits the memory of a
/// transaction.
const GATHERED_BYTES: usize = 64 * 1024;

/// Waits for other transactions that store a session of this connection, or allow or forbid
/// write-back.
const LOCK: &str = "
    SELECT user_id, platform, write_back_mac IS NOT NULL AS is_write_back_allowed
    FROM platform_connections WHERE id = $1 AND user_id = $2 FOR NO KEY UPDATE";
/// See the migration with the function.
const PUT: &str = "
    SELECT place FROM put_sessions($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
        $14, $15) place";
pub(super) const NEWEST: &str = "
    SELECT id, user_id, creator_profile_id, platform, cookie_count, entry_count, user_agent, status,
        captured_at, expires_at, revoked_at, renewed_by, mac, encrypted_cookies, encrypted_origins
    FROM platform_sessions WHERE creator_profile_id = $1 AND platform = $2 ORDER BY sequence DESC LIMIT 1";
pub(super) const CONNECTION: &str = "
    SELECT id, user_id, platform, platform_username, credentials_updated_at, created_at, updated_at, mac
    FROM platform_connections WHERE id = $1";
/// A revoked session stays unchanged.
const REVOKE: &str = "
    UPDATE platform_sessions SET status = 'revoked', revoked_at = coalesce(revoked_at, $3),
        encrypted_cookies = NULL, encrypted_origins = NULL
    WHERE id = $1 AND user_id = $2
    RETURNING id";
/// Revokes what services made of a session: the newest one, if its owner has stored none since.
const REVOKE_RENEWAL: &str = "
    UPDATE platform_sessions SET status = 'revoked', revoked_at = $3, encrypted_cookies = NULL,
        encrypted_origins = NULL
    WHERE sequence = (
            SELECT (
                SELECT newest.sequence FROM platform_sessions newest
                WHERE newest.creator_profile_id = revoked.creator_profile_id
                    AND newest.platform = revoked.platform
                ORDER BY newest.sequence DESC LIMIT 1)
            FROM platform_sessions revoked
            WHERE revoked.id = $1 AND revoked.user_id = $2 AND revoked.sequence >= coalesce((
                SELECT own.sequence FROM platform_sessions own
                WHERE own.creator_profile_id = revoked.creator_profile_id
                    AND own.platform = revoked.platform AND own.renewed_by IS NULL
                ORDER BY own.sequence DESC LIMIT 1), 0))
        AND status = 'active' AND renewed_by IS NOT NULL";
const RENEWED_AT: &str = "
    SELECT captured_at FROM platform_sessions
    WHERE (CASE WHEN renewed_by IS NOT NULL THEN creator_profile_id END) = $1 AND platform = $2
        AND renewed_by IS NOT NULL
    ORDER BY sequence DESC LIMIT 1";
/// The stored number, because counting slows down with more rows.
const COUNT: &str = "
    SELECT coalesce((SELECT platform_sessions FROM owner_usage WHERE owner_id = $1), 0)";
const PAGE: &str = "
    SELECT id, user_id, creator_profile_id, platform, cookie_count, entry_count, user_agent, status,
        captured_at, expires_at, revoked_at, renewed_by
    FROM platform_sessions WHERE user_id = $1 ORDER BY sequence DESC LIMIT $2 OFFSET $3";

/// Stores waiting sessions together, and returns for each whether it is stored.
pub(super) type SessionPuts = Gatherer<Arc<Put>, Result<bool, StoreError>>;

/// A session to store.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) signer: Arc<RowSigner>,
    pub(super) new: NewSession,
    pub(super) entry: Entry,
}

/// Starts the task that stores waiting sessions.
pub(super) fn start(pool: Pool) -> SessionPuts {
    Gatherer::start(BATCH, move |puts| put_together(pool.clone(), puts))
}

impl Sessions for Postgres {
    async fn put_session(&self, new: NewSession, entry: Entry) -> Result<PutSession, StoreError> {
        let put = Arc::new(Put { signer: self.signer()?, new, entry });
        let origins = put.new.encrypted_origins.as_ref().map_or(0, String::len);
        if put.new.encrypted_cookies.len() + origins <= GATHERED_BYTES
            && self.session_puts.run(Arc::clone(&put)).await??
        {
            return Ok(PutSession::Stored);
        }
        put_one(self, &put.new, put.entry.clone()).await
    }

    async fn reveal_session(
        &self,
        creator_profile_id: Uuid,
        platform: String,
        judge: Judge<NewestSession>,
    ) -> Result<(), StoreError> {
        let steps =
            [Step(CONNECTION, &[&creator_profile_id]), Step(NEWEST, &[&creator_profile_id, &platform])];
        let rows = self.service_readers.read(&steps).await?;
        let connection = self.genuine_one(row::optional(&rows[0], row::kept(row::connection))?).await?;
        let session = sealed_session(self, &rows[1]).await?;
        let newest = connection.map(|connection| {
            let session = session.filter(|(session, _)| session.user_id == connection.user_id);
            (connection, session)
        });
        self.append(judge(newest)).await
    }

    async fn revoke_session(
        &self,
        user_id: Uuid,
        id: Uuid,
        now: i64,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        let parameters: Parameters<'_> = &[&id, &user_id, &now];
        let steps = [Step(REVOKE, parameters), Step(REVOKE_RENEWAL, parameters)];
        let rows = self.write_audited(Acting::User(user_id), entry, &steps, 0).await?;
        self.found(&rows[0], "platform_sessions", id, user_id).await
    }

    async fn newest_session(
        &self,
        user_id: Uuid,
        creator_profile_id: Uuid,
        platform: String,
    ) -> Result<Option<SealedSession>, StoreError> {
        let step = Step(NEWEST, &[&creator_profile_id, &platform]);
        let rows = self.read(Acting::User(user_id), &[step]).await?;
        sealed_session(self, &rows).await
    }

    async fn renewed_at(
        &self,
        user_id: Uuid,
        creator_profile_id: Uuid,
        platform: String,
    ) -> Result<Option<i64>, StoreError> {
        let step = Step(RENEWED_AT, &[&creator_profile_id, &platform]);
        let rows = self.read(Acting::User(user_id), &[step]).await?;
        row::optional(&rows, |found| Ok(found.try_get(0)?))
    }

    async fn sessions_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Session>, u64), StoreError> {
        let (limit, offset) = bounds(page);
        let list = (Step(COUNT, &[&user_id]), Step(PAGE, &[&user_id, &limit, &offset]));
        self.read_page(user_id, list, row::session).await
    }

    async fn purge_sessions(&self, ended_before: i64) -> Result<(), StoreError> {
        const LOCK_OWNERS: &str = "
            SELECT lock_owner(id) FROM (
                SELECT user_id AS id FROM platform_sessions WHERE superseded_at < $1
                UNION SELECT user_id FROM platform_sessions WHERE revoked_at < $1 ORDER BY 1
            ) owners";
        const SUPERSEDED: &str = "DELETE FROM platform_sessions WHERE superseded_at < $1";
        const REVOKED: &str = "DELETE FROM platform_sessions WHERE revoked_at < $1";
        let before: Parameters<'_> = &[&ended_before];
        let steps = [Step(LOCK_OWNERS, before), Step(SUPERSEDED, before), Step(REVOKED, before)];
        self.write(Acting::Maintenance, &steps).await.map(drop)
    }
}

/// The session that [`NEWEST`] found, if the server wrote it.
async fn sealed_session(store: &Postgres, rows: &[Row]) -> Result<Option<SealedSession>, StoreError> {
    let parts = row::optional(rows, |found| {
        let (cookies, origins) = (found.try_get("encrypted_cookies")?, found.try_get("encrypted_origins")?);
        Ok(SealedParts { cookies, origins })
    })?;
    let session = store.genuine_one(row::optional(rows, row::kept(row::session))?).await?;
    Ok(session.zip(parts))
}

/// Returns `false` for a session that was not stored, which includes all of a transaction that was
/// undone: each is then stored by itself, which reveals its error.
// Decision: docs/decisions/storage.md#postgresql-stores-waiting-sessions-together
pub(super) async fn put_together(pool: Pool, puts: Vec<Arc<Put>>) -> Vec<Result<bool, StoreError>> {
    // The database has one key, so all sessions share it.
    let Some(signer) = puts.first().map(|put| Arc::clone(&put.signer)) else { return Vec::new() };
    let columns = Columns::of(&signer, puts.iter().map(|put| &put.new));
    let entries: Vec<_> = puts.iter().map(|put| &put.entry).collect();
    let mut connection = match pool.get().await {
        Ok(connection) => connection,
        // Return an error that says so: stored one by one, each would wait for a connection again.
        Err(error) => {
            tracing::warn!(%error, sessions = puts.len(), "no connection available to store sessions");
            return puts.iter().map(|_| Err(StoreError::Busy)).collect();
        }
    };
    let step = Step(PUT, &columns.parameters());
    let stored = connection.run_audited_each(signer.key(), &step, &entries).await.map_err(StoreError::from);
    drop(connection);
    // A session whose owner has no room is refused when it is stored by itself.
    if let Err(error) = &stored
        && !matches!(error, StoreError::OverLimit(_) | StoreError::OwnerGone)
    {
        tracing::warn!(%error, sessions = puts.len(), "sessions could not be stored together");
    }
    let outcome = |place| match &stored {
        Ok(places) => Ok(places.contains(&place)),
        Err(StoreError::Postgres(fault)) if fault.is_outcome_unknown() => Err(StoreError::NotCommitted),
        Err(_) => Ok(false),
    };
    (1..).zip(&puts).map(|(place, _)| outcome(place)).collect()
}

/// Stores one session in a transaction of its own. If the connection has another platform, there
/// is no session of this platform to supersede.
async fn put_one(store: &Postgres, new: &NewSession, entry: Entry) -> Result<PutSession, StoreError> {
    let columns = Columns::of(&*store.signer()?, iter::once(new));
    let steps = [Step(LOCK, &[&new.creator_profile_id, &new.user_id]), Step(PUT, &columns.parameters())];
    let rows = store.write_audited(Acting::User(new.user_id), entry, &steps, 1).await?;
    if !rows[1].is_empty() {
        return Ok(PutSession::Stored);
    }
    let own = row::optional(&rows[0], |found| {
        let is_write_back_allowed: bool = found.try_get("is_write_back_allowed")?;
        Ok(((found.try_get(0)?, found.try_get(1)?), is_write_back_allowed))
    })?;
    if let Some((own, is_write_back_allowed)) = own {
        let is_forbidden = new.renewed_by.is_some() && !is_write_back_allowed;
        let refusal = PutSession::refusal(new, Some(own));
        let refusal = refusal.or(is_forbidden.then_some(PutSession::NotAllowed));
        // With the right connection, only another newest session is in the way.
        if let Some(refusal) = refusal.or(new.renews.map(|_| PutSession::Superseded)) {
            return Ok(refusal);
        }
    }
    let found = store.absent::<()>("platform_connections", new.creator_profile_id, new.user_id).await?;
    Ok(if found == Found::Foreign { PutSession::Foreign } else { PutSession::Nothing })
}

/// The values of new sessions, column by column.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<Uuid>,
    user_ids: Vec<Uuid>,
    creator_profile_ids: Vec<Uuid>,
    platforms: Vec<&'a str>,
    encrypted_cookies: Vec<&'a str>,
    encrypted_origins: Vec<Option<&'a str>>,
    credentials_versions: Vec<&'a str>,
    cookie_counts: Vec<i32>,
    entry_counts: Vec<i32>,
    user_agents: Vec<Option<&'a str>>,
    captured_at: Vec<i64>,
    expires_at: Vec<Option<i64>>,
    macs: Vec<Vec<u8>>,
    renews: Vec<Option<Uuid>>,
    renewed_by: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(signer: &RowSigner, sessions: impl Iterator<Item = &'a NewSession>) -> Self {
        let mut columns = Self::default();
        for new in sessions {
            columns.ids.push(new.id);
            columns.user_ids.push(new.user_id);
            columns.creator_profile_ids.push(new.creator_profile_id);
            columns.platforms.push(&new.platform);
            columns.encrypted_cookies.push(&new.encrypted_cookies);
            columns.encrypted_origins.push(new.encrypted_origins.as_deref());
            columns.credentials_versions.push(new.credentials_version);
            columns.cookie_counts.push(i32::try_from(new.cookie_count).unwrap_or(i32::MAX));
            columns.entry_counts.push(i32::try_from(new.entry_count).unwrap_or(i32::MAX));
            columns.user_agents.push(new.user_agent.as_deref());
            columns.captured_at.push(new.captured_at);
            columns.expires_at.push(new.expires_at);
            columns.macs.push(signer.sign(new).to_vec());
            columns.renews.push(new.renews);
            columns.renewed_by.push(new.renewed_by.as_deref());
        }
        columns
    }

    /// The parameters of [`PUT`].
    fn parameters(&self) -> [&(dyn ToSql + Sync); 15] {
        [
            &self.ids,
            &self.user_ids,
            &self.creator_profile_ids,
            &self.platforms,
            &self.encrypted_cookies,
            &self.encrypted_origins,
            &self.credentials_versions,
            &self.cookie_counts,
            &self.entry_counts,
            &self.user_agents,
            &self.captured_at,
            &self.expires_at,
            &self.macs,
            &self.renews,
            &self.renewed_by,
        ]
    }
}
