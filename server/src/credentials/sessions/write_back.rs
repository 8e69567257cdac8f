//! Write-back: services return the cookies that a platform has rotated while they used a session,
//! if its owner lets them.

use super::formats::{Opened, Parsed};
use super::{GivenCookies, NOT_ALLOWED, OpenSession, SUPERSEDED, check_expiry, newest_active};
use crate::api::MAX_SESSION_BYTES;
use crate::app::App;
use crate::audit::Entry;
use crate::body::{self, JsonBody, Platform, StoredPlatform, body};
use crate::clock::now_ms;
use crate::credentials::{Success, check_same_platform, own};
use crate::error::Error;
use crate::identity::Service;
use crate::openapi::{RecordFailures, SessionFailures};
use crate::refusals::noting_refusal;
use crate::store::{Actor, Session};
use axum::Json;
use axum::extract::State;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use stagepass_core::cookie::MAX_COOKIES;
use stagepass_core::unkept::MAX_NAMED_MEMBERS;
use stagepass_core::visible::{MAX_SHOWN_CHARS, printable_start};
use stagepass_core::write_back::{RotatedCookies, only_accompanies_login};
use stagepass_core::{Cookie, PublicSuffixes, Session as CoreSession, Site, login};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;
use zeroize::Zeroizing;

/// How long after a renewal by a service the next one is refused.
const PAUSE_MS: i64 = 60 * 1000;

body! {
    /// The body of `update-platform-session`.
    #[schema(examples(json!({
        "id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e70",
        "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
        "platform": "instagram",
        "cookies": [{"name": "sessionid", "value": "123456789%3AdefUVW%3A29", "domain": ".instagram.com"}]
    })))]
    lenient struct UpdatePlatformSessionRequest {
        /// The session that the service was given.
        id: Uuid,
        creator_profile_id: Uuid,
        #[schema(value_type = Platform)]
        platform: StoredPlatform,
        /// The session's cookies as they are now. Those that are missing stay as they were. If one that proves the
        /// login has changed, all that prove it are needed, and the one that names the account.
        #[schema(max_items = 1000, value_type = Vec<body::GivenCookie>)]
        cookies: GivenCookies,
    }
}

/// The answer to `update-platform-session`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UpdatePlatformSessionResponse {
    /// The id of the new session; that of the former one if no cookie has changed.
    id: Uuid,
    #[schema(value_type = Platform)]
    platform: String,
    /// How many cookies the session has.
    #[schema(value_type = u32, maximum = 1000)]
    cookie_count: usize,
    /// How many of them have another value than before.
    #[schema(value_type = u32, maximum = 1000)]
    replaced_count: usize,
    /// How many of them are new.
    #[schema(value_type = u32, maximum = 1000)]
    added_count: usize,
    /// What was not stored, by names and never with a value; absent if everything was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, min_items = 1, max_items = 44)]
    warnings: Vec<String>,
}

/// Returns rotated cookies
///
/// Only if the connection's owner allows it, and at most once a minute for each connection. The new session has the
/// cookies with their new values and the platform's new cookies, and everything else of the former one. A login of
/// another account is refused. The body may have 4 MiB, and so may the new session.
#[utoipa::path(
    post,
    path = "/api/credentials/update-platform-session",
    tag = "Sessions",
    security(("service" = [])),
    request_body = UpdatePlatformSessionRequest,
    responses((status = 200, description = "The session has the cookies", body = Success<UpdatePlatformSessionResponse>), RecordFailures, SessionFailures)
)]
pub(crate) async fn update_platform_session(
    service: Service,
    State(app): State<Arc<App>>,
    body: JsonBody<UpdatePlatformSessionRequest, MAX_SESSION_BYTES>,
) -> Result<Json<Success<UpdatePlatformSessionResponse>>, Error> {
    let given = body.read()?;
    let entry = service.entry("update-platform-session");
    let refused = entry.clone().on("platform_connections", given.creator_profile_id);
    let updating = update(&app, &service, given, entry);
    noting_refusal(&*app.database, &refused, updating).await.map(Success::of)
}

