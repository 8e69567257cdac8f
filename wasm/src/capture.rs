//! Preview and capture: shows what a session would contain, and sends it to the server.

use crate::browser_session::{Account, Held, Wish, read, read_same_account};
use crate::failure::Failure;
use crate::js::{from_js, to_js};
use crate::server::Server;
use crate::site::{self, site_of};
use js_sys::Function;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use stagepass_core::api::{CreateProfileRequest, StorePlatformSessionRequest};
use stagepass_core::login::Login;
use stagepass_core::origin_storage::{self, OriginStorage};
use stagepass_core::rotated_cookies::{self, storage_mark};
use stagepass_core::shape::{self, Credentials};
use stagepass_core::{Capture, Platform, Report, Site};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// The argument of `capture`.
#[derive(Debug, Deserialize)]
struct CaptureRequest {
    server: String,
    access_token: SecretString,
    connection: ChosenConnection,
    platform: String,
    /// The cookie store to read.
    store_id: String,
    /// The tab that the popup is over.
    tab: Option<u32>,
    user_agent: String,
    /// The account that must be signed in; `None` accepts any.
    same_account: Option<Account>,
    /// The [`storage_mark`] of the session that this one renews.
    storage_mark: Option<u32>,
    /// The session that a renewal replaces; `None` if a person has clicked.
    renews: Option<String>,
    /// The session whose storage the new one takes over if no tab is open to read it from.
    keep_origins_of: Option<String>,
}

/// The connection that the session belongs to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChosenConnection {
    /// An existing one.
    Id(String),
    /// A new one, created with the capture.
    Create {
        /// The account's name on the platform.
        platform_username: Option<String>,
        /// Whether the cookies also fill in the connection's credentials.
        fill_credentials: bool,
    },
}

/// The result of `preview`.
#[derive(Debug, Serialize)]
struct Preview {
    report: Report,
    /// Why the storage that belongs to the session can't be read.
    unread: Option<Failure>,
    device_bound: Vec<&'static str>,
}

/// The result of `capture`.
#[derive(Debug, Serialize)]
struct Captured {
    session_id: String,
    connection_id: String,
    cookie_count: usize,
    entry_count: usize,
    /// When the login ends (Unix seconds), if a cookie says so.
    expires: Option<i64>,
    report: Report,
    device_bound: Vec<&'static str>,
    /// The session's account.
    account: Account,
    /// Changes with the session's storage.
    storage_mark: Option<u32>,
}

/// The report on what a capture would take from a cookie store. `tab` is the one that the popup is
/// over, `storage` what the person has chosen of what a site stores that is not in the catalogue.
///
/// # Errors
/// A [`Failure`].
#[wasm_bindgen]
pub async fn preview(
    platform: String,
    store_id: String,
    tab: Option<u32>,
    storage: JsValue,
) -> Result<JsValue, JsValue> {
    let site = site_of(&platform)?;
    let Held { capture, unread } = read(&site, &store_id, Wish::Session { chosen: &storage, tab }).await?;
    let device_bound = device_bound(&site, &capture);
    Ok(to_js(&Preview { report: capture.report, unread, device_bound })?)
}

/// The names of the captured cookies that the platform binds to this browser.
fn device_bound(site: &Site, capture: &Capture) -> Vec<&'static str> {
    let bound = site.platform().map_or(&[][..], |platform| platform.device_bound_cookies.all());
    let is_captured = |name: &&str| capture.cookies.iter().any(|cookie| cookie.name == **name);
    bound.iter().copied().filter(is_captured).collect()
}

/// Captures the session of a cookie store and stores it on the server. Before each request it
/// calls `prove`, which returns a promise of whether the server has proved its key.
///
/// # Errors
/// A [`Failure`]. Nothing is stored unless the session proves a login of the right account and is
/// whole.
#[wasm_bindgen]
pub async fn capture(request: JsValue, storage: JsValue, prove: Function) -> Result<JsValue, JsValue> {
    let request: CaptureRequest = from_js(&request)?;
    let site = site_of(&request.platform)?;
    let account = request.same_account;
    let wish = Wish::Session { chosen: &storage, tab: request.tab };
    let Held { capture, unread } = read_same_account(&site, &request.store_id, wish, account).await?;
    let is_named = account.is_some_and(|account| account.mark.is_some());
    // If nothing names the account, another login in storage may be another account's. On a site that
    // is not in the catalogue, nothing tells a login from what else pages store.
    if !is_named
        && request.storage_mark.is_some()
        && site.platform().is_some()
        && unread.is_none()
        && storage_mark(&site, &capture.origins) != request.storage_mark
    {
        return Err(Failure::OtherAccount.into());
    }
    // Only a named account shows that the earlier session's storage belongs to this login.
    let keep_origins_of = match unread {
        None => None,
        Some(
            Failure::NoTab { .. }
            | Failure::TabChanged { .. }
            | Failure::TabSilent { .. }
            | Failure::EntryMissing { .. },
        ) if is_named && request.keep_origins_of.is_some() => request.keep_origins_of.as_deref(),
        Some(failure) => return Err(failure.into()),
    };
    Ok(to_js(&store(&request, &prove, &site, capture, keep_origins_of).await?)?)
}

