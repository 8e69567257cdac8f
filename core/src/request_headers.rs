//! The request headers that a signed-in browser would send to a URL: `Cookie` (RFC 6265, section
//! 5.4), `User-Agent`, and those that the platform's own pages fill in.

use crate::cookie::{Cookie, serialize_exposed};
use crate::login::{part_of, signed_in_at};
use crate::platform::{HeaderSource, LoginEntry, Site, is_within};
use crate::public_suffix::is_for_host_alone;
use crate::session::Session;
use crate::url_host::is_address;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A request header. Its value is a secret.
#[derive(Clone, Debug, Serialize)]
pub struct RequestHeader {
    /// The name.
    pub name: &'static str,
    /// The value.
    #[serde(serialize_with = "serialize_exposed")]
    pub value: SecretString,
}

/// An https URL, as far as headers depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The host as the URL Standard serialises it: in lower case, an IPv6 address in brackets.
    pub host: &'a str,
    /// The path, which begins with `/`.
    pub path: &'a str,
}

/// The headers for a request to `target` at `now` (Unix seconds), without those that would be
/// empty or that no header can contain.
#[must_use]
pub fn request_headers(
    session: Session<'_>,
    user_agent: Option<&str>,
    site: &Site,
    target: Target<'_>,
    now: i64,
) -> Vec<RequestHeader> {
    let sent = sent_cookies(session.cookies, target, now);
    // The values leave their wrappers: the header is meant to contain them.
    let pairs = sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value.expose_secret()));
    let general = [
        ("Cookie", pairs.collect::<Vec<_>>().join("; ")),
        ("User-Agent", user_agent.unwrap_or_default().to_owned()),
    ];
    let own = site.platform().map_or(&[][..], |platform| platform.headers.all());
    let own = own.iter().filter(|header| header.hosts.contains(&target.host)).filter_map(|header| {
        let value = source_value(header.source, session, site, &sent, now)?;
        (!value.is_empty()).then(|| (header.name, format!("{}{value}", header.prefix)))
    });
    let is_sendable = |value: &str| !value.is_empty() && !value.chars().any(char::is_control);
    let filled_in = general.into_iter().chain(own).filter(|(_, value)| is_sendable(value));
    filled_in.map(|(name, value)| RequestHeader { name, value: value.into() }).collect()
}

