//! Keeping a captured session alive: which changes of a cookie make the stored
//! copy a stale one, and whether the browser is still signed in as the same
//! account.

use crate::bridge::Replacement;
use crate::cookie::Cookie;
use crate::login;
use crate::platform::Site;
use secrecy::ExposeSecret as _;

/// Whether a change of this cookie makes a captured session stale. Where it is
/// not known which cookies prove the login, those count that scripts can't see:
/// what a page keeps for itself is no secret to its scripts.
#[must_use]
pub fn is_rotation(site: &Site, name: &str, domain: &str, http_only: bool) -> bool {
    let host = domain.strip_prefix('.').unwrap_or(domain);
    let is_known = site.proves_login(name)
        || site.rotating_cookies().contains(&name)
        || site.account_cookie() == Some(name);
    site.owns(host) && (is_known || (site.login_cookies().is_empty() && http_only))
}

/// Tells the accounts of a platform apart, by the cookies of the one site where somebody
/// is signed in; `None` where they name none, or two. Its 32 bits are too few to tell
/// which account it is.
#[must_use]
pub fn account_mark(site: &Site, cookies: &[Cookie]) -> Option<u32> {
    let name = site.account_cookie()?;
    let domain = login::signed_in_at(cookies, site)?;
    let is_of_account = |cookie: &&Cookie| cookie.name == name && site.owns_at(cookie.host(), Some(domain));
    // Only compared and digested; the values stay here.
    let mut accounts = cookies.iter().filter(is_of_account).map(|cookie| cookie.value.expose_secret());
    let account = accounts.next().filter(|account| !account.is_empty())?;
    accounts.all(|other| other == account).then(|| fnv1a(account.as_bytes()))
}

/// Tells sessions apart that may be of two accounts: by the account or, where no cookie
/// names it, by the one of a platform's several sites that it is signed in at.
#[must_use]
pub fn session_mark(site: &Site, cookies: &[Cookie]) -> Option<u32> {
    account_mark(site, cookies).or_else(|| {
        let domain = login::signed_in_at(cookies, site)?;
        (site.domains().len() > 1).then(|| fnv1a(domain.as_bytes()))
    })
}

/// Whether two captures, in both of which somebody is signed in, may be of two accounts.
/// One that no cookie names is another than one that is named.
#[must_use]
pub fn are_of_two_accounts(site: &Site, one: &[Cookie], other: &[Cookie]) -> bool {
    let is_signed_in = |cookies: &[Cookie]| login::signed_in_at(cookies, site).is_some();
    is_signed_in(one) && is_signed_in(other) && session_mark(site, one) != session_mark(site, other)
}

/// Whether a session is still the login that it was: not another account's, as far as a
/// cookie names it, and not signed out.
#[must_use]
pub fn is_same_login(site: &Site, before: &[Cookie], now: &[Cookie]) -> bool {
    let is_signed_in = |cookies: &[Cookie]| login::signed_in_at(cookies, site).is_some();
    session_mark(site, before) == session_mark(site, now)
        && (is_signed_in(now) || !is_signed_in(before))
        && !is_emptied(site, before, now)
        && !has_other_proof(site, before, now)
}

/// Whether a cookie that proves the login has another value. Where no cookie names the account
/// that is all that tells two logins apart, unless the platform rotates it.
fn has_other_proof(site: &Site, before: &[Cookie], now: &[Cookie]) -> bool {
    let proves = |cookie: &&Cookie| {
        let name = cookie.name.as_str();
        site.proves_login(name) && !site.rotating_cookies().contains(&name)
    };
    site.account_cookie().is_none()
        && before.iter().filter(proves).any(|cookie| {
            // Only compared, and never copied.
            let (key, value) = (cookie.key(), cookie.value.expose_secret());
            now.iter().any(|now| now.key() == key && now.value.expose_secret() != value)
        })
}

/// Whether a cookie that may prove the login has lost its value, as when somebody signs out.
fn is_emptied(site: &Site, before: &[Cookie], now: &[Cookie]) -> bool {
    // Only looked at for whether there is a value.
    let is_empty = |cookie: &Cookie| cookie.value.expose_secret().is_empty();
    let may_prove = |cookie: &&Cookie| {
        !is_empty(cookie) && is_rotation(site, &cookie.name, &cookie.domain, cookie.http_only)
    };
    before.iter().filter(may_prove).any(|cookie| {
        let key = cookie.key();
        now.iter().any(|now| is_empty(now) && now.key() == key)
    })
}

