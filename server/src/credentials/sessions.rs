//! Captured sessions: in by the extension, out to services.

use super::{IdResponse, Success, open, other_platform, own, reveal, seal};
use crate::app::App;
use crate::audit::Entry;
use crate::clock::{now_ms, parse_ms, render_ms};
use crate::error::Error;
use crate::identity::{Service, UserId};
use crate::openapi::{self, RecordFailures, RoomFailures};
use crate::refusals::noting_refusal;
use crate::request::{Fields, Listing, PageParameters, check_platform, check_platform_form, parse_id};
use crate::sealing::Place;
use crate::store::{NewSession, NewestSession, Page, PutSession, Session, SessionStatus};
use axum::Json;
use axum::extract::State;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::value::RawValue;
use stagepass_core::api::StorePlatformSessionResponse;
use stagepass_core::cookie::{Cookie, GivenCookie, MAX_COOKIES, serialize_exposed, unkept_members};
use stagepass_core::netscape::{self, Dialect, Loss, Rendered};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Stores a captured session
///
/// It supersedes the one of the same connection, whose cookies are erased.
#[utoipa::path(
    post,
    path = "/api/credentials/store-platform-session",
    tag = "Sessions",
    security(("user" = [])),
    request_body = openapi::StorePlatformSessionRequest,
    responses((status = 200, description = "It is stored", body = Success<openapi::StorePlatformSessionResponse>), RecordFailures, RoomFailures)
)]
pub(crate) async fn store_platform_session(
    user: UserId,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<Json<Success<StorePlatformSessionResponse>>, Error> {
    let connection_id = fields.required_text("creator_profile_id")?;
    let platform = fields.required_text("platform")?;
    let cookies = fields.cookies()?;
    let connection_id = parse_id(&connection_id, "creator_profile_id")?;
    check_platform(&platform)?;
    let warnings = unkept_members(&cookies);
    let cookies = parse_cookies(cookies)?;
    let user_agent = fields.text("user_agent")?;
    let expires_at = fields.text("expires_at")?.as_deref().map(parse_expires_at).transpose()?;

    let id = Uuid::now_v7();
    let entry = user.entry("store-platform-session").on("platform_sessions", id);
    let plaintext = serde_json::to_vec(&cookies).map_err(|_| Error::Internal("cookies as JSON"))?;
    let session = NewSession {
        id,
        user_id: user.0,
        creator_profile_id: connection_id,
        platform: platform.clone(),
        encrypted_cookies: seal(&app, &place(id, user.0), &Zeroizing::new(plaintext))?,
        credentials_version: app.blob_version.as_str(),
        cookie_count: cookies.len(),
        user_agent,
        captured_at: now_ms(),
        expires_at,
    };
    let storing = async {
        match app.records.put_session(session, entry.clone()).await? {
            PutSession::Stored => Ok(()),
            PutSession::Foreign => Err(Error::Forbidden),
            PutSession::Nothing => Err(Error::NotFound("Not found")),
            PutSession::OtherPlatform(platform) => Err(other_platform(&platform)),
        }
    };
    noting_refusal(&*app.database, &entry, storing).await?;
    Ok(Success::of(StorePlatformSessionResponse {
        id: id.to_string(),
        platform,
        cookie_count: cookies.len(),
        warnings,
    }))
}

fn parse_cookies(cookies: Vec<GivenCookie>) -> Result<Vec<Cookie>, Error> {
    if !(1..=MAX_COOKIES).contains(&cookies.len()) {
        return Err(Error::BadRequest(format!("cookies must hold 1 to {MAX_COOKIES} cookies")));
    }
    let parse = |(index, cookie)| {
        Cookie::try_from(cookie).map_err(|fault| Error::BadRequest(format!("cookies[{index}]: {fault}")))
    };
    cookies.into_iter().enumerate().map(parse).collect()
}

fn parse_expires_at(text: &str) -> Result<i64, Error> {
    let fault = "expires_at must be an ISO 8601 time with its offset and before 9999-12-30, such as 2026-12-31T23:59:59Z";
    parse_ms(text).ok_or_else(|| Error::BadRequest(fault.to_owned()))
}

fn place(record_id: Uuid, owner_id: Uuid) -> Place {
    Place { table: "platform_sessions", column: "encrypted_cookies", record_id, owner_id }
}

/// A session with its cookies, as JSON or as a cookie file.
#[derive(Serialize)]
pub(crate) struct GetPlatformSessionResponse {
    id: Uuid,
    platform: String,
    #[serde(flatten)]
    cookies: Cookies,
    captured_at: String,
    expires_at: Option<String>,
    user_agent: Option<String>,
}

#[derive(Serialize)]
enum Cookies {
    /// The stored text as it is: nothing is parsed only to be written again.
    #[serde(rename = "cookies")]
    Stored(Box<RawValue>),
    #[serde(rename = "cookies")]
    Parsed(Vec<Cookie>),
    #[serde(untagged)]
    Netscape {
        #[serde(serialize_with = "serialize_exposed")]
        cookies_netscape: SecretString,
        /// What the file can't carry, in words; left out where that is nothing.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        losses: Vec<String>,
    },
}

/// Hands out the cookies of the active session
#[utoipa::path(
    post,
    path = "/api/credentials/get-platform-session",
    tag = "Sessions",
    security(("service" = [])),
    request_body = openapi::GetPlatformSessionRequest,
    responses((status = 200, description = "The session with its cookies", body = Success<openapi::GetPlatformSessionResponse>), RecordFailures)
)]
pub(crate) async fn get_platform_session(
    service: Service,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<Json<Success<GetPlatformSessionResponse>>, Error> {
    let connection_id = fields.required_text("creator_profile_id")?;
    let platform = fields.required_text("platform")?;
    let connection_id = parse_id(&connection_id, "creator_profile_id")?;
    check_platform_form(&platform)?;
    let as_netscape = match fields.text("format")?.as_deref() {
        None | Some("json") => false,
        Some("netscape") => true,
        Some(_) => return Err(Error::BadRequest("format must be json or netscape".to_owned())),
    };
    let drop_expired = fields.boolean("drop_expired")?.unwrap_or(false);

    let now = now_ms();
    let entry = service.entry("get-platform-session").on("platform_connections", connection_id);
    let find = |judge| app.records.reveal_session(connection_id, platform, judge);
    let keys = Arc::clone(&app);
    let judge = move |found: Option<NewestSession>, entry: &mut Entry| {
        let (session, plaintext) = active_session(&keys, &service, found, now)?;
        *entry = entry.clone().on("platform_sessions", session.id);
        Ok((session, plaintext))
    };
    let (session, plaintext) = reveal(entry, find, judge).await?;
    let cookies = present(&plaintext, as_netscape, drop_expired.then_some(now / 1000))?;
    Ok(Success::of(GetPlatformSessionResponse {
        id: session.id,
        platform: session.platform,
        cookies,
        captured_at: render_ms(session.captured_at),
        expires_at: session.expires_at.map(render_ms),
        user_agent: session.user_agent,
    }))
}

/// The newest session, which alone decides, and its opened cookies.
fn active_session(
    app: &App,
    service: &Service,
    found: Option<NewestSession>,
    now: i64,
) -> Result<(Session, SecretString), Error> {
    let (connection, newest) = found.ok_or(Error::NotFound("Not found"))?;
    service.check_record(connection.user_id, &connection.platform)?;
    if let Some((session, _)) = &newest {
        // Another writer's row may be of another platform than its connection.
        service.check_record(session.user_id, &session.platform)?;
    }
    let (session, blob) = newest.ok_or(Error::NotFound("No active platform session"))?;
    let blob = match (session.status, blob) {
        (SessionStatus::Revoked, _) => return Err(Error::NotFound("Platform session revoked")),
        (SessionStatus::Active, Some(blob)) => blob,
        _ => return Err(Error::NotFound("No active platform session")),
    };
    if session.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(Error::NotFound("Platform session expired"));
    }
    let plaintext = open(app, &place(session.id, session.user_id), &blob)?;
    Ok((session, plaintext))
}

