//! A cookie as a caller sends it in JSON, not yet checked, with the field names of browser
//! extensions, Playwright, Puppeteer, Selenium and common exporters.

use super::{Cookie, CookieFault, SameSite, date, whole_seconds};
use crate::unkept::{MAX_NAMED_MEMBERS, Unkept, position};
use crate::visible::{MAX_SHOWN_CHARS, printable_start};
use core::fmt;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The fields of a cookie as a caller sent them. Any JSON object is accepted.
// Decision: docs/decisions/capture.md#cookies-in-json-may-use-other-programs-names
#[derive(Default)]
pub struct UncheckedCookie {
    name: Option<Value>,
    value: Option<Value>,
    domain: Option<Value>,
    path: Option<Value>,
    /// The name in Playwright, Puppeteer and Stagepass.
    expires: Option<Value>,
    /// The name in browsers.
    expiration_date: Option<Value>,
    /// The name in Selenium.
    expiry: Option<Value>,
    session: Option<Value>,
    http_only: Option<Value>,
    secure: Option<Value>,
    same_site: Option<Value>,
    host_only: Option<Value>,
    partition_key: Option<Value>,
    /// The printable names of members that are ignored.
    unknown: Vec<String>,
}

/// A cookie as Stagepass's own programs write it. They write no dates, so the extension, which
/// reads nothing else, needs no date parser.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct OwnCookie(UncheckedCookie);

/// Written by hand, because the derived implementation also accepts an array.
impl<'de> Deserialize<'de> for UncheckedCookie {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = UncheckedCookie;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UncheckedCookie, A::Error> {
                let mut cookie = UncheckedCookie::default();
                while let Some(name) = map.next_key::<String>()? {
                    match cookie.field(&name) {
                        // Null counts as absent.
                        Some(field) => *field = map.next_value()?,
                        None => {
                            map.next_value::<IgnoredAny>()?;
                            cookie.note_unknown(&name);
                        }
                    }
                }
                Ok(cookie)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

impl UncheckedCookie {
    /// Reads any JSON object.
    ///
    /// # Errors
    /// [`CookieFault::NotAnObject`].
    pub fn from_json(json: Value) -> Result<Self, CookieFault> {
        serde_json::from_value(json).map_err(|_| CookieFault::NotAnObject)
    }

    fn field(&mut self, name: &str) -> Option<&mut Option<Value>> {
        Some(match name {
            "name" => &mut self.name,
            "value" => &mut self.value,
            "domain" => &mut self.domain,
            "path" => &mut self.path,
            "expires" => &mut self.expires,
            "expirationDate" => &mut self.expiration_date,
            "expiry" => &mut self.expiry,
            "session" => &mut self.session,
            "httpOnly" => &mut self.http_only,
            "secure" => &mut self.secure,
            "sameSite" => &mut self.same_site,
            "hostOnly" => &mut self.host_only,
            "partitionKey" => &mut self.partition_key,
            _ => return None,
        })
    }

    /// Notes an unknown member. `storeId` is known and ignored: it is not part of the cookie.
    fn note_unknown(&mut self, name: &str) {
        if name != "storeId" && self.unknown.len() <= MAX_NAMED_MEMBERS {
            self.unknown.push(printable_start(name, MAX_SHOWN_CHARS));
        }
    }

    /// Whether the cookie is partitioned. Its partition is not stored.
    fn has_partition(&self) -> bool {
        match &self.partition_key {
            None | Some(Value::Null) => false,
            Some(Value::String(site)) => !site.is_empty(),
            Some(Value::Object(key)) => {
                key.values().any(|part| part.as_str().is_some_and(|site| !site.is_empty()))
            }
            Some(_) => true,
        }
    }