/// The same of a session with these replacements.
#[must_use]
pub fn is_same_login_after(site: &Site, cookies: &[Cookie], replacements: &[Replacement]) -> bool {
    let mut replaced = cookies.to_vec();
    replace(&mut replaced, replacements);
    is_same_login(site, cookies, &replaced)
}

/// Puts replacements into the cookies that are still as they were handed out, and says
/// whether there are any.
pub fn replace(cookies: &mut [Cookie], replacements: &[Replacement]) -> bool {
    let mut has_changed = false;
    for Replacement { cookie, was } in replacements {
        let key = cookie.key();
        // Only compared.
        let is_as_before =
            |held: &&mut Cookie| held.key() == key && held.value.expose_secret() == was.expose_secret();
        if let Some(held) = cookies.iter_mut().find(is_as_before) {
            held.value = cookie.value.clone();
            held.expires = cookie.expires;
            has_changed = true;
        }
    }
    has_changed
}

/// FNV-1a: the same in each release, unlike the standard library's hash.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::public_suffix::PublicSuffixes;
    use serde_json::json;

    fn site(id: &str) -> Site {
        Site::of_id(id, PublicSuffixes::built_in()).unwrap()
    }

    #[test]
    fn what_proves_the_login_or_keeps_it_counts_on_the_platforms_own_domains() {
        for (id, name, domain, expected) in [
            ("instagram", "sessionid", ".instagram.com", true),
            ("instagram", "sessionid", "www.instagram.com", true),
            ("instagram", "sessionid", ".evilinstagram.com", false),
            ("instagram", "rur", ".instagram.com", false),
            ("youtube", "__Secure-1PSIDTS", ".youtube.com", true),
            ("youtube", "SIDCC", ".youtube.com", false),
            ("x", "twid", ".x.com", true),
        ] {
            assert_eq!(is_rotation(&site(id), name, domain, true), expected, "{id} {name} {domain}");
        }
    }

    #[test]
    fn where_no_login_cookie_is_known_those_count_that_scripts_cannot_see() {
        let other = site("example.org");
        assert!(is_rotation(&other, "sid", ".example.org", true));
        assert!(!is_rotation(&other, "_ga", ".example.org", false));
        assert!(!is_rotation(&other, "sid", ".example.com", true));
    }

    #[test]
    fn a_mark_tells_accounts_apart_and_outlasts_a_session() {
        let cookies = |session: &str, user: &str| {
            [("sessionid", session), ("ds_user_id", user)].map(|(name, value)| {
                let cookie = json!({"name": name, "value": value, "domain": ".instagram.com"});
                Cookie::from_json(cookie).unwrap()
            })
        };
        let mark = |session, user| account_mark(&site("instagram"), &cookies(session, user)).unwrap();
        assert_eq!(mark("one", "17841400000000000"), mark("two", "17841400000000000"));
        assert_ne!(mark("one", "17841400000000000"), mark("one", "17841400000000001"));
        assert_eq!(account_mark(&site("vimeo"), &cookies("one", "1")), None);
        assert_eq!(account_mark(&site("instagram"), &cookies("", "17841400000000000")), None, "signed out");
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968);
    }

    fn of(cookies: &[(&str, &str, &str)]) -> Vec<Cookie> {
        let cookie = |(name, value, domain): &(&str, &str, &str)| {
            Cookie::from_json(json!({"name": name, "value": value, "domain": domain})).unwrap()
        };
        cookies.iter().map(cookie).collect()
    }

    #[test]
    fn an_account_is_named_by_the_site_where_it_is_signed_in() {
        let mark = |id, cookies: &[(&str, &str, &str)]| account_mark(&site(id), &of(cookies));
        let old = [
            ("auth_token", "o", ".twitter.com"),
            ("ct0", "o", ".twitter.com"),
            ("twid", "u%3D1111", ".twitter.com"),
        ];
        let live = [("auth_token", "l", ".x.com"), ("ct0", "l", ".x.com"), ("twid", "u%3D2222", ".x.com")];
        assert_eq!(mark("x", &[old, live].concat()), mark("x", &live));
        assert_ne!(mark("x", &live), mark("x", &old));
        assert_ne!(mark("x", &old), None);
        // The other site names nobody for this one.
        assert_eq!(mark("x", &[&old[..], &live[..2]].concat()), None);
        let threads = [("sessionid", "l", ".threads.com"), ("ds_user_id", "1", ".threads.net")];
        assert_eq!(mark("threads", &threads), None);
        // Nor are two that nobody names the same one.
        let unnamed = |domain| session_mark(&site("threads"), &of(&[("sessionid", "l", domain)]));
        assert_ne!(unnamed(".threads.com"), unnamed(".threads.net"));
        assert_eq!(unnamed(".threads.com"), session_mark(&site("threads"), &of(&threads)));
        assert_eq!(session_mark(&site("x"), &of(&live)), mark("x", &live));
        assert_eq!(session_mark(&site("vimeo"), &of(&[("vimeo", "l", ".vimeo.com")])), None);
        assert!(are_of_two_accounts(&site("x"), &of(&old), &of(&live)));
    }

    #[test]
    fn an_account_that_nobody_names_is_another_than_one_that_is_named() {
        let are_two = |id, one: &[_], other: &[_]| are_of_two_accounts(&site(id), &of(one), &of(other));
        let live = [("auth_token", "l", ".x.com"), ("ct0", "l", ".x.com"), ("twid", "u%3D2222", ".x.com")];
        assert!(are_two("x", &live, &live[..2]) && are_two("x", &live[..2], &live));
        // On a platform with one site, too, where two cookies that differ name nobody.
        let named = [("sessionid", "l", ".instagram.com"), ("ds_user_id", "1", ".instagram.com")];
        let unnamed = [&named[..], &[("ds_user_id", "2", "www.instagram.com")]].concat();
        assert!(are_two("instagram", &named, &unnamed) && are_two("instagram", &unnamed, &named));
        // Where nobody is signed in, there is no second account.
        assert!(!are_two("x", &live, &live[1..]) && !are_two("x", &[], &live));
        assert!(!are_two("instagram", &named[..1], &[("sessionid", "new", ".instagram.com")]));
    }

    #[test]
    fn replacements_are_of_the_same_account_or_of_none() {
        let held = [("sessionid", "a", ".instagram.com"), ("ds_user_id", "1", ".instagram.com")];
        let replaced = |given: &[(&str, &str, &str)]| -> Vec<Replacement> {
            let was = |cookie: &Cookie| {
                of(&held).into_iter().find(|held| held.key() == cookie.key()).unwrap().value
            };
            of(given).into_iter().map(|cookie| Replacement { was: was(&cookie), cookie }).collect()
        };
        let keep = |given: &[_]| is_same_login_after(&site("instagram"), &of(&held), &replaced(given));
        assert!(keep(&[("sessionid", "b", ".instagram.com")]));
        assert!(!keep(&[("sessionid", "b", ".instagram.com"), ("ds_user_id", "2", ".instagram.com")]));
        assert!(!keep(&[("sessionid", "", ".instagram.com")]), "signed out");
    }

    #[test]
    fn a_login_that_is_gone_is_not_the_same_also_where_no_cookie_names_the_account() {
        let same = |id, before: &[_], now: &[_]| is_same_login(&site(id), &of(before), &of(now));
        let vimeo = |value, theme| [("vimeo", value, ".vimeo.com"), ("theme", theme, ".vimeo.com")];
        assert!(same("vimeo", &vimeo("a", "a"), &vimeo("a", "b")));
        assert!(!same("vimeo", &vimeo("a", "a"), &vimeo("b", "a")), "another login");
        assert!(!same("vimeo", &vimeo("a", "a"), &vimeo("", "a")) && !same("vimeo", &vimeo("a", "a"), &[]));
        // What the platform rotates is no other login.
        let youtube = |token: &str| {
            ["SAPISID", "LOGIN_INFO", "__Secure-1PSIDTS", "__Secure-3PSIDTS"].map(|name| {
                let value = if name.ends_with("TS") { token } else { "a" };
                let cookie = json!({"name": name, "value": value, "domain": ".youtube.com", "secure": true});
                Cookie::from_json(cookie).unwrap()
            })
        };
        assert!(is_same_login(&site("youtube"), &youtube("a"), &youtube("b")));
        let other = |value: &str, http_only: bool| {
            let cookie =
                json!({"name": "sid", "value": value, "domain": ".example.org", "httpOnly": http_only});
            [Cookie::from_json(cookie).unwrap()]
        };
        let same = |now: &str, http_only| {
            is_same_login(&site("example.org"), &other("a", http_only), &other(now, http_only))
        };
        assert!(same("b", true) && !same("", true));
        // A cookie that scripts can see proves nothing.
        assert!(same("", false));
    }

    #[test]
    fn two_cookies_that_name_different_accounts_name_none() {
        let login = [("auth_token", "l", ".x.com"), ("ct0", "l", ".x.com"), ("twid", "u%3D1", ".x.com")];
        let mark = |more: &[_]| account_mark(&site("x"), &of(&[&login[..], more].concat()));
        assert_eq!(mark(&[("twid", "u%3D1", "x.com")]), mark(&[]));
        assert_eq!(mark(&[("twid", "u%3D2", "x.com")]), None);
    }
}
