//! Serves the active session to services, in the format that they want.

use super::check_expiry;
use super::formats::{Format, Formatted, Opened, SessionFormat};
use crate::app::App;
use crate::audit::Entry;
use crate::body::{HttpsUrl, JsonBody, Platform, StoredPlatform, Time, body};
use crate::clock::now_ms;
use crate::credentials::{Success, reveal};
use crate::error::Error;
use crate::identity::Service;
use crate::openapi::RecordFailures;
use crate::store::{NewestSession, Session, SessionStatus};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

body! {
    /// The body of `get-platform-session`.
    #[schema(examples(json!({
        "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f", "platform": "instagram", "format": "netscape"
    }), json!({
        "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f", "platform": "instagram", "format": "header",
        "url": "https://www.instagram.com/accounts/edit/"
    })))]
    lenient struct GetPlatformSessionRequest {
        creator_profile_id: Uuid,
        #[schema(value_type = Platform)]
        platform: StoredPlatform,
        /// `json` if absent.
        format: Option<SessionFormat>,
        /// Whether to leave out expired cookies. The formats `header` and `playwright` always do.
        drop_expired: Option<bool>,
        /// Where the request will go, for the format `header` only.
        url: Option<HttpsUrl>,
    }
}

/// A session with its cookies and origin storage.
#[derive(Serialize, ToSchema)]
pub(crate) struct GetPlatformSessionResponse {
    /// The session's id.
    id: Uuid,
    #[schema(value_type = Platform)]
    platform: String,
    #[schema(inline)]
    #[serde(flatten)]
    contents: Formatted,
    captured_at: Time,
    #[schema(required)]
    expires_at: Option<Time>,
    /// The capturing browser's user agent.
    #[schema(required)]
    user_agent: Option<String>,
}

/// Returns the active session
///
/// The formats: `json` has the cookies and the origin storage; `netscape` is a cookie file; `playwright` is the storage state that Playwright's `newContext` takes; `header` has the request headers for one URL.
#[utoipa::path(
    post,
    path = "/api/credentials/get-platform-session",
    tag = "Sessions",
    security(("service" = [])),
    request_body = GetPlatformSessionRequest,
    responses((status = 200, description = "The session in the requested format", body = Success<GetPlatformSessionResponse>), RecordFailures)
)]
pub(crate) async fn get_platform_session(
    service: Service,
    State(app): State<Arc<App>>,
    body: JsonBody<GetPlatformSessionRequest>,
) -> Result<Json<Success<GetPlatformSessionResponse>>, Error> {
    let given = body.read()?;
    let format = Format::of(given.format, given.url, &given.platform.0)?;
    let now = now_ms();
    let entry = service.entry("get-platform-session").on("platform_connections", given.creator_profile_id);
    let find = |judge| app.records.reveal_session(given.creator_profile_id, given.platform.0, judge);
    let keys = Arc::clone(&app);
    let judge = move |found: Option<NewestSession>, entry: &mut Entry| {
        let (session, opened) = active_session(&keys, &service, found, now)?;
        *entry = entry.clone().on("platform_sessions", session.id);
        Ok((session, opened))
    };
    let (session, opened) = reveal(entry, find, judge).await?;
    let drop_expired = given.drop_expired.unwrap_or(false);
    let contents = opened.format(&format, session.user_agent.as_deref(), now / 1000, drop_expired)?;
    Ok(Success::of(GetPlatformSessionResponse {
        id: session.id,
        platform: session.platform,
        contents,
        captured_at: Time(session.captured_at),
        expires_at: session.expires_at.map(Time),
        user_agent: session.user_agent,
    }))
}

/// The newest session, which is the only one served, decrypted.
fn active_session(
    app: &App,
    service: &Service,
    found: Option<NewestSession>,
    now: i64,
) -> Result<(Session, Opened), Error> {
    let (connection, newest) = found.ok_or(Error::NotFound("Not found"))?;
    service.check_record(connection.user_id, &connection.platform)?;
    if let Some((session, _)) = &newest {
        // Another writer's row may have another platform than its connection.
        service.check_record(session.user_id, &session.platform)?;
    }
    let (session, sealed) = newest.ok_or(Error::NotFound("No active platform session"))?;
    match session.status {
        SessionStatus::Revoked => return Err(Error::NotFound("Platform session revoked")),
        SessionStatus::Active => {}
        SessionStatus::Superseded => return Err(Error::NotFound("No active platform session")),
    }
    check_expiry(&session, now)?;
    let opened = Opened::of(app, &session, sealed)?;
    Ok((session, opened.ok_or(Error::NotFound("No active platform session"))?))
}
