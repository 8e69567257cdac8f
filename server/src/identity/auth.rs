//! `POST /auth/login|refresh|logout` and `GET /users/me`, in Directus's shapes.

use super::login_attempts::LoginAttempt;
use super::token::{ACCESS_TOKEN_LIFETIME_MS, REFRESH_GRACE_MS, REFRESH_TOKEN_LIFETIME_MS, generate};
use super::{hash, user};
use crate::app::App;
use crate::audit::{Caller, Entry};
use crate::client::Client;
use crate::clock::now_ms;
use crate::error::Error;
use crate::openapi::{self, SignInFailures};
use crate::request::Fields;
use crate::store::{Hash, Refresh, RefreshToken, User, UserStatus};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use stagepass_core::api::Tokens;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// Somebody else may have had it: so say the log and the audit log.
const SPENT_TOKEN_CAME_AGAIN: &str = "a spent refresh token came again: its sign-in was ended";

/// Directus wraps what it answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Data<T> {
    data: T,
}

/// Signs in with an e-mail address and a password
#[utoipa::path(
    post,
    path = "/auth/login",
    tag = "Sign-in",
    request_body = openapi::LoginRequest,
    responses((status = 200, description = "Tokens", body = Data<openapi::Tokens>), SignInFailures)
)]
pub(crate) async fn login(
    State(app): State<Arc<App>>,
    client: Client,
    mut fields: Fields,
) -> Result<Json<Data<Tokens>>, Error> {
    let email = fields.required_text("email")?;
    let password = fields.required_secret("password")?;
    if fields.text("mode")?.is_some_and(|mode| mode != "json") {
        return Err(Error::BadRequest("mode must be json".to_owned()));
    }
    let attempt = LoginAttempt::count(&app, Some(&email), client).await?;
    let user = app.database.user_by_email(email).await?.filter(|user| user.status == UserStatus::Active);
    let known = user.as_ref().map(|user| user.password_hash.clone());
    let verified = app.identity.embedded()?.passwords.verify(password, known).await;
    if !matches!(verified, Ok(false)) {
        // Only a wrong password counts, not one that was never looked at.
        attempt.take_back(&app).await?;
    }
    let is_right = verified?;
    match user {
        Some(user) if is_right => sign_in(&app, client, &user).await,
        user => {
            // Not the address that was typed: it may be a password.
            let entry = Entry::new(&Caller::Anonymous, "login").with_outcome(Error::InvalidCredentials);
            app.database.append(user.iter().fold(entry, |entry, user| entry.on("users", user.id))).await?;
            Err(Error::InvalidCredentials)
        }
    }
}

async fn sign_in(app: &App, client: Client, user: &User) -> Result<Json<Data<Tokens>>, Error> {
    let now = now_ms();
    let (refresh_token, token_hash) = generate_refresh_token()?;
    let expires_at = now + REFRESH_TOKEN_LIFETIME_MS;
    let family_id = Uuid::now_v7();
    let token = RefreshToken { token_hash, family_id, user_id: user.id, expires_at };
    let entry = Entry::new(&Caller::User(user.id), "login").on("users", user.id);
    app.database.add_refresh_token(token, entry).await?;
    tokens(app, client, user.id, refresh_token, now)
}

/// Exchanges a refresh token for new tokens
///
/// It is spent thereby; sent once more after 30 seconds, it ends the sign-in.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    tag = "Sign-in",
    request_body = openapi::RefreshTokenRequest,
    responses((status = 200, description = "Tokens", body = Data<openapi::Tokens>), SignInFailures)
)]
pub(crate) async fn refresh(
    State(app): State<Arc<App>>,
    client: Client,
    mut fields: Fields,
) -> Result<Json<Data<Tokens>>, Error> {
    let spent = fields.required_secret("refresh_token")?;
    app.limits.check_guess(client, &spent)?;
    let now = now_ms();
    let (refresh_token, token_hash) = generate_refresh_token()?;
    let times = (now, REFRESH_TOKEN_LIFETIME_MS, REFRESH_GRACE_MS);
    let reuse = Entry::new(&Caller::Anonymous, "refresh").with_outcome(SPENT_TOKEN_CAME_AGAIN);
    match app.database.refresh(hash("refresh", spent.expose_secret()), token_hash, times, reuse).await? {
        Refresh::Renewed(user_id) => tokens(&app, client, user_id, refresh_token, now),
        Refresh::Expired => Err(Error::TokenExpired),
        Refresh::Unknown => Err(Error::InvalidCredentials),
        Refresh::Reused(user_id) => {
            tracing::warn!(%user_id, "{SPENT_TOKEN_CAME_AGAIN}");
            Err(Error::InvalidCredentials)
        }
    }
}

/// Ends the sign-in that a refresh token belongs to
#[utoipa::path(
    post,
    path = "/auth/logout",
    tag = "Sign-in",
    request_body = openapi::RefreshTokenRequest,
    responses((status = 204, description = "It has ended"))
)]
pub(crate) async fn logout(
    State(app): State<Arc<App>>,
    client: Client,
    mut fields: Fields,
) -> Result<StatusCode, Error> {
    let token = fields.required_secret("refresh_token")?;
    app.limits.check_guess(client, &token)?;
    app.database.end_family(hash("refresh", token.expose_secret())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows who the access token belongs to
#[utoipa::path(
    get,
    path = "/users/me",
    tag = "Sign-in",
    security(("user" = [])),
    responses((status = 200, description = "The user", body = Data<openapi::CurrentUser>))
)]
pub(crate) async fn me(State(app): State<Arc<App>>, parts: Parts) -> Result<Json<Data<Value>>, Error> {
    let user = user::authenticate(&parts, &app).await?;
    Ok(Json(Data { data: json!({"id": user.id, "email": user.email, "status": "active", "role": null}) }))
}

fn generate_refresh_token() -> Result<(SecretString, Hash), Error> {
    let token = generate()?;
    let token_hash = hash("refresh", token.expose_secret());
    Ok((token, token_hash))
}

fn tokens(
    app: &App,
    client: Client,
    user_id: Uuid,
    refresh_token: SecretString,
    now: i64,
) -> Result<Json<Data<Tokens>>, Error> {
    app.limits.note_passed(client, &refresh_token);
    let access_token = app.identity.embedded()?.tokens.issue(user_id, now)?;
    let expires = ACCESS_TOKEN_LIFETIME_MS.unsigned_abs();
    Ok(Json(Data { data: Tokens { access_token, refresh_token, expires } }))
}
