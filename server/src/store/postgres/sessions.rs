//! `platform_sessions`.

use super::session::{Acting, Step};
use super::{Postgres, row};
use crate::audit::Entry;
use crate::store::{Connection, Found, NewSession, PutSession, Session, StoreError};
use uuid::Uuid;

/// One that stores a session waits here for another that does, so that the
/// sessions of a connection are numbered in the order of their commits and one
/// of them is active. It sees what was committed while it waited, since that is
/// another statement's work.
const LOCK: &str = "
    SELECT user_id, platform FROM platform_connections WHERE id = $1 AND user_id = $2 FOR NO KEY UPDATE";
/// No other than the newest is active: the ended ones before it, of which there
/// may be very many, are not looked at.
const SUPERSEDE: &str = "
    UPDATE platform_sessions SET status = 'superseded', superseded_at = $3, encrypted_cookies = NULL
    WHERE status = 'active' AND sequence = (
        SELECT max(sequence) FROM platform_sessions WHERE creator_profile_id = $1 AND platform = $2
    )";
/// Gives no row where the connection is gone, or to another platform.
const INSERT: &str = "
    INSERT INTO platform_sessions (id, user_id, creator_profile_id, platform, encrypted_cookies,
        credentials_version, cookie_count, user_agent, status, captured_at, expires_at)
    SELECT $1, user_id, id, $4, $5, $6, $7, $8, 'active', $9, $10
    FROM platform_connections WHERE id = $3 AND user_id = $2 AND platform = $4
    RETURNING id";
const FULFIL: &str = "DELETE FROM capture_requests WHERE creator_profile_id = $1 AND platform = $2";
pub(super) const NEWEST: &str = "
    SELECT id, user_id, creator_profile_id, platform, cookie_count, user_agent, status, captured_at,
        expires_at, revoked_at, encrypted_cookies
    FROM platform_sessions WHERE creator_profile_id = $1 AND platform = $2 ORDER BY sequence DESC LIMIT 1";
pub(super) const CONNECTION: &str = "
    SELECT id, user_id, platform, platform_username, credentials_updated_at, created_at, updated_at
    FROM platform_connections WHERE id = $1";
/// One that is revoked stays as it is.
const REVOKE: &str = "
    UPDATE platform_sessions SET status = 'revoked', revoked_at = coalesce(revoked_at, $3),
        encrypted_cookies = NULL
    WHERE id = $1 AND user_id = $2
    RETURNING id";
pub(super) const COUNT: &str = "SELECT count(*) FROM platform_sessions WHERE user_id = $1";
pub(super) const PAGE: &str = "
    SELECT id, user_id, creator_profile_id, platform, cookie_count, user_agent, status, captured_at,
        expires_at, revoked_at
    FROM platform_sessions WHERE user_id = $1 ORDER BY sequence DESC LIMIT $2 OFFSET $3";

/// Stores a session, supersedes the one before and fulfils the capture request
/// that waits for it. A connection to another platform has no session of this
/// one that could be superseded.
pub(super) async fn put(store: &Postgres, new: &NewSession, entry: Entry) -> Result<PutSession, StoreError> {
    let cookie_count = i32::try_from(new.cookie_count).unwrap_or(i32::MAX);
    let steps = [
        Step(LOCK, &[&new.creator_profile_id, &new.user_id]),
        Step(SUPERSEDE, &[&new.creator_profile_id, &new.platform, &new.captured_at]),
        Step(FULFIL, &[&new.creator_profile_id, &new.platform]),
        Step(
            INSERT,
            &[
                &new.id,
                &new.user_id,
                &new.creator_profile_id,
                &new.platform,
                &new.encrypted_cookies,
                &new.credentials_version,
                &cookie_count,
                &new.user_agent,
                &new.captured_at,
                &new.expires_at,
            ],
        ),
    ];
    let rows = store.write_noting(Acting::User(new.user_id), entry, &steps, steps.len() - 1).await?;
    if !rows[steps.len() - 1].is_empty() {
        return Ok(PutSession::Stored);
    }
    let own = row::optional(&rows[0], |found| Ok((found.try_get(0)?, found.try_get(1)?)))?;
    if let Some(refusal) = own.and_then(|own| PutSession::refusal(new, Some(own))) {
        return Ok(refusal);
    }
    let found = store.absent::<()>("platform_connections", new.creator_profile_id, new.user_id).await?;
    Ok(if found == Found::Foreign { PutSession::Foreign } else { PutSession::Nothing })
}

/// A connection, and its newest session on a platform with the sealed cookies
/// unless they are erased.
pub(super) async fn newest(
    store: &Postgres,
    creator_profile_id: Uuid,
    platform: &str,
) -> Result<Option<(Connection, Option<(Session, Option<String>)>)>, StoreError> {
    let steps = [Step(CONNECTION, &[&creator_profile_id]), Step(NEWEST, &[&creator_profile_id, &platform])];
    let rows = store.service_readers.read(&steps).await?;
    let Some(connection) = row::optional(&rows[0], row::connection)? else { return Ok(None) };
    let session =
        row::optional(&rows[1], |found| Ok((row::session(found)?, found.try_get("encrypted_cookies")?)))?;
    Ok(Some((connection, session)))
}

/// Revokes a session of the user's and erases its cookies.
pub(super) async fn revoke(
    store: &Postgres,
    user_id: Uuid,
    id: Uuid,
    now: i64,
    entry: Entry,
) -> Result<Found<()>, StoreError> {
    let steps = [Step(REVOKE, &[&id, &user_id, &now])];
    let rows = store.write_noting(Acting::User(user_id), entry, &steps, 0).await?;
    store.found(&rows[0], "platform_sessions", id, user_id).await
}

/// Removes the sessions that ended before `ended_before`.
pub(super) async fn purge(store: &Postgres, ended_before: i64) -> Result<(), StoreError> {
    const SUPERSEDED: &str = "DELETE FROM platform_sessions WHERE superseded_at < $1";
    const REVOKED: &str = "DELETE FROM platform_sessions WHERE revoked_at < $1";
    let steps = [Step(SUPERSEDED, &[&ended_before]), Step(REVOKED, &[&ended_before])];
    store.write(Acting::Maintenance, &steps).await.map(drop)
}
