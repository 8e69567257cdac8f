//! The extension's part in handing over fresh cookies: answering the native
//! host, whose port the worker keeps open.
//!
//! The values go from the cookie store into the port, or back, and through no
//! JavaScript of ours. Whether a platform may be handed over, and what was
//! handed over when, the worker knows and tells here.

use crate::browser::{Port, connect_native, set_cookie};
use crate::capture::{Account, read_same_account, site_of};
use crate::cookie_store;
use crate::failure::Failure;
use crate::host::of_unanswered;
use crate::js::{Unexpected, from_js, to_js};
use js_sys::{Function, Promise};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use stagepass_core::bridge::{
    Allowed, Asked, HandOver, MAX_REPLACEMENTS, Question, Replacement, WrittenBack,
};
use stagepass_core::cookie::{CookieKey, serialize_exposed};
use stagepass_core::host::{Answer, AnswerError, HOST_NAME, Head};
use stagepass_core::normalise::{BrowserSameSite, PartitionKey, normalise, own_visits};
use stagepass_core::rotation::is_same_login_after;
use stagepass_core::{BrowserCookie, Cookie, Site};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;

/// What the person has allowed, and of whom.
#[derive(Debug, Deserialize)]
struct Grant {
    #[serde(flatten)]
    allowed: Allowed,
    store_id: String,
    /// The account that it is for; the first one that is signed in, where there is none yet.
    account: Option<Account>,
}

/// What the worker keeps of a hand-over; never a value.
#[derive(Debug, Serialize)]
struct Outcome<'a> {
    cookie_count: usize,
    keys: Vec<CookieKey<'a>>,
    account: Account,
}

/// Starts the host and keeps it running: a `Port`.
///
/// # Errors
/// A [`Failure`] where the browser refuses; a missing host shows when the port
/// is disconnected.
#[wasm_bindgen]
pub fn connect_host() -> Result<Port, JsValue> {
    connect_native(HOST_NAME)
}

/// What the browser's words about a port that was disconnected mean: a [`Failure`].
///
/// # Errors
/// Only where it can't be made, which is a fault of ours.
#[wasm_bindgen]
pub fn host_failure(reason: &str) -> Result<JsValue, JsValue> {
    Ok(to_js(&of_unanswered(reason))?)
}

/// Answers the question `cookies`. Before anything leaves, the worker is told by
/// `note` what will: nothing is handed over that is not listed.
///
/// # Errors
/// A [`Failure`], of which the host is told as well.
#[wasm_bindgen]
pub async fn hand_over(
    port: Port,
    asked: JsValue,
    grant: JsValue,
    hand_over: String,
    note: Function,
) -> Result<(), JsValue> {
    let given = async {
        let Asked { question, .. } = from_js(&asked)?;
        let site = site_of(question.platform())?;
        let given = gather(&site, from_js(&grant)?, hand_over).await?;
        tell(&note, &site, &given).await?;
        Ok(given)
    };
    Ok(answer(&port, &asked, given.await).map(drop)?)
}

/// Tells the worker, and waits until it has written that down.
async fn tell(note: &Function, site: &Site, given: &HandOver) -> Result<(), Failure> {
    let keys: Vec<_> = given.cookies.iter().map(Cookie::key).collect();
    let account = Account::of(site, &given.cookies);
    let outcome = to_js(&Outcome { cookie_count: keys.len(), keys, account })?;
    let noted = note.call1(&JsValue::NULL, &outcome).map_err(|error| Failure::of_browser(&error))?;
    JsFuture::from(Promise::resolve(&noted)).await.map_err(|error| Failure::of_browser(&error))?;
    Ok(())
}

async fn gather(site: &Site, grant: Grant, hand_over: String) -> Result<HandOver, Failure> {
    let Grant { allowed: Allowed { label, write_back, .. }, store_id, account } = grant;
    let capture = read_same_account(site, &store_id, account).await?;
    Ok(HandOver { hand_over, label, expires: capture.report.expires, write_back, cookies: capture.cookies })
}