/// The cookies as the caller wants them, without those that have expired at
/// `expired_at` (Unix seconds) where it is given.
fn present(plaintext: &SecretString, as_netscape: bool, expired_at: Option<i64>) -> Result<Cookies, Error> {
    // The answer's purpose is to hold the cookies: they leave their wrapper here.
    let text = plaintext.expose_secret();
    if !as_netscape && expired_at.is_none() {
        return RawValue::from_string(text.to_owned()).map(Cookies::Stored).map_err(|_| damaged());
    }
    let mut cookies = serde_json::from_str::<Vec<GivenCookie>>(text)
        .map_err(|_| damaged())?
        .into_iter()
        .map(|cookie| Cookie::try_from(cookie).map_err(|_| damaged()))
        .collect::<Result<Vec<_>, _>>()?;
    cookies.retain(|cookie| !expired_at.is_some_and(|now| cookie.is_expired(now)));
    if as_netscape {
        let Rendered { text, losses, .. } = netscape::render(&cookies, Dialect::HttpOnlyPrefix);
        Ok(Cookies::Netscape { cookies_netscape: text, losses: losses.iter().map(Loss::to_string).collect() })
    } else {
        Ok(Cookies::Parsed(cookies))
    }
}

fn damaged() -> Error {
    Error::Internal("stored cookies are no list of cookies")
}

