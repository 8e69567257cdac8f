//! `platform_sessions`. The newest row of a connection and platform has the latest `captured_at`
//! and, among equal ones, the greatest id.

use super::changes::Changes;
use super::download_credentials::NO_SUCH_REFERENCE;
use super::items::{Items, Query, by_id};
use super::row::{self, SessionRow, Time, time};
use super::{DirectusRecords, connections};
use crate::audit::Entry;
use crate::directus::DirectusError;
use crate::store::{
    Found, Judge, NewSession, NewestSession, Page, PutSession, SealedParts, SealedSession, Session,
    SessionStatus, Sessions, StoreError,
};
use crate::words::Word as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{self, Arc, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;
use uuid::Uuid;

pub(super) const TABLE: &str = "platform_sessions";
const NEWEST_FIRST: &str = "-captured_at,-id";
/// How long storing a session may wait for others of its connection.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Whose turn it is to store a session, by connection: each session stored by this server supersedes
/// the previous one, even if both are a connection's first.
#[derive(Debug, Default)]
pub(super) struct Turns(sync::Mutex<HashMap<Uuid, Weak<Mutex<()>>>>);

impl Turns {
    /// Waits for the connection's turn, which lasts until the guard is dropped. A caller that gives
    /// up leaves the queue. The wait is short, because an old session must not replace what others
    /// stored since.
    pub(super) async fn take(&self, connection_id: Uuid) -> Result<OwnedMutexGuard<()>, DirectusError> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            let turn = turns.get(&connection_id).and_then(Weak::upgrade).unwrap_or_default();
            turns.insert(connection_id, Arc::downgrade(&turn));
            turn
        };
        let taken = timeout(MAX_WAIT, turn.lock_owned()).await;
        taken.map_err(|_| DirectusError::Busy { retry_after_s: 1 })
    }
}

/// The state before a new session.
struct Before {
    /// The connection's owner and platform; `None` if it does not exist.
    connection: Option<(Uuid, String)>,
    /// The newest session, if there is one.
    newest: Option<Captured>,
}

impl Before {
    /// The newest session includes its connection, in the same call.
    async fn find(items: &Items, id: Uuid, platform: &str) -> Result<Self, DirectusError> {
        let mut newest: Option<Captured> = newest_of(items, id, platform, Captured::FIELDS).await?;
        let connection = match newest.as_mut().and_then(|newest| newest.creator_profile_id.take()) {
            Some(connection) => Some((connection.user_id.unwrap_or_default(), connection.platform)),
            None => connections::find(items, id).await?.map(|found| (found.user_id, found.platform)),
        };
        Ok(Self { connection, newest })
    }
}

/// The newest session and its connection.
#[derive(Deserialize)]
struct Captured {
    id: Uuid,
    #[serde(deserialize_with = "row::status")]
    status: SessionStatus,
    captured_at: Time,
    creator_profile_id: Option<OfConnection>,
}

#[derive(Deserialize)]
struct OfConnection {
    user_id: Option<Uuid>,
    platform: String,
}

impl Captured {
    /// Directus refuses to read `renewed_by`, which `bootstrap` adds last, if it is missing.
    // Decision: docs/decisions/storage.md#a-field-that-directus-lacks-stops-what-needs-it
    const FIELDS: &str =
        "id,status,captured_at,renewed_by,creator_profile_id.user_id,creator_profile_id.platform";
}

impl Sessions for DirectusRecords {
    async fn put_session(&self, new: NewSession, entry: Entry) -> Result<PutSession, StoreError> {
        let (connection_id, platform) = (new.creator_profile_id, new.platform.clone());
        let turn = self.turns.take(connection_id).await?;
        self.operations
            .carry_out(|changes| async move {
                let _turn = turn;
                let Before { connection, newest } =
                    Before::find(&changes.items, connection_id, &platform).await?;
                if let Some(refusal) = PutSession::refusal(&new, connection) {
                    return Ok(refusal);
                }
                let is_by_owner = new.renewed_by.is_none();
                if !is_by_owner
                    && !connections::is_write_back_allowed(&changes.items, new.user_id, connection_id).await?
                {
                    return Ok(PutSession::NotAllowed);
                }
                let active = newest.as_ref().filter(|newest| newest.status == SessionStatus::Active);
                if new.renews.is_some() && new.renews != active.map(|active| active.id) {
                    return Ok(PutSession::Superseded);
                }
                let put = put(&changes, new, newest.map(|newest| newest.captured_at.ms()));
                let is_stored = changes.audited_sealed(entry, |stored| *stored, put).await?;
                if is_stored && is_by_owner {
                    changes.database.delete_capture_requests_for(connection_id, Some(platform)).await?;
                }
                Ok(if is_stored { PutSession::Stored } else { PutSession::Nothing })
            })
            .await
    }

