//! What a request brings: its JSON body, read field by field so that the
//! answer can name the field at fault, and its paging parameters.

mod nesting;

use crate::api::{self, MAX_BODY_BYTES};
use crate::error::Error;
use crate::store::Page;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::{HeaderMap, Uri, header, request::Parts};
use http_body_util::LengthLimitError;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::value::RawValue;
use stagepass_core::cookie::{CookieFault, GivenCookie};
use stagepass_core::platform::check_platform_id;
use stagepass_core::visible::{self, printable_start};
use stagepass_core::{PublicSuffixes, Site};
use std::collections::BTreeMap;
use std::iter;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Rows on a page where nobody says how many.
pub(crate) const DEFAULT_PAGE_SIZE: u32 = 20;
/// How much of a name that a request made up is shown in a fault.
const MAX_SHOWN_CHARS: usize = 64;
/// The longest text in a body, keys and cookies aside, in characters.
pub(crate) const MAX_TEXT_CHARS: usize = 1024;
/// The longest name that is its own among others, in characters: PostgreSQL indexes
/// no more than 2,704 bytes.
pub(crate) const MAX_NAME_CHARS: usize = 200;
/// The longest reason for a capture request, in characters.
pub(crate) const MAX_REASON_CHARS: usize = 200;
/// The longest API key of the vault, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 16 * 1024;

/// The other end of the connection that a request came by: its caller, or a proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Whether whoever reads the request's body waits for its client to send more.
#[derive(Clone, Debug, Default)]
pub(crate) struct AwaitedBody(Arc<AtomicBool>);

impl AwaitedBody {
    pub(crate) fn set(&self, is_awaited: bool) {
        self.0.store(is_awaited, Ordering::Relaxed);
    }

    pub(crate) fn is_awaited(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// This end of it: the address that the caller has connected to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalAddress(pub(crate) SocketAddr);

/// The names under which a machine reaches itself.
pub(crate) const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The hosts under which a request looks for this server, without their ports:
/// the `Host` header's, and that of the target where it has one. There the
/// target's is the one that counts (RFC 9112, section 3.2.2), but whoever stands
/// between may have judged the other.
pub(crate) fn host_names<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    iter::once(name).chain(uri.host())
}

/// The members of a JSON object in a request's body, each as the text that was
/// sent: what is only to be kept is not altered by reading it. None is named
/// twice, since readers of JSON differ in which one counts.
#[derive(Clone)]
pub(crate) struct Fields(BTreeMap<String, Box<RawValue>>);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Error> {
        if !is_json(request.headers()) {
            return Err(Error::UnsupportedMediaType);
        }
        let body = read_body(request).await?;
        Self::parse(&body)
    }
}

/// Reads a body, as far as its limit goes.
pub(crate) async fn read_body(request: Request<Body>) -> Result<Bytes, Error> {
    axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await.map_err(|error| {
        let is_too_long = error.into_inner().is::<LengthLimitError>();
        if is_too_long { Error::BodyTooLarge } else { Error::BadRequest("body could not be read".to_owned()) }
    })
}

/// Whether a request says that its body is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    media_type
        .split(';')
        .next()
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

