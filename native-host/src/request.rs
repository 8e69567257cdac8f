//! The extension's requests, read from JSON and checked field by field. Carries out none of them.

use crate::error::Error;
use crate::exports::{ExportKey, NewExport};
use crate::utc_time::UtcTime;
use serde_json::{Map, Value};
use stagepass_core::bridge::{Announcement, BridgeFault, check_origins, check_owned, check_user_agent};
use stagepass_core::cookie::{Cookie, MAX_COOKIES, UncheckedCookie, unkept_members};
use stagepass_core::host::Head;
use stagepass_core::origin_storage::{self, OriginStorage};
use stagepass_core::{PublicSuffixes, Site, visible};
use std::collections::HashSet;
use std::fmt::Display;

/// Every type of request, as reported by `hello`.
pub(crate) const TYPES: &[&str] = &["hello", "export", "list", "delete", "verify", "listen"];

/// The longest `id` or unknown `type` that an answer repeats, so that the answer stays within the
/// browser's limit.
const MAX_REPEATED_BYTES: usize = 1024;

/// A request, as far as it could be read.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) head: Head,
    /// The action, or why the request is refused.
    pub(crate) action: Result<Action, Error>,
}

/// The action of a request.
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

    /// A request that could not be read at all.
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

/// Removes a field and returns it unless it is null.
fn take(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    fields.remove(name).filter(|value| !value.is_null())
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Error> {
    match take(fields, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(bad_request(format!("{name} must be a string"))),
    }
}

fn export_key(fields: &mut Map<String, Value>) -> Result<ExportKey, Error> {
    let platform = text(fields, "platform")?.ok_or_else(|| bad_request("platform required"))?;
    let label = text(fields, "label")?.unwrap_or_default();
    ExportKey::new(platform, label)
}

fn announcement(fields: Map<String, Value>) -> Result<Announcement, Error> {
    let malformed = |_| bad_request("browser, profile and platforms required");
    let announcement: Announcement = serde_json::from_value(Value::Object(fields)).map_err(malformed)?;
    announcement.check().map_err(|fault| bad_request(fault.to_string()))?;
    Ok(announcement)
}

fn new_export(mut fields: Map<String, Value>) -> Result<NewExport, Error> {
    let key = export_key(&mut fields)?;
    // Check this only for new exports: older ones with such a label can still be read and deleted.
    visible::check(key.label()).map_err(|fault| bad_request(format!("label {fault}")))?;
    let site = Site::of_id(key.platform(), PublicSuffixes::built_in())
        .map_err(|fault| bad_request(fault.to_string()))?;
    let expires_at = take(&mut fields, "expires").map(|value| expires_at(&value)).transpose()?;
    let Some(Value::Array(cookies)) = take(&mut fields, "cookies") else {
        return Err(bad_request("cookies array required"));
    };
    let (origins, unkept_of_origins) = read_origins(take(&mut fields, "origins"), &site)?;
    let user_agent = text(&mut fields, "user_agent")?;
    user_agent.as_deref().map_or(Ok(()), check_user_agent).map_err(|fault| bad_request(fault.to_string()))?;
    // The login may be in origin storage alone.
    let fewest = if origins.is_empty() { 1 } else { 0 };
    let (cookies, mut unkept) = read_cookies(cookies, fewest, &site)?;
    unkept.extend(unkept_of_origins);
    Ok(NewExport { key, cookies, origins, user_agent, unkept, expires_at })
}

/// The origins that have entries, and messages about everything that was left out.
fn read_origins(value: Option<Value>, site: &Site) -> Result<(Vec<OriginStorage>, Vec<String>), Error> {
    let origins = match value {
        None => return Ok(Default::default()),
        Some(Value::Array(origins)) => origins,
        Some(_) => return Err(bad_request("origins must be an array")),
    };
    let unkept = origin_storage::unkept_members(&origins);
    let owned = |origins: Vec<_>| check_origins(site, &origins).map(|()| origins);
    let origins = origin_storage::read(origins).map_err(BridgeFault::from).and_then(owned);
    let mut origins = origins.map_err(|fault| bad_request(fault.to_string()))?;
    origins.retain(|storage| !storage.is_empty());
    Ok((origins, unkept))
}

fn expires_at(value: &Value) -> Result<UtcTime, Error> {
    value
        .as_i64()
        .filter(|seconds| *seconds > 0)
        .and_then(UtcTime::from_unix_seconds)
        .ok_or_else(|| bad_request("expires must be Unix seconds before the year 9999 (not milliseconds)"))
}

/// The cookies, each key once, and messages about everything that was left out.
fn read_cookies(values: Vec<Value>, fewest: usize, site: &Site) -> Result<(Vec<Cookie>, Vec<String>), Error> {
    let count = values.len();
    if count < fewest || count > MAX_COOKIES {
        return Err(bad_request(format!("there must be {fewest} to {MAX_COOKIES} cookies, not {count}")));
    }
    let at = |index: usize, fault: &dyn Display| bad_request(format!("cookies[{index}]: {fault}"));
    let read = |(index, value)| UncheckedCookie::from_json(value).map_err(|fault| at(index, &fault));
    let unchecked = values.into_iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut unkept = unkept_members(&unchecked);
    let mut cookies = Vec::with_capacity(unchecked.len());
    for (index, cookie) in unchecked.into_iter().enumerate() {
        let cookie = Cookie::try_from(cookie).map_err(|fault| at(index, &fault))?;
        check_owned(site, [&cookie]).map_err(|fault| at(index, &fault))?;
        cookies.push(cookie);
    }
    let count = cookies.len();
    let mut seen = HashSet::new();
    cookies.reverse();
    cookies.retain(|cookie| seen.insert(cookie.key().into_owned()));
    cookies.reverse();
    if count > cookies.len() {
        let repeated = count - cookies.len();
        unkept.push(format!("{repeated} cookies were repeated; the file has the last one of each"));
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
    fn names_the_fault_of_a_request() {
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
                "this host doesn't know this type of request; a newer version may",
            ),
        ] {
            assert_eq!(fault(message), (id, kind, code, text.to_owned()));
        }
    }

    #[test]
    fn names_the_fault_of_an_export() {
        let cookie = json!({"name": "n", "value": "v", "domain": "instagram.com"});
        let bad_cookie = json!({"name": "n", "value": "a\tb", "domain": "instagram.com"});
        let foreign = json!({"name": "n", "value": "v", "domain": ".vimeo.com"});
        for (change, text) in [
            (json!({"platform": null}), "platform required"),
            (json!({"platform": 1}), "platform must be a string"),
            (
                json!({"platform": "../x"}),
                "platform must have 1 to 64 characters of a-z, 0-9, '.', '_' and '-'",
            ),
            (
                json!({"platform": "co.uk"}),
                "platform can't be co.uk, a public suffix: anybody can have a site below it. \
                 Name one site, such as example.co.uk",
            ),
            (
                json!({"platform": "127.1"}),
                "platform must be a platform such as instagram, a site such as example.org, or an IPv4 address",
            ),
            (json!({"label": []}), "label must be a string"),
            (json!({"label": "a\nb"}), "label must have at most 1024 characters, and no control characters"),
            (
                json!({"label": "ä".repeat(1025)}),
                "label must have at most 1024 characters, and no control characters",
            ),
            (json!({"cookies": null}), "cookies array required"),
            (json!({"cookies": {}}), "cookies array required"),
            (json!({"cookies": []}), "there must be 1 to 1000 cookies, not 0"),
            (json!({"cookies": vec![cookie.clone(); 1001]}), "there must be 1 to 1000 cookies, not 1001"),
            (json!({"label": "a\u{202e}b"}), "label must not hold invisible characters"),
            (json!({"origins": {}}), "origins must be an array"),
            (json!({"origins": [{}]}), "origins[0]: origin required"),
            (
                json!({"origins": [{"origin": "https://vimeo.com"}]}),
                "origins[0]: this origin does not belong to instagram",
            ),
            // Without an entry there is nothing but cookies to export.
            (
                json!({"cookies": [], "origins": [{"origin": "https://instagram.com"}]}),
                "there must be 1 to 1000 cookies, not 0",
            ),
            (json!({"user_agent": 7}), "user_agent must be a string"),
            (
                json!({"user_agent": "a\nb"}),
                "user_agent must have at most 1024 characters, and no control or invisible ones",
            ),
            (json!({"cookies": [cookie, bad_cookie]}), "cookies[1]: value holds a control character"),
            (json!({"cookies": [cookie, foreign]}), "cookies[1]: this cookie does not belong to instagram"),
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
        let unkept = ["1 cookies were repeated; the file has the last one of each".to_owned()];
        assert_eq!((read, export.unkept), (vec![("b", "1"), ("a", "new")], unkept.to_vec()));
    }

    #[test]
    fn a_host_only_cookie_differs_from_a_domain_cookie() {
        let message = export(json!({"cookies": [
            {"name": "a", "value": "1", "domain": "instagram.com"},
            {"name": "a", "value": "2", "domain": ".instagram.com"},
        ]}));
        let Action::Export(export) = Request::parse(message).action.unwrap() else { panic!() };
        assert_eq!((export.cookies.len(), export.unkept.len()), (2, 0));
    }
}
