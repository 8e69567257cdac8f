//! `platform_sessions`.

use super::gatherer::Gatherer;
use super::pool::Pool;
use super::transaction::{Acting, Parameters, Step};
use super::{Postgres, bounds, row};
use crate::audit::Entry;
use crate::store::row_signer::RowSigner;
use crate::store::{
    AuditLog as _, Found, Judge, NewSession, NewestSession, Page, PutSession, Session, Sessions, StoreError,
};
use std::iter;
use std::sync::Arc;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// Sessions stored in one transaction, so that the first of them does not wait
/// for long.
const BATCH: usize = 32;
/// A session with more sealed text than so many bytes is stored alone, which
/// bounds the memory that a transaction takes.
const GATHERED_BYTES: usize = 64 * 1024;

/// Waits for whoever else stores a session of this connection.
const LOCK: &str = "
    SELECT user_id, platform FROM platform_connections WHERE id = $1 AND user_id = $2 FOR NO KEY UPDATE";
/// See the migration that makes the function.
const PUT: &str = "SELECT place FROM put_sessions($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) place";
pub(super) const NEWEST: &str = "
    SELECT id, user_id, creator_profile_id, platform, cookie_count, user_agent, status, captured_at,
        expires_at, revoked_at, mac, encrypted_cookies
    FROM platform_sessions WHERE creator_profile_id = $1 AND platform = $2 ORDER BY sequence DESC LIMIT 1";
pub(super) const CONNECTION: &str = "
    SELECT id, user_id, platform, platform_username, credentials_updated_at, created_at, updated_at, mac
    FROM platform_connections WHERE id = $1";
/// One that is revoked stays as it is.
const REVOKE: &str = "
    UPDATE platform_sessions SET status = 'revoked', revoked_at = coalesce(revoked_at, $3),
        encrypted_cookies = NULL
    WHERE id = $1 AND user_id = $2
    RETURNING id";
/// As it is kept: counting takes longer the more there are.
const COUNT: &str = "
    SELECT coalesce((SELECT platform_sessions FROM owner_usage WHERE owner_id = $1), 0)";
const PAGE: &str = "
    SELECT id, user_id, creator_profile_id, platform, cookie_count, user_agent, status, captured_at,
        expires_at, revoked_at
    FROM platform_sessions WHERE user_id = $1 ORDER BY sequence DESC LIMIT $2 OFFSET $3";

/// Stores sessions that wait together, and says of each whether it is stored.
pub(super) type SessionPuts = Gatherer<Arc<Put>, Result<bool, StoreError>>;

/// A session that is to be stored.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) signer: Arc<RowSigner>,
    pub(super) new: NewSession,
    pub(super) entry: Entry,
}

/// Starts the task that stores what waits.
pub(super) fn start(pool: Pool) -> SessionPuts {
    Gatherer::start(BATCH, move |puts| put_together(pool.clone(), puts))
}

impl Sessions for Postgres {
    async fn put_session(&self, new: NewSession, entry: Entry) -> Result<PutSession, StoreError> {
        let put = Arc::new(Put { signer: self.signer()?, new, entry });
        if put.new.encrypted_cookies.len() <= GATHERED_BYTES
            && self.session_puts.run(Arc::clone(&put)).await??
        {
            return Ok(PutSession::Stored);
        }
        put_alone(self, &put.new, put.entry.clone()).await
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
        let sealed = row::optional(&rows[1], |found| Ok(found.try_get("encrypted_cookies")?))?.flatten();
        let session = self.genuine_one(row::optional(&rows[1], row::kept(row::session))?).await?;
        let newest = connection.map(|connection| {
            let session = session.filter(|session| session.user_id == connection.user_id);
            (connection, session.map(|session| (session, sealed)))
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
        let steps = [Step(REVOKE, &[&id, &user_id, &now])];
        let rows = self.write_noting(Acting::User(user_id), entry, &steps, 0).await?;
        self.found(&rows[0], "platform_sessions", id, user_id).await
    }

    async fn newest_session(
        &self,
        user_id: Uuid,
        creator_profile_id: Uuid,
        platform: String,
    ) -> Result<Option<Session>, StoreError> {
        let step = Step(NEWEST, &[&creator_profile_id, &platform]);
        let rows = self.read(Acting::User(user_id), &[step]).await?;
        self.genuine_one(row::optional(&rows, row::kept(row::session))?).await
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

/// Says `false` of one that was not stored, as of all of a transaction that was
/// undone: each is to be stored alone, and so finds out what is wrong.
pub(super) async fn put_together(pool: Pool, puts: Vec<Arc<Put>>) -> Vec<Result<bool, StoreError>> {
    // The database has one key: anybody's is that of all.
    let Some(signer) = puts.first().map(|put| Arc::clone(&put.signer)) else { return Vec::new() };
    let columns = Columns::of(&signer, puts.iter().map(|put| &put.new));
    let entries: Vec<_> = puts.iter().map(|put| &put.entry).collect();
    let mut connection = match pool.get().await {
        Ok(connection) => connection,
        // Alone, each would have to wait for a connection once more.
        Err(error) => {
            tracing::warn!(%error, sessions = puts.len(), "there is no connection to store sessions on");
            return puts.iter().map(|_| Err(StoreError::Busy)).collect();
        }
    };
    let step = Step(PUT, &columns.parameters());
    let stored = connection.run_noting_each(signer.key(), &step, &entries).await.map_err(StoreError::from);
    drop(connection);
    // A session whose owner has no room is refused when it is stored alone.
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

/// A connection to another platform has no session of this one that could be
/// superseded.
async fn put_alone(store: &Postgres, new: &NewSession, entry: Entry) -> Result<PutSession, StoreError> {
    let columns = Columns::of(&*store.signer()?, iter::once(new));
    let steps = [Step(LOCK, &[&new.creator_profile_id, &new.user_id]), Step(PUT, &columns.parameters())];
    let rows = store.write_noting(Acting::User(new.user_id), entry, &steps, 1).await?;
    if !rows[1].is_empty() {
        return Ok(PutSession::Stored);
    }
    let own = row::optional(&rows[0], |found| Ok((found.try_get(0)?, found.try_get(1)?)))?;
    if let Some(refusal) = own.and_then(|own| PutSession::refusal(new, Some(own))) {
        return Ok(refusal);
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
    credentials_versions: Vec<&'a str>,
    cookie_counts: Vec<i32>,
    user_agents: Vec<Option<&'a str>>,
    captured_at: Vec<i64>,
    expires_at: Vec<Option<i64>>,
    macs: Vec<Vec<u8>>,
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
            columns.credentials_versions.push(new.credentials_version);
            columns.cookie_counts.push(i32::try_from(new.cookie_count).unwrap_or(i32::MAX));
            columns.user_agents.push(new.user_agent.as_deref());
            columns.captured_at.push(new.captured_at);
            columns.expires_at.push(new.expires_at);
            columns.macs.push(signer.sign(new).to_vec());
        }
        columns
    }

    /// For [`PUT`].
    fn parameters(&self) -> [&(dyn ToSql + Sync); 11] {
        [
            &self.ids,
            &self.user_ids,
            &self.creator_profile_ids,
            &self.platforms,
            &self.encrypted_cookies,
            &self.credentials_versions,
            &self.cookie_counts,
            &self.user_agents,
            &self.captured_at,
            &self.expires_at,
            &self.macs,
        ]
    }
}
