//! One cookie as Stagepass stores and sends it, and the rules for a valid one.
//!
//! Attribute names and meanings follow RFC 6265bis; the JSON names follow the
//! browsers' `cookies` API.

mod date;
mod key;
mod unchecked;

pub use key::CookieKey;
pub use unchecked::{UncheckedCookie, unkept_members};

use crate::url_host::{is_address, is_host_name, is_numeric};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use thiserror::Error;

/// The most bytes that a cookie's name and value have together (RFC 6265bis, section 5.6).
pub const MAX_NAME_VALUE_BYTES: usize = 4096;
/// The most bytes of a path (RFC 6265bis ignores longer attribute values).
pub const MAX_PATH_BYTES: usize = 1024;
/// The most cookies in one session.
pub const MAX_COOKIES: usize = 1000;
/// The latest accepted expiry: the last second of the year 9999, where the dates of cookies
/// and RFC 3339 end.
pub const MAX_EXPIRES: i64 = 253_402_300_799;
/// The latest end of a session that is reported: the first second of the year 9999. Some time
/// libraries end hours before that year does.
pub const MAX_SESSION_END: i64 = 253_370_764_800;

/// A valid cookie. Its value is a secret: `Debug` hides it, dropping wipes it,
/// and it is serialised only because sending cookies is this type's job.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "unchecked::OwnCookie")]
pub struct Cookie {
    /// Never empty; no control characters, `;` or `=`.
    pub name: String,
    /// May be empty; no control characters or `;`.
    #[serde(serialize_with = "serialize_exposed")]
    pub value: SecretString,
    /// A host, or with a leading dot a domain together with all hosts below it.
    pub domain: String,
    /// Begins with `/`.
    pub path: String,
    /// Unix seconds, 1 to [`MAX_EXPIRES`]; `None` for a session cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
    /// Hidden from scripts.
    pub http_only: bool,
    /// Sent only over https.
    pub secure: bool,
    /// The `SameSite` attribute, if one was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_site: Option<SameSite>,
    /// Whether the cookie goes only to its exact host, if the sender said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_only: Option<bool>,
}

/// The `SameSite` attribute (RFC 6265bis, section 5.6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// Sent on top-level navigation from other sites.
    Lax,
    /// Never sent from other sites.
    Strict,
    /// Sent from anywhere.
    None,
}

