//! `platform_sessions`. The newest row of a connection and platform is the one
//! with the latest `captured_at`, and of those with the same the one with the
//! greatest id.

use super::changes::Changes;
use super::downloads::NO_SUCH_REFERENCE;
use super::items::{Items, Query, by_id};
use super::row::{self, SessionRow, Time, time};
use crate::directus::DirectusError;
use crate::store::{NewSession, Page, Session, SessionStatus};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::cmp::Reverse;
use uuid::Uuid;

pub(super) const TABLE: &str = "platform_sessions";
const NEWEST_FIRST: &str = "-captured_at,-id";
/// More rows than are ever active at once: each capture leaves one.
const MAX_ACTIVE: u32 = 100;

/// Stores a session and supersedes the one before; false where the connection
/// is gone.
///
/// The new row comes first: from then on it is served, and a stop before the
/// others are superseded leaves only their cookies to be erased by the next
/// capture. Of captures that come at once, all see the same newest row, and so
/// none supersedes it.
pub(super) async fn put(changes: &Changes, new: NewSession) -> Result<bool, DirectusError> {
    let (connection_id, platform, now) = (new.creator_profile_id, new.platform.clone(), new.captured_at);
    let newest: Option<Captured> =
        newest_of(&changes.items, connection_id, &platform, Captured::FIELDS).await?;
    // A clock that was set back must not make the new one older.
    let newest = newest.and_then(|newest| newest.captured_at);
    let captured_at = newest.map_or(now, |newest| now.max(newest.ms() + 1));
    match changes.create(TABLE, item(&new, captured_at)).await {
        Err(error) if error.has_code(NO_SUCH_REFERENCE) => return Ok(false),
        created => created?,
    }
    supersede(changes, connection_id, &platform, now).await?;
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

/// Supersedes all active sessions but the newest, and erases their cookies.
async fn supersede(
    changes: &Changes,
    connection_id: Uuid,
    platform: &str,
    now: i64,
) -> Result<(), DirectusError> {
    let mut filter = of(connection_id, platform);
    filter["status"] = json!({"_eq": SessionStatus::Active.as_str()});
    let query = Query { filter, fields: Captured::FIELDS, sort: NEWEST_FIRST, limit: MAX_ACTIVE, offset: 0 };
    let mut active: Vec<Captured> = changes.items.list(TABLE, &query).await?;
    // Databases don't agree on whether those without a time come first.
    active.sort_by_key(|row| Reverse((row.captured_at.map(Time::ms), row.id)));
    let former: Vec<Uuid> = active.into_iter().skip(1).map(|row| row.id).collect();
    if former.is_empty() {
        return Ok(());
    }
    let data = json!({"status": SessionStatus::Superseded.as_str(), "superseded_at": time(now),
        "encrypted_cookies": null});
    changes.update(TABLE, json!({"id": {"_in": former}}), data).await.map(drop)
}

/// A session in the order of captures.
#[derive(Deserialize)]
struct Captured {
    id: Uuid,
    captured_at: Option<Time>,
}

impl Captured {
    const FIELDS: &str = "id,captured_at";
}

fn of(connection_id: Uuid, platform: &str) -> Value {
    json!({"creator_profile_id": {"_eq": connection_id}, "platform": {"_eq": platform}})
}

/// The newest session and its sealed cookies unless they are erased.
pub(super) async fn newest(
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
pub(super) async fn revoke(changes: &Changes, id: Uuid, now: i64) -> Result<(), DirectusError> {
    let revoked = SessionStatus::Revoked.as_str();
    let mut filter = by_id(id);
    // To SQL, nothing is not unequal to anything.
    filter["_or"] = json!([{"status": {"_neq": revoked}}, {"status": {"_null": true}}]);
    let data = json!({"status": revoked, "revoked_at": time(now), "encrypted_cookies": null});
    changes.update(TABLE, filter, data).await.map(drop)
}

pub(super) async fn page(
    items: &Items,
    user_id: Uuid,
    page: Page,
) -> Result<(Vec<Session>, u64), DirectusError> {
    let (rows, total) = items.page::<SessionRow>(TABLE, user_id, page, (row::SESSION, NEWEST_FIRST)).await?;
    Ok((rows.into_iter().map(Session::from).collect(), total))
}

/// Removes the sessions that ended before `ended_before`.
pub(super) async fn purge(changes: &Changes, ended_before: i64) -> Result<(), DirectusError> {
    let before = json!({"_lt": time(ended_before)});
    changes.delete(TABLE, json!({"_or": [{"superseded_at": before}, {"revoked_at": before}]})).await
}
