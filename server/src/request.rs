//! Reads requests: the JSON body field by field, so that the answer can name the faulty field, and
//! paging parameters.

mod nesting;

use crate::api;
use crate::error::Error;
use crate::store::Page;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::http::{HeaderMap, Uri, header, request::Parts};
use http_body_util::LengthLimitError;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::value::RawValue;
use stagepass_core::cookie::{CookieFault, UncheckedCookie};
use stagepass_core::visible::{self, printable_start};
use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Rows on a page by default.
pub(crate) const DEFAULT_PAGE_SIZE: u32 = 20;
/// How much of an unknown name is shown in a fault.
const MAX_SHOWN_CHARS: usize = 64;
/// The longest text in a body, except keys and cookies, in characters.
pub(crate) const MAX_TEXT_CHARS: usize = 1024;
/// The longest unique name, in characters: PostgreSQL indexes at most 2,704 bytes.
pub(crate) const MAX_NAME_CHARS: usize = 200;
/// The longest reason for a capture request, in characters.
pub(crate) const MAX_REASON_CHARS: usize = 200;
/// The longest API key of the vault, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 16 * 1024;

/// The other end of a request's connection: its caller or a proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Whether the reader of a request's body waits for the client to send more.
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

/// This end of the connection: the address to which the caller connected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalAddress(pub(crate) SocketAddr);

/// Marks a request that came over TLS to this server itself, not to a proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OverTls;

/// The names by which a machine reaches itself.
pub(crate) const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The hosts under which a request looks for this server, without ports: the `Host` header's, and
/// the target's if it has one. The target's takes precedence (RFC 9112, section 3.2.2), but a proxy
/// in between may have checked the other.
pub(crate) fn host_names<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    iter::once(name).chain(uri.host())
}

/// The members of a JSON object in a request's body, each as its original text: data that is only
/// stored must not change when read. Duplicate names are refused, because JSON parsers differ in
/// which one counts.
#[derive(Clone)]
pub(crate) struct Fields(BTreeMap<String, Box<RawValue>>);

/// Reads a body of at most this many bytes.
pub(crate) async fn read_body(request: Request<Body>, most: usize) -> Result<Bytes, Error> {
    axum::body::to_bytes(request.into_body(), most).await.map_err(|error| {
        let is_too_long = error.into_inner().is::<LengthLimitError>();
        if is_too_long {
            Error::BodyTooLarge { most }
        } else {
            Error::BadRequest("body could not be read".to_owned())
        }
    })
}

/// Whether a request declares its body as JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    media_type
        .split(';')
        .next()
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

impl Fields {
    /// The members of a body, which must be a JSON object. A fault may name `known` members.
    pub(crate) fn parse(body: &[u8], known: fn() -> BTreeSet<String>) -> Result<Self, Error> {
        // serde_json's message may quote the body, and so a secret.
        let fields = serde_json::from_slice(body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::BadRequest(match error.classify() {
                Category::Data => "body must be a JSON object".to_owned(),
                _ => format!("body is not valid JSON (line {line}, column {column})"),
            })
        })?;
        nesting::check(body, known)?;
        Ok(Self(fields))
    }

    /// A member's original text; `None` if it is absent.
    fn take_raw(&mut self, field: &str) -> Option<Box<RawValue>> {
        self.0.remove(field)
    }

    /// A member's value; `None` if it is absent or null. A value of another type is a fault that
    /// names the `expected` one.
    pub(crate) fn take<T: DeserializeOwned>(
        &mut self,
        field: &str,
        expected: &str,
    ) -> Result<Option<T>, Error> {
        let Some(raw) = self.take_raw(field) else { return Ok(None) };
        serde_json::from_str(raw.get()).map_err(|_| Error::BadRequest(format!("{field} must be {expected}")))
    }

    /// An optional text of at most 1,024 characters, all visible.
    pub(crate) fn text(&mut self, field: &str) -> Result<Option<String>, Error> {
        let text = self.take::<String>(field, "a string")?;
        let checked = text.as_deref().map_or(Ok(()), |text| check_text(text, field, MAX_TEXT_CHARS));
        checked.map_err(Error::BadRequest)?;
        Ok(text)
    }

    /// A trimmed name of at most 200 characters; `None` if nothing else is left.
    pub(crate) fn trimmed(&mut self, field: &str) -> Result<Option<String>, Error> {
        let text = self.take::<String>(field, "a string")?;
        let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let checked = text.as_deref().map_or(Ok(()), |text| check_text(text, field, MAX_NAME_CHARS));
        checked.map_err(Error::BadRequest)?;
        Ok(text)
    }

    /// A secret; any text will do.
    pub(crate) fn secret(&mut self, field: &str) -> Result<Option<SecretString>, Error> {
        self.take(field, "a string")
    }

    /// A trimmed secret; `None` if nothing else is left.
    pub(crate) fn trimmed_secret(&mut self, field: &str) -> Result<Option<SecretString>, Error> {
        let secret = self.secret(field)?;
        let trimmed = secret.map(|secret| SecretString::from(secret.expose_secret().trim()));
        Ok(trimmed.filter(|secret| !secret.expose_secret().is_empty()))
    }

    /// A required object, as its original JSON text.
    pub(crate) fn object(&mut self, field: &str) -> Result<Option<SecretString>, Error> {
        let raw = self.take_raw(field).filter(|raw| raw.get().starts_with('{'));
        let raw = raw.ok_or_else(|| Error::BadRequest(format!("{field} object required")))?;
        Ok(Some(SecretString::from(Box::<str>::from(raw))))
    }

    /// A required array of cookies: objects with any content.
    pub(crate) fn cookies(&mut self, field: &str) -> Result<Vec<UncheckedCookie>, Error> {
        let required = || Error::BadRequest(format!("{field} array required"));
        let raw = self.take_raw(field).ok_or_else(required)?;
        serde_json::from_str(raw.get()).map_err(|_| {
            let given = serde_json::from_str::<Vec<Box<RawValue>>>(raw.get()).unwrap_or_default();
            let is_unread =
                |cookie: &RawValue| serde_json::from_str::<UncheckedCookie>(cookie.get()).is_err();
            let Some((index, cookie)) = given.iter().enumerate().find(|(_, cookie)| is_unread(cookie)) else {
                return required();
            };
            Error::BadRequest(if cookie.get().starts_with('{') {
                format!("{field}[{index}]: holds a text or number that can't be read")
            } else {
                format!("{field}[{index}]: {}", CookieFault::NotAnObject)
            })
        })
    }

    /// A member's original JSON text; `None` if it is absent.
    pub(crate) fn json(&mut self, field: &str) -> Option<SecretString> {
        self.take_raw(field).map(|raw| SecretString::from(Box::<str>::from(raw)))
    }

    /// An array of objects; `None` if it is absent or null.
    pub(crate) fn objects(&mut self, field: &str) -> Result<Option<Vec<Self>>, Error> {
        let objects: Option<Vec<BTreeMap<String, Box<RawValue>>>> =
            self.take(field, "an array of objects")?;
        Ok(objects.map(|objects| objects.into_iter().map(Self).collect()))
    }

    /// Whether a member is present, even as null.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// Checks the names against the `known` ones.
    pub(crate) fn check_names(&self, known: &[&str], others: Others) -> Result<(), Error> {
        if matches!(others, Others::Ignored) {
            return Ok(());
        }
        let Some(name) = self.0.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
        let (name, known) = (printable_start(name, MAX_SHOWN_CHARS), known.join(", "));
        Err(Error::BadRequest(match others {
            Others::Fixed => format!("{name} can't be changed; only {known} can"),
            _ => format!("{name} is unknown; known fields: {known}"),
        }))
    }
}