    async fn reveal_session(
        &self,
        creator_profile_id: Uuid,
        platform: String,
        judge: Judge<NewestSession>,
    ) -> Result<(), StoreError> {
        let (connection, session) = tokio::try_join!(
            connections::find(&self.items, creator_profile_id),
            newest(&self.items, creator_profile_id, &platform),
        )?;
        self.database.append(judge(connection.map(|connection| (connection, session)))).await
    }

    async fn revoke_session(
        &self,
        user_id: Uuid,
        id: Uuid,
        now: i64,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        let stored: Option<Stored> = self.items.first(TABLE, by_id(id), Stored::FIELDS).await?;
        // A renewal that is under way ends first, or finds the session revoked.
        let turn = match stored.as_ref().and_then(|stored| stored.creator_profile_id) {
            Some(connection_id) => Some(self.turns.take(connection_id).await?),
            None => None,
        };
        self.operations
            .carry_out(|changes| async move {
                let _turn = turn;
                let revoke = async {
                    revoke(&changes, id, now).await?;
                    match &stored {
                        Some(stored) => revoke_renewal(&changes, stored, now).await,
                        None => Ok(()),
                    }
                };
                changes.with_own((TABLE, id, user_id), entry, revoke).await
            })
            .await
    }

    async fn newest_session(
        &self,
        user_id: Uuid,
        creator_profile_id: Uuid,
        platform: String,
    ) -> Result<Option<SealedSession>, StoreError> {
        let newest = newest(&self.items, creator_profile_id, &platform).await?;
        Ok(newest.filter(|(session, _)| session.user_id == user_id))
    }

    async fn renewed_at(
        &self,
        _: Uuid,
        creator_profile_id: Uuid,
        platform: String,
    ) -> Result<Option<i64>, StoreError> {
        let mut filter = of(creator_profile_id, &platform);
        filter["captured_at"] = json!({"_nnull": true});
        filter["renewed_by"] = json!({"_nnull": true});
        let query = Query { filter, fields: Stored::FIELDS, sort: NEWEST_FIRST, limit: 1, offset: 0 };
        let renewed: Option<Stored> = self.items.list(TABLE, &query).await?.into_iter().next();
        Ok(renewed.map(|renewed| renewed.captured_at()))
    }

    async fn sessions_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Session>, u64), StoreError> {
        let (rows, total) =
            self.items.page::<SessionRow>(TABLE, user_id, page, (row::SESSION, NEWEST_FIRST)).await?;
        Ok((rows.into_iter().map(Session::from).collect(), total))
    }

    async fn purge_sessions(&self, ended_before: i64) -> Result<(), StoreError> {
        self.operations
            .carry_out(|changes| async move {
                // A server of a former version erases only the cookies of a session that ends.
                let left =
                    json!({"encrypted_cookies": {"_null": true}, "encrypted_origins": {"_nnull": true}});
                changes.update(TABLE, left, json!({"encrypted_origins": null})).await?;
                let before = json!({"_lt": time(ended_before)});
                Ok(changes
                    .delete(TABLE, json!({"_or": [{"superseded_at": before}, {"revoked_at": before}]}))
                    .await?)
            })
            .await
    }
}

/// Stores a session and supersedes the previous ones; false if the connection does not exist.
///
/// A failure to supersede the previous ones is not an error: the session itself is stored. The
/// caller has the connection's [turn](Turns).
// Decision: docs/decisions/storage.md#with-directus-several-calls-replace-a-transaction
async fn put(changes: &Changes, new: NewSession, newest: Option<i64>) -> Result<bool, DirectusError> {
    let now = new.captured_at;
    // A clock that was set back must not make the new session older.
    let captured_at = newest.map_or(now, |newest| now.max(newest + 1));
    match changes.create(TABLE, item(&new, captured_at)).await {
        Err(error) if error.has_code(NO_SUCH_REFERENCE) => return Ok(false),
        created => created?,
    }
    // The first session has nothing to supersede.
    if newest.is_some()
        && let Err(error) = supersede(changes, &new, captured_at).await
    {
        tracing::warn!(%error, connection = %new.creator_profile_id,
                                    "the cookies and storage of the previous session are kept until the next capture");
    }
    if new.renewed_by.is_some()
        && let Err(error) = delete_renewals(changes, &new).await
    {
        tracing::warn!(%error, connection = %new.creator_profile_id,
                                    "former sessions of services are listed until the next renewal");
    }
    Ok(true)
}

/// Removes what services stored before the session that is just renewed.
async fn delete_renewals(changes: &Changes, new: &NewSession) -> Result<(), DirectusError> {
    let mut filter = of(new.creator_profile_id, &new.platform);
    filter["renewed_by"] = json!({"_nnull": true});
    filter["id"] = json!({"_nin": [new.renews, new.id]});
    changes.delete(TABLE, filter).await
}

