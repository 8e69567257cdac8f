//! Finds the cookies that a platform has rotated while a program used them.
//!
//! A program may keep only values and expiries, as in a cookie file, so all other attributes stay
//! as they were before. A cookie that is missing afterwards also stays: an interrupted run must not
//! cost anybody a login.

use crate::bridge::Replacement;
use crate::cookie::{Cookie, MAX_COOKIES};
use crate::login;
use crate::platform::{LoginCookie, Site};
use crate::rotated_cookies::{are_of_two_accounts, is_same_login, replace, session_mark};
use crate::session::Session;
use secrecy::ExposeSecret;
use std::collections::BTreeMap;

/// The rotated cookies of one session.
// Decision: docs/decisions/yt-dlp.md#a-cookie-that-is-missing-after-a-run-stays
#[derive(Debug, Default)]
pub struct RotatedCookies {
    /// Cookies with another value or expiry than before.
    pub replaced: Vec<Replacement>,
    /// The platform's new cookies.
    pub added: Vec<Cookie>,
    /// How many new cookies exceed the limit of a session.
    pub surplus: usize,
}

impl RotatedCookies {
    /// Compares the session that a program was given for `site` with the cookies that came back.
    /// Ignores the platform's other sites, which may have another account's login. `None` if the
    /// session is no longer the same login: then none of it belongs to the session that was handed
    /// out.
    #[must_use]
    pub fn between<'a>(
        site: &Site,
        handed_out: impl Into<Session<'a>>,
        came_back: &[Cookie],
    ) -> Option<Self> {
        let handed_out = handed_out.into();
        let with_storage = |cookies| Session { cookies, ..handed_out };
        let signed_in_at = login::signed_in_at(handed_out, site);
        let is_own = |cookie: &&Cookie| site.owns_at(cookie.host(), signed_in_at);
        let came_back: Vec<_> = came_back.iter().filter(is_own).cloned().collect();
        // Readers of the file use the last of two cookies with one key.
        let before: BTreeMap<_, _> = handed_out.cookies.iter().map(|cookie| (cookie.key(), cookie)).collect();
        let mut rotated = Self::default();
        let mut times = BTreeMap::new();
        came_back.iter().for_each(|cookie| *times.entry(cookie.key()).or_insert(0) += 1);
        // If two cookies have one key, it is unknown which one the platform has set.
        for cookie in came_back.iter().filter(|cookie| times[&cookie.key()] == 1) {
            match before.get(&cookie.key()).copied() {
                None => rotated.added.push(cookie.clone()),
                Some(before) if has_value_of(before, cookie) && before.expires == cookie.expires => {}
                Some(before) => rotated.replaced.push(Replacement {
                    cookie: Cookie { value: cookie.value.clone(), expires: cookie.expires, ..before.clone() },
                    was: before.value.clone(),
                }),
            }
        }
        let is_of_same_account = rotated.is_empty() || {
            let mut now = handed_out.cookies.to_vec();
            rotated.apply_to(&mut now);
            let (now, came_back) = (with_storage(&now), with_storage(&came_back));
            is_same_login(site, handed_out, now)
                && !are_of_two_accounts(site, handed_out, came_back)
                && (signed_in_at.is_none() || login::signed_in_at(came_back, site).is_some())
                && (signed_in_at.is_none() || !rotated.adds_login_of(site))
                && (!rotated.has_login_of(site) || is_named_alike(site, handed_out, came_back))
        };
        let room = MAX_COOKIES.saturating_sub(handed_out.cookies.len());
        rotated.surplus = rotated.added.split_off(rotated.added.len().min(room)).len();
        is_of_same_account.then_some(rotated)
    }

    /// Whether a cookie that proves the login was replaced.
    fn has_login_of(&self, site: &Site) -> bool {
        self.replaced.iter().any(|replaced| site.proves_login(&replaced.cookie.name))
    }

    /// Whether a login cookie was added: a second login besides the first.
    fn adds_login_of(&self, site: &Site) -> bool {
        self.added.iter().any(|cookie| site.proves_login(&cookie.name))
    }

    /// Whether nothing has changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.replaced.is_empty() && self.added.is_empty()
    }

    /// Applies the changes to `cookies`, and returns whether that changes them. Cookies that have
    /// changed there meanwhile are newer and stay.
    pub fn apply_to(&self, cookies: &mut Vec<Cookie>) -> bool {
        let mut has_changed = replace(cookies, &self.replaced);
        for cookie in &self.added {
            if cookies.len() < MAX_COOKIES && !cookies.iter().any(|held| held.key() == cookie.key()) {
                cookies.push(cookie.clone());
                has_changed = true;
            }
        }
        has_changed
    }
}

