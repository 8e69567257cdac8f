//! Preview and capture: what a session would consist of, and sending it to the
//! server.

use crate::cookie_store;
use crate::failure::Failure;
use crate::js::{from_js, to_js};
use crate::server::Server;
use crate::site;
use js_sys::Function;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use stagepass_core::api::{CreateProfileRequest, Credentials, StorePlatformSessionRequest};
use stagepass_core::login::Login;
use stagepass_core::rotation::{self, session_mark};
use stagepass_core::{Capture, Cookie, Report, Site, shape};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// What `capture` is asked for.
#[derive(Debug, Deserialize)]
struct CaptureRequest {
    server: String,
    access_token: SecretString,
    connection: ChosenConnection,
    platform: String,
    /// The cookie store that the cookies are in.
    store_id: String,
    user_agent: String,
    /// The account that the connection's sessions are of, where it must be the same.
    same_account: Option<Account>,
}

/// The account that is signed in, as far as a cookie names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// Tells it from others; `None` where nothing does.
    mark: Option<u32>,
}

impl Account {
    /// The one whose cookies these are.
    pub(crate) fn of(site: &Site, cookies: &[Cookie]) -> Self {
        Self { mark: session_mark(site, cookies) }
    }
}

/// The connection that the session belongs to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChosenConnection {
    /// One that is there.
    Id(String),
    /// One that is made with the capture.
    Create {
        /// The account's name on the platform.
        platform_username: Option<String>,
        /// Whether the cookies also fill in the connection's credentials.
        fill_credentials: bool,
    },
}

/// What `capture` answers.
#[derive(Debug, Serialize)]
struct Captured {
    session_id: String,
    connection_id: String,
    cookie_count: usize,
    /// When the login ends, Unix seconds, where a cookie says so.
    expires: Option<i64>,
    report: Report,
    /// Whose session it is.
    account: Account,
}

/// What a capture would take from a cookie store: the core's report.
///
/// # Errors
/// A [`Failure`].
#[wasm_bindgen]
pub async fn preview(platform: String, store_id: String) -> Result<JsValue, JsValue> {
    let site = site_of(&platform)?;
    Ok(to_js(&cookie_store::read(&site, &store_id).await?.report)?)
}

/// Captures the session of a cookie store and stores it in the server. `prove` is called
/// before each request; it gives a promise of whether it is the server that answers.
///
/// # Errors
/// A [`Failure`]; where the cookies do not prove a login, or not the one that it
/// must be, nothing is stored.
#[wasm_bindgen]
pub async fn capture(request: JsValue, prove: Function) -> Result<JsValue, JsValue> {
    let request: CaptureRequest = from_js(&request)?;
    let site = site_of(&request.platform)?;
    let capture = read_same_account(&site, &request.store_id, request.same_account).await?;
    Ok(to_js(&store(&request, &prove, &site, capture).await?)?)
}

/// Looks whether the same account is signed in in this cookie store.
///
/// # Errors
/// As for [`capture`].
#[wasm_bindgen]
pub async fn check_login(platform: String, store_id: String, same_account: JsValue) -> Result<(), JsValue> {
    let same_account: Account = from_js(&same_account)?;
    read_same_account(&site_of(&platform)?, &store_id, Some(same_account)).await?;
    Ok(())
}

/// Likewise, as the same account where one is given. One that no cookie names is not the
/// same as one that is named.
pub(crate) async fn read_same_account(
    site: &Site,
    store_id: &str,
    same_account: Option<Account>,
) -> Result<Capture, Failure> {
    let capture = read_signed_in(site, store_id).await?;
    match same_account {
        Some(account) if Account::of(site, &capture.cookies) != account => Err(Failure::OtherAccount),
        _ => Ok(capture),
    }
}

/// The account that is signed in in this cookie store; `null` where nobody is.
///
/// # Errors
/// A [`Failure`].
#[wasm_bindgen]
pub async fn signed_in_account(platform: String, store_id: String) -> Result<JsValue, JsValue> {
    let site = site_of(&platform)?;
    let Capture { cookies, report } = cookie_store::read(&site, &store_id).await?;
    match report.login {
        Login::Missing { .. } => Ok(JsValue::NULL),
        _ => Ok(to_js(&Account::of(&site, &cookies))?),
    }
}

/// Whether a change of this cookie makes a captured session stale.
#[wasm_bindgen]
#[must_use]
pub fn is_rotation(platform: &str, name: &str, domain: &str, http_only: bool) -> bool {
    site::of_id(platform).is_some_and(|site| rotation::is_rotation(&site, name, domain, http_only))
}

/// The site with this platform identifier.
pub(crate) fn site_of(platform: &str) -> Result<Site, Failure> {
    site::of_id(platform).ok_or(Failure::UnknownPlatform)
}

/// The cookies of a signed-in person, or why there are none. Where no cookie
/// can prove a login, any cookie is worth taking.
pub(crate) async fn read_signed_in(site: &Site, store_id: &str) -> Result<Capture, Failure> {
    let capture = cookie_store::read(site, store_id).await?;
    match &capture.report.login {
        Login::Missing { cookies } => Err(Failure::NotSignedIn {
            missing: cookies.clone(),
            login_url: site.login_url(),
            report: Box::new(capture.report),
        }),
        _ if capture.cookies.is_empty() => Err(Failure::NoCookies { report: Box::new(capture.report) }),
        _ => Ok(capture),
    }
}

async fn store(
    request: &CaptureRequest,
    prove: &Function,
    site: &Site,
    capture: Capture,
) -> Result<Captured, Failure> {
    let server = Server { url: &request.server, access_token: &request.access_token, prove };
    let connection_id = match &request.connection {
        ChosenConnection::Id(id) => id.clone(),
        ChosenConnection::Create { platform_username, fill_credentials } => {
            let credentials = if *fill_credentials {
                shape::credentials(site.id(), &capture.cookies, &request.user_agent)
            } else {
                Credentials::default()
            };
            let profile = CreateProfileRequest {
                platform: site.id(),
                platform_username: platform_username.as_deref(),
                credentials: &credentials,
            };
            server.create_profile(&profile).await?.id
        }
    };
    let Capture { cookies, report } = capture;
    let expires_at = report.expires.and_then(iso_time);
    let session = server
        .store_platform_session(&StorePlatformSessionRequest {
            creator_profile_id: &connection_id,
            platform: site.id(),
            cookies: &cookies,
            user_agent: Some(&request.user_agent),
            expires_at: expires_at.as_deref(),
        })
        .await?;
    Ok(Captured {
        session_id: session.id,
        connection_id,
        cookie_count: session.cookie_count,
        expires: report.expires,
        report,
        account: Account::of(site, &cookies),
    })
}

/// Unix seconds as ISO 8601 in UTC.
#[expect(clippy::cast_precision_loss, reason = "an expiry is far below 2^53")]
fn iso_time(seconds: i64) -> Option<String> {
    js_sys::Date::new(&JsValue::from_f64(seconds as f64 * 1000.0)).to_iso_string().as_string()
}
