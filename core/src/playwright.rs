//! Playwright's storage state: what `browser.newContext({storageState})` restores, in the Chromium that
//! it drives.
//!
//! Playwright refuses a whole state for one cookie that the browser refuses, so such a cookie is left
//! out and named. A test compares these rules with a real Playwright.

mod restored;

pub use restored::Difference;

use crate::cookie::{Cookie, SameSite, serialize_exposed};
use crate::origin_storage::{OriginStorage, StorageEntry};
use crate::session::Session;
use crate::visible::{MAX_SHOWN_CHARS, printable_start};
use restored::{crowded_sites, differences};
use secrecy::SecretString;
use serde::Serialize;
use thiserror::Error;

/// The storage state of a session. Serialised, it holds secrets.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageState<'a> {
    cookies: Vec<StateCookie<'a>>,
    origins: Vec<StateOrigin<'a>>,
    /// Playwright ignores it.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
}

/// A cookie as Playwright writes it: every member is there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StateCookie<'a> {
    name: &'a str,
    #[serde(serialize_with = "serialize_exposed")]
    value: &'a SecretString,
    /// In lower case, with a leading dot if hosts below get the cookie too.
    domain: String,
    path: &'a str,
    /// Unix seconds; -1 for a session cookie.
    expires: i64,
    http_only: bool,
    secure: bool,
    same_site: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StateOrigin<'a> {
    origin: &'a str,
    local_storage: &'a [StorageEntry],
    /// Playwright ignores it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    session_storage: &'a [StorageEntry],
}

/// The sessionStorage of an origin, which Playwright does not restore: a script has to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionStorage<'a> {
    origin: &'a str,
    session_storage: &'a [StorageEntry],
}

/// Something that a restored browser does not have as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Loss {
    /// The state must name a `SameSite` attribute.
    #[error("{0} cookies had no SameSite attribute; the state says Lax, as browsers treat them")]
    SameSite(usize),
    /// A cookie is left out, or the browser keeps it differently.
    #[error("the cookie {name} {difference}{}", if .difference.is_left_out() { ", so it is not in the state" } else { "" })]
    Cookie {
        /// The cookie's printable name.
        name: String,
        /// What is different.
        difference: Difference,
    },
    /// A browser removes cookies of a site that has too many.
    #[error("{count} cookies are of {site}, and a browser keeps about 180 of one site")]
    Crowded {
        /// The registrable domain.
        site: String,
        /// How many cookies it has in the state.
        count: usize,
    },
    /// Playwright restores localStorage alone.
    #[error("Playwright does not restore the sessionStorage of {0}; a script has to")]
    SessionStorage(String),
}

impl Loss {
    /// The printable name of the cookie that is lost or different.
    #[must_use]
    pub fn cookie(&self) -> Option<&str> {
        match self {
            Self::Cookie { name, .. } => Some(name),
            _ => None,
        }
    }
}

impl<'a> StorageState<'a> {
    /// The storage state of a session that is restored at `now` (Unix seconds) or later.
    #[must_use]
    pub fn new(session: Session<'a>, now: i64) -> Self {
        let with_local = session.origins.iter().filter(|storage| !storage.local_storage.is_empty());
        let origin = |storage: &'a OriginStorage| StateOrigin {
            origin: &storage.origin,
            local_storage: &storage.local_storage,
            session_storage: &[],
        };
        let differences = differences(session.cookies, now);
        let cookies = restored(session.cookies, &differences).into_iter().map(StateCookie::from).collect();
        Self { cookies, origins: with_local.map(origin).collect(), user_agent: None }
    }

    /// The same with what Playwright ignores: sessionStorage and the user agent.
    #[must_use]
    pub fn with_session_storage(session: Session<'a>, user_agent: Option<&'a str>, now: i64) -> Self {
        let origin = |storage: &'a OriginStorage| StateOrigin {
            origin: &storage.origin,
            local_storage: &storage.local_storage,
            session_storage: &storage.session_storage,
        };
        Self { origins: session.origins.iter().map(origin).collect(), user_agent, ..Self::new(session, now) }
    }
}

/// The cookies of the state, by how each differs.
fn restored<'a>(cookies: &'a [Cookie], differences: &[Option<Difference>]) -> Vec<&'a Cookie> {
    let is_restored = |difference: &Option<Difference>| difference.is_none_or(|it| !it.is_left_out());
    let cookies = cookies.iter().zip(differences);
    cookies.filter(|(_, difference)| is_restored(difference)).map(|(cookie, _)| cookie).collect()
}

impl<'a> From<&'a Cookie> for StateCookie<'a> {
    fn from(cookie: &'a Cookie) -> Self {
        let dot = if cookie.is_host_only() { "" } else { "." };
        Self {
            name: &cookie.name,
            value: &cookie.value,
            domain: format!("{dot}{}", cookie.host().to_ascii_lowercase()),
            path: &cookie.path,
            expires: cookie.expires.unwrap_or(-1),
            http_only: cookie.http_only,
            secure: cookie.secure,
            same_site: match cookie.same_site {
                Some(SameSite::Strict) => "Strict",
                Some(SameSite::None) => "None",
                Some(SameSite::Lax) | None => "Lax",
            },
        }
    }
}

