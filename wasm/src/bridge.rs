//! The extension's side of hand-over and write-back: answers the native host, whose port the
//! worker keeps open.
//!
//! Values go directly between cookie store and port, and never through the extension's
//! JavaScript. The worker knows what is allowed and what was handed over, and passes that in.

use crate::browser::{Port, connect_native, set_cookie};
use crate::browser_session::{Account, Held, Wish, read_same_account};
use crate::cookie_store;
use crate::failure::Failure;
use crate::host::of_unanswered;
use crate::js::{Unexpected, from_js, text, to_js};
use crate::site::site_of;
use js_sys::{Function, Promise, Reflect};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use stagepass_core::bridge::{Allowed, HandOver, MAX_REPLACEMENTS, Replacement, WrittenBack};
use stagepass_core::cookie::{CookieKey, serialize_exposed};
use stagepass_core::host::{AnswerError, HOST_NAME};
use stagepass_core::normalise::{BrowserSameSite, PartitionKey, normalise, own_visits};
use stagepass_core::rotated_cookies::is_same_login_after;
use stagepass_core::{BrowserCookie, Cookie, SameSite, Site};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;

/// What the person has allowed, and for which account.
#[derive(Debug, Deserialize)]
struct Grant {
    allowed: Allowed,
    store_id: String,
    /// The account whose cookies may be handed over; `None` until one is known, then the one
    /// that is signed in.
    account: Option<Account>,
    user_agent: String,
}

/// The host's question, as far as this module reads it.
#[derive(Debug, Deserialize)]
struct Asked {
    platform: String,
    /// Whether the program also asks for origin storage; only of the question `cookies`.
    #[serde(default)]
    storage: bool,
    /// Only of the question `write_back`.
    #[serde(default)]
    replacements: Vec<AskedReplacement>,
}

/// A replacement in the form that the host writes. The core also reads the forms of other programs,
/// which would take much of the module.
#[derive(Debug, Deserialize)]
struct AskedReplacement {
    cookie: AskedCookie,
    was: SecretString,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AskedCookie {
    name: String,
    value: SecretString,
    domain: String,
    path: String,
    expires: Option<i64>,
    http_only: bool,
    secure: bool,
    same_site: Option<SameSite>,
    host_only: Option<bool>,
}

impl TryFrom<AskedReplacement> for Replacement {
    type Error = Unexpected;

    fn try_from(AskedReplacement { cookie, was }: AskedReplacement) -> Result<Self, Unexpected> {
        let AskedCookie { name, value, domain, path, expires, http_only, secure, same_site, host_only } =
            cookie;
        let cookie = Cookie { name, value, domain, path, expires, http_only, secure, same_site, host_only };
        cookie.check().map_err(|_| Unexpected)?;
        Ok(Self { cookie, was })
    }
}

/// The answer to a question that is refused.
#[derive(Debug, Serialize)]
struct Refusal {
    error: AnswerError,
}

/// What the worker records of a hand-over: never a cookie's value.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    cookie_count: usize,
    has_storage: bool,
    keys: Vec<CookieKey<'a>>,
    account: Account,
}

/// Starts the host and keeps it running: a `Port`.
///
/// # Errors
/// A [`Failure`] if the browser refuses. A missing host shows only when the port disconnects.
#[wasm_bindgen]
pub fn connect_host() -> Result<Port, JsValue> {
    connect_native(HOST_NAME)
}

/// Translates the browser's reason for a disconnected port into a [`Failure`].
///
/// # Errors
/// An error only if the failure can't be converted, which is a bug.
#[wasm_bindgen]
pub fn host_failure(reason: &str) -> Result<JsValue, JsValue> {
    Ok(to_js(&of_unanswered(reason))?)
}

/// Answers the question `cookies`. Before anything is sent, `on_hand_over` lets the worker list
/// it: nothing is handed over that is not listed.
///
/// # Errors
/// A [`Failure`], which the host also gets.
#[wasm_bindgen]
pub async fn hand_over(
    port: Port,
    question: JsValue,
    grant: JsValue,
    hand_over: String,
    on_hand_over: Function,
) -> Result<(), JsValue> {
    let outcome = async {
        let asked: Asked = from_js(&question)?;
        let site = site_of(&asked.platform)?;
        let (hand_over, account) = gather(&site, from_js(&grant)?, hand_over, asked.storage).await?;
        list(&on_hand_over, &hand_over, account).await?;
        Ok(hand_over)
    };
    Ok(answer(&port, &question, outcome.await).map(drop)?)
}

/// Lets the worker list the hand-over, and waits until it has.
async fn list(on_hand_over: &Function, hand_over: &HandOver, account: Account) -> Result<(), Failure> {
    let keys: Vec<_> = hand_over.cookies.iter().map(Cookie::key).collect();
    let has_storage = !hand_over.origins.is_empty();
    let outcome = to_js(&Outcome { cookie_count: keys.len(), has_storage, keys, account })?;
    let listed = on_hand_over.call1(&JsValue::NULL, &outcome).map_err(|error| Failure::of_browser(&error))?;
    match JsFuture::from(Promise::resolve(&listed)).await {
        Ok(_) => Ok(()),
        Err(error) if text(&error, "code").as_deref() == Some("switched_off") => Err(Failure::SwitchedOff),
        Err(error) => Err(Failure::of_browser(&error)),
    }
}