/// Answers the question `write_back`: puts those cookies back whose `keys` were
/// handed over and that are in the browser as they were then; none where they would make
/// its session another account's.
///
/// # Errors
/// A [`Failure`], of which the host is told as well.
#[wasm_bindgen]
pub async fn write_back(
    port: Port,
    asked: JsValue,
    grant: JsValue,
    keys: JsValue,
) -> Result<JsValue, JsValue> {
    let written = async {
        let (Asked { question, .. }, grant) = (from_js(&asked)?, from_js(&grant)?);
        put_back(question, &grant, &from_js::<Vec<CookieKey<'_>>>(&keys)?).await
    };
    let written = answer(&port, &asked, written.await)?;
    Ok(to_js(&written)?)
}

async fn put_back(question: Question, grant: &Grant, keys: &[CookieKey<'_>]) -> Result<WrittenBack, Failure> {
    let site = site_of(question.platform())?;
    let Question::WriteBack { replacements, .. } = question else { return Err(Unexpected.into()) };
    if !grant.allowed.write_back || replacements.len() > MAX_REPLACEMENTS {
        return Err(Failure::NotAllowed);
    }
    let held = cookie_store::read_raw(&site, &grant.store_id).await?;
    let mut outcome = WrittenBack::default();
    let session = normalise(held.clone(), &site, cookie_store::now()).cookies;
    if !is_same_login_after(&site, &session, &replacements) {
        outcome.refused = replacements.len();
        return Ok(outcome);
    }
    for replacement in replacements {
        let Replacement { cookie, was } = &replacement;
        if !is_handed_out(&site, keys, cookie) {
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

fn is_handed_out(site: &Site, keys: &[CookieKey<'_>], cookie: &Cookie) -> bool {
    site.owns(cookie.host()) && keys.contains(&cookie.key())
}

/// The browser's cookie that a capture would take, where it is as it was handed out.
fn find_unchanged<'a>(
    held: &'a [BrowserCookie],
    cookie: &Cookie,
    was: &SecretString,
) -> Option<&'a BrowserCookie> {
    let is_of_own_visit = own_visits(held);
    held.iter().find(|held| is_of_own_visit(held) && is_unchanged(held, cookie, was))
}

/// Whether the browser's cookie is this one, with the value that was handed out.
fn is_unchanged(held: &BrowserCookie, cookie: &Cookie, was: &SecretString) -> bool {
    held.key() == cookie.key() && held.value.expose_secret() == was.expose_secret()
}

/// The argument of `chrome.cookies.set`: the browser's cookie as it is, with a
/// new value and expiry. A cookie file says no more than these.
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
    /// Firefox wants it where it keeps visits apart.
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

/// Tells the host what has come of its question, and gives it back.
fn answer<T: Serialize>(port: &Port, asked: &JsValue, outcome: Result<T, Failure>) -> Result<T, Failure> {
    let error = outcome
        .as_ref()
        .err()
        .map(|failure| AnswerError { code: "refused".to_owned(), message: failure.to_string() });
    let head: Head = from_js(asked)?;
    let answer = to_js(&Answer { head, ok: outcome.is_ok(), fields: outcome.as_ref().ok(), error })?;
    let posted = port.post_message(&answer).map_err(|error| Failure::of_browser(&error));
    // Where there is nothing to give and the port is gone, nobody waits for it.
    outcome.and_then(|given| posted.map(|()| given))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn held(change: Value) -> BrowserCookie {
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
    fn only_what_was_handed_out_comes_back() {
        let site = Site::Known(stagepass_core::Platform::of_id("x").unwrap());
        let handed_out = [cookie(".x.com"), cookie(".example.org")];
        let keys = handed_out.each_ref().map(Cookie::key);
        assert!(is_handed_out(&site, &keys, &cookie(".x.com")));
        for other in ["x.com", ".www.x.com", ".example.org"] {
            assert!(!is_handed_out(&site, &keys, &cookie(other)), "{other}");
        }
    }

    #[test]
    fn what_the_browser_has_changed_meanwhile_stays() {
        let was = SecretString::from("old");
        assert!(is_unchanged(&held(json!({})), &cookie(".x.com"), &was));
        for change in [
            json!({"value": "newer"}),
            json!({"name": "m"}),
            json!({"path": "/a"}),
            json!({"domain": "x.com", "hostOnly": true}),
        ] {
            assert!(!is_unchanged(&held(change.clone()), &cookie(".x.com"), &was), "{change}");
        }
    }

    #[test]
    fn where_visits_are_kept_apart_the_cookie_from_before_stays() {
        let was = SecretString::from("old");
        let before = held(json!({"firstPartyDomain": ""}));
        assert!(find_unchanged(std::slice::from_ref(&before), &cookie(".x.com"), &was).is_some());
        let newer = held(json!({"firstPartyDomain": "x.com", "value": "newer"}));
        assert!(find_unchanged(&[before.clone(), newer], &cookie(".x.com"), &was).is_none());
        let own = held(json!({"firstPartyDomain": "x.com"}));
        let cookies = [before, own];
        let found = find_unchanged(&cookies, &cookie(".x.com"), &was).unwrap();
        assert_eq!(found.visited(), Some("x.com"));
    }

    #[test]
    fn a_cookie_keeps_every_attribute_but_its_value_and_expiry() {
        let partition =
            json!({"partitionKey": {"topLevelSite": "https://x.com"}, "firstPartyDomain": "x.com"});
        let (held, new) = (held(partition), cookie(".x.com"));
        assert_eq!(
            serde_json::to_value(Details::new(&held, &new, "0")).unwrap(),
            json!({"url": "https://x.com/", "name": "n", "value": "new", "domain": ".x.com", "path": "/",
                "secure": true, "httpOnly": true, "sameSite": "no_restriction", "expirationDate": 7,
                "storeId": "0", "partitionKey": {"topLevelSite": "https://x.com"},
                "firstPartyDomain": "x.com"})
        );
    }
}