/// Revokes a session
///
/// Its cookies are erased. Once more succeeds as well.
#[utoipa::path(
    post,
    path = "/api/credentials/revoke-platform-session",
    tag = "Sessions",
    security(("user" = [])),
    request_body = openapi::IdRequest,
    responses((status = 200, description = "It is revoked", body = Success<IdResponse>), RecordFailures)
)]
pub(crate) async fn revoke_platform_session(
    user: UserId,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<Json<Success<IdResponse>>, Error> {
    let id = parse_id(&fields.required_text("id")?, "id")?;
    let entry = user.entry("revoke-platform-session").on("platform_sessions", id);
    let revoking = async { own(app.records.revoke_session(user.0, id, now_ms(), entry.clone()).await?) };
    noting_refusal(&*app.database, &entry, revoking).await?;
    Ok(Success::of(IdResponse { id }))
}

/// A session as its owner sees it: never a cookie.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionResponse {
    pub(crate) id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    #[schema(value_type = openapi::Platform)]
    pub(crate) platform: String,
    pub(crate) cookie_count: usize,
    #[schema(required)]
    pub(crate) user_agent: Option<String>,
    #[schema(value_type = openapi::SessionStatus)]
    pub(crate) status: &'static str,
    #[schema(value_type = openapi::Time)]
    pub(crate) captured_at: String,
    #[schema(value_type = Option<openapi::Time>, required)]
    pub(crate) expires_at: Option<String>,
    #[schema(value_type = Option<openapi::Time>, required)]
    pub(crate) revoked_at: Option<String>,
}

impl From<Session> for SessionResponse {
    fn from(session: Session) -> Self {
        Self {
            id: session.id,
            creator_profile_id: session.creator_profile_id,
            platform: session.platform,
            cookie_count: session.cookie_count,
            user_agent: session.user_agent,
            status: session.status.as_str(),
            captured_at: render_ms(session.captured_at),
            expires_at: session.expires_at.map(render_ms),
            revoked_at: session.revoked_at.map(render_ms),
        }
    }
}

/// Lists the caller's sessions
///
/// Newest first; ended ones for 90 days.
#[utoipa::path(
    get,
    path = "/api/platform-sessions",
    tag = "Sessions",
    security(("user" = [])),
    params(PageParameters),
    responses((status = 200, description = "A page of them", body = Listing<SessionResponse>))
)]
pub(crate) async fn sessions(
    user: UserId,
    State(app): State<Arc<App>>,
    page: Page,
) -> Result<Json<Listing<SessionResponse>>, Error> {
    let rows = app.records.sessions_of(user.0, page).await?;
    Ok(Json(Listing::of(rows, page, SessionResponse::from)))
}
