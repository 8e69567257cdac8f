//! From a browser's cookie list to the cookies of one session, with a verdict
//! on each. What proves a login, `login.rs` says.

use crate::cookie::{Cookie, CookieFault, CookieKey, MAX_COOKIES, MAX_EXPIRES, SameSite};
use crate::login::{self, Login};
use crate::platform::{Site, is_within};
use crate::visible::printable_line;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;
use thiserror::Error;

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

/// What became of one cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Taken as it was.
    Kept,
    /// Taken with a change that the reason names.
    Repaired,
    /// Left out, for the reason given.
    Dropped,
}

/// Why a cookie was repaired or dropped. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// Its domain is not the platform's.
    #[error("belongs to another site")]
    OtherSite,
    /// It is from another site of the platform than the one where somebody is signed in.
    #[error("belongs to another site of the platform than the login")]
    SiblingSite,
    /// It was set while the platform was embedded in another site.
    #[error("set while embedded in another site")]
    ForeignPartition,
    /// Firefox keeps visits apart, and it is of another one.
    #[error("not sent in visits to this site")]
    OtherVisit,
    /// It has ended.
    #[error("expired")]
    Expired,
    /// Another cookie has the same domain, path and name.
    #[error("another cookie has the same domain, path and name")]
    Duplicate,
    /// More than [`MAX_COOKIES`].
    #[error("more than {MAX_COOKIES} cookies")]
    TooMany,
    /// The cookie breaks a rule.
    #[error("{0}")]
    Invalid(#[from] CookieFault),
    /// The partition is not part of what is stored.
    #[error("its partition is not kept")]
    Partition,
    /// The dot before the domain did not fit `hostOnly`.
    #[error("the domain's leading dot was corrected")]
    Dot,
    /// The expiry was after [`MAX_EXPIRES`].
    #[error("its expiry was cut to the year 9999")]
    Expiry,
    /// The path was empty.
    #[error("its path was empty and became /")]
    Path,
}

impl Reason {
    /// A stable code, under which the extension finds its own words.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherSite => "other_site",
            Self::SiblingSite => "sibling_site",
            Self::ForeignPartition => "foreign_partition",
            Self::OtherVisit => "other_visit",
            Self::Expired => "expired",
            Self::Duplicate => "duplicate",
            Self::TooMany => "too_many",
            Self::Invalid(CookieFault::ControlCharacter(_)) => "control_character",
            Self::Invalid(_) => "invalid",
            Self::Partition => "partition",
            Self::Dot => "dot",
            Self::Expiry => "expiry",
            Self::Path => "path",
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.code())
    }
}

/// The line of the report on one cookie of the browser's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The cookie's name, with what can't be seen replaced.
    pub name: String,
    /// Its domain, likewise.
    pub domain: String,
    /// Its path, likewise.
    pub path: String,
    /// Unix seconds; `None` for a session cookie.
    pub expires: Option<i64>,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, where it was not simply kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// What a capture would take, or took: names and verdicts, never a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One entry for each cookie of the browser's list, taken ones first, each
    /// part sorted by domain, path and name.
    pub entries: Vec<Entry>,
    /// How many are taken: kept and repaired.
    pub taken: usize,
    /// How many are dropped.
    pub dropped: usize,
    /// Whether they prove a login.
    pub login: Login,
    /// When the first of the cookies that prove the login expires, in Unix
    /// seconds; `None` where none of them does.
    pub expires: Option<i64>,
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
mod tests {
    use super::*;
    use crate::cookie::MAX_SESSION_END;
    use crate::public_suffix::PublicSuffixes;
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;
    use serde_json::{Value, json};

    const NOW: i64 = 1_800_000_000;

    fn browser_cookie(change: &Value) -> BrowserCookie {
        let mut base = json!({
            "name": "sessionid", "value": "v", "domain": ".instagram.com", "path": "/", "storeId": "0",
            "hostOnly": false, "httpOnly": true, "secure": true, "session": true, "sameSite": "unspecified",
        });
        for (key, value) in change.as_object().unwrap() {
            base[key] = value.clone();
        }
        serde_json::from_value(base).unwrap()
    }

    fn site(id: &str) -> Site {
        Site::of_id(id, PublicSuffixes::built_in()).unwrap()
    }

    fn instagram(changes: &[Value]) -> Capture {
        let cookies = changes.iter().map(browser_cookie).collect();
        normalise(cookies, &site("instagram"), NOW)
    }

    /// One cookie's verdict and the code of its reason.
    fn verdict(change: &Value) -> (Verdict, Option<&'static str>) {
        let entry = instagram(std::slice::from_ref(change)).report.entries.remove(0);
        (entry.verdict, entry.reason.map(|reason| reason.code()))
    }