impl Fields {
    /// The members of a body that is a JSON object.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Error> {
        // serde_json's own words may quote the body, and so a secret.
        let fields = serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::BadRequest(match error.classify() {
                Category::Data => "body must be a JSON object".to_owned(),
                _ => format!("body is not valid JSON (line {line}, column {column})"),
            })
        })?;
        nesting::check(body)?;
        Ok(Self(fields))
    }

    /// A member as it was sent; `None` where it is absent.
    fn take_raw(&mut self, field: &str) -> Option<Box<RawValue>> {
        self.0.remove(field)
    }

    /// A member's value; `None` where it is absent or null, a fault that names
    /// `expected` where it is something else.
    fn take<T: DeserializeOwned>(&mut self, field: &str, expected: &str) -> Result<Option<T>, Error> {
        let Some(raw) = self.take_raw(field) else { return Ok(None) };
        serde_json::from_str(raw.get()).map_err(|_| Error::BadRequest(format!("{field} must be {expected}")))
    }

    /// An optional text of at most 1,024 characters, all of which can be seen.
    pub(crate) fn text(&mut self, field: &str) -> Result<Option<String>, Error> {
        let text = self.take::<String>(field, "a string")?;
        let checked = text.as_deref().map_or(Ok(()), |text| check_text(text, field, MAX_TEXT_CHARS));
        checked.map_err(Error::BadRequest)?;
        Ok(text)
    }

    /// A name of at most 200 characters, without the white space around it; none
    /// where nothing else is there.
    pub(crate) fn trimmed(&mut self, field: &str) -> Result<Option<String>, Error> {
        let text = self.take::<String>(field, "a string")?;
        let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let checked = text.as_deref().map_or(Ok(()), |text| check_text(text, field, MAX_NAME_CHARS));
        checked.map_err(Error::BadRequest)?;
        Ok(text)
    }

    /// A text that must be there and not be empty.
    pub(crate) fn required_text(&mut self, field: &str) -> Result<String, Error> {
        self.text(field)?.filter(|text| !text.trim().is_empty()).ok_or_else(|| required(field))
    }

    /// A secret that must be there; any text will do.
    pub(crate) fn required_secret(&mut self, field: &str) -> Result<SecretString, Error> {
        self.take(field, "a string")?.ok_or_else(|| required(field))
    }

    /// A secret without the white space around it; none where nothing else is there.
    pub(crate) fn trimmed_secret(&mut self, field: &str) -> Result<Option<SecretString>, Error> {
        let secret = self.take::<SecretString>(field, "a string")?;
        let trimmed = secret.map(|secret| SecretString::from(secret.expose_secret().trim()));
        Ok(trimmed.filter(|secret| !secret.expose_secret().is_empty()))
    }

    /// The `credentials` object, as the JSON text that was sent.
    pub(crate) fn credentials(&mut self) -> Result<SecretString, Error> {
        let raw = self.take_raw("credentials").filter(|raw| raw.get().starts_with('{'));
        let raw = raw.ok_or_else(|| Error::BadRequest("credentials object required".to_owned()))?;
        Ok(SecretString::from(Box::<str>::from(raw)))
    }

    /// The `cookies` array, of objects with whatever they hold.
    pub(crate) fn cookies(&mut self) -> Result<Vec<GivenCookie>, Error> {
        let required = || Error::BadRequest("cookies array required".to_owned());
        let raw = self.take_raw("cookies").ok_or_else(required)?;
        serde_json::from_str(raw.get()).map_err(|_| {
            let given = serde_json::from_str::<Vec<Box<RawValue>>>(raw.get()).unwrap_or_default();
            let is_unread = |cookie: &RawValue| serde_json::from_str::<GivenCookie>(cookie.get()).is_err();
            let Some((index, cookie)) = given.iter().enumerate().find(|(_, cookie)| is_unread(cookie)) else {
                return required();
            };
            Error::BadRequest(if cookie.get().starts_with('{') {
                format!("cookies[{index}]: holds a text or number that can't be read")
            } else {
                format!("cookies[{index}]: {}", CookieFault::NotAnObject)
            })
        })
    }

    /// A member as the JSON text that was sent; none where it is absent.
    pub(crate) fn json(&mut self, field: &str) -> Option<SecretString> {
        self.take_raw(field).map(|raw| SecretString::from(Box::<str>::from(raw)))
    }

    /// An array of texts; none where it is absent or null.
    pub(crate) fn texts(&mut self, field: &str) -> Result<Option<Vec<String>>, Error> {
        self.take(field, "an array of strings")
    }

    /// An array of objects; none where it is absent or null.
    pub(crate) fn objects(&mut self, field: &str) -> Result<Option<Vec<Self>>, Error> {
        let objects: Option<Vec<BTreeMap<String, Box<RawValue>>>> =
            self.take(field, "an array of objects")?;
        Ok(objects.map(|objects| objects.into_iter().map(Self).collect()))
    }

    /// Whether a member is there, be it null.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// Refuses members of an edit that are none of these.
    pub(crate) fn allow_only(&self, allowed: &[&str]) -> Result<(), Error> {
        let Some(name) = self.other_than(allowed) else { return Ok(()) };
        Err(Error::BadRequest(format!("{name} can't be changed: only {} can", allowed.join(", "))))
    }

    /// Refuses members that are none of these: nothing would come of them.
    pub(crate) fn know_only(&self, known: &[&str]) -> Result<(), Error> {
        let Some(name) = self.other_than(known) else { return Ok(()) };
        Err(Error::BadRequest(format!("{name} is not known: known are {}", known.join(", "))))
    }

    /// The name, as it can be shown, of a member that is none of these.
    fn other_than(&self, known: &[&str]) -> Option<String> {
        let name = self.0.keys().find(|name| !known.contains(&name.as_str()))?;
        Some(printable_start(name, MAX_SHOWN_CHARS))
    }

    /// An optional boolean.
    pub(crate) fn boolean(&mut self, field: &str) -> Result<Option<bool>, Error> {
        self.take(field, "a boolean")
    }
}

/// Text has at most so many characters, all of which can be seen.
pub(crate) fn check_text(text: &str, field: &str, most: usize) -> Result<(), String> {
    if text.chars().count() > most {
        return Err(format!("{field} must have at most {most} characters"));
    }
    visible::check(text).map_err(|fault| format!("{field} {fault}"))
}

fn required(field: &str) -> Error {
    Error::BadRequest(format!("{field} required"))
}

