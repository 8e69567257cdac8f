//! The extractor of a user: a bearer token that this server signed, of
//! somebody who may still sign in.

use crate::app::App;
use crate::audit::{Caller, Entry};
use crate::error::Error;
use crate::store::{User, UserStatus};
use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};
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
        authenticate(parts, app).await.map(|user| Self(user.id)).map_err(unified)
    }
}

/// The user whose access token the request bears.
pub(super) async fn authenticate(parts: &Parts, app: &App) -> Result<User, Error> {
    let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) = authorization.and_then(|value| value.split_once(' ')).ok_or(Error::Unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Error::Unauthorized);
    }
    let (id, issued_at) = app.tokens.check(token.trim())?;
    app.limits.count_user(id)?;
    let may_sign_in = |user: &User| {
        // Tokens count in whole seconds: one of the same second is taken.
        user.status == UserStatus::Active && issued_at >= user.tokens_valid_from / 1000
    };
    app.database.user(id).await?.filter(may_sign_in).ok_or(Error::Unauthorized)
}