    #[test]
    fn gives_each_cookie_a_verdict_and_a_reason() {
        use Verdict::{Dropped, Kept, Repaired};
        for (change, expected) in [
            (json!({}), (Kept, None)),
            (json!({"domain": "www.instagram.com", "hostOnly": true}), (Kept, None)),
            (json!({"domain": ".instagram.org"}), (Dropped, Some("other_site"))),
            (json!({"expirationDate": NOW}), (Dropped, Some("expired"))),
            (json!({"expirationDate": NOW as f64 + 1.5}), (Kept, None)),
            (json!({"expirationDate": 1e15}), (Repaired, Some("expiry"))),
            (json!({"value": "a\tb"}), (Dropped, Some("control_character"))),
            (json!({"name": "a\nb"}), (Dropped, Some("control_character"))),
            (json!({"name": ""}), (Dropped, Some("invalid"))),
            (json!({"domain": "instagram.com"}), (Repaired, Some("dot"))),
            (json!({"path": ""}), (Repaired, Some("path"))),
            (
                json!({"partitionKey": {"topLevelSite": "https://instagram.com"}}),
                (Repaired, Some("partition")),
            ),
            (
                json!({"partitionKey": {"topLevelSite": "https://news.example"}}),
                (Dropped, Some("foreign_partition")),
            ),
            (json!({"partitionKey": {}}), (Kept, None)),
        ] {
            assert_eq!(verdict(&change), expected, "{change}");
        }
    }

    #[test]
    fn rounds_the_expiry_down_and_translates_same_site() {
        let capture = instagram(&[
            json!({"name": "a", "expirationDate": NOW as f64 + 9.99, "sameSite": "no_restriction"}),
            json!({"name": "b", "sameSite": "strict"}),
        ]);
        assert_eq!(capture.cookies[0].expires, Some(NOW + 9));
        assert_eq!(capture.cookies[0].same_site, Some(SameSite::None));
        assert_eq!(capture.cookies[1].same_site, Some(SameSite::Strict));
    }

    #[test]
    fn what_is_told_of_an_odd_expiry_is_a_number_to_javascript() {
        let odd = |seconds: f64| {
            let cookie = BrowserCookie {
                expiration_date: Some(seconds),
                ..browser_cookie(&json!({"domain": ".example.org"}))
            };
            normalise(vec![cookie], &site("instagram"), NOW).report.entries[0].expires
        };
        let most = (1 << 53) - 1;
        for (seconds, expected) in
            [(1e300, most), (f64::INFINITY, most), (-1e300, -most), (f64::NAN, 0), (1.5, 1)]
        {
            assert_eq!(odd(seconds), Some(expected), "{seconds}");
        }
    }

    #[test]
    fn prefers_the_unpartitioned_of_two_cookies_with_one_key_whatever_their_order() {
        let plain = json!({"value": "plain", "expirationDate": NOW + 10});
        let partitioned = json!({
            "value": "partitioned", "expirationDate": NOW + 20,
            "partitionKey": {"topLevelSite": "https://instagram.com"},
        });
        for order in [[plain.clone(), partitioned.clone()], [partitioned, plain]] {
            let capture = instagram(&order);
            assert_eq!(capture.cookies.len(), 1);
            assert_eq!(capture.cookies[0].value.expose_secret(), "plain");
            assert_eq!(capture.report.entries[1].reason, Some(Reason::Duplicate));
        }
    }

    #[test]
    fn only_the_cookies_of_the_visit_at_hand_are_taken_where_firefox_keeps_visits_apart() {
        let of = |visited: &str, value: &str, days: i64| json!({"value": value, "firstPartyDomain": visited, "expirationDate": NOW + days});
        let (own, elsewhere, before) =
            (of("instagram.com", "mine", 10), of("news.example", "embedded", 20), of("", "before", 30));
        for order in [[&own, &elsewhere, &before], [&before, &elsewhere, &own]] {
            let capture = instagram(&order.map(Value::clone));
            assert_eq!(capture.cookies.len(), 1);
            assert_eq!(capture.cookies[0].value.expose_secret(), "mine");
            let dropped = &capture.report.entries[1..];
            assert!(dropped.iter().all(|entry| entry.reason == Some(Reason::OtherVisit)), "{dropped:?}");
        }
        // What another visit alone has is no login here.
        let capture = instagram(&[elsewhere, of("twin-instagram.com", "twin", 9)]);
        assert_eq!((capture.report.taken, capture.report.dropped), (0, 2));
        // Where visits are not kept apart, nothing is said or an empty text.
        assert_eq!(instagram(&[before]).report.taken, 1);
        let below =
            json!({"domain": "www.instagram.com", "hostOnly": true, "firstPartyDomain": "instagram.com"});
        assert_eq!(instagram(&[below]).report.taken, 1);
    }