/// The sessionStorage of each origin that has any.
#[must_use]
pub fn session_storage(session: Session<'_>) -> Vec<SessionStorage<'_>> {
    let with_any = session.origins.iter().filter(|storage| !storage.session_storage.is_empty());
    with_any
        .map(|storage| SessionStorage { origin: &storage.origin, session_storage: &storage.session_storage })
        .collect()
}

/// What a browser that is restored at `now` (Unix seconds) does not have as it was.
#[must_use]
pub fn losses(session: Session<'_>, now: i64) -> Vec<Loss> {
    let differences = differences(session.cookies, now);
    let differing = session.cookies.iter().zip(&differences).filter_map(|(cookie, difference)| {
        let name = printable_start(&cookie.name, MAX_SHOWN_CHARS);
        Some(Loss::Cookie { name, difference: (*difference)? })
    });
    let restored = restored(session.cookies, &differences);
    let without_same_site = restored.iter().filter(|cookie| cookie.same_site.is_none()).count();
    let same_site = (without_same_site > 0).then_some(Loss::SameSite(without_same_site));
    let crowded = crowded_sites(&restored).into_iter().map(|(site, count)| Loss::Crowded { site, count });
    let kept_aside = session_storage(session);
    let kept_aside = kept_aside.iter().map(|storage| Loss::SessionStorage(storage.origin.to_owned()));
    differing.chain(same_site).chain(crowded).chain(kept_aside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin_storage;
    use serde_json::json;

    const NOW: i64 = 1_890_000_000;

    #[test]
    fn writes_what_playwright_reads() {
        let cookies = [
            json!({"name": "a", "value": "1", "domain": ".x.com", "expires": 1_900_000_000, "sameSite": "none",
                "secure": true, "httpOnly": true}),
            json!({"name": "b", "value": "2", "domain": "x.com", "path": "/p", "sameSite": "strict"}),
            json!({"name": "c", "value": "", "domain": "x.com", "hostOnly": false}),
        ]
        .map(|cookie| Cookie::from_json(cookie).unwrap());
        let origins = origin_storage::read(vec![
            json!({"origin": "https://x.com", "localStorage": [{"name": "l", "value": "3"}]}),
            json!({"origin": "https://y.com", "sessionStorage": [{"name": "s", "value": "4"}]}),
        ])
        .unwrap();
        let session = Session { cookies: &cookies, origins: &origins };
        assert_eq!(
            serde_json::to_value(StorageState::new(session, NOW)).unwrap(),
            json!({
                "cookies": [
                    {"name": "a", "value": "1", "domain": ".x.com", "path": "/", "expires": 1_900_000_000,
                        "httpOnly": true, "secure": true, "sameSite": "None"},
                    {"name": "b", "value": "2", "domain": "x.com", "path": "/p", "expires": -1,
                        "httpOnly": false, "secure": false, "sameSite": "Strict"},
                    {"name": "c", "value": "", "domain": ".x.com", "path": "/", "expires": -1,
                        "httpOnly": false, "secure": false, "sameSite": "Lax"},
                ],
                "origins": [{"origin": "https://x.com", "localStorage": [{"name": "l", "value": "3"}]}],
            })
        );
        let aside = json!([{"origin": "https://y.com", "sessionStorage": [{"name": "s", "value": "4"}]}]);
        assert_eq!(serde_json::to_value(session_storage(session)).unwrap(), aside);
        assert_eq!(
            losses(session, NOW),
            [Loss::SameSite(1), Loss::SessionStorage("https://y.com".to_owned())]
        );
        assert_eq!(losses(Session::from(&cookies[..2]), NOW), []);
        let whole =
            serde_json::to_value(StorageState::with_session_storage(session, Some("UA"), NOW)).unwrap();
        assert_eq!(whole["origins"][1]["sessionStorage"], json!([{"name": "s", "value": "4"}]));
        assert_eq!(whole["userAgent"], "UA");
    }

    #[test]
    fn leaves_out_and_names_what_a_browser_refuses() {
        let cookies = [
            json!({"name": "n\u{202e}", "value": "planted", "domain": "x.com", "sameSite": "none"}),
            json!({"name": "late", "value": "v", "domain": "x.com", "expires": NOW * 2, "sameSite": "lax"}),
        ]
        .map(|cookie| Cookie::from_json(cookie).unwrap());
        let session = Session::from(&cookies);
        let state = serde_json::to_value(StorageState::new(session, NOW)).unwrap();
        let kept = state["cookies"].as_array().unwrap();
        assert_eq!((kept.len(), &kept[0]["name"]), (1, &json!("late")));
        let told: Vec<_> = losses(session, NOW).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "the cookie n\u{fffd} has SameSite=None without Secure, which browsers refuse, so it is not in the state",
                "the cookie late expires later than in 400 days, the longest time that browsers keep cookies",
            ]
        );
    }
}
