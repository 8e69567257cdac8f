//! The extractor of a user: a bearer token of somebody who may still sign in,
//! here or at Directus.

use super::auth::session_hash;
use super::{DirectusIdentity, Identity, SessionCookie, known_caller};
use crate::api::{self, Form};
use crate::app::App;
use crate::audit::{Caller, Entry};
use crate::client::Client;
use crate::clock::now_ms;
use crate::error::Error;
use crate::store::{User, UserStatus};
use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use uuid::Uuid;

/// The user who calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UserId(pub(crate) Uuid);

impl UserId {
    /// A row for the audit log about what this user does.
    pub(crate) fn entry(self, action: &str) -> Entry {
        Entry::new(&Caller::User(self.0), action)
    }
}

impl FromRequestParts<Arc<App>> for UserId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        // The Credentials API has one word for all that is wrong with a token.
        let unified = |error| match error {
            Error::TokenExpired => Error::Unauthorized,
            other => other,
        };
        let client = Client::from_request_parts(parts, app).await?;
        let cookie = Some(SessionCookie::of(parts, client));
        let cookie = cookie.filter(|cookie| cookie.is_given() && takes_cookie(parts));
        let cookie = cookie.map(|cookie| cookie.token(&parts.method)).transpose()?;
        let user_id = match (&app.identity, cookie) {
            (Identity::Embedded(_), None) => authenticate(parts, app).await.map_err(unified)?.id,
            (Identity::Embedded(_), Some(token)) => signed_in(&token, client, app).await?.id,
            (Identity::Directus(directus), None) => {
                introspect(directus, &bearer_token(parts)?, client, app).await?
            }
            (Identity::Directus(directus), Some(token)) => introspect(directus, &token, client, app).await?,
        };
        known_caller::note(parts, || Caller::User(user_id));
        Ok(Self(user_id))
    }
}

/// Whether a request may say by cookie who calls: not to the Credentials API,
/// and not where it says so in another way.
fn takes_cookie(parts: &Parts) -> bool {
    let path = parts.uri.path();
    let takes = api::is_page(path) || Form::of(path) == Form::AppCredentials;
    takes && !parts.headers.contains_key(header::AUTHORIZATION)
}

/// The user of this server's own whose session a cookie's token is.
async fn signed_in(token: &SecretString, client: Client, app: &App) -> Result<User, Error> {
    app.limits.check_guess(client, token)?;
    let found = app.database.user_by_token(session_hash(token), now_ms()).await?;
    let user = found.filter(|user| user.status == UserStatus::Active).ok_or(Error::Unauthorized)?;
    app.limits.note_passed(client, token);
    app.limits.count_user(user.id)?;
    Ok(user)
}

/// The user of a Directus whom a token belongs to.
pub(super) async fn introspect(
    directus: &DirectusIdentity,
    token: &SecretString,
    client: Client,
    app: &App,
) -> Result<Uuid, Error> {
    // Whoever guesses would have Directus asked each time.
    app.limits.check_guess(client, token)?;
    let user_id = directus.user_of(token, &app.metrics).await?;
    app.limits.note_passed(client, token);
    app.limits.count_user(user_id)?;
    Ok(user_id)
}

/// The token that the request bears; none where it bears several.
pub(crate) fn bearer_token(parts: &Parts) -> Result<SecretString, Error> {
    let mut given = parts.headers.get_all(header::AUTHORIZATION).iter();
    let authorization = given.next().filter(|_| given.next().is_none()).and_then(|value| value.to_str().ok());
    let (scheme, token) = authorization.and_then(|value| value.split_once(' ')).ok_or(Error::Unauthorized)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim().into()) } else { Err(Error::Unauthorized) }
}

/// The user of this server's own whose access token the request bears.
pub(super) async fn authenticate(parts: &Parts, app: &App) -> Result<User, Error> {
    let token = bearer_token(parts)?;
    let token = app.identity.embedded()?.tokens.get().check(token.expose_secret())?;
    app.limits.count_user(token.user_id)?;
    let may_call = |user: &User| user.status == UserStatus::Active && token.holds_for(user.tokens_valid_from);
    app.database.user(token.user_id).await?.filter(may_call).ok_or(Error::Unauthorized)
}