/// Why a cookie is refused. The text never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CookieFault {
    /// The cookie is not a JSON object.
    #[error("must be an object")]
    NotAnObject,
    /// A required field is missing.
    #[error("{0} required")]
    Missing(&'static str),
    /// A field has another JSON type than `expected`.
    #[error("{field} must be {expected}")]
    WrongType {
        /// The field's JSON name.
        field: &'static str,
        /// What it must be, as a noun with its article.
        expected: &'static str,
    },
    /// A field is empty that must not be.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// A control character, such as a tab or newline.
    #[error("{0} holds a control character")]
    ControlCharacter(&'static str),
    /// `;`, or `=` in a name: such a cookie would be sent as a different one.
    #[error("{field} holds the separator {separator:?}")]
    Separator {
        /// The field's JSON name.
        field: &'static str,
        /// The character.
        separator: char,
    },
    /// White space at either end; no browser keeps it.
    #[error("{0} begins or ends with white space")]
    OuterSpace(&'static str),
    /// Name and value together are too long.
    #[error("name and value are longer than {MAX_NAME_VALUE_BYTES} bytes together")]
    TooLong,
    /// The domain is neither a host name nor an IP address.
    #[error("domain is not a host name")]
    Domain,
    /// The path does not begin with `/` or is too long.
    #[error("path must begin with / and have at most {MAX_PATH_BYTES} bytes")]
    Path,
    /// The expiry is before 1970.
    #[error("{0} must not be before 1970")]
    Expires(&'static str),
    /// The expiry is after [`MAX_EXPIRES`].
    #[error("{0} is after the year 9999. Is it in milliseconds? It must be in seconds")]
    TooLate(&'static str),
    /// Two fields with the same meaning have different values.
    #[error("{0} and {1} disagree")]
    Disagreement(&'static str, &'static str),
    /// `sameSite` is an unknown text.
    #[error("sameSite must be lax, strict, none, no_restriction or unspecified")]
    SameSite,
    /// A `__Secure-` or `__Host-` name without the attributes that it requires (RFC 6265bis,
    /// section 4.1.3). Browsers refuse such a cookie.
    #[error("a cookie named __Secure- or __Host- lacks the attributes that this prefix requires")]
    Prefix,
}

impl Cookie {
    /// Reads one cookie of a `store-platform-session` request.
    ///
    /// `name`, `value` and `domain` are required; `path` defaults to `/`, `httpOnly` and
    /// `secure` to false. The expiry may be called `expires`, `expirationDate` or `expiry`,
    /// and be a number of seconds or a date; null, 0, -1 and an empty text mean a session
    /// cookie, and a fraction is rounded down. [`unkept_members`] names what is ignored.
    ///
    /// # Errors
    /// The first [`CookieFault`] found.
    pub fn from_json(json: Value) -> Result<Self, CookieFault> {
        UncheckedCookie::from_json(json)?.try_into()
    }

    /// The key that identifies the cookie.
    #[must_use]
    pub fn key(&self) -> CookieKey<'_> {
        CookieKey::new(&self.domain, self.is_host_only(), &self.path, &self.name)
    }

    /// Whether the cookie goes only to its exact host. An address has no hosts below it.
    #[must_use]
    pub fn is_host_only(&self) -> bool {
        let has_hosts_below = !self.domain.starts_with('[') && !is_numeric(&self.domain);
        !has_hosts_below || self.host_only.unwrap_or(!self.domain.starts_with('.'))
    }

    /// The domain without its leading dot.
    #[must_use]
    pub fn host(&self) -> &str {
        self.domain.strip_prefix('.').unwrap_or(&self.domain)
    }

    /// Whether the cookie has expired at `now` (Unix seconds).
    #[must_use]
    pub fn is_expired(&self, now: i64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Checks the cookie against every rule of this module.
    ///
    /// # Errors
    /// The first [`CookieFault`] found.
    // Decision: docs/decisions/capture.md#a-cookie-without-a-name-is-dropped
    pub fn check(&self) -> Result<(), CookieFault> {
        let value = self.value.expose_secret();
        if self.name.is_empty() {
            return Err(CookieFault::Empty("name"));
        }
        check_text(&self.name, "name", &[';', '='])?;
        check_text(value, "value", &[';'])?;
        if self.name.len() + value.len() > MAX_NAME_VALUE_BYTES {
            return Err(CookieFault::TooLong);
        }
        check_domain(&self.domain)?;
        check_text(&self.path, "path", &[';'])?;
        if !self.path.starts_with('/') || self.path.len() > MAX_PATH_BYTES {
            return Err(CookieFault::Path);
        }
        match self.expires {
            Some(..=0) => return Err(CookieFault::Expires("expires")),
            Some(expires) if expires > MAX_EXPIRES => return Err(CookieFault::TooLate("expires")),
            _ => {}
        }
        self.check_prefix()
    }

    fn check_prefix(&self) -> Result<(), CookieFault> {
        let has_prefix = |prefix: &str| {
            self.name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
        };
        let host_rules = self.secure && self.path == "/" && self.is_host_only();
        if (has_prefix("__Secure-") && !self.secure) || (has_prefix("__Host-") && !host_rules) {
            return Err(CookieFault::Prefix);
        }
        Ok(())
    }
}

impl PartialEq for Cookie {
    fn eq(&self, other: &Self) -> bool {
        // The values are only compared.
        self.value.expose_secret() == other.value.expose_secret()
            && self.name == other.name
            && self.domain == other.domain
            && self.path == other.path
            && self.expires == other.expires
            && self.http_only == other.http_only
            && self.secure == other.secure
            && self.same_site == other.same_site
            && self.host_only == other.host_only
    }
}

/// Serialises the secret itself, for fields whose purpose is to be sent.
///
/// # Errors
/// The errors of the serialiser.
pub fn serialize_exposed<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose_secret())
}

/// An expiry in whole Unix seconds, rounded down; `None` (a session cookie) for 0 and -1.
///
/// # Errors
/// [`CookieFault::Expires`] for other negative numbers, [`CookieFault::TooLate`] for those
/// after [`MAX_EXPIRES`].
#[expect(clippy::cast_possible_truncation, reason = "the range is checked first")]
#[expect(clippy::cast_precision_loss, reason = "MAX_EXPIRES is far below 2^53")]
pub(crate) fn whole_seconds(seconds: f64, field: &'static str) -> Result<Option<i64>, CookieFault> {
    let seconds = seconds.floor();
    if seconds == 0.0 || seconds == -1.0 {
        Ok(None)
    } else if seconds < 0.0 {
        Err(CookieFault::Expires(field))
    } else if seconds <= MAX_EXPIRES as f64 {
        Ok(Some(seconds as i64))
    } else {
        Err(CookieFault::TooLate(field))
    }
}

fn check_text(text: &str, field: &'static str, separators: &[char]) -> Result<(), CookieFault> {
    if text.chars().any(char::is_control) {
        return Err(CookieFault::ControlCharacter(field));
    }
    if let Some(separator) = text.chars().find(|c| separators.contains(c)) {
        return Err(CookieFault::Separator { field, separator });
    }
    if text != text.trim_matches(' ') {
        return Err(CookieFault::OuterSpace(field));
    }
    Ok(())
}

/// Accepts DNS names, IPv4 and bracketed IPv6 addresses. An address has no hosts below it, and so
/// no leading dot.
fn check_domain(domain: &str) -> Result<(), CookieFault> {
    let (host, has_dot) = domain.strip_prefix('.').map_or((domain, false), |host| (host, true));
    let is_domain = if is_address(host) { !has_dot } else { is_host_name(host) };
    if is_domain { Ok(()) } else { Err(CookieFault::Domain) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(change: &Value) -> Result<Cookie, CookieFault> {
        let mut base = json!({"name": "sessionid", "value": "v", "domain": ".instagram.com"});
        for (key, value) in change.as_object().unwrap() {
            base[key] = value.clone();
        }
        Cookie::from_json(base)
    }

    #[test]
    fn reads_the_shortest_cookie_with_the_documented_defaults() {
        let cookie = parse(&json!({})).unwrap();
        assert_eq!((cookie.path.as_str(), cookie.expires), ("/", None));
        assert!(!cookie.http_only && !cookie.secure && !cookie.is_host_only());
    }

    #[test]
    fn serialises_a_cookie_as_it_was_read() {
        let sent = json!({
            "name": "sessionid", "value": "123456789%3AabcXYZ%3A28", "domain": ".instagram.com",
            "path": "/", "expires": 1_735_689_600, "httpOnly": true, "secure": true,
            "sameSite": "lax", "hostOnly": false,
        });
        let cookie = Cookie::from_json(sent.clone()).unwrap();
        assert_eq!(serde_json::to_value(&cookie).unwrap(), sent);
    }

    #[test]
    fn takes_null_zero_and_minus_one_as_session_cookies_and_rounds_fractions_down() {
        for absent in [json!(null), json!(0), json!(-1), json!(0.7), json!(-0.5)] {
            assert_eq!(parse(&json!({ "expires": absent })).unwrap().expires, None, "{absent}");
        }
        assert_eq!(parse(&json!({"expires": 1_735_689_600.9})).unwrap().expires, Some(1_735_689_600));
        assert_eq!(parse(&json!({ "expires": MAX_EXPIRES })).unwrap().expires, Some(253_402_300_799));
    }

    #[test]
    fn refuses_bad_cookies_with_a_message_for_each_fault() {
        for (change, message) in [
            (json!({"name": null}), "name required"),
            (json!({"name": ""}), "name must not be empty"),
            (json!({"name": 7}), "name must be a string"),
            (json!({"name": "a=b"}), "name holds the separator '='"),
            (json!({"value": null}), "value required"),
            (json!({"value": "a\tb"}), "value holds a control character"),
            (json!({"value": "a\u{85}b"}), "value holds a control character"),
            (json!({"value": "a;b"}), "value holds the separator ';'"),
            (json!({"value": " a"}), "value begins or ends with white space"),
            (json!({"value": "v".repeat(4088)}), "name and value are longer than 4096 bytes together"),
            (json!({"domain": ""}), "domain is not a host name"),
            (json!({"domain": "a..b"}), "domain is not a host name"),
            (json!({"domain": "insta gram.com"}), "domain is not a host name"),
            (json!({"path": "x"}), "path must begin with / and have at most 1024 bytes"),
            (
                json!({"expires": "soon"}),
                "expires must be a number of seconds or a date such as 2026-12-31T23:59:59Z",
            ),
            (json!({"expires": -5}), "expires must not be before 1970"),
            (
                json!({"expires": 1_735_689_600_000_i64}),
                "expires is after the year 9999. Is it in milliseconds? It must be in seconds",
            ),
            (json!({"httpOnly": "yes"}), "httpOnly must be a boolean"),
            (
                json!({"sameSite": "maybe"}),
                "sameSite must be lax, strict, none, no_restriction or unspecified",
            ),
            (
                json!({"name": "__Secure-a"}),
                "a cookie named __Secure- or __Host- lacks the attributes that this prefix requires",
            ),
            (
                json!({"name": "__host-a", "secure": true}),
                "a cookie named __Secure- or __Host- lacks the attributes that this prefix requires",
            ),
        ] {
            assert_eq!(parse(&change).unwrap_err().to_string(), message, "{change}");
        }
        for other in
            [json!([]), json!(["a", "b", ".example.org", "/", 1, true, true, "lax", true]), json!("a")]
        {
            assert_eq!(Cookie::from_json(other).unwrap_err(), CookieFault::NotAnObject);
        }
    }

    #[test]
    fn a_domain_is_a_host_name_or_an_address() {
        for good in [".a.org", "a-b_c.org", "localhost", "127.0.0.1", "[::1]", "xn--bcher-kva.example"] {
            assert!(parse(&json!({ "domain": good })).is_ok(), "{good}");
        }
        let long = format!("{}.org", "a".repeat(64));
        for bad in
            ["", ".", "a..b", "a.", ".127.0.0.1", ".[::1]", "[]", "[[::1]]", "[:::::]", "a b", "ä.org", &long]
        {
            assert_eq!(parse(&json!({ "domain": bad })).unwrap_err(), CookieFault::Domain, "{bad}");
        }
    }

    #[test]
    fn hides_its_value_in_debug_output() {
        let cookie = parse(&json!({"value": "planted-secret"})).unwrap();
        assert!(!format!("{cookie:?}").contains("planted-secret"));
    }
}