/// An entry from which a header is filled in, if the session has no such entry or one without a value. An
/// entry that proves the login is not meant: without it nobody is signed in.
#[must_use]
pub fn missing_entry(session: Session<'_>, site: &Site) -> Option<&'static LoginEntry> {
    let headers = site.platform().map_or(&[][..], |platform| platform.headers.all());
    headers.iter().find_map(|header| {
        let HeaderSource::Entry(name, part) = header.source else { return None };
        let wanted = site.login_entries().iter().find(|entry| entry.name == name)?;
        let held = session.entry(wanted.origin, wanted.area, wanted.name);
        let is_there = held.is_some_and(|held| part_of(held, part).is_some());
        (wanted.proof.is_none() && !is_there).then_some(wanted)
    })
}

/// The cookies that are sent: longer paths first, then in stored order.
fn sent_cookies<'a>(cookies: &'a [Cookie], target: Target<'_>, now: i64) -> Vec<&'a Cookie> {
    let held = latest_of_each_key(cookies).into_iter();
    let mut sent: Vec<_> = held.filter(|cookie| is_sent(cookie, target, now)).collect();
    sent.sort_by_key(|cookie| Reverse(cookie.path.len()));
    sent
}

/// The cookies without those that a later one with the same domain, path and name replaces.
fn latest_of_each_key(cookies: &[Cookie]) -> Vec<&Cookie> {
    let latest: BTreeMap<_, _> = cookies.iter().enumerate().map(|(index, it)| (it.key(), index)).collect();
    let is_latest = |(index, cookie): &(usize, &Cookie)| latest.get(&cookie.key()) == Some(index);
    cookies.iter().enumerate().filter(is_latest).map(|(_, cookie)| cookie).collect()
}

fn is_sent(cookie: &Cookie, Target { host, path }: Target<'_>, now: i64) -> bool {
    let own_host = cookie.host().to_ascii_lowercase();
    // A browser refuses a cookie for all hosts below a public suffix (RFC 6265, section 5.3).
    let is_for_hosts_below = !cookie.is_host_only()
        && !is_address(host)
        && is_within(host, &own_host)
        && !is_for_host_alone(&own_host);
    !cookie.is_expired(now) && (host == own_host || is_for_hosts_below) && is_path_match(path, &cookie.path)
}

/// RFC 6265, section 5.1.4.
fn is_path_match(path: &str, of_cookie: &str) -> bool {
    let rest = path.strip_prefix(of_cookie);
    rest.is_some_and(|rest| rest.is_empty() || of_cookie.ends_with('/') || rest.starts_with('/'))
}

/// The value of a platform's own header. A cookie that is also sent is preferred.
fn source_value(
    source: HeaderSource,
    session: Session<'_>,
    site: &Site,
    sent: &[&Cookie],
    now: i64,
) -> Option<String> {
    match source {
        HeaderSource::Cookie(name) => {
            // The cookies of another site of the platform may be another account's.
            let domain = signed_in_at(session, site);
            let is_own = |cookie: &Cookie| site.owns_at(cookie.host(), domain) && !cookie.is_expired(now);
            let held = sent.iter().copied().chain(latest_of_each_key(session.cookies));
            let held = held.filter(|cookie| cookie.name == name).find(|cookie| is_own(cookie))?;
            Some(held.value.expose_secret().trim_matches('"').to_owned())
        }
        HeaderSource::Entry(name, part) => {
            let wanted = site.login_entries().iter().find(|entry| entry.name == name)?;
            let held = session.entry(wanted.origin, wanted.area, wanted.name)?;
            part_of(held, part).map(Cow::into_owned)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin_storage;
    use crate::public_suffix::PublicSuffixes;
    use serde_json::{Value, json};

    const NOW: i64 = 1_800_000_000;

    fn cookies(changes: &[Value]) -> Vec<Cookie> {
        let cookie = |change: &Value| {
            let mut cookie = json!({"name": "n", "value": "v", "domain": ".x.com", "path": "/"});
            for (key, value) in change.as_object().unwrap() {
                cookie[key] = value.clone();
            }
            Cookie::from_json(cookie).unwrap()
        };
        changes.iter().map(cookie).collect()
    }

    fn sent(id: &str, session: Session<'_>, host: &str, path: &str) -> Vec<(&'static str, String)> {
        let site = Site::of_id(id, PublicSuffixes::built_in()).unwrap();
        let headers = request_headers(session, Some("UA"), &site, Target { host, path }, NOW);
        headers.iter().map(|header| (header.name, header.value.expose_secret().to_owned())).collect()
    }

    fn cookie_sent(changes: &[Value], host: &str, path: &str) -> String {
        let cookies = cookies(changes);
        let headers = sent("example.org", (&cookies).into(), host, path);
        headers.into_iter().find(|(name, _)| *name == "Cookie").map(|(_, value)| value).unwrap_or_default()
    }

    #[test]
    fn names_an_entry_that_has_no_value_for_a_header() {
        let missing = |id: &str, value: Option<&str>| {
            let site = Site::of_id(id, PublicSuffixes::built_in()).unwrap();
            let entry = site.login_entries()[0].name;
            let entries: Vec<_> = value.iter().map(|value| json!({"name": entry, "value": value})).collect();
            let origin = format!("https://{id}.com");
            let origins =
                origin_storage::read(vec![json!({"origin": origin, "localStorage": entries})]).unwrap();
            missing_entry(Session { cookies: &[], origins: &origins }, &site).map(|entry| entry.name)
        };
        for value in [None, Some(""), Some("undefined"), Some("null"), Some("\"cut")] {
            assert_eq!(missing("onlyfans", value), Some("bcTokenSha"), "{value:?}");
        }
        assert_eq!(missing("onlyfans", Some("0123")), None);
        // That login's proof is missing, which is more.
        assert_eq!(missing("fansly", None), None);
    }

    #[test]
    fn sends_the_latest_of_two_cookies_of_the_same_key() {
        let both = |second: Value| cookie_sent(&[json!({"value": "old"}), second], "x.com", "/");
        assert_eq!(both(json!({"value": "new"})), "n=new");
        assert_eq!(both(json!({"expires": NOW - 1})), "", "it is deleted");
        assert_eq!(both(json!({"value": "new", "sameSite": "none"})), "n=new");
        // Another path is another cookie.
        assert_eq!(both(json!({"value": "new", "path": "/a"})), "n=old");
    }

    #[test]
    fn sends_the_cookies_that_a_browser_would() {
        for (change, host, path, is_sent) in [
            (json!({}), "x.com", "/", true),
            (json!({}), "api.x.com", "/a/b", true),
            (json!({}), "notx.com", "/", false),
            (json!({}), "com", "/", false),
            (json!({"domain": "x.com"}), "x.com", "/", true),
            (json!({"domain": "x.com"}), "api.x.com", "/", false),
            (json!({"domain": ".X.com"}), "api.x.com", "/", true),
            (json!({"domain": ".com"}), "x.com", "/", false),
            (json!({"domain": ".github.io"}), "me.github.io", "/", false),
            (json!({"domain": ".localhost"}), "app.localhost", "/", false),
            (json!({"domain": ".intranet"}), "intranet", "/", true),
            (json!({"domain": "127.0.0.1", "hostOnly": false}), "127.0.0.1", "/", true),
            (json!({"domain": "[::1]"}), "[::1]", "/", true),
            (json!({"domain": "127.0.0.1"}), "127.0.0.1", "/", true),
            (json!({"domain": "0.0.1", "hostOnly": false}), "127.0.0.1", "/", false),
            (json!({"path": "/a"}), "x.com", "/a", true),
            (json!({"path": "/a"}), "x.com", "/a/b", true),
            (json!({"path": "/a/"}), "x.com", "/a/b", true),
            (json!({"path": "/a/"}), "x.com", "/a", false),
            (json!({"path": "/a"}), "x.com", "/ab", false),
            (json!({"path": "/A"}), "x.com", "/a", false),
            (json!({"secure": true, "httpOnly": true, "sameSite": "strict"}), "x.com", "/", true),
            (json!({"expires": NOW + 1}), "x.com", "/", true),
            (json!({"expires": NOW}), "x.com", "/", false),
        ] {
            let expected = if is_sent { "n=v" } else { "" };
            assert_eq!(
                cookie_sent(std::slice::from_ref(&change), host, path),
                expected,
                "{change} {host}{path}"
            );
        }
    }

    #[test]
    fn longer_paths_come_first_and_then_the_stored_order() {
        let changes = [
            json!({"name": "root", "value": "1"}),
            json!({"name": "long", "value": "2", "path": "/a/b"}),
            json!({"name": "other", "value": "3", "domain": "x.com"}),
            json!({"name": "empty", "value": "", "path": "/a"}),
        ];
        assert_eq!(cookie_sent(&changes, "x.com", "/a/b"), "long=2; empty=; root=1; other=3");
    }

    #[test]
    fn a_platforms_own_headers_go_only_to_the_hosts_of_the_catalogue() {
        let cookies = cookies(&[
            json!({"name": "ct0", "value": "leftover", "domain": ".twitter.com"}),
            json!({"name": "auth_token"}),
            json!({"name": "ct0", "value": "token"}),
        ]);
        let session = Session::from(&cookies);
        let own = ("x-csrf-token", "token".to_owned());
        assert!(sent("x", session, "x.com", "/").contains(&own));
        assert!(sent("x", session, "api.x.com", "/").contains(&own));
        for other in ["pro.x.com", "twitter.com", "example.org"] {
            assert!(!sent("x", session, other, "/").iter().any(|(name, _)| *name == "x-csrf-token"));
        }
        assert_eq!(sent("x", session, "example.org", "/"), [("User-Agent", "UA".to_owned())]);

        let own = ("x-csrftoken", "token".to_owned());
        for (id, host, others) in [
            ("instagram", "www.instagram.com", ["i.instagram.com", "example.org"]),
            ("pinterest", "www.pinterest.com", ["api.pinterest.com", "www.instagram.com"]),
            ("threads", "www.threads.net", ["i.threads.net", "www.instagram.com"]),
        ] {
            let domain = host.trim_start_matches("www");
            let cookies = self::cookies(&[json!({"name": "csrftoken", "value": "token", "domain": domain})]);
            assert!(sent(id, Session::from(&cookies), host, "/").contains(&own), "{id}");
            for other in others {
                assert!(!sent(id, Session::from(&cookies), other, "/").contains(&own), "{id} {other}");
            }
        }
    }

    #[test]
    fn a_header_from_a_cookie_is_never_empty_expired_or_of_another_login() {
        let value = |id: &str, changes: &[Value], host: &str, name: &str| {
            let cookies = cookies(changes);
            let headers = sent(id, Session::from(&cookies), host, "/");
            headers.into_iter().find(|(held, _)| *held == name).map(|(_, value)| value)
        };
        let twitch = |value: &str| json!({"name": "auth-token", "value": value, "domain": ".twitch.tv"});
        let authorization = |cookie| value("twitch", &[cookie], "gql.twitch.tv", "authorization");
        assert_eq!(authorization(twitch("t")).unwrap(), "OAuth t");
        assert_eq!(authorization(twitch("")), None);
        assert_eq!(authorization(twitch("\"\"")), None);
        let expired = json!({"name": "auth-token", "domain": ".twitch.tv", "expires": NOW});
        assert_eq!(authorization(expired), None);
        let quoted = json!({"name": "JSESSIONID", "value": "\"ajax:1\"", "domain": ".www.linkedin.com"});
        assert_eq!(value("linkedin", &[quoted], "www.linkedin.com", "csrf-token").unwrap(), "ajax:1");
        // Not sent to the host, and still the header's source.
        let nebula = json!({"name": "nebula_auth.apiToken", "value": "t", "domain": "nebula.tv"});
        let sent_along = value("nebula", &[nebula], "users.api.nebula.app", "authorization");
        assert_eq!(sent_along.unwrap(), "Token t");
        let elsewhere = [
            json!({"name": "sessionid", "domain": ".threads.com"}),
            json!({"name": "csrftoken", "domain": ".threads.net"}),
        ];
        assert_eq!(value("threads", &elsewhere, "www.threads.net", "x-csrftoken"), None);
        let site = Site::of_id("example.org", PublicSuffixes::built_in()).unwrap();
        for user_agent in [None, Some(""), Some("a\r\nX: y")] {
            let target = Target { host: "example.org", path: "/" };
            assert!(request_headers(Session::default(), user_agent, &site, target, NOW).is_empty());
        }
    }

    #[test]
    fn headers_are_filled_in_from_storage() {
        let read = |origin: &str, name: &str, value: &str| {
            let entry = json!({"name": name, "value": value});
            origin_storage::read(vec![json!({"origin": origin, "localStorage": [entry]})]).unwrap()
        };
        let value = |id: &str, origins: &[_], host: &str, name: &str| {
            let headers = sent(id, Session { cookies: &[], origins }, host, "/");
            headers.into_iter().find(|(held, _)| *held == name).map(|(_, value)| value)
        };
        let onlyfans = read("https://onlyfans.com", "bcTokenSha", "0123");
        assert_eq!(value("onlyfans", &onlyfans, "onlyfans.com", "x-bc").unwrap(), "0123");
        let fansly = |value| read("https://fansly.com", "session_active_session", value);
        let authorization = |origins: &[_], host| value("fansly", origins, host, "authorization");
        let held = fansly(r#"{"token": "t", "accountId": 7}"#);
        assert_eq!(authorization(&held, "apiv3.fansly.com").unwrap(), "t");
        assert_eq!(authorization(&held, "fansly.com"), None);
        // Not JSON, no such member, an empty one, and one that would begin another header.
        for bad in ["{", "{}", r#"{"token": ""}"#, r#"{"token": ["t"]}"#, r#"{"token": "t\r\nX: y"}"#] {
            assert_eq!(authorization(&fansly(bad), "apiv3.fansly.com"), None, "{bad}");
        }
        let itaku =
            |token| value("itaku", &read("https://itaku.ee", "token", token), "itaku.ee", "authorization");
        assert_eq!(itaku("t").unwrap(), "Token t");
        assert_eq!(itaku("\"t\"").unwrap(), "Token t");
        for signed_out in ["", "\"\"", "null", "undefined", "\"t"] {
            assert_eq!(itaku(signed_out), None, "{signed_out}");
        }
        let elsewhere = read("https://www.fansly.com", "session_active_session", r#"{"token": "t"}"#);
        assert_eq!(authorization(&elsewhere, "apiv3.fansly.com"), None, "another origin's entry");
    }
}
