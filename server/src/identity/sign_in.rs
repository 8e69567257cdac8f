//! Signing in and out, with this server's own users or with a Directus. Handlers don't know which.

use super::pass_through::{LOGIN, LOGOUT, is_handed_on};
use super::{Identity, Provider, SessionCookie, auth};
use crate::body::JsonBody;
use crate::client::Client;
use crate::directus::DirectusError;
use crate::error::Error;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

/// How long to wait if Directus reports too many logins: the default of its limit.
const DIRECTUS_WAIT_S: u64 = 1;

/// Signs in with a form of a page: `credentials` is the body of `POST /auth/login`.
pub(crate) async fn sign_in(
    identity: &Identity,
    client: Client,
    parts: &Parts,
    credentials: Bytes,
) -> Result<HeaderValue, Error> {
    let mut answer = match &*identity.provider {
        Provider::Embedded(_) => {
            let (cookie, body) = (SessionCookie::of(parts, client), JsonBody::parse(&credentials)?);
            auth::login(State(identity.clone()), client, cookie, body).await?
        }
        Provider::Directus(directus) => {
            directus.pass_body(identity, parts, LOGIN, credentials, client).await?
        }
    };
    judge(answer.status(), LOGIN)?;
    answer.headers_mut().remove(header::SET_COOKIE).ok_or(Error::Internal("a session without a cookie"))
}

/// Ends the cookie's session.
pub(crate) async fn sign_out(identity: &Identity, client: Client, parts: &Parts) -> Result<(), Error> {
    const SESSION: &[u8] = br#"{"mode":"session"}"#;
    let answer = match &*identity.provider {
        Provider::Embedded(_) => {
            let (cookie, body) = (SessionCookie::of(parts, client), JsonBody::parse(SESSION)?);
            auth::logout(State(identity.clone()), client, cookie, body).await?
        }
        Provider::Directus(directus) => {
            directus.pass_body(identity, parts, LOGOUT, Bytes::from_static(SESSION), client).await?
        }
    };
    judge(answer.status(), LOGOUT)
}

/// The meaning of Directus's answer for a page, which shows none of its words.
fn judge(status: StatusCode, path: &str) -> Result<(), Error> {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Error::InvalidCredentials),
        // For instance an invalid address.
        StatusCode::BAD_REQUEST => Err(Error::BadRequest("Directus can't read the form".to_owned())),
        StatusCode::TOO_MANY_REQUESTS => Err(Error::TooManyRequests { retry_after_s: DIRECTUS_WAIT_S }),
        status if status.is_success() => Ok(()),
        status => Err(DirectusError::garbage(status.as_u16(), path).into()),
    }
}

/// Forwards the four calls about users' tokens to Directus, if it manages the users.
pub(crate) async fn pass_through(
    identity: &Identity,
    client: Client,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    match &*identity.provider {
        Provider::Directus(directus) if is_handed_on(request.method(), request.uri().path()) => {
            directus.pass_through(identity, request, client).await
        }
        _ => Ok(next.run(request).await),
    }
}
