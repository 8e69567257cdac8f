//! The key that identifies a cookie, compared in the same way everywhere. Knows nothing of
//! values.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Domain, path and name: they identify a cookie in browsers and in cookie files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CookieKey<'a> {
    /// The domain in lower case, with a leading dot if the cookie is also for hosts below the
    /// domain.
    pub(crate) domain: Cow<'a, str>,
    pub(crate) path: Cow<'a, str>,
    pub(crate) name: Cow<'a, str>,
}

impl<'a> CookieKey<'a> {
    /// The key of a cookie. `is_host_only` says whether subdomains get the cookie; a leading dot of
    /// `domain` is ignored.
    pub(crate) fn new(domain: &'a str, is_host_only: bool, path: &'a str, name: &'a str) -> Self {
        let host = domain.strip_prefix('.').unwrap_or(domain);
        let has_dot = host.len() < domain.len();
        let domain = if has_dot == is_host_only || host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            let dot = if is_host_only { "" } else { "." };
            Cow::Owned(format!("{dot}{}", host.to_ascii_lowercase()))
        } else {
            Cow::Borrowed(domain)
        };
        Self { domain, path: Cow::Borrowed(path), name: Cow::Borrowed(name) }
    }

    /// The same key, independent of the cookie's lifetime.
    #[must_use]
    pub fn into_owned(self) -> CookieKey<'static> {
        let own = |part: Cow<'_, str>| Cow::Owned(part.into_owned());
        CookieKey { domain: own(self.domain), path: own(self.path), name: own(self.name) }
    }
}

#[cfg(test)]
mod tests {
    use crate::cookie::Cookie;
    use serde_json::json;

    #[test]
    fn compares_paths_and_names_by_case_but_not_domains() {
        let cookie = |change: serde_json::Value| {
            let mut cookie = json!({"name": "n", "value": "", "domain": ".a.org", "path": "/p"});
            for (key, value) in change.as_object().unwrap() {
                cookie[key] = value.clone();
            }
            Cookie::from_json(cookie).unwrap()
        };
        let one = cookie(json!({}));
        for same in [
            json!({"domain": ".A.org"}),
            json!({"domain": "a.ORG", "hostOnly": false}),
            json!({"value": "other", "secure": true, "expires": 7}),
        ] {
            assert_eq!(one.key(), cookie(same.clone()).key(), "{same}");
        }
        for other in [
            json!({"domain": "a.org"}),
            json!({"domain": ".a.org", "hostOnly": true}),
            json!({"domain": ".www.a.org"}),
            json!({"path": "/P"}),
            json!({"path": "/p/"}),
            json!({"name": "N"}),
        ] {
            assert_ne!(one.key(), cookie(other.clone()).key(), "{other}");
        }
        let json = json!({"domain": ".a.org", "path": "/p", "name": "n"});
        assert_eq!(serde_json::to_value(one.key()).unwrap(), json);
        assert_eq!(serde_json::from_value::<super::CookieKey<'_>>(json).unwrap(), one.key().into_owned());
    }
}
