//! `platform_sessions`. The newest row of a connection and platform is the one
//! with the latest `captured_at`, and of those with the same the one with the
//! greatest id.

use super::changes::Changes;
use super::download_credentials::NO_SUCH_REFERENCE;
use super::items::{Items, Query, by_id};
use super::row::{self, SessionRow, Time, time};
use super::{DirectusRecords, connections};
use crate::audit::Entry;
use crate::directus::DirectusError;
use crate::store::{
    Found, Judge, NewSession, NewestSession, Page, PutSession, Session, SessionStatus, Sessions, StoreError,
};
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
/// How long a capture may wait for others of its connection.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Whose turn it is to store a session, by connection: each capture here sees the one
/// before it, also of two that are a connection's first.
#[derive(Debug, Default)]
pub(super) struct Turns(sync::Mutex<HashMap<Uuid, Weak<Mutex<()>>>>);

impl Turns {
    /// Waits for the connection's turn, which lasts until what this gives is dropped. Whoever
    /// goes away meanwhile is out of the queue, and nobody waits long: what has waited
    /// must not take the place of what others have stored since.
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

/// What a new session comes after.
struct Before {
    /// Whose connection it is, and of which platform; none where it is gone.
    connection: Option<(Uuid, String)>,
    /// When the newest session was captured, where there is one.
    newest: Option<i64>,
}

impl Before {
    /// The newest session tells of its connection as well, in the same call.
    async fn find(items: &Items, id: Uuid, platform: &str) -> Result<Self, DirectusError> {
        let found: Option<Captured> = newest_of(items, id, platform, Captured::FIELDS).await?;
        let newest = found.as_ref().map(|found| found.captured_at.ms());
        let connection = match found.and_then(|found| found.creator_profile_id) {
            Some(connection) => Some((connection.user_id.unwrap_or_default(), connection.platform)),
            None => connections::find(items, id).await?.map(|found| (found.user_id, found.platform)),
        };
        Ok(Self { connection, newest })
    }
}

/// When the newest session was captured, and of which connection.
#[derive(Deserialize)]
struct Captured {
    captured_at: Time,
    creator_profile_id: Option<OfConnection>,
}

#[derive(Deserialize)]
struct OfConnection {
    user_id: Option<Uuid>,
    platform: String,
}

impl Captured {
    const FIELDS: &str = "captured_at,creator_profile_id.user_id,creator_profile_id.platform";
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
                let put = put(&changes, new, newest);
                let is_stored = changes.noting_sealed(entry, |stored| *stored, put).await?;
                if is_stored {
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
        self.operations
            .carry_out(|changes| async move {
                let revoke = revoke(&changes, id, now);
                changes.with_own((TABLE, id, user_id), entry, revoke).await
            })
            .await
    }

    async fn newest_session(
        &self,
        user_id: Uuid,
        creator_profile_id: Uuid,
        platform: String,
    ) -> Result<Option<Session>, StoreError> {
        let newest = newest(&self.items, creator_profile_id, &platform).await?;
        Ok(newest.map(|(session, _)| session).filter(|session| session.user_id == user_id))
    }

    async fn sessions_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Session>, u64), StoreError> {
        let (rows, total) =
            self.items.page::<SessionRow>(TABLE, user_id, page, (row::SESSION, NEWEST_FIRST)).await?;
        Ok((rows.into_iter().map(Session::from).collect(), total))
    }

    async fn purge_sessions(&self, ended_before: i64) -> Result<(), StoreError> {
        self.operations
            .carry_out(|changes| async move {
                let before = json!({"_lt": time(ended_before)});
                Ok(changes
                    .delete(TABLE, json!({"_or": [{"superseded_at": before}, {"revoked_at": before}]}))
                    .await?)
            })
            .await
    }
}

