//! A cookie as it comes in JSON, before anything is known to be right about it: under
//! the names that browsers' extensions, Playwright, Puppeteer, Selenium and common
//! exporters use.

use super::{Cookie, CookieFault, MAX_SHOWN_CHARS, SameSite, date, whole_seconds};
use crate::visible::printable_start;
use core::fmt;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The most unknown members that are named, of one cookie and of all together.
pub const MAX_NAMED_MEMBERS: usize = 20;

/// The fields of a cookie as a caller gave them, whatever they hold: any JSON
/// object is one.
#[derive(Default)]
pub struct GivenCookie {
    name: Option<Value>,
    value: Option<Value>,
    domain: Option<Value>,
    path: Option<Value>,
    /// Playwright's and Puppeteer's name, and ours.
    expires: Option<Value>,
    /// The browsers' name.
    expiration_date: Option<Value>,
    /// Selenium's name.
    expiry: Option<Value>,
    session: Option<Value>,
    http_only: Option<Value>,
    secure: Option<Value>,
    same_site: Option<Value>,
    host_only: Option<Value>,
    partition_key: Option<Value>,
    /// The names of members that mean nothing, as they can be shown.
    unknown: Vec<String>,
}

/// A cookie as our own programs write it. A date is not among the forms of that, so
/// who reads nothing else (the extension) needs no code for dates.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct OwnCookie(GivenCookie);

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
                while let Some(name) = map.next_key::<String>()? {
                    match given.field(&name) {
                        // Null is as good as nothing.
                        Some(field) => *field = map.next_value()?,
                        None => {
                            map.next_value::<IgnoredAny>()?;
                            given.note(&name);
                        }
                    }
                }
                Ok(given)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

impl GivenCookie {
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

    /// Remembers a member that means nothing. The store that a cookie was in is known,
    /// and says nothing of the cookie.
    fn note(&mut self, name: &str) {
        if name != "storeId" && self.unknown.len() <= MAX_NAMED_MEMBERS {
            self.unknown.push(printable_start(name, MAX_SHOWN_CHARS));
        }
    }

    /// Whether the cookie is one of a partition, which is not part of what is kept.
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

    /// The cookie, with what `read_date` makes of dates.
    fn read(self, read_date: fn(&str) -> Option<i64>) -> Result<Cookie, CookieFault> {
        let is_key = |key: &Value| matches!(key, Value::Null | Value::String(_) | Value::Object(_));
        if !self.partition_key.as_ref().is_none_or(is_key) {
            return Err(CookieFault::WrongType { field: "partitionKey", expected: "a string or an object" });
        }
        let ends =
            [("expires", self.expires), ("expirationDate", self.expiration_date), ("expiry", self.expiry)];
        let cookie = Cookie {
            name: text(self.name, "name")?.ok_or(CookieFault::Missing("name"))?,
            value: text(self.value, "value")?.ok_or(CookieFault::Missing("value"))?.into(),
            domain: text(self.domain, "domain")?.ok_or(CookieFault::Missing("domain"))?,
            path: text(self.path, "path")?.unwrap_or_else(|| "/".to_owned()),
            expires: agreed_end(ends, boolean(self.session, "session")?, read_date)?,
            http_only: boolean(self.http_only, "httpOnly")?.unwrap_or(false),
            secure: boolean(self.secure, "secure")?.unwrap_or(false),
            same_site: same_site(text(self.same_site, "sameSite")?)?,
            host_only: boolean(self.host_only, "hostOnly")?,
        };
        cookie.check()?;
        Ok(cookie)
    }
}

/// What of these cookies comes to nothing though they are valid, in words: the names of
/// members, never a value. Each is named once, with the first cookie that has it.
#[must_use]
pub fn unkept_members(cookies: &[GivenCookie]) -> Vec<String> {
    let mut named: Vec<(&str, usize, usize)> = Vec::new();
    let mut has_more = false;
    for (index, cookie) in cookies.iter().enumerate() {
        for name in &cookie.unknown {
            match named.iter().position(|(other, ..)| other == name) {
                Some(known) => named[known].2 += 1,
                None if named.len() < MAX_NAMED_MEMBERS => named.push((name, index, 0)),
                None => has_more = true,
            }
        }
    }
    let place = |first: usize, others: usize| match others {
        0 => format!("cookies[{first}]"),
        _ => format!("cookies[{first}] and {others} more"),
    };
    let mut warnings: Vec<_> = named
        .into_iter()
        .map(|(name, first, others)| {
            format!("{name:?} is unknown and is not kept ({})", place(first, others))
        })
        .collect();
    if has_more {
        warnings.push("further unknown members are not kept".to_owned());
    }
    let mut partitioned = cookies.iter().enumerate().filter(|(_, cookie)| cookie.has_partition());
    if let Some((first, _)) = partitioned.next() {
        let place = place(first, partitioned.count());
        warnings
            .push(format!("\"partitionKey\" is not kept, and the cookie goes without a partition ({place})"));
    }
    warnings
}

impl TryFrom<GivenCookie> for Cookie {
    type Error = CookieFault;

    /// What [`Cookie::from_json`] does.
    fn try_from(given: GivenCookie) -> Result<Self, CookieFault> {
        given.read(date::unix_seconds)
    }
}

impl TryFrom<OwnCookie> for Cookie {
    type Error = CookieFault;

