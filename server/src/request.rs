//! What a request brings: its JSON body, read field by field so that the
//! answer can name the field at fault, and its paging parameters.

use crate::error::Error;
use axum::RequestExt;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::{HeaderMap, header, request::Parts};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stagepass_core::platform::is_platform_id;
use uuid::Uuid;

/// The largest body that is read.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024;
/// The longest text in a body, keys and cookies aside, in characters.
const MAX_TEXT_CHARS: usize = 1024;

/// The members of a JSON object in a request's body.
pub(crate) struct Fields(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Error> {
        if !is_json(request.headers()) {
            return Err(Error::UnsupportedMediaType);
        }
        // The router's body limit is the only way that reading fails, but for a
        // sender that goes away, who will see no answer anyhow.
        let body: Bytes = request.with_limited_body().extract().await.map_err(|_| Error::BodyTooLarge)?;
        // serde_json's own words may quote the body, and so a secret.
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(Error::BadRequest("body must be a JSON object".to_owned())),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                Err(Error::BadRequest(format!("body is not valid JSON (line {line}, column {column})")))
            }
        }
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
    /// A member's value; `None` where it is absent or null.
    fn take(&mut self, field: &str) -> Option<Value> {
        self.0.remove(field).filter(|value| !value.is_null())
    }

    /// An optional text of at most 1,024 characters without control characters.
    pub(crate) fn text(&mut self, field: &str) -> Result<Option<String>, Error> {
        let text = match self.take(field) {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(_) => return Err(Error::BadRequest(format!("{field} must be a string"))),
        };
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
        let text = self.text(field)?.filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| Error::BadRequest(format!("{field} required")))
    }

    /// The `credentials` object.
    pub(crate) fn credentials(&mut self) -> Result<Map<String, Value>, Error> {
        match self.take("credentials") {
            Some(Value::Object(credentials)) => Ok(credentials),
            _ => Err(Error::BadRequest("credentials object required".to_owned())),
        }
    }

    /// The `cookies` array.
    pub(crate) fn cookies(&mut self) -> Result<Vec<Value>, Error> {
        match self.take("cookies") {
            Some(Value::Array(cookies)) => Ok(cookies),
            _ => Err(Error::BadRequest("cookies array required".to_owned())),
        }
    }

    /// An optional boolean.
    pub(crate) fn boolean(&mut self, field: &str) -> Result<Option<bool>, Error> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(Error::BadRequest(format!("{field} must be a boolean"))),
        }
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

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// From 1.
    pub(crate) number: u32,
    /// Rows on a page, 1 to 100.
    pub(crate) size: u32,
}

impl Page {
    /// How many rows come before this page.
    pub(crate) fn offset(self) -> u64 {
        u64::from(self.number - 1) * u64::from(self.size)
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