async fn update(
    app: &App,
    service: &Service,
    given: UpdatePlatformSessionRequest,
    entry: Entry,
) -> Result<UpdatePlatformSessionResponse, Error> {
    let now = now_ms();
    let former = Former::find(app, service, &given, now).await?;
    let GivenCookies { cookies: returned, mut warnings } = given.cookies;
    warnings.extend(former.foreign(&returned));
    let rotated = former.rotated(returned, now).ok_or(Error::Conflict("Different account"))?;
    if rotated.surplus > 0 {
        warnings.push(format!("{} new cookies: a session has at most {MAX_COOKIES}", rotated.surplus));
    }
    let mut cookies = former.parsed.cookies.clone();
    let has_changed = rotated.apply_to(&mut cookies);
    let id = if has_changed { Uuid::now_v7() } else { former.session.id };
    let answer = UpdatePlatformSessionResponse {
        id,
        platform: former.session.platform.clone(),
        cookie_count: cookies.len(),
        replaced_count: rotated.replaced.len(),
        added_count: rotated.added.len(),
        warnings,
    };
    let renewed_by = entry.caller.clone();
    let entry = entry.on("platform_sessions", id);
    if has_changed {
        former.check_pause(now)?;
        former.check_size(&cookies)?;
        former.renewed(&cookies, renewed_by).put(app, id, entry).await?;
    } else {
        // The answer says that these are the session's cookies.
        app.database.append(entry).await?;
    }
    Ok(answer)
}

/// The session that a service was given.
struct Former {
    session: Session,
    parsed: Parsed,
    /// Its origin storage as it was stored.
    origins: Option<SecretString>,
    site: Site,
    /// When a service last renewed the connection.
    renewed_at: Option<i64>,
}

impl Former {
    /// Finds the connection's newest session, if the service may renew it and was given it.
    async fn find(
        app: &App,
        service: &Service,
        given: &UpdatePlatformSessionRequest,
        now: i64,
    ) -> Result<Self, Error> {
        let StoredPlatform(platform) = &given.platform;
        let connection = own(app.records.connection(Actor::Service, given.creator_profile_id).await?)?;
        service.check_record(connection.user_id, &connection.platform)?;
        check_same_platform(&connection, platform)?;
        if !app.records.is_write_back_allowed(connection.user_id, connection.id).await? {
            return Err(NOT_ALLOWED);
        }
        let site = Site::of_id(platform, PublicSuffixes::built_in());
        let site = site.map_err(|fault| Error::BadRequest(fault.to_string()))?;
        // Before the newest session: one that another service stores meanwhile supersedes that.
        let renewed_at = app.records.renewed_at(connection.user_id, connection.id, platform.clone()).await?;
        let (session, sealed) = newest_active(app, connection, given.id).await?;
        check_expiry(&session, now)?;
        let opened = Opened::of(app, &session, sealed)?.ok_or(SUPERSEDED)?;
        let parsed = opened.parse()?;
        let Opened { origins, .. } = opened;
        Ok(Self { session, parsed, origins, site, renewed_at })
    }

    /// The returned cookies that don't belong to the site where the session is signed in, in words.
    fn foreign(&self, returned: &[Cookie]) -> Vec<String> {
        let signed_in_at = login::signed_in_at(self.parsed.session(), &self.site);
        let held: BTreeMap<_, _> = self.parsed.cookies.iter().map(|cookie| (cookie.key(), cookie)).collect();
        let is_new = |cookie: &Cookie| {
            // The values are only compared.
            let value = cookie.value.expose_secret();
            held.get(&cookie.key()).is_none_or(|held| held.value.expose_secret() != value)
        };
        let is_foreign = |cookie: &&Cookie| !self.site.owns_at(cookie.host(), signed_in_at) && is_new(cookie);
        let named: BTreeSet<_> =
            returned.iter().filter(is_foreign).map(|cookie| (cookie.host(), &*cookie.name)).collect();
        let shown = |text: &str| printable_start(text, MAX_SHOWN_CHARS);
        let name = |(host, name): &(&str, &str)| {
            format!("{:?} of {} is not kept: it is another site's", shown(name), shown(host))
        };
        let mut warnings: Vec<_> = named.iter().take(MAX_NAMED_MEMBERS).map(name).collect();
        if named.len() > MAX_NAMED_MEMBERS {
            warnings.push("further cookies of other sites are not kept".to_owned());
        }
        warnings
    }

