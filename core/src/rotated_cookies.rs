//! Rotated cookies: which changes make a stored session stale, and whether a session still belongs
//! to the same account after them.

use crate::bridge::Replacement;
use crate::cookie::Cookie;
use crate::login::{self, part_of};
use crate::origin_storage::{Area, OriginStorage};
use crate::platform::{LoginCookie, LoginEntry, Part, Site};
use crate::session::Session;
use secrecy::ExposeSecret as _;
use std::borrow::Cow;

/// Whether a change of this cookie makes a captured session stale. If the catalogue doesn't say
/// what proves the login, every cookie hidden from scripts counts: a login cookie usually is, and
/// the cookies that pages change for themselves are not.
#[must_use]
pub fn makes_session_stale(site: &Site, name: &str, domain: &str, http_only: bool) -> bool {
    let host = domain.strip_prefix('.').unwrap_or(domain);
    let is_known = site.proves_login(name)
        || site.rotating_cookies().contains(&name)
        || site.account_cookie() == Some(name);
    site.owns(host) && (is_known || (!site.knows_proof() && http_only))
}

/// A mark that distinguishes the accounts of a platform, from what is held of the site where
/// somebody is signed in. `None` if it names no account, or two. Anybody who has the mark can check
/// whether it is that of a given account.
#[must_use]
pub fn account_mark<'a>(site: &Site, session: impl Into<Session<'a>>) -> Option<u32> {
    let session = session.into();
    let domain = login::signed_in_at(session, site)?;
    let accounts: Vec<_> = if let Some(name) = site.account_cookie() {
        let is_of_account =
            |cookie: &&Cookie| cookie.name == name && site.owns_at(cookie.host(), Some(domain));
        let held = session.cookies.iter().filter(is_of_account);
        // The value is only hashed.
        held.map(|cookie| hash_of_account(cookie.value.expose_secret())).collect()
    } else {
        let wanted = site.login_entries().iter().filter(|entry| site.owns_at(entry.host(), Some(domain)));
        let held = wanted.filter_map(|wanted| {
            part_of(session.entry(wanted.origin, wanted.area, wanted.name)?, wanted.account?)
        });
        held.map(|account| hash_of_account(&account)).collect()
    };
    let account = *accounts.first()?;
    account.filter(|_| accounts.iter().all(|other| *other == account))
}

/// The hash of an account's name; `None` if that is empty. X writes it as `"u=123"` and as `u%3D123`,
/// which have the same hash.
fn hash_of_account(account: &str) -> Option<u32> {
    let mut hash = FNV1A_SEED;
    for byte in account.bytes() {
        hash = match byte {
            b'"' => hash,
            b'=' => fnv1a(fnv1a(fnv1a(hash, b'%'), b'3'), b'D'),
            byte => fnv1a(hash, byte),
        };
    }
    (!account.is_empty()).then_some(hash)
}

/// A mark that differs between sessions that may belong to two accounts: the account's mark
/// or, if nothing names the account, that of the platform's site where it is signed in.
#[must_use]
pub fn session_mark<'a>(site: &Site, session: impl Into<Session<'a>>) -> Option<u32> {
    let session = session.into();
    account_mark(site, session).or_else(|| {
        let domain = login::signed_in_at(session, site)?;
        (site.domains().len() > 1).then(|| hash(domain.as_bytes()))
    })
}

/// A mark that changes with the storage of a session: with the parts that prove the login, or
/// with the whole entries where none does. `None` without storage. Somebody who has the mark can
/// check whether it is that of a given value.
#[must_use]
pub fn storage_mark(site: &Site, origins: &[OriginStorage]) -> Option<u32> {
    let mut held = Vec::new();
    for (storage, area) in origins.iter().flat_map(|storage| Area::ALL.map(|area| (storage, area))) {
        for entry in storage.area(area) {
            let is_entry = |wanted: &&LoginEntry| {
                (wanted.origin, wanted.area, wanted.name) == (&*storage.origin, area, &*entry.name)
            };
            let proof = site.login_entries().iter().find(is_entry).and_then(|wanted| wanted.proof);
            held.extend_from_slice(entry.name.as_bytes());
            // The values are only hashed.
            held.extend_from_slice(
                part_of(entry, proof.unwrap_or(Part::Whole)).unwrap_or_default().as_bytes(),
            );
        }
    }
    (!held.is_empty()).then(|| hash(&held))
}

/// Whether two captures, both signed in, may belong to two accounts. An account that nothing
/// names counts as different from one that is named.
#[must_use]
pub fn are_of_two_accounts<'a>(
    site: &Site,
    one: impl Into<Session<'a>>,
    other: impl Into<Session<'a>>,
) -> bool {
    let (one, other) = (one.into(), other.into());
    let is_signed_in = |session| login::signed_in_at(session, site).is_some();
    is_signed_in(one) && is_signed_in(other) && session_mark(site, one) != session_mark(site, other)
}

