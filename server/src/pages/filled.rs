//! The input of a form, read like the API.

use crate::api::MAX_BODY_BYTES;
use crate::app_credentials::if_match::IfMatch;
use crate::body::{Body, JsonBody};
use crate::error::Error;
use crate::request::read_body;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use percent_encoding::percent_decode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use zeroize::Zeroizing;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// The names and values of a form, each of which may be a secret.
pub(super) struct Filled(Vec<(String, SecretString)>);

impl<S: Send + Sync> FromRequest<S> for Filled {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.and_then(|media_type| media_type.split(';').next()).unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case(MEDIA_TYPE) {
            return Err(Error::BadRequest(format!("Content-Type must be {MEDIA_TYPE}")));
        }
        let body = read_body(request, MAX_BODY_BYTES).await?;
        // Otherwise invalid text would become other text, even in a secret.
        percent_decode(&body)
            .decode_utf8()
            .map_err(|_| Error::BadRequest("the form is not UTF-8".to_owned()))?;
        let pairs = form_urlencoded::parse(&body);
        // Forms send line breaks as CR LF, which no one typed.
        let value = |value: &str| SecretString::from(value.replace("\r\n", "\n"));
        Ok(Self(pairs.map(|(name, given)| (name.into_owned(), value(&given))).collect()))
    }
}

impl Filled {
    /// The input under a name; empty if it is missing.
    pub(super) fn secret(&self, name: &str) -> SecretString {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// The same for input that is not secret.
    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(other, _)| other == name);
        // The input under this name is not secret.
        found.map_or("", |(_, value)| value.expose_secret())
    }

    /// The content that the form was made for, which must still be current.
    pub(super) fn if_match(&self) -> IfMatch {
        IfMatch::Tags(vec![self.text("etag").to_owned()])
    }

    /// All choices under a name, which are not secret.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        let found = self.0.iter().filter(|(other, _)| other == name);
        found.map(|(_, value)| value.expose_secret()).collect()
    }
}

/// The body as the API reads it.
pub(super) fn body<T: Body>(members: &impl Serialize) -> Result<JsonBody<T>, Error> {
    let body = serde_json::to_vec(members).map_err(|_| Error::Internal("a form as JSON"))?;
    JsonBody::parse(&Zeroizing::new(body))
}
