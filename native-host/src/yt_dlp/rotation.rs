//! What a platform has replaced while yt-dlp used its cookies. Pure.
//!
//! A cookie file carries no more of a cookie than value and expiry that could
//! have changed: everything else stays as it was handed out. A cookie that is
//! missing afterwards stays, too: a run that was cut off must cost nobody a login.

use secrecy::ExposeSecret;
use stagepass_core::bridge::Replacement;
use stagepass_core::cookie::MAX_COOKIES;
use stagepass_core::rotation::{are_of_two_accounts, is_same_login, replace, session_mark};
use stagepass_core::{Cookie, Site, login};
use std::collections::BTreeMap;

/// What became of one platform's cookies.
#[derive(Debug, Default)]
pub(crate) struct Rotation {
    /// Cookies that were handed out and have another value or expiry now.
    pub(crate) replaced: Vec<Replacement>,
    /// The platform's cookies that were not handed out.
    pub(crate) added: Vec<Cookie>,
    /// How many more there are than a session may have.
    pub(crate) surplus: usize,
}

impl Rotation {
    /// Compares what was handed out for `site` with what came back. What is of another of
    /// a platform's sites than the login may be another account's, and is no part of it.
    /// `None` where the session is another account's now, or a login that is gone: nothing
    /// of it belongs to the one that was handed out.
    pub(crate) fn between(site: &Site, handed_out: &[Cookie], came_back: &[Cookie]) -> Option<Self> {
        let signed_in_at = login::signed_in_at(handed_out, site);
        let is_own = |cookie: &&Cookie| site.owns_at(cookie.host(), signed_in_at);
        let came_back: Vec<_> = came_back.iter().filter(is_own).cloned().collect();
        // Of two with one key, a reader of the file has taken the last.
        let before: BTreeMap<_, _> = handed_out.iter().map(|cookie| (cookie.key(), cookie)).collect();
        let mut rotation = Self::default();
        let mut times = BTreeMap::new();
        came_back.iter().for_each(|cookie| *times.entry(cookie.key()).or_insert(0) += 1);
        // Of two with one key nobody knows which one the platform has set.
        for cookie in came_back.iter().filter(|cookie| times[&cookie.key()] == 1) {
            match before.get(&cookie.key()).copied() {
                None => rotation.added.push(cookie.clone()),
                Some(before) if has_value_of(before, cookie) && before.expires == cookie.expires => {}
                Some(before) => rotation.replaced.push(Replacement {
                    cookie: Cookie { value: cookie.value.clone(), expires: cookie.expires, ..before.clone() },
                    was: before.value.clone(),
                }),
            }
        }
        let is_of_same_account = rotation.is_empty() || {
            let mut now = handed_out.to_vec();
            rotation.apply_to(&mut now);
            is_same_login(site, handed_out, &now)
                && !are_of_two_accounts(site, handed_out, &came_back)
                && (signed_in_at.is_none() || login::signed_in_at(&came_back, site).is_some())
                && (signed_in_at.is_none() || !rotation.adds_login_of(site))
                && (!rotation.has_login_of(site) || is_named_alike(site, handed_out, &came_back))
        };
        let room = MAX_COOKIES.saturating_sub(handed_out.len());
        rotation.surplus = rotation.added.split_off(rotation.added.len().min(room)).len();
        is_of_same_account.then_some(rotation)
    }

    /// Whether a cookie that proves the login was replaced.
    fn has_login_of(&self, site: &Site) -> bool {
        self.replaced.iter().any(|replaced| site.proves_login(&replaced.cookie.name))
    }

    /// Whether there is one more of these: a second login beside the first.
    fn adds_login_of(&self, site: &Site) -> bool {
        self.added.iter().any(|cookie| site.proves_login(&cookie.name))
    }