/// Whether a cookie of this name only goes along with a login: the platform rotates it, and beside it
/// a secret that lasts proves the login.
#[must_use]
pub fn only_accompanies_login(site: &Site, name: &str) -> bool {
    let is_rotated = |name: &str| site.rotating_cookies().contains(&name);
    // Everybody may know the account's name.
    let is_lasting_secret = |login: &LoginCookie| {
        !login.has_fixed_value() && !is_rotated(login.name) && site.account_cookie() != Some(login.name)
    };
    is_rotated(name) && site.login_cookies().iter().any(is_lasting_secret)
}

/// Whether the returned cookies name the same account as before, if one was named: a new login with
/// the former account's name may belong to another person.
fn is_named_alike(site: &Site, handed_out: Session<'_>, came_back: Session<'_>) -> bool {
    let account = session_mark(site, handed_out);
    account.is_none() || session_mark(site, came_back) == account
}

/// The values are only compared.
fn has_value_of(one: &Cookie, other: &Cookie) -> bool {
    one.value.expose_secret() == other.value.expose_secret()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin_storage;
    use crate::platform::Platform;
    use serde_json::json;

    fn cookie(name: &str, value: &str, domain: &str) -> Cookie {
        let json = json!({"name": name, "value": value, "domain": domain, "expires": 9, "httpOnly": true,
            "sameSite": "lax"});
        Cookie::from_json(json).unwrap()
    }

    /// A cookie as yt-dlp writes it: without the attributes that a cookie file doesn't contain.
    fn returned(name: &str, value: &str, domain: &str) -> Cookie {
        Cookie { http_only: false, same_site: None, ..cookie(name, value, domain) }
    }

    fn between(handed_out: &[Cookie], came_back: &[Cookie]) -> Option<RotatedCookies> {
        RotatedCookies::between(&Site::Known(Platform::of_id("x").unwrap()), handed_out, came_back)
    }

    fn rotated_between(handed_out: &[Cookie], came_back: &[Cookie]) -> RotatedCookies {
        between(handed_out, came_back).unwrap()
    }

    fn values(cookies: &[Cookie]) -> Vec<(&str, &str)> {
        cookies.iter().map(|cookie| (cookie.name.as_str(), cookie.value.expose_secret())).collect()
    }

    #[test]
    fn unchanged_cookies_are_not_rotated() {
        let handed_out = [cookie("a", "1", ".x.com"), cookie("b", "2", "x.com")];
        let came_back = [returned("a", "1", ".X.com"), returned("b", "2", "x.com")];
        assert!(rotated_between(&handed_out, &came_back).is_empty());
        // A missing cookie stays.
        assert!(rotated_between(&handed_out, &[]).is_empty());
    }

    #[test]
    fn a_rotated_cookie_keeps_attributes_that_a_file_does_not_contain() {
        let handed_out = [cookie("a", "1", ".x.com"), cookie("a", "1", "x.com")];
        let rotated = rotated_between(&handed_out, &[returned("a", "2", ".x.com")]);
        let [Replacement { cookie, was }] = &rotated.replaced[..] else { panic!() };
        assert_eq!((cookie.value.expose_secret(), was.expose_secret()), ("2", "1"));
        assert!(cookie.http_only && cookie.same_site.is_some() && !cookie.is_host_only());
    }

    #[test]
    fn ignores_cookies_of_other_sites() {
        let came_back =
            [returned("a", "1", ".x.com"), returned("b", "1", ".vimeo.com"), returned("c", "1", "evilx.com")];
        let rotated = rotated_between(&[], &came_back);
        assert_eq!(values(&rotated.added), [("a", "1")]);
    }

    #[test]
    fn keeps_cookies_that_have_changed_meanwhile() {
        let handed_out = [cookie("a", "1", ".x.com"), cookie("b", "1", ".x.com")];
        let came_back =
            [returned("a", "2", ".x.com"), returned("b", "2", ".x.com"), returned("c", "2", ".x.com")];
        let mut cookies = vec![cookie("a", "1", ".x.com"), cookie("b", "newer", ".x.com")];
        let rotated = rotated_between(&handed_out, &came_back);
        assert!(rotated.apply_to(&mut cookies));
        assert!(!rotated.apply_to(&mut cookies), "the second time it changes nothing");
        assert_eq!(values(&cookies), [("a", "2"), ("b", "newer"), ("c", "2")]);
    }

    /// A login, with the account's cookie if there is one.
    fn login(session: &str, account: Option<&str>, domain: &str) -> Vec<Cookie> {
        let proof = ["auth_token", "ct0"].map(|name| returned(name, session, domain));
        proof.into_iter().chain(account.map(|account| returned("twid", account, domain))).collect()
    }

    #[test]
    fn refuses_another_accounts_session() {
        let a = login("a", Some("u%3D1"), ".x.com");
        assert_eq!(rotated_between(&a, &login("renewed", Some("u%3D1"), ".x.com")).replaced.len(), 2);
        assert!(rotated_between(&a, &a[..2]).is_empty(), "a missing cookie alone proves nothing");
        for other in [
            login("b", Some("u%3D2"), ".x.com"),
            login("b", Some("u%3D2"), "x.com"),
            login("b", None, ".x.com"),
            login("", Some("u%3D1"), ".x.com"),
        ] {
            assert!(between(&a, &other).is_none(), "{:?}", values(&other));
        }
        let unnamed = login("a", None, ".x.com");
        assert!(between(&unnamed, &login("b", Some("u%3D2"), ".x.com")).is_none());
        assert!(between(&[], &login("b", Some("u%3D2"), ".x.com")).is_none());
    }

    #[test]
    fn refuses_a_new_login_without_the_account_and_a_lost_login() {
        let on = |platform: &str, before: &[Cookie], now: &[Cookie]| {
            RotatedCookies::between(&Site::Known(Platform::of_id(platform).unwrap()), before, now)
        };
        let instagram = |session: &str| {
            [("sessionid", session), ("ds_user_id", "1")]
                .map(|(name, value)| returned(name, value, ".instagram.com"))
        };
        assert!(on("instagram", &instagram("a"), &instagram("b")).is_some());
        assert!(on("instagram", &instagram("a"), &instagram("b")[..1]).is_none());
        // A second login besides the first.
        let second = [&instagram("a")[..], &[returned("sessionid", "b", "www.instagram.com")]].concat();
        assert!(on("instagram", &instagram("a"), &second).is_none());
        let vimeo = |value| [returned("vimeo", value, ".vimeo.com")];
        assert!(on("vimeo", &vimeo("a"), &vimeo("b")).is_none());
        assert!(on("vimeo", &vimeo("a"), &vimeo("")).is_none());
        let renewed = [&vimeo("a")[..], &[returned("added", "1", ".vimeo.com")]].concat();
        assert_eq!(on("vimeo", &vimeo("a"), &renewed).unwrap().added.len(), 1);
        // Signed out by deleting the login: a guest's cookies are not kept.
        assert!(on("vimeo", &vimeo("a"), &[returned("guest", "1", ".vimeo.com")]).is_none());
        assert!(on("vimeo", &vimeo("a"), &[]).unwrap().is_empty());
        // Two cookies of one key, as a cookie header leaves them.
        let both = [vimeo("a"), vimeo("b")].concat();
        assert!(on("vimeo", &vimeo("a"), &both).unwrap().is_empty());
    }

    #[test]
    fn only_a_rotated_cookie_beside_a_lasting_secret_accompanies_a_login() {
        let accompanies = |platform: &str, name: &str| {
            only_accompanies_login(&Site::Known(Platform::of_id(platform).unwrap()), name)
        };
        assert!(accompanies("x", "ct0"));
        for (platform, name) in [("x", "auth_token"), ("instagram", "sessionid"), ("boosty", "auth")] {
            assert!(!accompanies(platform, name), "{platform}: {name}");
        }
        // Beside it is only the account's name.
        assert!(!accompanies("bilibili", "SESSDATA"));
    }

    #[test]
    fn ignores_a_login_at_a_sibling_site() {
        let a = login("a", Some("u%3D1"), ".twitter.com");
        let renewed = login("renewed", Some("u%3D1"), ".twitter.com");
        let b = login("b", Some("u%3D2"), ".x.com");
        let rotated = rotated_between(&a, &[renewed, b].concat());
        assert_eq!((rotated.replaced.len(), rotated.added.len()), (2, 0));
    }

    #[test]
    fn the_session_has_its_storage_throughout() {
        let value = json!({"accountId": "7", "token": "t"}).to_string();
        let entry = json!({"name": "session_active_session", "value": value});
        let origin = json!({"origin": "https://fansly.com", "localStorage": [entry]});
        let origins = origin_storage::read(vec![origin]).unwrap();
        let handed_out = [cookie("f-s", "1", ".fansly.com")];
        let session = Session { cookies: &handed_out, origins: &origins };
        let site = Site::Known(Platform::of_id("fansly").unwrap());
        let came_back = [returned("f-s", "2", ".fansly.com")];
        let rotated = RotatedCookies::between(&site, session, &came_back).unwrap();
        assert_eq!(rotated.replaced.len(), 1);
    }

    #[test]
    fn counts_cookies_beyond_the_limit_of_a_session() {
        let added: Vec<_> = (0..=MAX_COOKIES).map(|n| returned(&format!("c{n}"), "v", ".x.com")).collect();
        let rotated = rotated_between(&[cookie("a", "1", ".x.com")], &added);
        assert_eq!((rotated.added.len(), rotated.surplus), (MAX_COOKIES - 1, 2));
    }
}