    #[test]
    fn a_login_is_proven_by_all_its_cookies_and_ends_with_the_first_of_them() {
        let session = json!({"name": "sessionid", "expirationDate": NOW + 50});
        let user = json!({"name": "ds_user_id", "expirationDate": NOW + 20});
        let other = json!({"name": "mid", "expirationDate": NOW + 10});
        let proven = instagram(&[session.clone(), user.clone(), other.clone()]).report;
        assert_eq!((proven.login, proven.expires), (Login::Proven, Some(NOW + 20)));
        let forever = json!({"name": "ds_user_id", "expirationDate": MAX_EXPIRES});
        let endless = instagram(&[json!({"expirationDate": MAX_EXPIRES}), forever]).report;
        assert_eq!((endless.entries[0].expires, endless.expires), (Some(MAX_EXPIRES), Some(MAX_SESSION_END)));
        let missing = instagram(&[session, other]).report;
        assert_eq!(missing.login, Login::Missing { cookies: vec!["ds_user_id"] });
        let emptied = instagram(&[json!({"value": ""}), user]).report;
        assert_eq!(emptied.login, Login::Missing { cookies: vec!["sessionid"] });
    }

    /// Cookies of X: name, value, domain, seconds until it expires.
    fn x(cookies: &[(&str, &str, &str, i64)]) -> Capture {
        let change = |(name, value, domain, seconds): &(&str, &str, &str, i64)| {
            browser_cookie(&json!({"name": name, "value": value, "domain": domain,
                "expirationDate": NOW + seconds}))
        };
        normalise(cookies.iter().map(change).collect(), &site("x"), NOW)
    }

    fn values(capture: &Capture) -> Vec<&str> {
        capture.cookies.iter().map(|cookie| cookie.value.expose_secret()).collect()
    }

    const LEFT_OVER: [(&str, &str, &str, i64); 3] = [
        ("auth_token", "old", ".twitter.com", 10),
        ("ct0", "old", ".twitter.com", 10),
        ("twid", "u%3D1111", ".twitter.com", 10),
    ];

    #[test]
    fn what_is_left_over_on_a_platforms_other_site_is_neither_taken_nor_decides() {
        let live = [("auth_token", "live", ".x.com", 90), ("ct0", "live", ".x.com", 80)];
        // Without a cookie that names the account, the other site's names none either.
        for account in [&[("twid", "u%3D2222", ".x.com", 70)][..], &[]] {
            let capture = x(&[&LEFT_OVER[..], &live[..], account].concat());
            assert_eq!((&capture.report.login, capture.report.expires), (&Login::Proven, Some(NOW + 80)));
            assert!(capture.cookies.iter().all(|cookie| cookie.domain == ".x.com"));
            assert_eq!((capture.report.taken, capture.report.dropped), (2 + account.len(), 3));
            let dropped = &capture.report.entries[capture.report.taken..];
            assert!(dropped.iter().all(|entry| entry.reason.as_ref().unwrap().code() == "sibling_site"));
        }
    }

    #[test]
    fn who_is_signed_in_at_a_platforms_other_site_alone_is_captured_there() {
        let guest = [("guest_id", "g", ".x.com", 90), ("auth_token", "half", ".x.com", 5)];
        let capture = x(&[&LEFT_OVER[..], &guest[..]].concat());
        assert_eq!((&capture.report.login, capture.report.expires), (&Login::Proven, Some(NOW + 10)));
        assert_eq!(values(&capture), ["old", "old", "u%3D1111"]);
    }

    #[test]
    fn the_cookies_of_two_sites_prove_no_login_together() {
        let capture = x(&[("auth_token", "a", ".twitter.com", 10), ("ct0", "c", ".x.com", 10)]);
        assert_eq!(capture.report.login, Login::Missing { cookies: vec!["auth_token"] });
        let capture = x(&[("guest_id", "g", ".x.com", 10), ("auth_token", "a", ".twitter.com", 10)]);
        assert_eq!(capture.report.login, Login::Missing { cookies: vec!["ct0"] });
    }

    #[test]
    fn the_other_sites_cookies_take_no_room_from_those_of_the_login() {
        let live = [("auth_token", "live", ".x.com", 90), ("ct0", "live", ".x.com", 80)];
        let names: Vec<_> = (0..MAX_COOKIES).map(|n| format!("c{n:04}")).collect();
        let left_over: Vec<_> = names.iter().map(|name| (name.as_str(), "old", ".twitter.com", 10)).collect();
        assert_eq!(values(&x(&[&left_over[..], &live[..]].concat())), ["live", "live"]);
    }

    #[test]
    fn what_was_set_while_embedded_in_the_platforms_other_site_is_dropped() {
        let embedded = json!({"name": "auth_token", "domain": ".x.com",
            "partitionKey": {"topLevelSite": "https://twitter.com"}});
        let report = normalise(vec![browser_cookie(&embedded)], &site("x"), NOW).report;
        assert_eq!(report.entries[0].reason, Some(Reason::ForeignPartition));
    }