/// A record's id.
#[derive(IntoParams)]
#[into_params(names("id"), parameter_in = Path)]
pub(crate) struct Id(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        // A path that is no UTF-8 is no UUID either.
        let text = Path::<String>::from_request_parts(parts, state).await.map(|Path(text)| text);
        parse_id(text.as_deref().unwrap_or_default(), "id").map(Self)
    }
}

/// Reads a record's id.
pub(crate) fn parse_id(text: &str, field: &str) -> Result<Uuid, Error> {
    api::parse_id(text).ok_or_else(|| Error::BadRequest(format!("{field} must be a UUID")))
}

/// Refuses what is no platform, before something is stored or asked for.
pub(crate) fn check_platform(platform: &str) -> Result<(), Error> {
    let site = Site::of_id(platform, PublicSuffixes::built_in());
    site.map(drop).map_err(|fault| Error::BadRequest(fault.to_string()))
}

/// Refuses what does not have the form of a platform. Enough for look-ups, and records of
/// earlier versions can be found that way although their platform is refused now.
pub(crate) fn check_platform_form(platform: &str) -> Result<(), Error> {
    check_platform_id(platform).map_err(|fault| Error::BadRequest(fault.to_string()))
}

/// The parameters of a query string.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let read = Query::try_from_uri(&parts.uri);
        let Query(given) = read.map_err(|_| Error::BadRequest("query string is malformed".to_owned()))?;
        Ok(Self(given))
    }
}

/// Which part of a list is asked for, as it is written in a query string.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParameters {
    /// The page's number, from 1.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000_000, default = 1)]
    page: Option<String>,
    /// Rows on a page.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 20)]
    page_size: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Parameters(given) = Parameters::<PageParameters>::from_request_parts(parts, state).await?;
        let number = |text: Option<String>, default, most, name| match text {
            None => Ok(default),
            Some(text) => (text.parse().ok())
                .filter(|number| (1..=most).contains(number))
                .ok_or_else(|| Error::BadRequest(format!("{name} must be 1 to {most}"))),
        };
        Ok(Self {
            number: number(given.page, 1, 1_000_000, "page")?,
            size: number(given.page_size, DEFAULT_PAGE_SIZE, 100, "pageSize")?,
        })
    }
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listing<T> {
    /// The rows.
    pub(crate) data: Vec<T>,
    /// How many rows there are on all pages together.
    pub(crate) total: u64,
    /// This page's number, from 1.
    pub(crate) page: u32,
    /// Rows on a page.
    pub(crate) page_size: u32,
}

impl<T> Listing<T> {
    /// Turns each row of a page that a store gave into the API's form.
    pub(crate) fn of<Row>((rows, total): (Vec<Row>, u64), page: Page, form: impl Fn(Row) -> T) -> Self {
        let data = rows.into_iter().map(form).collect();
        Self { data, total, page: page.number, page_size: page.size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault<T>(result: Result<T, Error>) -> String {
        result.err().unwrap().to_string()
    }

    #[test]
    fn a_field_that_is_given_twice_is_refused_by_name_where_that_means_something() {
        for (body, expected) in [
            (r#"{"id":"a","i\u0064":"a"}"#, "id given twice"),
            (r#"{"credentials":{},"credentials":{}}"#, "credentials given twice"),
            (r#"{"cookies":[],"a":1,"cookies":[]}"#, "cookies given twice"),
            (r#"{"planted":1,"planted":1}"#, "body gives a field twice"),
            (r#"{"a":{"planted":1,"planted":1}}"#, "body gives a field twice"),
        ] {
            assert_eq!(fault(Fields::parse(body.as_bytes())), expected, "{body}");
        }
        assert!(Fields::parse(br#"{"a":1,"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn what_is_only_kept_is_taken_to_the_letter() {
        let kept = r#"{"a":1e999,"c":2.0, "b":"\ud800"}"#;
        let mut fields = Fields::parse(format!(r#"{{"credentials": {kept} }}"#).as_bytes()).unwrap();
        assert_eq!(secrecy::ExposeSecret::expose_secret(&fields.credentials().unwrap()), kept);
    }

    #[test]
    fn a_body_of_more_than_64_levels_is_refused() {
        let nested = |levels: usize| {
            format!(r#"{{"credentials":{}{{}}{}}}"#, r#"{"a":"#.repeat(levels - 2), "}".repeat(levels - 2))
        };
        assert!(Fields::parse(nested(64).as_bytes()).unwrap().credentials().is_ok());
        for levels in [65, 100_000] {
            let refused = Fields::parse(nested(levels).as_bytes());
            assert_eq!(fault(refused), "body is nested deeper than 64 levels");
        }
        let unfinished = Fields::parse("[".repeat(100_000).as_bytes());
        assert_eq!(fault(unfinished), "body must be a JSON object");
    }
}
