//! Turns a browser's cookies and origin storage into one session, with a verdict on each cookie.
//! `login.rs` decides whether they prove a login.

mod one_account;
mod report;

pub use report::{Entry, Reason, Report, StoredEntry, Verdict};

use crate::cookie::{Cookie, CookieKey, MAX_COOKIES, MAX_EXPIRES, SameSite};
use crate::login;
use crate::origin_storage::OriginStorage;
use crate::platform::{Site, is_within};
use crate::session::Session;
use crate::visible::printable_line;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;

/// A cookie as `cookies.getAll` returns it in Chromium and Firefox.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BrowserCookie {
    /// The name; may be empty.
    pub name: String,
    /// The value.
    pub value: SecretString,
    /// The host, or the domain with a leading dot.
    pub domain: String,
    /// The path.
    pub path: String,
    /// Unix seconds with a fraction; absent for a session cookie.
    #[serde(default)]
    pub expiration_date: Option<f64>,
    /// Sent only to the exact host.
    pub host_only: bool,
    /// Hidden from scripts.
    pub http_only: bool,
    /// Sent only over https.
    pub secure: bool,
    /// The `SameSite` attribute as browsers spell it.
    #[serde(default, deserialize_with = "or_unspecified")]
    pub same_site: BrowserSameSite,
    /// The partition of a partitioned cookie (CHIPS).
    #[serde(default)]
    pub partition_key: Option<PartitionKey>,
    /// The site that was visited when the cookie was set, if Firefox's first-party isolation is
    /// on; otherwise empty or absent.
    #[serde(default)]
    pub first_party_domain: Option<String>,
}

impl BrowserCookie {
    /// The domain without its leading dot, in lower case.
    fn host(&self) -> String {
        self.domain.strip_prefix('.').unwrap_or(&self.domain).to_ascii_lowercase()
    }

    /// The key that identifies the cookie within one partition and visited site.
    #[must_use]
    pub fn key(&self) -> CookieKey<'_> {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        CookieKey::new(&self.domain, self.host_only, path, &self.name)
    }

    /// The site that must be visited for the cookie to be sent, if Firefox's first-party isolation
    /// is on.
    #[must_use]
    pub fn visited(&self) -> Option<&str> {
        self.first_party_domain.as_deref().filter(|domain| !domain.is_empty())
    }
}

/// Returns a test for whether a cookie is sent when its own site is visited, and not only
/// while embedded in another site. With first-party isolation on, cookies from before it was
/// switched on are not sent.
// Decision: docs/decisions/capture.md#a-platforms-own-partition-is-kept-a-foreign-one-dropped
pub fn own_visits(cookies: &[BrowserCookie]) -> impl Fn(&BrowserCookie) -> bool + use<> {
    let is_isolated = cookies.iter().any(|cookie| cookie.visited().is_some());
    move |cookie| match cookie.visited() {
        Some(domain) => is_within(&cookie.host(), domain),
        None => !is_isolated,
    }
}

/// `SameSite` as browsers spell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrowserSameSite {
    /// `SameSite=None`.
    NoRestriction,
    /// `SameSite=Lax`.
    Lax,
    /// `SameSite=Strict`.
    Strict,
    /// No attribute.
    #[default]
    #[serde(other)]
    Unspecified,
}

/// Treats an undefined or null member like an absent one.
fn or_unspecified<'de, D: Deserializer<'de>>(from: D) -> Result<BrowserSameSite, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The partition of a cookie.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionKey {
    /// The site of the page that the cookie was set in, such as `https://example.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_level_site: Option<String>,
}

/// A session and the report on all that was found.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Valid, sorted by domain, path and name, each key once.
    pub cookies: Vec<Cookie>,
    /// The storage of each of the site's origins; of another site of the platform, or of another
    /// account in the same entry, none.
    pub origins: Vec<OriginStorage>,
    /// The verdict on each of the browser's cookies.
    pub report: Report,
}

impl Capture {
    /// The session.
    #[must_use]
    pub fn session(&self) -> Session<'_> {
        Session { cookies: &self.cookies, origins: &self.origins }
    }
}

