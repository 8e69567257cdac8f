//! What somebody has filled in, read as the API would have it.

use crate::app_credentials::if_match::IfMatch;
use crate::error::Error;
use crate::request::{Fields, read_body};
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use percent_encoding::percent_decode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use zeroize::Zeroizing;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// The names and values of a form, of which each may be a secret.
pub(super) struct Filled(Vec<(String, SecretString)>);

impl<S: Send + Sync> FromRequest<S> for Filled {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Error> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.and_then(|media_type| media_type.split(';').next()).unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case(MEDIA_TYPE) {
            return Err(Error::BadRequest(format!("Content-Type must be {MEDIA_TYPE}")));
        }
        let body = read_body(request).await?;
        // Else what is no text would become another, a secret too.
        percent_decode(&body)
            .decode_utf8()
            .map_err(|_| Error::BadRequest("the form is not UTF-8".to_owned()))?;
        let pairs = form_urlencoded::parse(&body);
        // A form's lines end as a letter's did; nobody typed it so.
        let value = |value: &str| SecretString::from(value.replace("\r\n", "\n"));
        Ok(Self(pairs.map(|(name, given)| (name.into_owned(), value(&given))).collect()))
    }
}

impl Filled {
    /// What is filled in under a name; nothing where that is not there.
    pub(super) fn secret(&self, name: &str) -> SecretString {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// The same, of what is no secret.
    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(other, _)| other == name);
        // What it is filled in for is none.
        found.map_or("", |(_, value)| value.expose_secret())
    }

    /// What the form was made for, which must be that still.
    pub(super) fn if_match(&self) -> IfMatch {
        IfMatch::Tags(vec![self.text("etag").to_owned()])
    }

    /// All that is chosen under a name, which is no secret.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        let found = self.0.iter().filter(|(other, _)| other == name);
        found.map(|(_, value)| value.expose_secret()).collect()
    }
}

/// A body as the API reads one.
pub(super) fn body(members: &impl Serialize) -> Result<Fields, Error> {
    let body = serde_json::to_vec(members).map_err(|_| Error::Internal("a form as JSON"))?;
    Fields::parse(&Zeroizing::new(body))
}