    #[test]
    fn a_value_that_says_logged_out_is_no_proof() {
        let site = site("pinterest");
        for (value, login) in [("1", Login::Proven), ("0", Login::Missing { cookies: vec!["_auth"] })] {
            let cookie =
                browser_cookie(&json!({"name": "_auth", "domain": ".pinterest.com", "value": value}));
            assert_eq!(normalise(vec![cookie], &site, NOW).report.login, login);
        }
    }

    #[test]
    fn takes_a_thousand_cookies_and_reports_the_rest() {
        let changes: Vec<_> = (0..1003).map(|n| json!({"name": format!("c{n:04}")})).collect();
        let report = instagram(&changes).report;
        assert_eq!((report.taken, report.dropped), (1000, 3));
    }

    #[test]
    fn the_report_never_holds_a_value() {
        let capture = instagram(&[
            json!({"value": "planted-secret"}),
            json!({"name": "x", "value": "planted\tsecret"}),
        ]);
        let report = format!("{:?}{}", capture, serde_json::to_string(&capture.report).unwrap());
        assert!(!report.contains("planted"));
    }

    fn any_browser_cookie() -> impl Strategy<Value = BrowserCookie> {
        let name = prop_oneof!["[a-c]", "__Host-[ab]", "\\PC{0,4}", "[\\x00-\\x7f]{0,4}"];
        let domain = prop_oneof![
            Just("instagram.com"),
            Just(".instagram.com"),
            Just("www.instagram.com"),
            Just(".WWW.instagram.com"),
            Just("evil.org"),
            Just("")
        ];
        let expiration = proptest::option::of(prop_oneof![
            Just(NOW as f64),
            Just(NOW as f64 + 0.5),
            0f64..4e9,
            Just(f64::INFINITY),
            Just(-1.0)
        ]);
        let partition =
            proptest::option::of(prop_oneof![Just("https://instagram.com"), Just("https://a.org")]);
        let visited =
            prop_oneof![Just(None), Just(Some("")), Just(Some("instagram.com")), Just(Some("a.org"))];
        (name, "\\PC{0,9}", domain, "/?[a-z/]{0,3}", expiration, any::<[bool; 3]>(), partition, visited)
            .prop_map(
                |(
                    name,
                    value,
                    domain,
                    path,
                    expiration_date,
                    [host_only, http_only, secure],
                    partition,
                    visited,
                )| {
                    BrowserCookie {
                        name,
                        value: value.into(),
                        domain: domain.to_owned(),
                        path,
                        expiration_date,
                        host_only,
                        http_only,
                        secure,
                        same_site: BrowserSameSite::Lax,
                        partition_key: partition
                            .map(|site| PartitionKey { top_level_site: Some(site.to_owned()) }),
                        first_party_domain: visited.map(str::to_owned),
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(cookies in proptest::collection::vec(any_browser_cookie(), 0..30)) {
            let site = site("instagram");
            let total = cookies.len();
            let once = normalise(cookies, &site, NOW);
            prop_assert_eq!(once.report.taken + once.report.dropped, total);
            let twice = normalise(once.cookies.iter().map(BrowserCookie::from).collect(), &site, NOW);
            prop_assert_eq!(&once.cookies, &twice.cookies);
            prop_assert!(twice.report.entries.iter().all(|entry| entry.verdict == Verdict::Kept));
            let keys: Vec<_> = once.cookies.iter().map(|c| (&c.domain, &c.path, &c.name)).collect();
            prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "sorted, each key once");
            prop_assert!(once.cookies.iter().all(|cookie| cookie.check().is_ok()));
        }

        #[test]
        fn no_capture_of_a_login_has_cookies_of_two_sites(
            cookies in proptest::collection::vec(
                ("auth_token|ct0|twid|guest_id", "[ab]", prop_oneof![
                    Just(".x.com"), Just("api.x.com"), Just(".twitter.com"), Just("mobile.twitter.com"),
                ], 1i64..99),
                0..12,
            ),
        ) {
            let given: Vec<_> = cookies.iter().map(|(name, value, domain, seconds)| {
                (name.as_str(), value.as_str(), *domain, *seconds)
            }).collect();
            let once = x(&given);
            if once.report.login == Login::Proven {
                let is_x = |cookie: &Cookie| cookie.host().ends_with("x.com");
                prop_assert!(once.cookies.iter().all(is_x) || !once.cookies.iter().any(is_x));
                prop_assert_eq!(login::expiry(&once.cookies, &site("x")), once.report.expires);
            }
            let twice = normalise(once.cookies.iter().map(BrowserCookie::from).collect(), &site("x"), NOW);
            prop_assert_eq!(&once.cookies, &twice.cookies);
            prop_assert_eq!(once.report.login, twice.report.login);
        }
    }
}