    /// Checks the fields and returns the cookie. `read_date` parses dates.
    fn read(self, read_date: fn(&str) -> Option<i64>) -> Result<Cookie, CookieFault> {
        let is_key = |key: &Value| matches!(key, Value::Null | Value::String(_) | Value::Object(_));
        if !self.partition_key.as_ref().is_none_or(is_key) {
            return Err(CookieFault::WrongType { field: "partitionKey", expected: "a string or an object" });
        }
        let expiries =
            [("expires", self.expires), ("expirationDate", self.expiration_date), ("expiry", self.expiry)];
        let cookie = Cookie {
            name: text(self.name, "name")?.ok_or(CookieFault::Missing("name"))?,
            value: text(self.value, "value")?.ok_or(CookieFault::Missing("value"))?.into(),
            domain: text(self.domain, "domain")?.ok_or(CookieFault::Missing("domain"))?,
            path: text(self.path, "path")?.unwrap_or_else(|| "/".to_owned()),
            expires: agreed_expiry(expiries, boolean(self.session, "session")?, read_date)?,
            http_only: boolean(self.http_only, "httpOnly")?.unwrap_or(false),
            secure: boolean(self.secure, "secure")?.unwrap_or(false),
            same_site: same_site(text(self.same_site, "sameSite")?)?,
            host_only: boolean(self.host_only, "hostOnly")?,
        };
        cookie.check()?;
        Ok(cookie)
    }
}

/// Warnings about members that are ignored although the cookies are valid: their names, never a
/// value. Each name is reported once, with the first cookie that has it.
#[must_use]
pub fn unkept_members(cookies: &[UncheckedCookie]) -> Vec<String> {
    let mut unkept = Unkept::default();
    for (index, cookie) in cookies.iter().enumerate() {
        for name in &cookie.unknown {
            unkept.note(name, || format!("cookies[{index}]"));
        }
    }
    let mut warnings = unkept.into_messages();
    let mut partitioned = cookies.iter().enumerate().filter(|(_, cookie)| cookie.has_partition());
    if let Some((first, _)) = partitioned.next() {
        let position = position(&format!("cookies[{first}]"), partitioned.count());
        warnings.push(format!(
            "\"partitionKey\" is not kept: the cookie is stored without a partition ({position})"
        ));
    }
    warnings
}

impl TryFrom<UncheckedCookie> for Cookie {
    type Error = CookieFault;

    /// Works like [`Cookie::from_json`].
    fn try_from(cookie: UncheckedCookie) -> Result<Self, CookieFault> {
        cookie.read(date::unix_seconds)
    }
}

impl TryFrom<OwnCookie> for Cookie {
    type Error = CookieFault;

