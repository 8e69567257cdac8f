//! Captured sessions: stored by the extension, read by services.

mod formats;
mod given;
pub(crate) mod serving;
pub(crate) mod write_back;

use super::{
    IdRequest, IdResponse, Success, check_same_platform, open, other_platform, own, own_connection, seal,
};
use crate::api::MAX_SESSION_BYTES;
use crate::app::App;
use crate::audit::Entry;
use crate::body::{self, JsonBody, Platform, Text, Time, body};
use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::UserId;
use crate::openapi::{RecordFailures, SessionFailures};
use crate::refusals::noting_refusal;
use crate::request::{Listing, PageParameters};
use crate::sealing::SealedAt;
use crate::store::{Connection, NewSession, Page, PutSession, SealedSession, Session, SessionStatus};
use axum::Json;
use axum::extract::State;
use given::{GivenCookies, GivenOrigins};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use stagepass_core::Cookie;
use stagepass_core::origin_storage::entry_count;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;
use zeroize::Zeroizing;

/// The session that is to be renewed is not the connection's newest active one.
const SUPERSEDED: Error = Error::Conflict("Session was superseded");
/// The owner does not let services renew the connection's sessions.
const NOT_ALLOWED: Error = Error::ForbiddenByOwner("Write-back not allowed by owner");

body! {
    /// The body of `store-platform-session`.
    #[schema(examples(json!({
        "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
        "platform": "instagram",
        "cookies": [{
            "name": "sessionid", "value": "123456789%3AabcXYZ%3A28", "domain": ".instagram.com", "path": "/",
            "expires": 1_798_761_599, "httpOnly": true, "secure": true, "sameSite": "lax"
        }],
        "user_agent": "Mozilla/5.0",
        "expires_at": "2026-12-31T23:59:59Z"
    }), json!({
        "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
        "platform": "instagram",
        "cookies": [{
            "name": "sessionid", "value": "123456789%3AabcXYZ%3A28", "domain": ".instagram.com", "path": "/",
            "expirationDate": 1_798_761_599.25, "session": false, "hostOnly": false, "httpOnly": true, "secure": true,
            "sameSite": "no_restriction", "storeId": "0"
        }]
    }), json!({
        "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
        "platform": "instagram",
        "cookies": [],
        "origins": [{
            "origin": "https://www.instagram.com", "localStorage": [{"name": "theme", "value": "dark"}],
            "sessionStorage": [{"name": "tab", "value": "1"}]
        }]
    })))]
    lenient struct StorePlatformSessionRequest {
        creator_profile_id: Uuid,
        /// The connection's own platform.
        platform: Platform,
        /// May be empty if the session has origin storage.
        #[schema(max_items = 1000, value_type = Vec<body::GivenCookie>)]
        cookies: GivenCookies,
        /// What the site keeps in the browser's localStorage and sessionStorage; at most 1,000 entries and 512 KiB.
        #[schema(max_items = 20, value_type = Option<Vec<body::GivenOrigin>>)]
        origins: Option<GivenOrigins>,
        /// The session that a renewal replaces: it must be the connection's newest, and active.
        renews: Option<Uuid>,
        /// In place of `origins`: renews this session and keeps its origin storage.
        keep_origins_of: Option<Uuid>,
        /// The capturing browser's user agent.
        user_agent: Option<Text>,
        /// When the session ends, as far as the caller knows.
        expires_at: Option<Time>,
    }
}

/// The answer to `store-platform-session`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StorePlatformSessionResponse {
    /// The session's id.
    id: Uuid,
    #[schema(value_type = Platform)]
    platform: String,
    /// How many cookies were stored.
    #[schema(value_type = u32, maximum = 1000)]
    cookie_count: usize,
    /// How many entries of origin storage were stored.
    #[schema(value_type = u32, maximum = 1000)]
    entry_count: usize,
    /// The parts of cookies and origins that were not stored, by their names and never with a value; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, min_items = 1, max_items = 43)]
    warnings: Vec<String>,
}

/// Stores a captured session
///
/// It supersedes the connection's previous session, whose cookies and origin storage are erased. The body may have 4 MiB.
#[utoipa::path(
    post,
    path = "/api/credentials/store-platform-session",
    tag = "Sessions",
    security(("user" = [])),
    request_body = StorePlatformSessionRequest,
    responses((status = 200, description = "The session is stored", body = Success<StorePlatformSessionResponse>), RecordFailures, SessionFailures)
)]
pub(crate) async fn store_platform_session(
    user: UserId,
    State(app): State<Arc<App>>,
    body: JsonBody<StorePlatformSessionRequest, MAX_SESSION_BYTES>,
) -> Result<Json<Success<StorePlatformSessionResponse>>, Error> {
    let given = body.read()?;
    let id = Uuid::now_v7();
    let entry = user.entry("store-platform-session").on("platform_sessions", id);
    let storing = store(&app, user, id, given, entry.clone());
    noting_refusal(&*app.database, &entry, storing).await.map(Success::of)
}