async fn gather(
    site: &Site,
    grant: Grant,
    hand_over: String,
    asks_for_storage: bool,
) -> Result<(HandOver, Account), Failure> {
    let Grant { allowed: Allowed { label, write_back, storage, .. }, store_id, account, user_agent } = grant;
    let takes_storage = asks_for_storage && storage;
    let nothing_chosen = JsValue::NULL;
    let session = Wish::Session { chosen: &nothing_chosen, tab: None };
    let wish = if takes_storage { session } else { Wish::Account };
    let Held { capture, unread } = read_same_account(site, &store_id, wish, account).await?;
    // Without it, cookies are enough if they prove the login.
    if let Some(failure) = unread.filter(|_| takes_storage) {
        return Err(failure);
    }
    let account = Account::of(site, capture.session());
    let hand_over = HandOver {
        hand_over,
        label,
        expires: capture.report.expires,
        write_back,
        cookies: capture.cookies,
        origins: if takes_storage { capture.origins } else { Vec::new() },
        user_agent: Some(user_agent),
    };
    Ok((hand_over, account))
}

/// Answers the question `write_back`: writes back the cookies whose `keys` were handed over and
/// that haven't changed in the browser since. Writes none if the session would then belong to
/// another account.
///
/// # Errors
/// A [`Failure`], which the host also gets.
#[wasm_bindgen]
pub async fn write_back(
    port: Port,
    question: JsValue,
    grant: JsValue,
    keys: JsValue,
) -> Result<JsValue, JsValue> {
    let written = async {
        let (asked, grant): (Asked, Grant) = (from_js(&question)?, from_js(&grant)?);
        write_cookies(asked, &grant, &from_js::<Vec<CookieKey<'_>>>(&keys)?).await
    };
    let written = answer(&port, &question, written.await)?;
    Ok(to_js(&written)?)
}

// Decision: docs/decisions/yt-dlp.md#write-back-to-the-browser-is-compare-and-set
async fn write_cookies(
    Asked { platform, replacements, .. }: Asked,
    grant: &Grant,
    keys: &[CookieKey<'_>],
) -> Result<WrittenBack, Failure> {
    let site = site_of(&platform)?;
    if !grant.allowed.write_back || replacements.len() > MAX_REPLACEMENTS {
        return Err(Failure::NotAllowed);
    }
    let replacements = replacements.into_iter().map(Replacement::try_from);
    let replacements = replacements.collect::<Result<Vec<_>, _>>()?;
    let held = cookie_store::read(&site, &grant.store_id).await?;
    let mut outcome = WrittenBack::default();
    let session = normalise(held.clone(), Vec::new(), &site, cookie_store::now()).cookies;
    if !is_same_login_after(&site, &session, &replacements) {
        outcome.refused = replacements.len();
        return Ok(outcome);
    }
    for replacement in replacements {
        let Replacement { cookie, was } = &replacement;
        if !was_handed_over(&site, keys, cookie) {
            outcome.refused += 1;
        } else if let Some(held) = find_unchanged(&held, cookie, was) {
            let details = to_js(&Details::new(held, cookie, &grant.store_id))?;
            let set = set_cookie(&details).await.is_ok_and(|set| set.is_object());
            *if set { &mut outcome.written } else { &mut outcome.refused } += 1;
        } else {
            outcome.changed_meanwhile += 1;
        }
    }
    Ok(outcome)
}

fn was_handed_over(site: &Site, keys: &[CookieKey<'_>], cookie: &Cookie) -> bool {
    site.owns(cookie.host()) && keys.contains(&cookie.key())
}

/// The browser's cookie that a capture would take, if it hasn't changed since the hand-over.
fn find_unchanged<'a>(
    held: &'a [BrowserCookie],
    cookie: &Cookie,
    was: &SecretString,
) -> Option<&'a BrowserCookie> {
    let is_of_own_visit = own_visits(held);
    held.iter().find(|held| is_of_own_visit(held) && is_unchanged(held, cookie, was))
}

/// Whether the browser's cookie has this key and still the value that was handed over.
fn is_unchanged(held: &BrowserCookie, cookie: &Cookie, was: &SecretString) -> bool {
    held.key() == cookie.key() && held.value.expose_secret() == was.expose_secret()
}

/// The argument of `chrome.cookies.set`: the browser's cookie with a new value and expiry. All
/// else stays, because a cookie file doesn't contain it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    url: String,
    name: &'a str,
    #[serde(serialize_with = "serialize_exposed")]
    value: &'a SecretString,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
    path: &'a str,
    secure: bool,
    http_only: bool,
    same_site: BrowserSameSite,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_date: Option<i64>,
    store_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_key: Option<&'a PartitionKey>,
    /// Firefox requires it with first-party isolation.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_party_domain: Option<&'a str>,
}

