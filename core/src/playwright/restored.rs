//! What Chromium does with the cookies of a storage state: which it keeps as they are, which it keeps
//! differently, and which it refuses.

use crate::cookie::{Cookie, CookieKey, SameSite};
use crate::public_suffix::{PublicSuffixes, is_for_host_alone};
use crate::url_host::is_serialised_host;
use std::collections::BTreeMap;
use thiserror::Error;

/// How long a browser keeps a cookie at most (RFC 6265bis, section 5.5).
const MAX_AGE: i64 = 400 * 86_400;
/// Above this number, Chromium removes cookies of a registrable domain.
const MAX_COOKIES_OF_SITE: usize = 180;

/// How a cookie differs in a restored browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Difference {
    /// It has expired.
    #[error("has expired")]
    Expired,
    /// A later cookie has the same domain, path and name.
    #[error("is replaced by a later one with the same domain and path")]
    Replaced,
    /// Browsers require `Secure` with `SameSite=None`.
    #[error("has SameSite=None without Secure, which browsers refuse")]
    Insecure,
    /// The prefixes `__Http-` and `__Host-Http-` require attributes (RFC 6265bis, section 4.1.3).
    #[error("lacks attributes that the prefix of its name requires")]
    Prefix,
    /// No URL has the domain as its host.
    #[error("has a domain that no URL has")]
    Domain,
    /// No URL has the path.
    #[error("has a path that no URL has, so no browser sends it")]
    Path,
    /// A browser keeps it for the host alone.
    #[error("is for a public suffix, so a browser keeps it for that host alone")]
    PublicSuffix,
    /// A browser keeps it for a shorter time.
    #[error("expires later than in 400 days, the longest time that browsers keep cookies")]
    Lifetime,
}

impl Difference {
    /// Whether a browser would refuse the cookie. Of some such cookies Playwright would refuse the
    /// whole state.
    pub(super) fn is_left_out(self) -> bool {
        !matches!(self, Self::PublicSuffix | Self::Lifetime)
    }
}

/// How each cookie differs in a browser that is restored at `now`.
pub(super) fn differences(cookies: &[Cookie], now: i64) -> Vec<Option<Difference>> {
    let own: Vec<_> = cookies.iter().map(|cookie| difference(cookie, now)).collect();
    let key = |index: usize| {
        let Cookie { domain, path, name, .. } = &cookies[index];
        let is_host_only = cookies[index].is_host_only() || own[index] == Some(Difference::PublicSuffix);
        CookieKey::new(domain, is_host_only, path, name)
    };
    // A cookie that a browser refuses replaces none, but one that has expired removes the earlier one.
    let replaces = |difference: Difference| difference == Difference::Expired || !difference.is_left_out();
    let replacing = (0..cookies.len()).filter(|index| own[*index].is_none_or(replaces));
    let last: BTreeMap<_, _> = replacing.map(|index| (key(index), index)).collect();
    let of = |index: usize| {
        let is_replaced = last.get(&key(index)).is_some_and(|last| *last > index);
        if is_replaced { Some(Difference::Replaced) } else { own[index] }
    };
    (0..cookies.len()).map(of).collect()
}

fn difference(cookie: &Cookie, now: i64) -> Option<Difference> {
    let host = cookie.host().to_ascii_lowercase();
    if cookie.is_expired(now) {
        Some(Difference::Expired)
    } else if cookie.same_site == Some(SameSite::None) && !cookie.secure {
        Some(Difference::Insecure)
    } else if !has_attributes_of_prefix(cookie) {
        Some(Difference::Prefix)
    } else if !is_serialised_host(&host) {
        Some(Difference::Domain)
    } else if !is_url_path(&cookie.path) {
        Some(Difference::Path)
    } else if !cookie.is_host_only() && is_for_host_alone(&host) {
        Some(Difference::PublicSuffix)
    } else {
        cookie.expires.filter(|expires| expires - MAX_AGE > now).map(|_| Difference::Lifetime)
    }
}

/// Whether a cookie has what a prefix of its name requires. `Cookie::check` knows `__Secure-` and
/// `__Host-`.
fn has_attributes_of_prefix(cookie: &Cookie) -> bool {
    let has_prefix =
        |prefix: &str| cookie.name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    (!has_prefix("__Http-") || (cookie.secure && cookie.http_only))
        && (!has_prefix("__Host-Http-") || cookie.http_only)
}

/// Whether a path is written as the URL Standard writes paths: with some characters escaped, and
/// without `.` and `..`.
fn is_url_path(path: &str) -> bool {
    let is_dots = |segment: &str| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        matches!(segment.as_str(), "." | "..")
    };
    let is_escaped = |byte: u8| !byte.is_ascii_graphic() || b"\"#<>?\\^`{|}".contains(&byte);
    !path.bytes().any(is_escaped) && !path.split('/').any(is_dots)
}

/// The registrable domains that have more cookies than a browser keeps, with their numbers.
pub(super) fn crowded_sites(cookies: &[&Cookie]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for cookie in cookies {
        let host = cookie.host().to_ascii_lowercase();
        *counts.entry(registrable(&host).to_owned()).or_insert(0) += 1;
    }
    counts.retain(|_, count| *count > MAX_COOKIES_OF_SITE);
    counts
}