    /// Whether nothing has changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.replaced.is_empty() && self.added.is_empty()
    }

    /// Puts what has changed into `cookies`, and says whether that changes them.
    /// Whatever has changed there meanwhile is newer, and stays.
    pub(crate) fn apply_to(&self, cookies: &mut Vec<Cookie>) -> bool {
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

/// Whether what came back names the account that was handed out, if a cookie named it: a new
/// login beside the former account's name may be somebody else's.
fn is_named_alike(site: &Site, handed_out: &[Cookie], came_back: &[Cookie]) -> bool {
    let account = session_mark(site, handed_out);
    account.is_none() || session_mark(site, came_back) == account
}

/// Comparing values discloses nothing: no text comes out of it.
fn has_value_of(one: &Cookie, other: &Cookie) -> bool {
    one.value.expose_secret() == other.value.expose_secret()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use stagepass_core::Platform;

    fn cookie(name: &str, value: &str, domain: &str) -> Cookie {
        let json = json!({"name": name, "value": value, "domain": domain, "expires": 9, "httpOnly": true,
            "sameSite": "lax"});
        Cookie::from_json(json).unwrap()
    }

    /// As yt-dlp writes it back: without what a cookie file does not say.
    fn returned(name: &str, value: &str, domain: &str) -> Cookie {
        Cookie { http_only: false, same_site: None, ..cookie(name, value, domain) }
    }

    fn between(handed_out: &[Cookie], came_back: &[Cookie]) -> Option<Rotation> {
        Rotation::between(&Site::Known(Platform::of_id("x").unwrap()), handed_out, came_back)
    }

    fn rotation(handed_out: &[Cookie], came_back: &[Cookie]) -> Rotation {
        between(handed_out, came_back).unwrap()
    }

    fn values(cookies: &[Cookie]) -> Vec<(&str, &str)> {
        cookies.iter().map(|cookie| (cookie.name.as_str(), cookie.value.expose_secret())).collect()
    }

    #[test]
    fn what_is_as_it_was_is_no_rotation() {
        let handed_out = [cookie("a", "1", ".x.com"), cookie("b", "2", "x.com")];
        let came_back = [returned("a", "1", ".X.com"), returned("b", "2", "x.com")];
        assert!(rotation(&handed_out, &came_back).is_empty());
        // A cookie that is gone stays.
        assert!(rotation(&handed_out, &[]).is_empty());
    }

    #[test]
    fn a_replaced_cookie_keeps_what_a_file_does_not_say() {
        let handed_out = [cookie("a", "1", ".x.com"), cookie("a", "1", "x.com")];
        let rotation = rotation(&handed_out, &[returned("a", "2", ".x.com")]);
        let [Replacement { cookie, was }] = &rotation.replaced[..] else { panic!() };
        assert_eq!((cookie.value.expose_secret(), was.expose_secret()), ("2", "1"));
        assert!(cookie.http_only && cookie.same_site.is_some() && !cookie.is_host_only());
    }

    #[test]
    fn another_sites_cookies_never_come_back() {
        let came_back =
            [returned("a", "1", ".x.com"), returned("b", "1", ".vimeo.com"), returned("c", "1", "evilx.com")];
        let rotation = rotation(&[], &came_back);
        assert_eq!(values(&rotation.added), [("a", "1")]);
    }

    #[test]
    fn what_was_changed_meanwhile_is_newer_and_stays() {
        let handed_out = [cookie("a", "1", ".x.com"), cookie("b", "1", ".x.com")];
        let came_back =
            [returned("a", "2", ".x.com"), returned("b", "2", ".x.com"), returned("c", "2", ".x.com")];
        let mut cookies = vec![cookie("a", "1", ".x.com"), cookie("b", "newer", ".x.com")];
        let rotation = rotation(&handed_out, &came_back);
        assert!(rotation.apply_to(&mut cookies));
        assert!(!rotation.apply_to(&mut cookies), "the second time it changes nothing");
        assert_eq!(values(&cookies), [("a", "2"), ("b", "newer"), ("c", "2")]);
    }

    /// A login, with an account's name where there is one.
    fn login(session: &str, account: Option<&str>, domain: &str) -> Vec<Cookie> {
        let proof = ["auth_token", "ct0"].map(|name| returned(name, session, domain));
        proof.into_iter().chain(account.map(|account| returned("twid", account, domain))).collect()
    }

    #[test]
    fn another_accounts_session_is_no_rotation() {
        let a = login("a", Some("u%3D1"), ".x.com");
        assert_eq!(rotation(&a, &login("renewed", Some("u%3D1"), ".x.com")).replaced.len(), 2);
        assert!(rotation(&a, &a[..2]).is_empty(), "a cookie that is missing says nothing by itself");
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
    fn a_new_login_without_the_accounts_name_or_a_login_that_is_gone_is_no_rotation() {
        let on = |platform: &str, before: &[Cookie], now: &[Cookie]| {
            Rotation::between(&Site::Known(Platform::of_id(platform).unwrap()), before, now)
        };
        let instagram = |session: &str| {
            [("sessionid", session), ("ds_user_id", "1")]
                .map(|(name, value)| returned(name, value, ".instagram.com"))
        };
        assert!(on("instagram", &instagram("a"), &instagram("b")).is_some());
        assert!(on("instagram", &instagram("a"), &instagram("b")[..1]).is_none());
        // A second login beside the first.
        let second = [&instagram("a")[..], &[returned("sessionid", "b", "www.instagram.com")]].concat();
        assert!(on("instagram", &instagram("a"), &second).is_none());
        let vimeo = |value| [returned("vimeo", value, ".vimeo.com")];
        assert!(on("vimeo", &vimeo("a"), &vimeo("b")).is_none());
        assert!(on("vimeo", &vimeo("a"), &vimeo("")).is_none());
        let renewed = [&vimeo("a")[..], &[returned("added", "1", ".vimeo.com")]].concat();
        assert_eq!(on("vimeo", &vimeo("a"), &renewed).unwrap().added.len(), 1);
        // Signed out by deleting the login: what a guest has been given goes nowhere.
        assert!(on("vimeo", &vimeo("a"), &[returned("guest", "1", ".vimeo.com")]).is_none());
        assert!(on("vimeo", &vimeo("a"), &[]).unwrap().is_empty());
        // Two of one key, as a header with cookies leaves them.
        let both = [vimeo("a"), vimeo("b")].concat();
        assert!(on("vimeo", &vimeo("a"), &both).unwrap().is_empty());
    }

    #[test]
    fn a_login_at_a_sibling_site_is_no_part_of_the_session() {
        let a = login("a", Some("u%3D1"), ".twitter.com");
        let renewed = login("renewed", Some("u%3D1"), ".twitter.com");
        let b = login("b", Some("u%3D2"), ".x.com");
        let rotation = rotation(&a, &[renewed, b].concat());
        assert_eq!((rotation.replaced.len(), rotation.added.len()), (2, 0));
    }

    #[test]
    fn cookies_beyond_what_a_session_may_have_are_counted() {
        let added: Vec<_> = (0..=MAX_COOKIES).map(|n| returned(&format!("c{n}"), "v", ".x.com")).collect();
        let rotation = rotation(&[cookie("a", "1", ".x.com")], &added);
        assert_eq!((rotation.added.len(), rotation.surplus), (MAX_COOKIES - 1, 2));
    }
}