/// Normalises the cookies of **one** cookie store for `site` at `now` (Unix seconds); `origins` is
/// the storage that was read beside them. The operation is idempotent.
#[must_use]
pub fn normalise(
    browser_cookies: Vec<BrowserCookie>,
    mut origins: Vec<OriginStorage>,
    site: &Site,
    now: i64,
) -> Capture {
    one_account::keep(&mut origins, site);
    let is_of_own_visit = own_visits(&browser_cookies);
    let mut dropped = Vec::new();
    let mut taken: BTreeMap<CookieKey<'_>, Candidate> = BTreeMap::new();
    for browser_cookie in browser_cookies {
        let is_of_own_visit = is_of_own_visit(&browser_cookie);
        match Candidate::from_browser(browser_cookie, site, now, is_of_own_visit) {
            Err(entry) => dropped.push(*entry),
            Ok(candidate) => match taken.entry(candidate.cookie.key().into_owned()) {
                MapEntry::Vacant(free) => drop(free.insert(candidate)),
                MapEntry::Occupied(mut rival) => {
                    let is_preferred = rival.get().rank() < candidate.rank();
                    let loser = if is_preferred { rival.insert(candidate) } else { candidate };
                    dropped.push(into_dropped(loser.entry, Reason::Duplicate));
                }
            },
        }
    }
    let taken = taken.into_values().map(|candidate| (candidate.cookie, candidate.entry)).unzip();
    let (mut cookies, mut entries) = keep_one_site(taken, &origins, site, &mut dropped);
    cookies.truncate(MAX_COOKIES);
    let surplus = entries.split_off(cookies.len());
    dropped.extend(surplus.into_iter().map(|entry| into_dropped(entry, Reason::TooMany)));
    let dropped = sorted(dropped);

    let session = Session { cookies: &cookies, origins: &origins };
    let (login, expires) = login::login_and_expiry(session, site);
    let signed_in_at = login::signed_in_at(session, site).map(str::to_owned);
    origins.retain(|storage| site.owns_at(storage.host(), signed_in_at.as_deref()));
    let (taken, dropped_count) = (entries.len(), dropped.len());
    entries.extend(dropped);
    let stored = report::stored_entries(&origins);
    let report = Report { entries, taken, dropped: dropped_count, stored, login, expires };
    Capture { cookies, origins, report }
}

/// Cookies with the report's entry on each.
type Taken = (Vec<Cookie>, Vec<Entry>);

/// Keeps only the cookies of the platform's site where somebody is signed in: those of another
/// site may be another account's. Keeps all if no login is proven.
fn keep_one_site(
    (cookies, entries): Taken,
    origins: &[OriginStorage],
    site: &Site,
    dropped: &mut Vec<Entry>,
) -> Taken {
    let signed_in_at = login::signed_in_at(Session { cookies: &cookies, origins }, site);
    let owned: Vec<_> = cookies.iter().map(|cookie| site.owns_at(cookie.host(), signed_in_at)).collect();
    let both = cookies.into_iter().zip(entries).zip(owned);
    let (own, siblings): (Vec<_>, Vec<_>) = both.partition(|(_, is_own)| *is_own);
    dropped.extend(siblings.into_iter().map(|((_, entry), _)| into_dropped(entry, Reason::SiblingSite)));
    own.into_iter().map(|(taken, _)| taken).unzip()
}

/// The entries by domain, path and name. `sort_by` would bring more code into the browser's module.
fn sorted(entries: Vec<Entry>) -> Vec<Entry> {
    let mut sorted: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        let is_before = |other: &Entry| {
            (&other.domain, &other.path, &other.name) <= (&entry.domain, &entry.path, &entry.name)
        };
        sorted.insert(sorted.partition_point(is_before), entry);
    }
    sorted
}

fn into_dropped(entry: Entry, reason: Reason) -> Entry {
    Entry { verdict: Verdict::Dropped, reason: Some(reason), ..entry }
}

/// A cookie to be taken, unless another one with the same key is preferred.
struct Candidate {
    cookie: Cookie,
    entry: Entry,
    is_partitioned: bool,
}