/// Stores a session and supersedes those before it; false where the connection is gone.
///
/// The new row comes first: from then on it is served, and a stop before the others are
/// superseded leaves only their cookies to be erased by the next capture. So does a
/// failure in between: what was asked for is done by then. The caller has the connection's
/// [turn](Turns); of captures at several servers at once each supersedes older ones alone.
async fn put(changes: &Changes, new: NewSession, newest: Option<i64>) -> Result<bool, DirectusError> {
    let now = new.captured_at;
    // A clock that was set back must not make the new one older.
    let captured_at = newest.map_or(now, |newest| now.max(newest + 1));
    match changes.create(TABLE, item(&new, captured_at)).await {
        Err(error) if error.has_code(NO_SUCH_REFERENCE) => return Ok(false),
        created => created?,
    }
    // Before the first one there is nothing.
    if newest.is_some()
        && let Err(error) = supersede(changes, &new, captured_at).await
    {
        tracing::warn!(%error, connection = %new.creator_profile_id,
                                    "the cookies of the session before are kept until the next capture");
    }
    Ok(true)
}

fn item(new: &NewSession, captured_at: i64) -> Value {
    json!({
        "id": new.id,
        "user_id": new.user_id,
        "creator_profile_id": new.creator_profile_id,
        "platform": new.platform,
        "encrypted_cookies": new.encrypted_cookies,
        "credentials_version": new.credentials_version,
        "cookie_count": new.cookie_count,
        "user_agent": new.user_agent,
        "status": SessionStatus::Active.as_str(),
        "captured_at": time(captured_at),
        "expires_at": new.expires_at.map(time),
    })
}

/// Supersedes all active sessions before a new one, and erases their cookies.
async fn supersede(changes: &Changes, new: &NewSession, captured_at: i64) -> Result<(), DirectusError> {
    let mut filter = of(new.creator_profile_id, &new.platform);
    filter["status"] = json!({"_eq": SessionStatus::Active.as_str()});
    filter["id"] = json!({"_neq": new.id});
    // One without a time was left by another writer.
    let before = json!({"_lt": time(captured_at)});
    filter["_or"] = json!([{"captured_at": before}, {"captured_at": {"_null": true}}]);
    let data = json!({"status": SessionStatus::Superseded.as_str(), "superseded_at": time(new.captured_at),
        "encrypted_cookies": null});
    changes.update(TABLE, filter, data).await.map(drop)
}

fn of(connection_id: Uuid, platform: &str) -> Value {
    json!({"creator_profile_id": {"_eq": connection_id}, "platform": {"_eq": platform}})
}

/// The newest session and its sealed cookies unless they are erased.
async fn newest(
    items: &Items,
    connection_id: Uuid,
    platform: &str,
) -> Result<Option<(Session, Option<String>)>, DirectusError> {
    let fields = format!("{},encrypted_cookies", row::SESSION);
    let found: Option<SessionRow> = newest_of(items, connection_id, platform, &fields).await?;
    Ok(found.map(|mut row| {
        let blob = row.encrypted_cookies.take();
        (row.into(), blob)
    }))
}

async fn newest_of<T: DeserializeOwned>(
    items: &Items,
    connection_id: Uuid,
    platform: &str,
    fields: &str,
) -> Result<Option<T>, DirectusError> {
    let mut filter = of(connection_id, platform);
    // One without a time, which another writer left, is not known to be the newest.
    filter["captured_at"] = json!({"_nnull": true});
    let query = Query { filter, fields, sort: NEWEST_FIRST, limit: 1, offset: 0 };
    Ok(items.list(TABLE, &query).await?.into_iter().next())
}

/// Revokes a session and erases its cookies; one that is revoked stays as it is.
async fn revoke(changes: &Changes, id: Uuid, now: i64) -> Result<(), DirectusError> {
    let revoked = SessionStatus::Revoked.as_str();
    let mut filter = by_id(id);
    // To SQL, nothing is not unequal to anything.
    filter["_or"] = json!([{"status": {"_neq": revoked}}, {"status": {"_null": true}}]);
    let data = json!({"status": revoked, "revoked_at": time(now), "encrypted_cookies": null});
    changes.update(TABLE, filter, data).await.map(drop)
}