/// The host or the domain above it that is directly below a public suffix.
fn registrable(host: &str) -> &str {
    let is_suffix = |name: &str| PublicSuffixes::built_in().is_suffix(name);
    let above = host.match_indices('.').map(|(dot, _)| &host[dot + 1..]);
    let mut names = std::iter::once(host).chain(above);
    names.find(|name| name.split_once('.').is_none_or(|(_, above)| is_suffix(above))).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: i64 = 1_800_000_000;

    fn cookie(change: &Value) -> Cookie {
        let mut cookie = json!({"name": "n", "value": "v", "domain": ".example.org", "secure": true});
        for (key, value) in change.as_object().unwrap() {
            cookie[key] = value.clone();
        }
        Cookie::from_json(cookie).unwrap()
    }

    fn difference_of(change: Value) -> Option<Difference> {
        difference(&cookie(&change), NOW)
    }

    #[test]
    fn names_how_a_cookie_differs() {
        for (change, expected) in [
            (json!({}), None),
            (json!({"expires": NOW + 1}), None),
            (json!({"expires": NOW}), Some(Difference::Expired)),
            (json!({"expires": NOW + MAX_AGE}), None),
            (json!({"expires": NOW + MAX_AGE + 1}), Some(Difference::Lifetime)),
            (json!({"sameSite": "none"}), None),
            (json!({"sameSite": "none", "secure": false}), Some(Difference::Insecure)),
            (json!({"name": "__http-a"}), Some(Difference::Prefix)),
            (json!({"name": "__Http-a", "httpOnly": true}), None),
            (json!({"name": "__Http-a", "httpOnly": true, "secure": false}), Some(Difference::Prefix)),
            (json!({"name": "__Host-Http-a", "domain": "a.org"}), Some(Difference::Prefix)),
            (json!({"name": "__Host-Http-a", "domain": "a.org", "httpOnly": true}), None),
            (json!({"domain": "1.2.3.256"}), Some(Difference::Domain)),
            (json!({"domain": "127.1"}), Some(Difference::Domain)),
            (json!({"domain": ".a.0x1"}), Some(Difference::Domain)),
            (json!({"domain": "[0:0::1]"}), Some(Difference::Domain)),
            (json!({"domain": "[::1]"}), None),
            (json!({"domain": "127.0.0.1"}), None),
            (json!({"domain": "127.0.0.1", "hostOnly": false}), None),
            (json!({"domain": "localhost"}), None),
            (json!({"domain": ".localhost", "hostOnly": false}), Some(Difference::PublicSuffix)),
            (json!({"domain": ".co.uk"}), Some(Difference::PublicSuffix)),
            (json!({"domain": "co.uk"}), None),
            (json!({"domain": ".xn--bcher-kva.example"}), None),
            (json!({"path": "/a b"}), Some(Difference::Path)),
            (json!({"path": "/ä"}), Some(Difference::Path)),
            (json!({"path": "/a/%2E./b"}), Some(Difference::Path)),
            (json!({"path": "/.../.a/%41/~!@$&'()*+,=:[]%"}), None),
        ] {
            assert_eq!(difference_of(change.clone()), expected, "{change}");
        }
    }

    #[test]
    fn a_later_cookie_replaces_an_earlier_one() {
        let cookies = [json!({}), json!({"domain": "example.org"}), json!({"domain": ".EXAMPLE.org"})];
        let cookies = cookies.map(|change| cookie(&change));
        assert_eq!(differences(&cookies, NOW), [Some(Difference::Replaced), None, None]);
        // A browser keeps both for the host alone.
        let cookies = [json!({"domain": "co.uk"}), json!({"domain": ".co.uk"})].map(|change| cookie(&change));
        assert_eq!(differences(&cookies, NOW), [Some(Difference::Replaced), Some(Difference::PublicSuffix)]);
        let refused = json!({"sameSite": "none", "secure": false});
        let cookies = [json!({}), json!({"expires": NOW}), refused].map(|change| cookie(&change));
        assert_eq!(
            differences(&cookies, NOW),
            [Some(Difference::Replaced), Some(Difference::Expired), Some(Difference::Insecure)]
        );
    }

    #[test]
    fn counts_the_cookies_of_a_registrable_domain() {
        let host = |domain: &str| cookie(&json!({ "domain": domain }));
        let (a, b) = (host("a.example.co.uk"), host(".example.co.uk"));
        let many: Vec<_> = (0..181).map(|index| if index % 2 == 0 { &a } else { &b }).collect();
        assert!(crowded_sites(&many[1..]).is_empty());
        assert_eq!(crowded_sites(&many).into_iter().collect::<Vec<_>>(), [("example.co.uk".to_owned(), 181)]);
        for (host, site) in [("me.github.io", "me.github.io"), ("localhost", "localhost"), ("[::1]", "[::1]")]
        {
            assert_eq!(registrable(host), site);
        }
    }
}
