//! What the extension can ask for, read from JSON and checked field by field.
//! Does nothing of it.

use crate::error::Error;
use crate::exports::{ExportKey, NewExport};
use crate::utc_time::UtcTime;
use serde_json::{Map, Value};
use stagepass_core::bridge::{Announcement, check_owned};
use stagepass_core::cookie::{Cookie, GivenCookie, MAX_COOKIES, unkept_members};
use stagepass_core::host::Head;
use stagepass_core::{PublicSuffixes, Site, visible};
use std::collections::HashSet;
use std::fmt::Display;

/// Every type of request, as `hello` tells them.
pub(crate) const TYPES: &[&str] = &["hello", "export", "list", "delete", "verify", "listen"];

/// The longest `id`, and the longest unknown `type` that is repeated. An answer
/// repeats both and must stay below what a browser takes.
const MAX_REPEATED_BYTES: usize = 1024;

/// A message, as far as it could be read.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) head: Head,
    /// What is asked for, or why it can't be done.
    pub(crate) action: Result<Action, Error>,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Action {
    Hello,
    Export(NewExport),
    List,
    Delete(ExportKey),
    Verify(ExportKey),
    Listen(Announcement),
}

impl Request {
    /// Reads a message.
    pub(crate) fn parse(message: Value) -> Self {
        let Value::Object(mut fields) = message else {
            return Self::unreadable(bad_request("a message must be an object"));
        };
        let id = take(&mut fields, "id");
        let kind = take(&mut fields, "type").filter(is_repeatable_text);
        let is_id = id.as_ref().is_some_and(|id| is_repeatable_text(id) || id.is_i64() || id.is_u64());
        let action = if is_id {
            Action::parse(kind.as_ref().and_then(Value::as_str), fields)
        } else if id.is_some() {
            Err(bad_request("id must be a text of at most 1024 bytes or a whole number"))
        } else {
            Err(bad_request("id required"))
        };
        let head = Head { id: id.filter(|_| is_id).unwrap_or_default(), kind: kind.unwrap_or_default() };
        Self { head, action }
    }

    /// A message of which nothing is known but what is wrong with it.
    pub(crate) fn unreadable(fault: Error) -> Self {
        Self { head: Head::default(), action: Err(fault) }
    }
}

impl Action {
    fn parse(kind: Option<&str>, mut fields: Map<String, Value>) -> Result<Self, Error> {
        match kind {
            None => Err(bad_request("type required, a text")),
            Some("hello") => Ok(Self::Hello),
            Some("export") => new_export(fields).map(Self::Export),
            Some("list") => Ok(Self::List),
            Some("delete") => export_key(&mut fields).map(Self::Delete),
            Some("verify") => export_key(&mut fields).map(Self::Verify),
            Some("listen") => announcement(fields).map(Self::Listen),
            Some(_) => Err(Error::UnknownType),
        }
    }
}

fn is_repeatable_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() <= MAX_REPEATED_BYTES)
}

fn bad_request(message: impl Into<String>) -> Error {
    Error::BadRequest(message.into())
}

/// The field, where it is there and not null.
fn take(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    fields.remove(name).filter(|value| !value.is_null())
}

fn export_key(fields: &mut Map<String, Value>) -> Result<ExportKey, Error> {
    let text = |value: Option<Value>, name: &str| match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(bad_request(format!("{name} must be a string"))),
    };
    let platform =
        text(take(fields, "platform"), "platform")?.ok_or_else(|| bad_request("platform required"))?;
    let label = text(take(fields, "label"), "label")?.unwrap_or_default();
    ExportKey::new(platform, label)
}

fn announcement(fields: Map<String, Value>) -> Result<Announcement, Error> {
    let malformed = |_| bad_request("browser, profile and platforms required, as the core has them");
    let announcement: Announcement = serde_json::from_value(Value::Object(fields)).map_err(malformed)?;
    announcement.check().map_err(|fault| bad_request(fault.to_string()))?;
    Ok(announcement)
}

fn new_export(mut fields: Map<String, Value>) -> Result<NewExport, Error> {
    let key = export_key(&mut fields)?;
    // One that was given before there was this rule can still be looked at and deleted.
    visible::check(key.label()).map_err(|fault| bad_request(format!("label {fault}")))?;
    let site = Site::of_id(key.platform(), PublicSuffixes::built_in())
        .map_err(|fault| bad_request(fault.to_string()))?;
    let expires_at = take(&mut fields, "expires").map(|value| expires_at(&value)).transpose()?;
    let Some(Value::Array(cookies)) = take(&mut fields, "cookies") else {
        return Err(bad_request("cookies array required"));
    };
    let (cookies, unkept) = read_cookies(cookies, &site)?;
    Ok(NewExport { key, cookies, unkept, expires_at })
}

fn expires_at(value: &Value) -> Result<UtcTime, Error> {
    value
        .as_i64()
        .filter(|seconds| *seconds > 0)
        .and_then(UtcTime::from_unix_seconds)
        .ok_or_else(|| bad_request("expires must be Unix seconds before the year 9999 (not milliseconds)"))
}