fn item(new: &NewSession, captured_at: i64) -> Value {
    json!({
        "id": new.id,
        "user_id": new.user_id,
        "creator_profile_id": new.creator_profile_id,
        "platform": new.platform,
        "encrypted_cookies": new.encrypted_cookies,
        "encrypted_origins": new.encrypted_origins,
        "credentials_version": new.credentials_version,
        "cookie_count": new.cookie_count,
        "entry_count": new.entry_count,
        "user_agent": new.user_agent,
        "status": SessionStatus::Active.as_str(),
        "captured_at": time(captured_at),
        "expires_at": new.expires_at.map(time),
        "renewed_by": new.renewed_by,
    })
}

/// Supersedes all active sessions before a new one, and erases their sealed parts.
async fn supersede(changes: &Changes, new: &NewSession, captured_at: i64) -> Result<(), DirectusError> {
    let mut filter = of(new.creator_profile_id, &new.platform);
    filter["status"] = json!({"_eq": SessionStatus::Active.as_str()});
    filter["id"] = json!({"_neq": new.id});
    // A session without a time comes from another writer.
    let before = json!({"_lt": time(captured_at)});
    filter["_or"] = json!([{"captured_at": before}, {"captured_at": {"_null": true}}]);
    let data = json!({"status": SessionStatus::Superseded.as_str(), "superseded_at": time(new.captured_at),
        "encrypted_cookies": null, "encrypted_origins": null});
    changes.update(TABLE, filter, data).await.map(drop)
}

fn of(connection_id: Uuid, platform: &str) -> Value {
    json!({"creator_profile_id": {"_eq": connection_id}, "platform": {"_eq": platform}})
}

/// The newest session.
async fn newest(
    items: &Items,
    connection_id: Uuid,
    platform: &str,
) -> Result<Option<SealedSession>, DirectusError> {
    let fields = format!("{},encrypted_cookies,encrypted_origins", row::SESSION);
    let found: Option<SessionRow> = newest_of(items, connection_id, platform, &fields).await?;
    Ok(found.map(|mut row| {
        let parts =
            SealedParts { cookies: row.encrypted_cookies.take(), origins: row.encrypted_origins.take() };
        (row.into(), parts)
    }))
}

async fn newest_of<T: DeserializeOwned>(
    items: &Items,
    connection_id: Uuid,
    platform: &str,
    fields: &str,
) -> Result<Option<T>, DirectusError> {
    let mut filter = of(connection_id, platform);
    // A session without a time comes from another writer, and can't count as the newest.
    filter["captured_at"] = json!({"_nnull": true});
    let query = Query { filter, fields, sort: NEWEST_FIRST, limit: 1, offset: 0 };
    Ok(items.list(TABLE, &query).await?.into_iter().next())
}

/// A session, and when and by whom it was stored. Other writers may leave out what it belongs to.
#[derive(Deserialize)]
struct Stored {
    id: Uuid,
    creator_profile_id: Option<Uuid>,
    platform: Option<String>,
    #[serde(deserialize_with = "row::status")]
    status: SessionStatus,
    captured_at: Option<Time>,
    renewed_by: Option<String>,
}

impl Stored {
    const FIELDS: &str = "id,creator_profile_id,platform,status,captured_at,renewed_by";

    fn captured_at(&self) -> i64 {
        self.captured_at.map_or(0, Time::ms)
    }
}

/// Revokes what services made of a session: the newest one, if its owner has stored none since.
async fn revoke_renewal(changes: &Changes, revoked: &Stored, now: i64) -> Result<(), DirectusError> {
    // No service renews a session that belongs to no connection.
    let (Some(id), Some(platform)) = (revoked.creator_profile_id, &revoked.platform) else { return Ok(()) };
    let items = &changes.items;
    let newest: Option<Stored> = newest_of(items, id, platform, Stored::FIELDS).await?;
    let is_renewal = |newest: &Stored| newest.status == SessionStatus::Active && newest.renewed_by.is_some();
    let Some(newest) = newest.filter(is_renewal) else { return Ok(()) };
    let mut filter = of(id, platform);
    filter["captured_at"] = json!({"_nnull": true});
    filter["renewed_by"] = json!({"_null": true});
    let query = Query { filter, fields: Stored::FIELDS, sort: NEWEST_FIRST, limit: 1, offset: 0 };
    let own: Option<Stored> = items.list(TABLE, &query).await?.into_iter().next();
    if own.is_none_or(|own| own.captured_at() <= revoked.captured_at()) {
        revoke(changes, newest.id, now).await?;
    }
    Ok(())
}

/// Revokes a session and erases its sealed parts; a revoked one stays unchanged.
async fn revoke(changes: &Changes, id: Uuid, now: i64) -> Result<(), DirectusError> {
    let revoked = SessionStatus::Revoked.as_str();
    let mut filter = by_id(id);
    // In SQL, NULL is not unequal to anything.
    filter["_or"] = json!([{"status": {"_neq": revoked}}, {"status": {"_null": true}}]);
    let data = json!({"status": revoked, "revoked_at": time(now), "encrypted_cookies": null,
        "encrypted_origins": null});
    changes.update(TABLE, filter, data).await.map(drop)
}