impl<'a> Details<'a> {
    fn new(held: &'a BrowserCookie, cookie: &'a Cookie, store_id: &'a str) -> Self {
        let scheme = if held.secure { "https" } else { "http" };
        Self {
            url: format!("{scheme}://{}{}", cookie.host(), cookie.path),
            name: &held.name,
            value: &cookie.value,
            domain: (!held.host_only).then_some(&held.domain),
            path: &cookie.path,
            secure: held.secure,
            http_only: held.http_only,
            same_site: held.same_site,
            expiration_date: cookie.expires,
            store_id,
            partition_key: held.partition_key.as_ref(),
            first_party_domain: held.visited(),
        }
    }
}

/// Sends the outcome to the host, and returns it.
fn answer<T: Serialize>(port: &Port, question: &JsValue, outcome: Result<T, Failure>) -> Result<T, Failure> {
    let answer = match &outcome {
        Ok(fields) => to_js(fields)?,
        Err(failure) => {
            let error = AnswerError { code: "refused".to_owned(), message: failure.to_string() };
            to_js(&Refusal { error })?
        }
    };
    let set = |name: &str, value: &JsValue| Reflect::set(&answer, &name.into(), value).map(drop);
    let repeat = |name: &str| set(name, &Reflect::get(question, &name.into())?);
    let posted = repeat("id")
        .and_then(|()| repeat("type"))
        .and_then(|()| set("ok", &outcome.is_ok().into()))
        .and_then(|()| port.post_message(&answer))
        .map_err(|error| Failure::of_browser(&error));
    // The question's own failure matters more than a closed port.
    outcome.and_then(|fields| posted.map(|()| fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn browser_cookie(change: Value) -> BrowserCookie {
        let mut cookie = json!({"name": "n", "value": "old", "domain": ".x.com", "path": "/", "hostOnly": false,
            "httpOnly": true, "secure": true, "sameSite": "no_restriction"});
        for (key, value) in change.as_object().unwrap() {
            cookie[key] = value.clone();
        }
        serde_json::from_value(cookie).unwrap()
    }

    fn cookie(domain: &str) -> Cookie {
        let cookie = json!({"name": "n", "value": "new", "domain": domain, "expires": 7, "secure": false});
        Cookie::from_json(cookie).unwrap()
    }

    #[test]
    fn writes_back_only_cookies_that_were_handed_over() {
        let site = Site::Known(stagepass_core::Platform::of_id("x").unwrap());
        let handed_over = [cookie(".x.com"), cookie(".example.org")];
        let keys = handed_over.each_ref().map(Cookie::key);
        assert!(was_handed_over(&site, &keys, &cookie(".x.com")));
        for other in ["x.com", ".www.x.com", ".example.org"] {
            assert!(!was_handed_over(&site, &keys, &cookie(other)), "{other}");
        }
    }

    #[test]
    fn keeps_cookies_that_the_browser_has_changed() {
        let was = SecretString::from("old");
        assert!(is_unchanged(&browser_cookie(json!({})), &cookie(".x.com"), &was));
        for change in [
            json!({"value": "newer"}),
            json!({"name": "m"}),
            json!({"path": "/a"}),
            json!({"domain": "x.com", "hostOnly": true}),
        ] {
            assert!(!is_unchanged(&browser_cookie(change.clone()), &cookie(".x.com"), &was), "{change}");
        }
    }

    #[test]
    fn with_first_party_isolation_keeps_the_cookie_from_before() {
        let was = SecretString::from("old");
        let before = browser_cookie(json!({"firstPartyDomain": ""}));
        assert!(find_unchanged(std::slice::from_ref(&before), &cookie(".x.com"), &was).is_some());
        let newer = browser_cookie(json!({"firstPartyDomain": "x.com", "value": "newer"}));
        assert!(find_unchanged(&[before.clone(), newer], &cookie(".x.com"), &was).is_none());
        let own = browser_cookie(json!({"firstPartyDomain": "x.com"}));
        let cookies = [before, own];
        let found = find_unchanged(&cookies, &cookie(".x.com"), &was).unwrap();
        assert_eq!(found.visited(), Some("x.com"));
    }

    #[test]
    fn writes_back_only_value_and_expiry() {
        let partition =
            json!({"partitionKey": {"topLevelSite": "https://x.com"}, "firstPartyDomain": "x.com"});
        let (held, new) = (browser_cookie(partition), cookie(".x.com"));
        assert_eq!(
            serde_json::to_value(Details::new(&held, &new, "0")).unwrap(),
            json!({"url": "https://x.com/", "name": "n", "value": "new", "domain": ".x.com", "path": "/",
                "secure": true, "httpOnly": true, "sameSite": "no_restriction", "expirationDate": 7,
                "storeId": "0", "partitionKey": {"topLevelSite": "https://x.com"},
                "firstPartyDomain": "x.com"})
        );
    }
}