async fn store(
    app: &App,
    user: UserId,
    id: Uuid,
    given: StorePlatformSessionRequest,
    entry: Entry,
) -> Result<StorePlatformSessionResponse, Error> {
    let origins = origins_of(app, user, &given).await?;
    let GivenCookies { cookies, mut warnings } = given.cookies;
    warnings.extend(given.origins.into_iter().flat_map(|given| given.warnings));
    if cookies.is_empty() && origins.is_none() {
        let fault =
            "cookies or origins required: a session has at least one cookie or one entry of origin storage";
        return Err(Error::BadRequest(fault.to_owned()));
    }
    let platform = given.platform.0;
    let entry_count = origins.as_ref().map_or(0, |(_, entry_count)| *entry_count);
    let session = OpenSession {
        user_id: user.0,
        creator_profile_id: given.creator_profile_id,
        platform: platform.clone(),
        cookies: &cookies,
        origins,
        user_agent: given.user_agent.map(|Text(text)| text),
        expires_at: given.expires_at.map(|Time(time_ms)| time_ms),
        renews: given.renews.or(given.keep_origins_of),
        renewed_by: None,
    };
    session.put(app, id, entry).await?;
    Ok(StorePlatformSessionResponse { id, platform, cookie_count: cookies.len(), entry_count, warnings })
}

/// A session that is to be sealed and stored.
struct OpenSession<'a> {
    user_id: Uuid,
    creator_profile_id: Uuid,
    platform: String,
    cookies: &'a [Cookie],
    /// The origin storage as JSON, and how many entries it has.
    origins: Option<(SecretString, usize)>,
    user_agent: Option<String>,
    expires_at: Option<i64>,
    /// The session that must still be the newest, and active.
    renews: Option<Uuid>,
    /// The service that renews it; `None` if its owner does.
    renewed_by: Option<String>,
}

impl OpenSession<'_> {
    async fn put(self, app: &App, id: Uuid, entry: Entry) -> Result<(), Error> {
        let cookies = serde_json::to_vec(self.cookies).map_err(|_| Error::Internal("cookies as JSON"))?;
        let cookies = Zeroizing::new(cookies);
        let (origins, entry_count) = self.origins.unzip();
        // Exposed for sealing.
        let seal_origins =
            |text: SecretString| seal(app, &origins_at(id, self.user_id), text.expose_secret().as_bytes());
        let session = NewSession {
            id,
            user_id: self.user_id,
            creator_profile_id: self.creator_profile_id,
            platform: self.platform,
            encrypted_cookies: seal(app, &cookies_at(id, self.user_id), &cookies)?,
            encrypted_origins: origins.map(seal_origins).transpose()?,
            credentials_version: app.blob_version.as_str(),
            cookie_count: self.cookies.len(),
            entry_count: entry_count.unwrap_or(0),
            user_agent: self.user_agent,
            captured_at: now_ms(),
            expires_at: self.expires_at,
            renews: self.renews,
            renewed_by: self.renewed_by,
        };
        match app.records.put_session(session, entry).await? {
            PutSession::Stored => Ok(()),
            PutSession::Foreign => Err(Error::Forbidden),
            PutSession::Nothing => Err(Error::NotFound("Not found")),
            PutSession::OtherPlatform(platform) => Err(other_platform(&platform)),
            PutSession::Superseded => Err(SUPERSEDED),
            PutSession::NotAllowed => Err(NOT_ALLOWED),
        }
    }
}

/// The origin storage of a new session as JSON, and how many entries it has.
// Decision: docs/decisions/storage.md#a-renewal-keeps-origin-storage-by-sealing-it-again
async fn origins_of(
    app: &App,
    user: UserId,
    given: &StorePlatformSessionRequest,
) -> Result<Option<(SecretString, usize)>, Error> {
    let origins = given.origins.as_ref().map(|given| &given.origins).filter(|origins| !origins.is_empty());
    match (origins, given.keep_origins_of) {
        (Some(_), Some(_)) => {
            Err(Error::BadRequest("origins and keep_origins_of can't both be given".to_owned()))
        }
        (None, Some(kept_from)) if given.renews.is_some_and(|renewed| renewed != kept_from) => {
            Err(Error::BadRequest("renews and keep_origins_of must be the same session".to_owned()))
        }
        (None, Some(kept_from)) => {
            let connection = own_connection(app, user, given.creator_profile_id).await?;
            check_same_platform(&connection, &given.platform.0)?;
            let (session, sealed) = newest_active(app, connection, kept_from).await?;
            let Some(blob) = sealed.origins else { return Ok(None) };
            Ok(Some((open(app, &origins_at(session.id, session.user_id), &blob)?, session.entry_count)))
        }
        (Some(origins), None) => {
            let text = serde_json::to_string(origins).map_err(|_| Error::Internal("origins as JSON"))?;
            Ok(Some((text.into(), entry_count(origins))))
        }
        (None, None) => Ok(None),
    }
}

