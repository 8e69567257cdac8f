//! The extractor of a user: a bearer token of a user who can still sign in, here or at Directus.

use super::token::session_hash;
use super::{DirectusIdentity, Identity, Provider, SessionCookie, known_caller};
use crate::api::{self, Form};
use crate::audit::{Caller, Entry};
use crate::client::Client;
use crate::clock::now_ms;
use crate::error::Error;
use crate::store::{User, UserStatus};
use axum::extract::{FromRef, FromRequestParts};
use axum::http::{header, request::Parts};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

/// The calling user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UserId(pub(crate) Uuid);

impl UserId {
    /// A row for the audit log about an action of this user.
    pub(crate) fn entry(self, action: &str) -> Entry {
        Entry::new(&Caller::User(self.0), action)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for UserId
where
    Identity: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let identity = Identity::from_ref(state);
        // The Credentials API has one message for everything wrong with a token.
        let unified = |error| match error {
            Error::TokenExpired => Error::Unauthorized,
            other => other,
        };
        let client = Client::from_request_parts(parts, state).await?;
        let cookie = Some(SessionCookie::of(parts, client));
        let cookie = cookie.filter(|cookie| cookie.is_given() && takes_cookie(parts));
        let cookie = cookie.map(|cookie| cookie.token(&parts.method)).transpose()?;
        let user_id = match (&*identity.provider, cookie) {
            (Provider::Embedded(_), None) => authenticate(parts, &identity).await.map_err(unified)?.id,
            (Provider::Embedded(_), Some(token)) => signed_in(&token, client, &identity).await?.id,
            (Provider::Directus(directus), None) => {
                introspect(directus, &bearer_token(parts)?, client, &identity).await?
            }
            (Provider::Directus(directus), Some(token)) => {
                introspect(directus, &token, client, &identity).await?
            }
        };
        known_caller::note(parts, || Caller::User(user_id));
        Ok(Self(user_id))
    }
}

/// Whether the cookie may identify the caller: not in the Credentials API, and not if the request
/// has another token.
fn takes_cookie(parts: &Parts) -> bool {
    let path = parts.uri.path();
    let takes = api::is_page(path) || Form::of(path) == Form::AppCredentials;
    takes && !parts.headers.contains_key(header::AUTHORIZATION)
}

/// The user of this server to whom a cookie's token belongs.
async fn signed_in(token: &SecretString, client: Client, identity: &Identity) -> Result<User, Error> {
    identity.limits.check_guess(client, token)?;
    let found = identity.database.user_by_token(session_hash(token), now_ms()).await?;
    let user = found.filter(|user| user.status == UserStatus::Active).ok_or(Error::Unauthorized)?;
    identity.limits.note_passed(client, token);
    identity.limits.count_user(user.id)?;
    Ok(user)
}

/// The user of a Directus to whom a token belongs.
pub(super) async fn introspect(
    directus: &DirectusIdentity,
    token: &SecretString,
    client: Client,
    identity: &Identity,
) -> Result<Uuid, Error> {
    // A guesser would otherwise cause a call to Directus each time.
    identity.limits.check_guess(client, token)?;
    let user_id = directus.user_of(token, &identity.metrics).await?;
    identity.limits.note_passed(client, token);
    identity.limits.count_user(user_id)?;
    Ok(user_id)
}

/// The bearer token of the request; an error if there are several.
pub(crate) fn bearer_token(parts: &Parts) -> Result<SecretString, Error> {
    let mut given = parts.headers.get_all(header::AUTHORIZATION).iter();
    let authorization = given.next().filter(|_| given.next().is_none()).and_then(|value| value.to_str().ok());
    let (scheme, token) = authorization.and_then(|value| value.split_once(' ')).ok_or(Error::Unauthorized)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim().into()) } else { Err(Error::Unauthorized) }
}

/// The user of this server to whom the request's access token belongs.
pub(super) async fn authenticate(parts: &Parts, identity: &Identity) -> Result<User, Error> {
    let token = bearer_token(parts)?;
    let token = identity.provider.embedded()?.tokens.get().check(token.expose_secret())?;
    identity.limits.count_user(token.user_id)?;
    let may_call = |user: &User| user.status == UserStatus::Active && token.holds_for(user.tokens_valid_from);
    identity.database.user(token.user_id).await?.filter(may_call).ok_or(Error::Unauthorized)
}