    fn try_from(OwnCookie(given): OwnCookie) -> Result<Self, CookieFault> {
        given.read(|_| None)
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

/// In the attribute's own words or the browsers', in any case.
fn same_site(value: Option<String>) -> Result<Option<SameSite>, CookieFault> {
    match value.map(|text| text.to_ascii_lowercase()).as_deref() {
        None | Some("" | "unspecified" | "default") => Ok(None),
        Some("lax") => Ok(Some(SameSite::Lax)),
        Some("strict") => Ok(Some(SameSite::Strict)),
        Some("none" | "no_restriction") => Ok(Some(SameSite::None)),
        Some(_) => Err(CookieFault::SameSite),
    }
}

/// The end that all names give, none for a session cookie.
fn agreed_end(
    ends: [(&'static str, Option<Value>); 3],
    is_session: Option<bool>,
    read_date: fn(&str) -> Option<i64>,
) -> Result<Option<i64>, CookieFault> {
    let mut given: Option<(&'static str, Option<i64>)> = None;
    for (field, value) in ends {
        let Some(value) = value else { continue };
        let end = end(&value, field, read_date)?;
        let (other, before) = *given.get_or_insert((field, end));
        if before != end {
            return Err(CookieFault::Disagreement(other, field));
        }
    }
    match (is_session, given) {
        (Some(is_session), Some((field, end))) if is_session == end.is_some() => {
            Err(CookieFault::Disagreement("session", field))
        }
        (_, given) => Ok(given.and_then(|(_, end)| end)),
    }
}

/// A number of seconds, or a date.
fn end(
    value: &Value,
    field: &'static str,
    read_date: fn(&str) -> Option<i64>,
) -> Result<Option<i64>, CookieFault> {
    let expected = "a number of seconds or a date such as 2026-12-31T23:59:59Z";
    let no_time = || CookieFault::WrongType { field, expected };
    #[expect(clippy::cast_precision_loss, reason = "a date's seconds are far below 2^53")]
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::String(text) => read_date(text).map(|seconds| seconds as f64),
        _ => None,
    };
    whole_seconds(seconds.ok_or_else(no_time)?, field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn given(change: &Value) -> GivenCookie {
        let mut base = json!({"name": "n", "value": "v", "domain": ".example.org"});
        for (key, value) in change.as_object().unwrap() {
            base[key] = value.clone();
        }
        serde_json::from_value(base).unwrap()
    }

    fn read(change: &Value) -> Result<Cookie, String> {
        Cookie::try_from(given(change)).map_err(|fault| fault.to_string())
    }

    #[test]
    fn an_end_is_read_under_every_name_and_in_every_form() {
        let end = 1_798_761_599;
        for change in [
            json!({"expires": end}),
            json!({"expires": 1_798_761_599.75}),
            json!({"expires": "2026-12-31T23:59:59Z"}),
            json!({"expires": "Thu, 31 Dec 2026 23:59:59 GMT"}),
            json!({"expirationDate": 1_798_761_599.5, "session": false, "hostOnly": false, "storeId": "0"}),
            json!({"expiry": end}),
            json!({"expires": end, "expirationDate": 1_798_761_599.2, "expiry": "2026-12-31T23:59:59.9Z"}),
        ] {
            assert_eq!(read(&change).unwrap().expires, Some(end), "{change}");
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
    fn names_that_disagree_and_times_that_are_none_are_refused_by_name() {
        let no_time = "must be a number of seconds or a date such as 2026-12-31T23:59:59Z";
        for (change, message) in [
            (json!({"expires": 5, "expirationDate": 6}), "expires and expirationDate disagree".to_owned()),
            (json!({"expirationDate": 5, "expiry": -1}), "expirationDate and expiry disagree".to_owned()),
            (json!({"expiry": 5, "session": true}), "session and expiry disagree".to_owned()),
            (json!({"expires": -1, "session": false}), "session and expires disagree".to_owned()),
            (json!({"expiry": "soon"}), format!("expiry {no_time}")),
            (json!({"expirationDate": true}), format!("expirationDate {no_time}")),
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
    fn same_site_is_read_in_every_spelling() {
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
    fn what_our_own_programs_read_knows_no_dates() {
        let dated = json!({"name": "n", "value": "v", "domain": "a.org", "expires": "2026-12-31T23:59:59Z"});
        assert!(serde_json::from_value::<Cookie>(dated.clone()).is_err());
        assert!(Cookie::from_json(dated).is_ok());
    }

    #[test]
    fn unknown_members_are_named_once_and_never_their_values() {
        let cookies = [
            given(&json!({"priority": "planted", "storeId": "0", "session": true, "partitionKey": {}})),
            given(
                &json!({"priority": "planted", "a\u{202e}b": 1, "partitionKey": "https://planted.example"}),
            ),
            given(&json!({"partitionKey": {"topLevelSite": "https://planted.example"}})),
        ];
        assert_eq!(
            unkept_members(&cookies),
            [
                "\"priority\" is unknown and is not kept (cookies[0] and 1 more)",
                "\"a\u{fffd}b\" is unknown and is not kept (cookies[1])",
                "\"partitionKey\" is not kept, and the cookie goes without a partition (cookies[1] and 1 more)",
            ]
        );
        assert_eq!(
            unkept_members(&[given(&json!({"partitionKey": {"topLevelSite": ""}, "sameSite": ""}))]),
            [""; 0]
        );
    }

    #[test]
    fn the_names_of_unknown_members_have_limits() {
        let many: serde_json::Map<_, _> =
            (0..100).map(|n| (format!("{n}{}", "m".repeat(300)), json!(1))).collect();
        let warnings = unkept_members(&[given(&Value::Object(many))]);
        assert_eq!(warnings.len(), MAX_NAMED_MEMBERS + 1);
        assert_eq!(warnings.last().unwrap(), "further unknown members are not kept");
        assert!(warnings.iter().all(|warning| warning.len() < 200), "{warnings:?}");
    }
}