/// Whether a session is still the same login: not signed out, and not another account's as
/// far as cookies and storage show.
#[must_use]
pub fn is_same_login<'a>(site: &Site, before: impl Into<Session<'a>>, now: impl Into<Session<'a>>) -> bool {
    let (before, now) = (before.into(), now.into());
    let is_signed_in = |session| login::signed_in_at(session, site).is_some();
    session_mark(site, before) == session_mark(site, now)
        && (is_signed_in(now) || !is_signed_in(before))
        && !is_emptied(site, before.cookies, now.cookies)
        && !has_other_proof(site, before, now)
}

/// Whether something that proves the login has changed. If nothing names the account, only this
/// distinguishes two logins. Cookies that the platform rotates are left out, unless nothing else can
/// be compared.
fn has_other_proof(site: &Site, before: Session<'_>, now: Session<'_>) -> bool {
    if account_mark(site, before).is_some() && account_mark(site, now).is_some() {
        return false;
    }
    let has_changed = |is_meant: &dyn Fn(&str) -> bool| {
        before.cookies.iter().filter(|cookie| is_meant(&cookie.name)).any(|cookie| {
            // The values are only compared.
            let (key, value) = (cookie.key(), cookie.value.expose_secret());
            now.cookies.iter().any(|now| now.key() == key && now.value.expose_secret() != value)
        })
    };
    let is_rotated = |name: &str| site.rotating_cookies().contains(&name);
    let (cookies, entries) = (site.login_cookies(), site.login_entries());
    let is_lasting = |login: &LoginCookie| !login.has_fixed_value() && !is_rotated(login.name);
    if cookies.iter().any(is_lasting) || entries.iter().any(|entry| entry.proof.is_some()) {
        let is_other = |wanted: &LoginEntry| {
            let (before, now) = (proof_of(before, wanted), proof_of(now, wanted));
            before.zip(now).is_some_and(|(before, now)| before != now)
        };
        has_changed(&|name| site.proves_login(name) && !is_rotated(name)) || entries.iter().any(is_other)
    } else {
        has_changed(&|name| site.proves_login(name) || is_rotated(name))
    }
}

/// The part of a storage entry that proves the login.
fn proof_of<'a>(session: Session<'a>, wanted: &LoginEntry) -> Option<Cow<'a, str>> {
    part_of(session.entry(wanted.origin, wanted.area, wanted.name)?, wanted.proof?)
}

/// Whether a cookie that may prove the login has been emptied, as at sign-out.
fn is_emptied(site: &Site, before: &[Cookie], now: &[Cookie]) -> bool {
    // The value is only checked for being empty.
    let is_empty = |cookie: &Cookie| cookie.value.expose_secret().is_empty();
    let may_prove = |cookie: &&Cookie| {
        !is_empty(cookie) && makes_session_stale(site, &cookie.name, &cookie.domain, cookie.http_only)
    };
    before.iter().filter(may_prove).any(|cookie| {
        let key = cookie.key();
        now.iter().any(|now| is_empty(now) && now.key() == key)
    })
}

/// Whether a session would still be the same login with these replacements.
#[must_use]
pub fn is_same_login_after(site: &Site, cookies: &[Cookie], replacements: &[Replacement]) -> bool {
    let mut replaced = cookies.to_vec();
    replace(&mut replaced, replacements);
    is_same_login(site, cookies, replaced.as_slice())
}