    fn try_from(OwnCookie(cookie): OwnCookie) -> Result<Self, CookieFault> {
        cookie.read(|_| None)
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

/// Reads the attribute's values and the browsers', ignoring case.
fn same_site(value: Option<String>) -> Result<Option<SameSite>, CookieFault> {
    match value.map(|text| text.to_ascii_lowercase()).as_deref() {
        None | Some("" | "unspecified" | "default") => Ok(None),
        Some("lax") => Ok(Some(SameSite::Lax)),
        Some("strict") => Ok(Some(SameSite::Strict)),
        Some("none" | "no_restriction") => Ok(Some(SameSite::None)),
        Some(_) => Err(CookieFault::SameSite),
    }
}

/// The expiry on which all fields agree; none for a session cookie.
fn agreed_expiry(
    expiries: [(&'static str, Option<Value>); 3],
    is_session: Option<bool>,
    read_date: fn(&str) -> Option<i64>,
) -> Result<Option<i64>, CookieFault> {
    let mut agreed: Option<(&'static str, Option<i64>)> = None;
    for (field, value) in expiries {
        let Some(value) = value else { continue };
        let expiry = read_expiry(&value, field, read_date)?;
        let (other, before) = *agreed.get_or_insert((field, expiry));
        if before != expiry {
            return Err(CookieFault::Disagreement(other, field));
        }
    }
    match (is_session, agreed) {
        (Some(is_session), Some((field, expiry))) if is_session == expiry.is_some() => {
            Err(CookieFault::Disagreement("session", field))
        }
        (_, agreed) => Ok(agreed.and_then(|(_, expiry)| expiry)),
    }
}

/// Reads a number of seconds, or a date.
fn read_expiry(
    value: &Value,
    field: &'static str,
    read_date: fn(&str) -> Option<i64>,
) -> Result<Option<i64>, CookieFault> {
    let expected = "a number of seconds or a date such as 2026-12-31T23:59:59Z";
    let wrong_type = || CookieFault::WrongType { field, expected };
    #[expect(clippy::cast_precision_loss, reason = "a date's seconds are far below 2^53")]
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::String(text) => read_date(text).map(|seconds| seconds as f64),
        _ => None,
    };
    whole_seconds(seconds.ok_or_else(wrong_type)?, field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn unchecked(change: &Value) -> UncheckedCookie {
        let mut base = json!({"name": "n", "value": "v", "domain": ".example.org"});
        for (key, value) in change.as_object().unwrap() {
            base[key] = value.clone();
        }
        serde_json::from_value(base).unwrap()
    }

    fn read(change: &Value) -> Result<Cookie, String> {
        Cookie::try_from(unchecked(change)).map_err(|fault| fault.to_string())
    }

    #[test]
    fn reads_the_expiry_under_every_name_and_in_every_format() {
        let expiry = 1_798_761_599;
        for change in [
            json!({"expires": expiry}),
            json!({"expires": 1_798_761_599.75}),
            json!({"expires": "2026-12-31T23:59:59Z"}),
            json!({"expires": "Thu, 31 Dec 2026 23:59:59 GMT"}),
            json!({"expirationDate": 1_798_761_599.5, "session": false, "hostOnly": false, "storeId": "0"}),
            json!({"expiry": expiry}),
            json!({"expires": expiry, "expirationDate": 1_798_761_599.2, "expiry": "2026-12-31T23:59:59.9Z"}),
        ] {
            assert_eq!(read(&change).unwrap().expires, Some(expiry), "{change}");
        }
        for session in [
            json!({}),
            json!({"expires": -1}),
            json!({"expires": 0, "session": true}),
            json!({"expires": ""}),
            json!({"session": true}),
            json!({"session": false}),
            json!({"expires": null, "expiry": 0}),
            json!({"expires": "1969-12-31T23:59:59.000Z"}),
        ] {
            assert_eq!(read(&session).unwrap().expires, None, "{session}");
        }
    }

    #[test]
    fn refuses_contradicting_expiries_and_invalid_times_and_names_the_field() {
        let wrong_type = "must be a number of seconds or a date such as 2026-12-31T23:59:59Z";
        for (change, message) in [
            (json!({"expires": 5, "expirationDate": 6}), "expires and expirationDate disagree".to_owned()),
            (json!({"expirationDate": 5, "expiry": -1}), "expirationDate and expiry disagree".to_owned()),
            (json!({"expiry": 5, "session": true}), "session and expiry disagree".to_owned()),
            (json!({"expires": -1, "session": false}), "session and expires disagree".to_owned()),
            (json!({"expiry": "soon"}), format!("expiry {wrong_type}")),
            (json!({"expirationDate": true}), format!("expirationDate {wrong_type}")),
            (
                json!({"expirationDate": 1_798_761_599_000_i64}),
                "expirationDate is after the year 9999. Is it in milliseconds? It must be in seconds"
                    .to_owned(),
            ),
            (json!({"expiry": -7}), "expiry must not be before 1970".to_owned()),
            (json!({"session": 1}), "session must be a boolean".to_owned()),
            (json!({"partitionKey": 1}), "partitionKey must be a string or an object".to_owned()),
        ] {
            assert_eq!(read(&change).unwrap_err(), message, "{change}");
        }
    }

    #[test]
    fn reads_every_spelling_of_same_site() {
        for (spelling, expected) in [
            ("no_restriction", Some(SameSite::None)),
            ("None", Some(SameSite::None)),
            ("Lax", Some(SameSite::Lax)),
            ("STRICT", Some(SameSite::Strict)),
            ("unspecified", None),
            ("default", None),
            ("", None),
        ] {
            assert_eq!(read(&json!({ "sameSite": spelling })).unwrap().same_site, expected, "{spelling}");
        }
    }

    #[test]
    fn the_deserialiser_for_our_own_programs_reads_no_dates() {
        let dated = json!({"name": "n", "value": "v", "domain": "a.org", "expires": "2026-12-31T23:59:59Z"});
        assert!(serde_json::from_value::<Cookie>(dated.clone()).is_err());
        assert!(Cookie::from_json(dated).is_ok());
    }

    #[test]
    fn names_each_unknown_member_once_and_never_its_value() {
        let cookies = [
            unchecked(&json!({"priority": "planted", "storeId": "0", "session": true, "partitionKey": {}})),
            unchecked(
                &json!({"priority": "planted", "a\u{202e}b": 1, "partitionKey": "https://planted.example"}),
            ),
            unchecked(&json!({"partitionKey": {"topLevelSite": "https://planted.example"}})),
        ];
        assert_eq!(
            unkept_members(&cookies),
            [
                "\"priority\" is unknown and is not kept (cookies[0] and 1 more)",
                "\"a\u{fffd}b\" is unknown and is not kept (cookies[1])",
                "\"partitionKey\" is not kept: the cookie is stored without a partition (cookies[1] and 1 more)",
            ]
        );
        assert_eq!(
            unkept_members(&[unchecked(&json!({"partitionKey": {"topLevelSite": ""}, "sameSite": ""}))]),
            [""; 0]
        );
    }

    #[test]
    fn limits_how_many_unknown_members_are_named_and_at_what_length() {
        let many: serde_json::Map<_, _> =
            (0..100).map(|n| (format!("{n}{}", "m".repeat(300)), json!(1))).collect();
        let warnings = unkept_members(&[unchecked(&Value::Object(many))]);
        assert_eq!(warnings.len(), MAX_NAMED_MEMBERS + 1);
        assert_eq!(warnings.last().unwrap(), "further unknown members are not kept");
        assert!(warnings.iter().all(|warning| warning.len() < 200), "{warnings:?}");
    }
}
