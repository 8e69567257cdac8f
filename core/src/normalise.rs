//! From a browser's cookie list to the cookies of one session, with a verdict
//! on each. What proves a login, `login.rs` says.

mod report;

pub use report::{Entry, Reason, Report, Verdict};

use crate::cookie::{Cookie, CookieKey, MAX_COOKIES, MAX_EXPIRES, SameSite};
use crate::login;
use crate::platform::{Site, is_within};
use crate::visible::printable_line;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;

/// A cookie as `cookies.getAll` of Chromium and Firefox gives it.
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
    /// Sent to the exact host alone.
    pub host_only: bool,
    /// Hidden from scripts.
    pub http_only: bool,
    /// Sent over https alone.
    pub secure: bool,
    /// The `SameSite` attribute in the browsers' words.
    #[serde(default, deserialize_with = "or_unspecified")]
    pub same_site: BrowserSameSite,
    /// Where the cookie is partitioned (CHIPS).
    #[serde(default)]
    pub partition_key: Option<PartitionKey>,
    /// The site that was visited when it was set, where Firefox keeps the cookies of
    /// different visits apart (first-party isolation); else empty or absent.
    #[serde(default)]
    pub first_party_domain: Option<String>,
}

impl BrowserCookie {
    /// The domain without its leading dot, in lower case.
    fn host(&self) -> String {
        self.domain.strip_prefix('.').unwrap_or(&self.domain).to_ascii_lowercase()
    }

    /// What tells it from other cookies of one partition and visit.
    #[must_use]
    pub fn key(&self) -> CookieKey<'_> {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        CookieKey::new(&self.domain, self.host_only, path, &self.name)
    }

    /// The site whose visits alone the cookie is sent in, where there is one.
    #[must_use]
    pub fn visited(&self) -> Option<&str> {
        self.first_party_domain.as_deref().filter(|domain| !domain.is_empty())
    }
}

/// Tells which cookies of one store are sent when their own site is visited, and not only
/// inside another's pages. Where visits are kept apart, none has the cookies from before.
pub fn own_visits(cookies: &[BrowserCookie]) -> impl Fn(&BrowserCookie) -> bool + use<> {
    let are_apart = cookies.iter().any(|cookie| cookie.visited().is_some());
    move |cookie| match cookie.visited() {
        Some(domain) => is_within(&cookie.host(), domain),
        None => !are_apart,
    }
}

/// The browsers' words for `SameSite`.
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

/// A member that is there and undefined is as good as none.
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

/// The cookies of a session and the report on them.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Valid, sorted by domain, path and name, each of these once.
    pub cookies: Vec<Cookie>,
    /// What became of each of the browser's cookies.
    pub report: Report,
}

/// Normalises the cookies of **one** cookie store for `site` at `now` (Unix
/// seconds). Doing so twice changes nothing.
#[must_use]
pub fn normalise(browser_cookies: Vec<BrowserCookie>, site: &Site, now: i64) -> Capture {
    let is_of_own_visit = own_visits(&browser_cookies);
    let mut dropped = Vec::new();
    let mut taken: BTreeMap<CookieKey<'_>, Candidate> = BTreeMap::new();
    for browser_cookie in browser_cookies {
        let is_of_own_visit = is_of_own_visit(&browser_cookie);
        match Candidate::judge(browser_cookie, site, now, is_of_own_visit) {
            Err(entry) => dropped.push(*entry),
            Ok(candidate) => match taken.entry(candidate.cookie.key().into_owned()) {
                MapEntry::Vacant(place) => drop(place.insert(candidate)),
                MapEntry::Occupied(mut rival) => {
                    let is_preferred = rival.get().rank() < candidate.rank();
                    let loser = if is_preferred { rival.insert(candidate) } else { candidate };
                    dropped.push(loser.into_dropped(Reason::Duplicate));
                }
            },
        }
    }
    let mut taken = of_one_site(taken.into_values().collect(), site, &mut dropped);
    let surplus = taken.split_off(taken.len().min(MAX_COOKIES));
    dropped.extend(surplus.into_iter().map(|candidate| candidate.into_dropped(Reason::TooMany)));
    dropped.sort_by(|a, b| (&a.domain, &a.path, &a.name).cmp(&(&b.domain, &b.path, &b.name)));

    let (cookies, mut entries): (Vec<_>, Vec<_>) =
        taken.into_iter().map(|candidate| (candidate.cookie, candidate.entry)).unzip();
    let (login, expires) = login::judge(&cookies, site);
    let (taken, dropped_count) = (entries.len(), dropped.len());
    entries.extend(dropped);
    Capture { cookies, report: Report { entries, taken, dropped: dropped_count, login, expires } }
}

/// The cookies of the one site of the platform where somebody is signed in: those of
/// another site may be another account's. All of them where no login is proven.
fn of_one_site(taken: Vec<Candidate>, site: &Site, dropped: &mut Vec<Entry>) -> Vec<Candidate> {
    let signed_in_at = login::signed_in_at(taken.iter().map(|candidate| &candidate.cookie), site);
    let is_own = |candidate: &Candidate| site.owns_at(candidate.cookie.host(), signed_in_at);
    let (own, siblings): (Vec<_>, Vec<_>) = taken.into_iter().partition(is_own);
    dropped.extend(siblings.into_iter().map(|candidate| candidate.into_dropped(Reason::SiblingSite)));
    own
}

/// A cookie that may be taken, unless another with its key is preferred.
struct Candidate {
    cookie: Cookie,
    entry: Entry,
    is_partitioned: bool,
}

impl Candidate {
    /// Whether the cookie may be taken; otherwise its line in the report.
    fn judge(
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

    /// The higher one is taken: an unpartitioned cookie before a partitioned
    /// one, else the later expiry.
    fn rank(&self) -> (Reverse<bool>, Option<i64>) {
        (Reverse(self.is_partitioned), self.cookie.expires)
    }

    fn into_dropped(self, reason: Reason) -> Entry {
        Entry { verdict: Verdict::Dropped, reason: Some(reason), ..self.entry }
    }
}

/// The cookie and what was repaired of it, or why it is dropped.
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

/// Whole seconds, rounded down; what lies beyond the whole numbers that JavaScript is exact
/// about stops at their ends, since it is told there.
#[expect(clippy::cast_possible_truncation, reason = "the range is far within that of i64")]
fn floor(seconds: f64) -> i64 {
    const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;
    seconds.floor().clamp(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) as i64
}

impl From<&Cookie> for BrowserCookie {
    /// The cookie as a browser that holds it would list it.
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