/// How to treat unknown fields of a body.
pub(crate) enum Others {
    Ignored,
    /// Refused.
    Unknown,
    /// Refused, with an error that says what an edit can change.
    Fixed,
}

/// Checks that a text has at most this many characters, all visible.
pub(crate) fn check_text(text: &str, field: &str, most: usize) -> Result<(), String> {
    if text.chars().count() > most {
        return Err(format!("{field} must have at most {most} characters"));
    }
    visible::check(text).map_err(|fault| format!("{field} {fault}"))
}

/// A record's id.
#[derive(IntoParams)]
#[into_params(names("id"), parameter_in = Path)]
pub(crate) struct Id(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        // A path that is not UTF-8 is not a UUID either.
        let text = Path::<String>::from_request_parts(parts, state).await.map(|Path(text)| text);
        parse_id(text.as_deref().unwrap_or_default(), "id").map(Self)
    }
}

/// Reads a record's id.
pub(crate) fn parse_id(text: &str, field: &str) -> Result<Uuid, Error> {
    api::parse_id(text).ok_or_else(|| Error::BadRequest(format!("{field} must be a UUID")))
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

/// The requested page of a list, as written in a query string.
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
    /// The number of rows on all pages together.
    pub(crate) total: u64,
    /// This page's number, from 1.
    pub(crate) page: u32,
    /// Rows on a page.
    pub(crate) page_size: u32,
}

impl<T> Listing<T> {
    /// Converts each row of a store's page to the API's form.
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

    fn parse(body: impl AsRef<[u8]>) -> Result<Fields, Error> {
        Fields::parse(body.as_ref(), || ["id", "credentials", "cookies"].map(str::to_owned).into())
    }

    #[test]
    fn refuses_a_duplicate_field_and_names_it_if_known() {
        for (body, expected) in [
            (r#"{"id":"a","i\u0064":"a"}"#, "id given twice"),
            (r#"{"credentials":{},"credentials":{}}"#, "credentials given twice"),
            (r#"{"cookies":[],"a":1,"cookies":[]}"#, "cookies given twice"),
            (r#"{"planted":1,"planted":1}"#, "body gives a field twice"),
            (r#"{"a":{"planted":1,"planted":1}}"#, "body gives a field twice"),
        ] {
            assert_eq!(fault(parse(body)), expected, "{body}");
        }
        assert!(parse(r#"{"a":1,"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn keeps_data_that_is_only_stored_unchanged() {
        let kept = r#"{"a":1e999,"c":2.0, "b":"\ud800"}"#;
        let mut fields = parse(format!(r#"{{"credentials": {kept} }}"#)).unwrap();
        assert_eq!(
            secrecy::ExposeSecret::expose_secret(&fields.object("credentials").unwrap().unwrap()),
            kept
        );
    }

    #[test]
    fn refuses_a_body_nested_deeper_than_64_levels() {
        let nested = |levels: usize| {
            format!(r#"{{"credentials":{}{{}}{}}}"#, r#"{"a":"#.repeat(levels - 2), "}".repeat(levels - 2))
        };
        assert!(parse(nested(64)).unwrap().object("credentials").is_ok());
        for levels in [65, 100_000] {
            let refused = parse(nested(levels));
            assert_eq!(fault(refused), "body is nested deeper than 64 levels");
        }
        let unfinished = parse("[".repeat(100_000));
        assert_eq!(fault(unfinished), "body must be a JSON object");
    }
}
