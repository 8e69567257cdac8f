//! What a platform has replaced while yt-dlp used its cookies. Pure.
//!
//! A cookie file carries no more of a cookie than value and expiry that could
//! have changed: everything else stays as it was handed out. A cookie that is
//! missing afterwards stays, too: a run that was cut off must cost nobody a login.

use secrecy::{ExposeSecret, SecretString};
use stagepass_core::bridge::Replacement;
use stagepass_core::cookie::MAX_COOKIES;
use stagepass_core::{Cookie, Site};

/// What became of one platform's cookies.
#[derive(Debug, Default)]
pub(crate) struct Rotation {
    /// Cookies that were handed out and have another value or expiry now.
    pub(crate) replaced: Vec<Replacement>,
    /// The platform's cookies that were not handed out.
    pub(crate) added: Vec<Cookie>,
}

impl Rotation {
    /// Compares what was handed out for `site` with what came back.
    pub(crate) fn between(site: &Site, handed_out: &[Cookie], came_back: &[Cookie]) -> Self {
        let mut rotation = Self::default();
        for cookie in came_back.iter().filter(|cookie| site.owns(cookie.host())) {
            match handed_out.iter().find(|before| is_same(before, cookie)) {
                None => rotation.added.push(cookie.clone()),
                Some(before) if has_value(before, &cookie.value) && before.expires == cookie.expires => {}
                Some(before) => rotation.replaced.push(Replacement {
                    cookie: Cookie { value: cookie.value.clone(), expires: cookie.expires, ..before.clone() },
                    was: before.value.clone(),
                }),
            }
        }
        rotation
    }

    /// Whether nothing has changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.replaced.is_empty() && self.added.is_empty()
    }

    /// Puts what has changed into `cookies`, and says whether that changes them.
    /// Whatever has changed there meanwhile is newer, and stays.
    pub(crate) fn apply_to(&self, cookies: &mut Vec<Cookie>) -> bool {
        let mut has_changed = false;
        for Replacement { cookie, was } in &self.replaced {
            if let Some(held) = cookies.iter_mut().find(|held| is_same(held, cookie) && has_value(held, was))
            {
                held.value = cookie.value.clone();
                held.expires = cookie.expires;
                has_changed = true;
            }
        }
        for cookie in &self.added {
            if cookies.len() < MAX_COOKIES && !cookies.iter().any(|held| is_same(held, cookie)) {
                cookies.push(cookie.clone());
                has_changed = true;
            }
        }
        has_changed
    }
}

/// Whether two cookies are one to every reader of a cookie file.
fn is_same(a: &Cookie, b: &Cookie) -> bool {
    a.name == b.name
        && a.path == b.path
        && a.is_host_only() == b.is_host_only()
        && a.host().eq_ignore_ascii_case(b.host())
}

/// Comparing values discloses nothing: no text comes out of it.
fn has_value(cookie: &Cookie, value: &SecretString) -> bool {
    cookie.value.expose_secret() == value.expose_secret()
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

    fn rotation(handed_out: &[Cookie], came_back: &[Cookie]) -> Rotation {
        Rotation::between(&Site::Known(Platform::of_id("x").unwrap()), handed_out, came_back)
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
}