/// Applies replacements to the cookies that haven't changed since the hand-over, and returns
/// whether it changed any.
pub fn replace(cookies: &mut [Cookie], replacements: &[Replacement]) -> bool {
    let mut has_changed = false;
    for Replacement { cookie, was } in replacements {
        let key = cookie.key();
        // The value is only compared.
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

/// The FNV-1a hash of bytes. The standard library's hash may change between releases.
fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(FNV1A_SEED, |hash, byte| fnv1a(hash, *byte))
}

const FNV1A_SEED: u32 = 0x811c_9dc5;

/// The hash with one more byte.
fn fnv1a(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin_storage;
    use crate::public_suffix::PublicSuffixes;
    use serde_json::json;

    fn site(id: &str) -> Site {
        Site::of_id(id, PublicSuffixes::built_in()).unwrap()
    }

    #[test]
    fn login_and_rotating_cookies_count_on_the_platforms_own_domains() {
        for (id, name, domain, expected) in [
            ("instagram", "sessionid", ".instagram.com", true),
            ("instagram", "sessionid", "www.instagram.com", true),
            ("instagram", "sessionid", ".evilinstagram.com", false),
            ("instagram", "rur", ".instagram.com", false),
            ("youtube", "__Secure-1PSIDTS", ".youtube.com", true),
            ("youtube", "SIDCC", ".youtube.com", false),
            ("x", "twid", ".x.com", true),
        ] {
            assert_eq!(makes_session_stale(&site(id), name, domain, true), expected, "{id} {name} {domain}");
        }
    }

    #[test]
    fn without_a_known_proof_of_the_login_http_only_cookies_count() {
        let other = site("example.org");
        assert!(makes_session_stale(&other, "sid", ".example.org", true));
        assert!(!makes_session_stale(&other, "_ga", ".example.org", false));
        assert!(!makes_session_stale(&other, "sid", ".example.com", true));
        // The login at Fansly is in storage alone.
        assert!(!makes_session_stale(&site("fansly"), "f-s", "fansly.com", true));
    }

    #[test]
    fn a_mark_differs_between_accounts_and_not_between_sessions() {
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
        assert_eq!(hash(b"foobar"), 0xbf9c_f968);
        assert_eq!(hash_of_account("foobar"), Some(0xbf9c_f968));
    }

    #[test]
    fn where_only_rotated_cookies_prove_a_login_a_changed_one_may_be_another_login() {
        let same = |id, name: &str, domain: &str, values: [&str; 2]| {
            let [before, now] =
                values.map(|value| of(&[("_auth", "1", ".pinterest.com"), (name, value, domain)]));
            is_same_login(&site(id), &before, &now)
        };
        for (id, name, domain) in
            [("boosty", "auth", ".boosty.to"), ("pinterest", "_pinterest_sess", ".pinterest.com")]
        {
            assert!(same(id, name, domain, ["one", "one"]), "{id}");
            assert!(!same(id, name, domain, ["one", "two"]), "{id}");
        }
        // Reddit's other login cookie is compared.
        let reddit =
            |value| of(&[("reddit_session", "l", ".reddit.com"), ("token_v2", value, ".reddit.com")]);
        assert!(is_same_login(&site("reddit"), &reddit("one"), &reddit("two")));
    }

    fn of(cookies: &[(&str, &str, &str)]) -> Vec<Cookie> {
        let cookie = |(name, value, domain): &(&str, &str, &str)| {
            Cookie::from_json(json!({"name": name, "value": value, "domain": domain})).unwrap()
        };
        cookies.iter().map(cookie).collect()
    }

    #[test]
    fn only_the_site_with_the_login_names_the_account() {
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
        // The other site's account cookie doesn't count.
        assert_eq!(mark("x", &[&old[..], &live[..2]].concat()), None);
        let threads = [("sessionid", "l", ".threads.com"), ("ds_user_id", "1", ".threads.net")];
        assert_eq!(mark("threads", &threads), None);
        // Two logins without a named account are not the same.
        let unnamed = |domain| session_mark(&site("threads"), &of(&[("sessionid", "l", domain)]));
        assert_ne!(unnamed(".threads.com"), unnamed(".threads.net"));
        assert_eq!(unnamed(".threads.com"), session_mark(&site("threads"), &of(&threads)));
        assert_eq!(session_mark(&site("x"), &of(&live)), mark("x", &live));
        assert_eq!(session_mark(&site("vimeo"), &of(&[("vimeo", "l", ".vimeo.com")])), None);
        assert!(are_of_two_accounts(&site("x"), &of(&old), &of(&live)));
    }

    #[test]
    fn storage_names_the_account_and_shows_a_sign_out() {
        let held = |id: &str, origin: &str, name: &str, value: &str| {
            let entry = json!({"name": name, "value": value});
            let origins = vec![json!({"origin": origin, "localStorage": [entry]})];
            (site(id), origin_storage::read(origins).unwrap())
        };
        let same = |(site, before): (Site, Vec<_>), (_, now): (Site, Vec<_>)| {
            let [before, now] = [&before, &now].map(|origins| Session { cookies: &[], origins });
            (session_mark(&site, before) == session_mark(&site, now), is_same_login(&site, before, now))
        };
        let fansly = |account: &str, token: &str| {
            let value = json!({"accountId": account, "token": token}).to_string();
            held("fansly", "https://fansly.com", "session_active_session", &value)
        };
        assert_eq!(same(fansly("7", "t"), fansly("7", "new")), (true, true));
        assert_eq!(same(fansly("7", "t"), fansly("8", "t")), (false, false));
        assert_eq!(same(fansly("7", "t"), fansly("7", "")), (false, false), "signed out");
        let unnamed = |token| {
            let value = json!({"token": token}).to_string();
            held("fansly", "https://fansly.com", "session_active_session", &value)
        };
        assert_eq!(same(unnamed("t"), unnamed("new")), (true, false), "nothing names the account");
        // Nothing names the account of Itaku: a changed token may be another account's.
        let itaku = |token| held("itaku", "https://itaku.ee", "token", token);
        assert_eq!(same(itaku("t"), itaku("t")), (true, true));
        assert_eq!(same(itaku("t"), itaku("new")), (true, false));
    }

    #[test]
    fn a_mark_of_storage_changes_with_what_proves_the_login() {
        let mark = |id: &str, origin: &str, name: &str, value: &str| {
            let entry = json!({"name": name, "value": value});
            let origins = vec![json!({"origin": origin, "localStorage": [entry]})];
            storage_mark(&site(id), &origin_storage::read(origins).unwrap()).unwrap()
        };
        let bluesky = |token: &str, theme: &str| {
            let value = json!({"session": {"currentAccount": {"accessJwt": token}}, "theme": theme});
            mark("bluesky", "https://bsky.app", "BSKY_STORAGE", &value.to_string())
        };
        assert_eq!(bluesky("t", "dark"), bluesky("t", "light"));
        assert_ne!(bluesky("t", "dark"), bluesky("new", "dark"));
        let onlyfans = |value| mark("onlyfans", "https://onlyfans.com", "bcTokenSha", value);
        assert_ne!(onlyfans("a"), onlyfans("b"));
        assert_eq!(storage_mark(&site("onlyfans"), &[]), None);
    }

    #[test]
    fn an_unnamed_account_differs_from_a_named_one() {
        let are_two = |id, one: &[_], other: &[_]| are_of_two_accounts(&site(id), &of(one), &of(other));
        let live = [("auth_token", "l", ".x.com"), ("ct0", "l", ".x.com"), ("twid", "u%3D2222", ".x.com")];
        assert!(are_two("x", &live, &live[..2]) && are_two("x", &live[..2], &live));
        // The same holds on a platform with one site: two differing account cookies name no
        // account.
        let named = [("sessionid", "l", ".instagram.com"), ("ds_user_id", "1", ".instagram.com")];
        let unnamed = [&named[..], &[("ds_user_id", "2", "www.instagram.com")]].concat();
        assert!(are_two("instagram", &named, &unnamed) && are_two("instagram", &unnamed, &named));
        // Without a second login there is no second account.
        assert!(!are_two("x", &live, &live[1..]) && !are_two("x", &[], &live));
        assert!(!are_two("instagram", &named[..1], &[("sessionid", "new", ".instagram.com")]));
    }

    #[test]
    fn replacements_with_another_account_or_a_sign_out_are_not_the_same_login() {
        let held = [("sessionid", "a", ".instagram.com"), ("ds_user_id", "1", ".instagram.com")];
        let replaced = |changed: &[(&str, &str, &str)]| -> Vec<Replacement> {
            let was = |cookie: &Cookie| {
                of(&held).into_iter().find(|held| held.key() == cookie.key()).unwrap().value
            };
            of(changed).into_iter().map(|cookie| Replacement { was: was(&cookie), cookie }).collect()
        };
        let keep = |changed: &[_]| is_same_login_after(&site("instagram"), &of(&held), &replaced(changed));
        assert!(keep(&[("sessionid", "b", ".instagram.com")]));
        assert!(!keep(&[("sessionid", "b", ".instagram.com"), ("ds_user_id", "2", ".instagram.com")]));
        assert!(!keep(&[("sessionid", "", ".instagram.com")]), "signed out");
    }

    #[test]
    fn notices_a_changed_or_lost_login_without_an_account_cookie() {
        let same = |id, before: &[_], now: &[_]| is_same_login(&site(id), &of(before), &of(now));
        let vimeo = |value, theme| [("vimeo", value, ".vimeo.com"), ("theme", theme, ".vimeo.com")];
        assert!(same("vimeo", &vimeo("a", "a"), &vimeo("a", "b")));
        assert!(!same("vimeo", &vimeo("a", "a"), &vimeo("b", "a")), "another login");
        assert!(!same("vimeo", &vimeo("a", "a"), &vimeo("", "a")) && !same("vimeo", &vimeo("a", "a"), &[]));
        // Rotated cookies are still the same login.
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
    fn two_differing_account_cookies_name_no_account() {
        let login = [("auth_token", "l", ".x.com"), ("ct0", "l", ".x.com"), ("twid", "u%3D1", ".x.com")];
        let mark = |more: &[_]| account_mark(&site("x"), &of(&[&login[..], more].concat()));
        assert_eq!(mark(&[("twid", "u%3D1", "x.com")]), mark(&[]));
        assert_eq!(mark(&[("twid", "u%3D2", "x.com")]), None);
        // X writes the account in two ways.
        assert_eq!(mark(&[("twid", "\"u=1\"", "x.com")]), mark(&[]));
        assert_eq!(mark(&[("twid", "\"u=2\"", "x.com")]), None);
    }
}