/// The cookies, and what else was given, in words. No two of them have the same key.
fn read_cookies(values: Vec<Value>, site: &Site) -> Result<(Vec<Cookie>, Vec<String>), Error> {
    if values.is_empty() || values.len() > MAX_COOKIES {
        return Err(bad_request(format!("cookies must be 1 to {MAX_COOKIES}, not {}", values.len())));
    }
    let at = |index: usize, fault: &dyn Display| bad_request(format!("cookies[{index}]: {fault}"));
    let read = |(index, value)| GivenCookie::from_json(value).map_err(|fault| at(index, &fault));
    let given = values.into_iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut unkept = unkept_members(&given);
    let mut cookies = Vec::with_capacity(given.len());
    for (index, given) in given.into_iter().enumerate() {
        let cookie = Cookie::try_from(given).map_err(|fault| at(index, &fault))?;
        check_owned(site, [&cookie]).map_err(|fault| at(index, &fault))?;
        cookies.push(cookie);
    }
    let given = cookies.len();
    let mut seen = HashSet::new();
    cookies.reverse();
    cookies.retain(|cookie| seen.insert(cookie.key().into_owned()));
    cookies.reverse();
    if given > cookies.len() {
        let repeated = given - cookies.len();
        unkept.push(format!("{repeated} cookies were given twice; the later one is in the file"));
    }
    Ok((cookies, unkept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use serde_json::json;

    fn fault(message: Value) -> (Value, Value, &'static str, String) {
        let request = Request::parse(message);
        let fault = request.action.unwrap_err();
        (request.head.id, request.head.kind, fault.code(), fault.to_string())
    }

    fn export(change: Value) -> Value {
        let mut message = json!({"id": "1", "type": "export", "platform": "instagram", "label": "",
            "cookies": [{"name": "n", "value": "v", "domain": ".instagram.com"}]});
        for (key, value) in change.as_object().unwrap() {
            message[key] = value.clone();
        }
        message
    }

    #[test]
    fn names_what_is_wrong_with_a_message() {
        for (message, id, kind, code, text) in [
            (json!([]), json!(null), json!(null), "bad_request", "a message must be an object"),
            (json!({"type": "list"}), json!(null), json!("list"), "bad_request", "id required"),
            (json!({"id": 7}), json!(7), json!(null), "bad_request", "type required, a text"),
            (json!({"id": 7, "type": 7}), json!(7), json!(null), "bad_request", "type required, a text"),
            (
                json!({"id": {}, "type": "list"}),
                json!(null),
                json!("list"),
                "bad_request",
                "id must be a text of at most 1024 bytes or a whole number",
            ),
            (
                json!({"id": "1", "type": "run"}),
                json!("1"),
                json!("run"),
                "unknown_type",
                "this host does not know that type of request; a newer version of it may",
            ),
        ] {
            assert_eq!(fault(message), (id, kind, code, text.to_owned()));
        }
    }

    #[test]
    fn names_what_is_wrong_with_an_export() {
        let cookie = json!({"name": "n", "value": "v", "domain": "instagram.com"});
        let bad_cookie = json!({"name": "n", "value": "a\tb", "domain": "instagram.com"});
        let foreign = json!({"name": "n", "value": "v", "domain": ".vimeo.com"});
        for (change, text) in [
            (json!({"platform": null}), "platform required"),
            (json!({"platform": 1}), "platform must be a string"),
            (json!({"platform": "../x"}), "platform must be 1 to 64 of a-z, 0-9, '.', '_' and '-'"),
            (
                json!({"platform": "co.uk"}),
                "platform can't be co.uk, a public suffix: anybody can have a site below it. \
                 Name one site, such as example.co.uk",
            ),
            (
                json!({"platform": "127.1"}),
                "platform must be one such as instagram, a site such as example.org, or an IPv4 address",
            ),
            (json!({"label": []}), "label must be a string"),
            (json!({"label": "a\nb"}), "label must have at most 1024 characters, none of them a control one"),
            (
                json!({"label": "ä".repeat(1025)}),
                "label must have at most 1024 characters, none of them a control one",
            ),
            (json!({"cookies": null}), "cookies array required"),
            (json!({"cookies": {}}), "cookies array required"),
            (json!({"cookies": []}), "cookies must be 1 to 1000, not 0"),
            (json!({"cookies": vec![cookie.clone(); 1001]}), "cookies must be 1 to 1000, not 1001"),
            (json!({"label": "a\u{202e}b"}), "label must not hold invisible characters"),
            (json!({"cookies": [cookie, bad_cookie]}), "cookies[1]: value holds a control character"),
            (
                json!({"cookies": [cookie, foreign]}),
                "cookies[1]: a cookie of another site than instagram was given",
            ),
            (
                json!({"expires": 1_900_000_000_000_i64}),
                "expires must be Unix seconds before the year 9999 (not milliseconds)",
            ),
            (json!({"expires": 0}), "expires must be Unix seconds before the year 9999 (not milliseconds)"),
        ] {
            assert_eq!(fault(export(change)).3, text);
        }
    }

    #[test]
    fn the_last_of_two_cookies_with_the_same_key_wins() {
        let cookie = |name: &str, value: &str, domain: &str| json!({"name": name, "value": value, "domain": domain, "hostOnly": false});
        let message = export(json!({"cookies": [
            cookie("a", "old", ".Instagram.com"), cookie("b", "1", ".instagram.com"),
            cookie("a", "new", "instagram.com"),
        ]}));
        let Action::Export(export) = Request::parse(message).action.unwrap() else { panic!() };
        let read: Vec<_> =
            export.cookies.iter().map(|c| (c.name.as_str(), c.value.expose_secret())).collect();
        let unkept = ["1 cookies were given twice; the later one is in the file".to_owned()];
        assert_eq!((read, export.unkept), (vec![("b", "1"), ("a", "new")], unkept.to_vec()));
    }

    #[test]
    fn a_host_only_cookie_is_another_than_the_domains() {
        let message = export(json!({"cookies": [
            {"name": "a", "value": "1", "domain": "instagram.com"},
            {"name": "a", "value": "2", "domain": ".instagram.com"},
        ]}));
        let Action::Export(export) = Request::parse(message).action.unwrap() else { panic!() };
        assert_eq!((export.cookies.len(), export.unkept.len()), (2, 0));
    }
}
