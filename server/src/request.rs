//! What a request brings: its JSON body, read field by field so that the
//! answer can name the field at fault, and its paging parameters.

use crate::error::Error;
use crate::store::Page;
use axum::RequestExt;
use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::{HeaderMap, header, request::Parts};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;
use stagepass_core::platform::is_platform_id;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use uuid::Uuid;

/// The largest body that is read.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024;
/// The longest text in a body, keys and cookies aside, in characters.
const MAX_TEXT_CHARS: usize = 1024;

/// The address that a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The members of a JSON object in a request's body, each as the text that was
/// sent: what is only to be kept is not altered by reading it.
pub(crate) struct Fields(BTreeMap<String, Box<RawValue>>);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Error> {
        if !is_json(request.headers()) {
            return Err(Error::UnsupportedMediaType);
        }
        let body: Bytes = request.with_limited_body().extract().await.map_err(of_unread_body)?;
        // serde_json's own words may quote the body, and so a secret.
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::BadRequest(match error.classify() {
                Category::Data => "body must be a JSON object".to_owned(),
                _ => format!("body is not valid JSON (line {line}, column {column})"),
            })
        })
    }
}

fn of_unread_body(rejection: BytesRejection) -> Error {
    match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => Error::BodyTooLarge,
        _ => Error::BadRequest("body could not be read".to_owned()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    media_type
        .split(';')
        .next()
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

impl Fields {
    /// A member's value; `None` where it is absent or null, a fault that names
    /// `expected` where it is something else.
    fn take<T: DeserializeOwned>(&mut self, field: &str, expected: &str) -> Result<Option<T>, Error> {
        let Some(raw) = self.0.remove(field) else { return Ok(None) };
        serde_json::from_str(raw.get()).map_err(|_| Error::BadRequest(format!("{field} must be {expected}")))
    }

    /// An optional text of at most 1,024 characters without control characters.
    pub(crate) fn text(&mut self, field: &str) -> Result<Option<String>, Error> {
        let Some(text) = self.take::<String>(field, "a string")? else { return Ok(None) };
        if text.chars().count() > MAX_TEXT_CHARS {
            return Err(Error::BadRequest(format!("{field} must have at most {MAX_TEXT_CHARS} characters")));
        }
        if text.chars().any(char::is_control) {
            return Err(Error::BadRequest(format!("{field} must not hold control characters")));
        }
        Ok(Some(text))
    }

    /// A text that must be there and not be empty.
    pub(crate) fn required_text(&mut self, field: &str) -> Result<String, Error> {
        self.text(field)?.filter(|text| !text.trim().is_empty()).ok_or_else(|| required(field))
    }

    /// A secret that must be there; any text will do.
    pub(crate) fn required_secret(&mut self, field: &str) -> Result<SecretString, Error> {
        self.take(field, "a string")?.ok_or_else(|| required(field))
    }

    /// The `credentials` object, as the JSON text that was sent.
    pub(crate) fn credentials(&mut self) -> Result<SecretString, Error> {
        let raw = self.0.remove("credentials").filter(|raw| raw.get().starts_with('{'));
        let raw = raw.ok_or_else(|| Error::BadRequest("credentials object required".to_owned()))?;
        Ok(SecretString::from(Box::<str>::from(raw)))
    }

    /// The `cookies` array.
    pub(crate) fn cookies(&mut self) -> Result<Vec<Value>, Error> {
        let array_required = || Error::BadRequest("cookies array required".to_owned());
        self.take("cookies", "an array").map_err(|_| array_required())?.ok_or_else(array_required)
    }

    /// An optional boolean.
    pub(crate) fn boolean(&mut self, field: &str) -> Result<Option<bool>, Error> {
        self.take(field, "a boolean")
    }
}

fn required(field: &str) -> Error {
    Error::BadRequest(format!("{field} required"))
}

/// A record's id in a path.
pub(crate) struct Id(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        // A path that is no UTF-8 is no UUID either.
        let text = Path::<String>::from_request_parts(parts, state).await.map(|Path(text)| text);
        parse_id(text.as_deref().unwrap_or_default(), "id").map(Self)
    }
}

/// Reads a record's id: a UUID in its hyphenated form.
pub(crate) fn parse_id(text: &str, field: &str) -> Result<Uuid, Error> {
    let is_hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
    Uuid::try_parse(text)
        .ok()
        .filter(|_| is_hyphenated)
        .ok_or_else(|| Error::BadRequest(format!("{field} must be a UUID")))
}

/// Refuses what is no platform identifier.
pub(crate) fn check_platform(platform: &str) -> Result<(), Error> {
    if is_platform_id(platform) {
        Ok(())
    } else {
        Err(Error::BadRequest("platform must be 1 to 64 of a-z, 0-9, '.', '_' and '-'".to_owned()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Parameters {
            page: Option<String>,
            page_size: Option<String>,
        }
        let Query(given) = Query::<Parameters>::try_from_uri(&parts.uri)
            .map_err(|_| Error::BadRequest("query string is malformed".to_owned()))?;
        let number = |text: Option<String>, default, most, name| match text {
            None => Ok(default),
            Some(text) => (text.parse().ok())
                .filter(|number| (1..=most).contains(number))
                .ok_or_else(|| Error::BadRequest(format!("{name} must be 1 to {most}"))),
        };
        Ok(Self {
            number: number(given.page, 1, 1_000_000, "page")?,
            size: number(given.page_size, 20, 100, "pageSize")?,
        })
    }
}

/// One page of a list.
#[derive(Debug, Serialize)]
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
