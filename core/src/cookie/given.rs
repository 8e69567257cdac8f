//! A cookie as it comes in JSON, before anything is known to be right about it.

use super::{Cookie, CookieFault, SameSite, whole_seconds};
use core::fmt;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The fields of a cookie as a caller gave them, whatever they hold: any JSON
/// object is one.
#[derive(Default)]
pub struct GivenCookie {
    name: Option<Value>,
    value: Option<Value>,
    domain: Option<Value>,
    path: Option<Value>,
    expires: Option<Value>,
    http_only: Option<Value>,
    secure: Option<Value>,
    same_site: Option<Value>,
    host_only: Option<Value>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum CookieField {
    Name,
    Value,
    Domain,
    Path,
    Expires,
    HttpOnly,
    Secure,
    SameSite,
    HostOnly,
    #[serde(other)]
    Unknown,
}

/// By hand, since the derived form takes an array as well.
impl<'de> Deserialize<'de> for GivenCookie {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = GivenCookie;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GivenCookie, A::Error> {
                let mut given = GivenCookie::default();
                while let Some(field) = map.next_key()? {
                    let value = match field {
                        CookieField::Name => &mut given.name,
                        CookieField::Value => &mut given.value,
                        CookieField::Domain => &mut given.domain,
                        CookieField::Path => &mut given.path,
                        CookieField::Expires => &mut given.expires,
                        CookieField::HttpOnly => &mut given.http_only,
                        CookieField::Secure => &mut given.secure,
                        CookieField::SameSite => &mut given.same_site,
                        CookieField::HostOnly => &mut given.host_only,
                        CookieField::Unknown => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    // Null is as good as nothing.
                    *value = map.next_value()?;
                }
                Ok(given)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

impl TryFrom<GivenCookie> for Cookie {
    type Error = CookieFault;

    /// What [`Cookie::from_json`] does.
    fn try_from(given: GivenCookie) -> Result<Self, CookieFault> {
        let cookie = Self {
            name: text(given.name, "name")?.ok_or(CookieFault::Missing("name"))?,
            value: text(given.value, "value")?.ok_or(CookieFault::Missing("value"))?.into(),
            domain: text(given.domain, "domain")?.ok_or(CookieFault::Missing("domain"))?,
            path: text(given.path, "path")?.unwrap_or_else(|| "/".to_owned()),
            expires: expires(given.expires)?,
            http_only: boolean(given.http_only, "httpOnly")?.unwrap_or(false),
            secure: boolean(given.secure, "secure")?.unwrap_or(false),
            same_site: same_site(text(given.same_site, "sameSite")?)?,
            host_only: boolean(given.host_only, "hostOnly")?,
        };
        cookie.check()?;
        Ok(cookie)
    }
}

fn text(value: Option<Value>, field: &'static str) -> Result<Option<String>, CookieFault> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(CookieFault::WrongType { field, expected: "a string" }),
    }
}

fn boolean(value: Option<Value>, field: &'static str) -> Result<Option<bool>, CookieFault> {
    match value {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(flag)),
        Some(_) => Err(CookieFault::WrongType { field, expected: "a boolean" }),
    }
}

fn same_site(value: Option<String>) -> Result<Option<SameSite>, CookieFault> {
    match value.map(|text| text.to_ascii_lowercase()).as_deref() {
        None => Ok(None),
        Some("lax") => Ok(Some(SameSite::Lax)),
        Some("strict") => Ok(Some(SameSite::Strict)),
        Some("none") => Ok(Some(SameSite::None)),
        Some(_) => Err(CookieFault::SameSite),
    }
}

fn expires(value: Option<Value>) -> Result<Option<i64>, CookieFault> {
    let Some(value) = value else { return Ok(None) };
    let seconds = value
        .as_f64()
        .filter(|_| value.is_number())
        .ok_or(CookieFault::WrongType { field: "expires", expected: "a number" })?;
    whole_seconds(seconds)
}