impl Candidate {
    /// Converts a browser's cookie to a candidate, or returns the report's entry if the cookie is
    /// dropped.
    fn from_browser(
        browser_cookie: BrowserCookie,
        site: &Site,
        now: i64,
        is_of_own_visit: bool,
    ) -> Result<Self, Box<Entry>> {
        let mut entry = Box::new(Entry {
            name: printable_line(&browser_cookie.name),
            domain: printable_line(&browser_cookie.domain),
            path: printable_line(&browser_cookie.path),
            expires: browser_cookie.expiration_date.map(floor),
            verdict: Verdict::Dropped,
            reason: None,
        });
        let is_partitioned =
            browser_cookie.partition_key.as_ref().is_some_and(|key| key.top_level_site.is_some());
        let converted =
            if is_of_own_visit { convert(browser_cookie, site, now) } else { Err(Reason::OtherVisit) };
        match converted {
            Err(reason) => {
                entry.reason = Some(reason);
                Err(entry)
            }
            Ok((cookie, repair)) => {
                entry.domain.clone_from(&cookie.domain);
                entry.path.clone_from(&cookie.path);
                entry.expires = cookie.expires;
                entry.verdict = if repair.is_some() { Verdict::Repaired } else { Verdict::Kept };
                entry.reason = repair;
                Ok(Self { cookie, entry: *entry, is_partitioned })
            }
        }
    }

    /// The candidate of the highest rank is taken: an unpartitioned cookie before a
    /// partitioned one, then the later expiry.
    fn rank(&self) -> (Reverse<bool>, Option<i64>) {
        (Reverse(self.is_partitioned), self.cookie.expires)
    }
}

/// The cookie and what was repaired, or why it is dropped.
fn convert(from: BrowserCookie, site: &Site, now: i64) -> Result<(Cookie, Option<Reason>), Reason> {
    let mut repair = None;
    let (host, domain) = (from.host(), from.key().domain.into_owned());
    let own_domain = site.domain_of(&host).ok_or(Reason::OtherSite)?;
    if let Some(top_level_site) = from.partition_key.and_then(|key| key.top_level_site) {
        let after_scheme = top_level_site.split_once(':').and_then(|(_, rest)| rest.strip_prefix("//"));
        let top_host = after_scheme.unwrap_or(&top_level_site);
        if site.domain_of(top_host) != Some(own_domain) {
            return Err(Reason::ForeignPartition);
        }
        repair = Some(Reason::Partition);
    }
    let mut expires = from.expiration_date.map(floor);
    if expires.is_some_and(|expires| expires <= now) {
        return Err(Reason::Expired);
    }
    if expires.is_some_and(|expires| expires > MAX_EXPIRES) {
        expires = Some(MAX_EXPIRES);
        repair = Some(Reason::Expiry);
    }
    if domain.len() != from.domain.len() {
        repair = Some(Reason::Dot);
    }
    let mut path = from.path;
    if path.is_empty() {
        "/".clone_into(&mut path);
        repair = Some(Reason::Path);
    }
    let cookie = Cookie {
        name: from.name,
        value: from.value,
        domain,
        path,
        expires,
        http_only: from.http_only,
        secure: from.secure,
        same_site: match from.same_site {
            BrowserSameSite::NoRestriction => Some(SameSite::None),
            BrowserSameSite::Lax => Some(SameSite::Lax),
            BrowserSameSite::Strict => Some(SameSite::Strict),
            BrowserSameSite::Unspecified => None,
        },
        host_only: Some(from.host_only),
    };
    cookie.check()?;
    Ok((cookie, repair))
}

/// Whole seconds, rounded down and clamped to the integers that JavaScript represents exactly,
/// because the report goes there.
#[expect(clippy::cast_possible_truncation, reason = "the range is far within that of i64")]
fn floor(seconds: f64) -> i64 {
    const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;
    seconds.floor().clamp(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) as i64
}

impl From<&Cookie> for BrowserCookie {
    /// The cookie as a browser would list it.
    #[expect(clippy::cast_precision_loss, reason = "MAX_EXPIRES is far below 2^53")]
    fn from(cookie: &Cookie) -> Self {
        Self {
            name: cookie.name.clone(),
            value: cookie.value.clone(),
            domain: cookie.domain.clone(),
            path: cookie.path.clone(),
            expiration_date: cookie.expires.map(|expires| expires as f64),
            host_only: cookie.is_host_only(),
            http_only: cookie.http_only,
            secure: cookie.secure,
            same_site: match cookie.same_site {
                Some(SameSite::None) => BrowserSameSite::NoRestriction,
                Some(SameSite::Lax) => BrowserSameSite::Lax,
                Some(SameSite::Strict) => BrowserSameSite::Strict,
                None => BrowserSameSite::Unspecified,
            },
            partition_key: None,
            first_party_domain: None,
        }
    }
}

#[cfg(test)]
mod tests;