    /// The cookies that the platform has rotated; `None` if they are not of the same login.
    // Decision: docs/decisions/capture.md#a-service-may-return-a-part-of-the-cookies
    fn rotated(&self, returned: Vec<Cookie>, now: i64) -> Option<RotatedCookies> {
        let held: BTreeMap<_, _> = self.parsed.cookies.iter().map(|cookie| (cookie.key(), cookie)).collect();
        let is_expired = |cookie: &Cookie| cookie.is_expired(now / 1000);
        let (deleted, mut returned): (Vec<_>, Vec<_>) = returned.into_iter().partition(is_expired);
        let proves_login = |cookie: &Cookie| self.site.proves_login(&cookie.name);
        if deleted.iter().any(|cookie| proves_login(cookie) && held.contains_key(&cookie.key())) {
            return None;
        }
        let mut changes_login = false;
        for cookie in &mut returned {
            let Some(held) = held.get(&cookie.key()).copied() else { continue };
            // The values are only compared.
            if cookie.value.expose_secret() == held.value.expose_secret() {
                *cookie = held.clone();
            } else {
                cookie.expires = cookie.expires.or(held.expires);
                changes_login |= proves_login(cookie) && !only_accompanies_login(&self.site, &cookie.name);
            }
        }
        if !changes_login {
            let keys: BTreeSet<_> = returned.iter().map(|cookie| cookie.key().into_owned()).collect();
            let missing = self.parsed.cookies.iter().filter(|cookie| !keys.contains(&cookie.key()));
            returned.extend(missing.cloned());
        }
        RotatedCookies::between(&self.site, self.parsed.session(), &returned)
    }

    /// Fails if a service has just renewed the connection, also if its owner has since.
    fn check_pause(&self, now: i64) -> Result<(), Error> {
        let left_ms = self.renewed_at.map_or(0, |renewed_at| PAUSE_MS - (now - renewed_at).max(0));
        if left_ms > 0 {
            let retry_after_s = left_ms.unsigned_abs().div_ceil(1000);
            return Err(Error::TooManyRequests { retry_after_s });
        }
        Ok(())
    }

    /// Fails if the session would grow above what its owner could have stored at once.
    fn check_size(&self, cookies: &[Cookie]) -> Result<(), Error> {
        let cookies = serde_json::to_vec(cookies).map_err(|_| Error::Internal("cookies as JSON"))?;
        let cookies = Zeroizing::new(cookies);
        // Only the length is read.
        let origins = self.origins.as_ref().map_or(0, |text| text.expose_secret().len());
        if cookies.len() + origins > MAX_SESSION_BYTES {
            return Err(Error::SessionTooLarge { most: MAX_SESSION_BYTES });
        }
        Ok(())
    }

    /// The session with these cookies.
    fn renewed(self, cookies: &[Cookie], renewed_by: String) -> OpenSession<'_> {
        let expires_at = self.expiry_with(cookies);
        OpenSession {
            user_id: self.session.user_id,
            creator_profile_id: self.session.creator_profile_id,
            platform: self.session.platform,
            cookies,
            origins: self.origins.map(|text| (text, self.session.entry_count)),
            user_agent: self.session.user_agent,
            expires_at,
            renews: Some(self.session.id),
            renewed_by: Some(renewed_by),
        }
    }

    /// When the session ends with these cookies, in milliseconds. An end that its cookies did not
    /// give stays.
    fn expiry_with(&self, cookies: &[Cookie]) -> Option<i64> {
        let expiry_ms = |cookies: &[Cookie]| {
            let session = CoreSession { cookies, ..self.parsed.session() };
            login::expiry(session, &self.site).map(|expiry_s| expiry_s * 1000)
        };
        let stored = self.session.expires_at;
        if stored == expiry_ms(&self.parsed.cookies) { expiry_ms(cookies) } else { stored }
    }
}