/// Checks that the same account is still signed in in this cookie store, as far as cookies show and,
/// if it `reads_storage`, what the catalogue names of what pages store. Returns the mark of that
/// storage, or `null` if it is not read.
///
/// # Errors
/// The same as [`capture`].
#[wasm_bindgen]
pub async fn check_login(
    platform: String,
    store_id: String,
    same_account: JsValue,
    reads_storage: bool,
) -> Result<Option<u32>, JsValue> {
    let site = site_of(&platform)?;
    let account: Account = from_js(&same_account)?;
    let nothing_chosen = JsValue::NULL;
    let session = Wish::Session { chosen: &nothing_chosen, tab: None };
    let wish = if reads_storage { session } else { Wish::Cookies };
    let held = read_same_account(&site, &store_id, wish, Some(account)).await?;
    Ok(storage_mark(&site, &held.capture.origins))
}

/// The account signed in in this cookie store; `null` if nobody is, or that can't be read.
///
/// # Errors
/// A [`Failure`].
#[wasm_bindgen]
pub async fn signed_in_account(platform: String, store_id: String) -> Result<JsValue, JsValue> {
    let site = site_of(&platform)?;
    let Held { capture, .. } = read(&site, &store_id, Wish::Account).await?;
    match capture.report.login {
        Login::Missing { .. } => Ok(JsValue::NULL),
        _ => Ok(to_js(&Account::of(&site, capture.session()))?),
    }
}

/// Whether the platform ends a session whose user agent changes.
#[wasm_bindgen]
#[must_use]
pub fn is_bound_to_user_agent(platform: &str) -> bool {
    Platform::of_id(platform).is_some_and(|platform| platform.bound_to_user_agent.get() == Some(true))
}

/// Whether a change of this cookie makes a captured session stale.
#[wasm_bindgen]
#[must_use]
pub fn makes_session_stale(platform: &str, name: &str, domain: &str, http_only: bool) -> bool {
    site::of_id(platform)
        .is_some_and(|site| rotated_cookies::makes_session_stale(&site, name, domain, http_only))
}

async fn store(
    request: &CaptureRequest,
    prove: &Function,
    site: &Site,
    capture: Capture,
    keep_origins_of: Option<&str>,
) -> Result<Captured, Failure> {
    // The server refuses too much as well, but then the connection would be there already.
    let bytes: usize = capture.origins.iter().map(OriginStorage::bytes).sum();
    if let Some(storage) = capture.origins.first().filter(|_| bytes > origin_storage::MAX_BYTES) {
        return Err(Failure::StorageTooLarge { origin: storage.origin.clone() });
    }
    let server = Server { url: &request.server, access_token: &request.access_token, prove };
    let connection_id = match &request.connection {
        ChosenConnection::Id(id) => id.clone(),
        ChosenConnection::Create { platform_username, fill_credentials } => {
            let credentials = if *fill_credentials {
                shape::credentials(site, capture.session(), &request.user_agent)
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
    let expires_at = capture.report.expires.and_then(iso_time);
    let session = server
        .store_platform_session(&StorePlatformSessionRequest {
            creator_profile_id: &connection_id,
            platform: site.id(),
            cookies: &capture.cookies,
            origins: &capture.origins,
            renews: request.renews.as_deref(),
            keep_origins_of,
            user_agent: Some(&request.user_agent),
            expires_at: expires_at.as_deref(),
        })
        .await?;
    Ok(Captured {
        session_id: session.id,
        connection_id,
        cookie_count: session.cookie_count,
        entry_count: session.entry_count,
        expires: capture.report.expires,
        device_bound: device_bound(site, &capture),
        account: Account::of(site, capture.session()),
        storage_mark: storage_mark(site, &capture.origins),
        report: capture.report,
    })
}

/// Unix seconds as ISO 8601 in UTC.
#[expect(clippy::cast_precision_loss, reason = "an expiry is far below 2^53")]
fn iso_time(seconds: i64) -> Option<String> {
    js_sys::Date::new(&JsValue::from_f64(seconds as f64 * 1000.0)).to_iso_string().as_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use stagepass_core::PublicSuffixes;
    use stagepass_core::normalise::normalise;

    #[test]
    fn names_cookies_as_bound_to_the_browser_only_where_the_catalogue_does() {
        let named = |platform: &str, domain: &str, name: &str| {
            let cookie = json!({"name": name, "value": "v", "domain": domain, "path": "/", "hostOnly": false,
                "httpOnly": true, "secure": true, "sameSite": "no_restriction"});
            let cookies = vec![serde_json::from_value(cookie).unwrap()];
            let site = Site::of_id(platform, PublicSuffixes::built_in()).unwrap();
            device_bound(&site, &normalise(cookies, Vec::new(), &site, 1_800_000_000))
        };
        assert_eq!(named("youtube", ".youtube.com", "__Secure-1PSIDTS"), ["__Secure-1PSIDTS"]);
        assert!(named("youtube", ".youtube.com", "SAPISID").is_empty());
        assert!(named("instagram", ".instagram.com", "__Secure-1PSIDTS").is_empty());
    }
}