/// The connection's newest session, which must be active and have this id.
async fn newest_active(app: &App, connection: Connection, id: Uuid) -> Result<SealedSession, Error> {
    let newest = app.records.newest_session(connection.user_id, connection.id, connection.platform).await?;
    let is_meant = |session: &Session| session.id == id && session.status == SessionStatus::Active;
    newest.filter(|(session, _)| is_meant(session)).ok_or(SUPERSEDED)
}

fn cookies_at(record_id: Uuid, owner_id: Uuid) -> SealedAt {
    SealedAt { table: "platform_sessions", column: "encrypted_cookies", record_id, owner_id }
}

fn origins_at(record_id: Uuid, owner_id: Uuid) -> SealedAt {
    SealedAt { column: "encrypted_origins", ..cookies_at(record_id, owner_id) }
}

fn check_expiry(session: &Session, now: i64) -> Result<(), Error> {
    let is_expired = session.expires_at.is_some_and(|expires_at| expires_at <= now);
    if is_expired { Err(Error::NotFound("Platform session expired")) } else { Ok(()) }
}

/// Revokes a session
///
/// Its cookies and origin storage are erased. Repeating the call succeeds too. If services have renewed the session
/// since, what they stored is revoked as well.
#[utoipa::path(
    post,
    path = "/api/credentials/revoke-platform-session",
    tag = "Sessions",
    security(("user" = [])),
    request_body = IdRequest,
    responses((status = 200, description = "The session is revoked", body = Success<IdResponse>), RecordFailures)
)]
pub(crate) async fn revoke_platform_session(
    user: UserId,
    State(app): State<Arc<App>>,
    body: JsonBody<IdRequest>,
) -> Result<Json<Success<IdResponse>>, Error> {
    let id = body.read()?.id;
    let entry = user.entry("revoke-platform-session").on("platform_sessions", id);
    let revoking = async { own(app.records.revoke_session(user.0, id, now_ms(), entry.clone()).await?) };
    noting_refusal(&*app.database, &entry, revoking).await?;
    Ok(Success::of(IdResponse { id }))
}

/// A session as its owner sees it, without cookies and origin storage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionResponse {
    pub(crate) id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    #[schema(value_type = Platform)]
    pub(crate) platform: String,
    pub(crate) cookie_count: usize,
    /// How many entries of origin storage it has.
    pub(crate) entry_count: usize,
    #[schema(required)]
    pub(crate) user_agent: Option<String>,
    pub(crate) status: SessionStatus,
    pub(crate) captured_at: Time,
    #[schema(required)]
    pub(crate) expires_at: Option<Time>,
    #[schema(required)]
    pub(crate) revoked_at: Option<Time>,
    /// The service that renewed it, as in the audit log; null if its owner stored it.
    #[schema(required)]
    pub(crate) renewed_by: Option<String>,
}

impl From<Session> for SessionResponse {
    fn from(session: Session) -> Self {
        Self {
            id: session.id,
            creator_profile_id: session.creator_profile_id,
            platform: session.platform,
            cookie_count: session.cookie_count,
            entry_count: session.entry_count,
            user_agent: session.user_agent,
            status: session.status,
            captured_at: Time(session.captured_at),
            expires_at: session.expires_at.map(Time),
            revoked_at: session.revoked_at.map(Time),
            renewed_by: session.renewed_by,
        }
    }
}

/// Lists the caller's sessions
///
/// Newest first. Ended sessions are listed for 90 days; of those that services stored, at most two for a connection.
#[utoipa::path(
    get,
    path = "/api/platform-sessions",
    tag = "Sessions",
    security(("user" = [])),
    params(PageParameters),
    responses((status = 200, description = "A page of sessions", body = Listing<SessionResponse>))
)]
pub(crate) async fn sessions(
    user: UserId,
    State(app): State<Arc<App>>,
    page: Page,
) -> Result<Json<Listing<SessionResponse>>, Error> {
    let rows = app.records.sessions_of(user.0, page).await?;
    Ok(Json(Listing::of(rows, page, SessionResponse::from)))
}
