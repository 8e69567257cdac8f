//! `POST /auth/login|refresh|logout` and `GET /users/me`, in Directus's shapes.

use super::login_attempts::LoginAttempt;
use super::token::{
    ACCESS_TOKEN_LIFETIME_MS, REFRESH_GRACE_MS, REFRESH_TOKEN_LIFETIME_MS, SESSION_LIFETIME_MS, generate,
    session_hash,
};
use super::{Identity, SessionCookie, hash, known_caller, user};
use crate::audit::{Caller, Entry};
use crate::client::Client;
use crate::clock::now_ms;
use crate::error::Error;
use crate::openapi::{self, SignInFailures, SignOutFailures};
use crate::request::Fields;
use crate::store::{Hash, Refresh, RefreshToken, User, UserStatus};
use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cookie::time::Duration;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use stagepass_core::api::Tokens;
use utoipa::ToSchema;
use uuid::Uuid;

/// Somebody else may have had it: so say the log and the audit log.
const SPENT_TOKEN_CAME_AGAIN: &str = "a spent refresh token came again: its sign-in was ended";

/// Where the proof of a sign-in goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Into the answer, as tokens.
    Json,
    /// Into a cookie.
    Session,
}

impl Mode {
    /// Reads `mode`. Directus's third, `cookie`, is none of ours.
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Error> {
        match fields.text("mode")?.as_deref() {
            None | Some("json") => Ok(Self::Json),
            Some("session") => Ok(Self::Session),
            Some(_) => Err(Error::BadRequest("mode must be json or session".to_owned())),
        }
    }
}

/// A session that has begun: its token is in the cookie.
#[derive(Debug, Serialize)]
struct Session {
    /// How long it lasts, in milliseconds.
    expires: u64,
}

/// Directus wraps what it answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Data<T> {
    data: T,
}

/// Signs in with an e-mail address and a password
///
/// In the mode `session`, which is for pages of this server, a cookie is set that
/// calls for app credentials are made with; it lasts a day.
#[utoipa::path(
    post,
    path = "/auth/login",
    tag = "Sign-in",
    request_body = openapi::LoginRequest,
    responses(
        (
            status = 200, description = "Tokens, or how long the session lasts", body = Data<openapi::SignIn>,
            headers(("Set-Cookie" = String, description = "The session's cookie, in the mode `session`"))
        ),
        SignInFailures
    )
)]
pub(crate) async fn login(
    State(identity): State<Identity>,
    client: Client,
    cookie: SessionCookie,
    mut fields: Fields,
) -> Result<Response, Error> {
    let email = fields.required_text("email")?;
    let password = fields.required_secret("password")?;
    let mode = Mode::read(&mut fields)?;
    let user = check_password(&identity, client, email, password).await?;
    match mode {
        Mode::Json => Ok(sign_in(&identity, client, user).await?.into_response()),
        Mode::Session => open_session(&identity, client, user, &cookie).await,
    }
}

/// The user with an e-mail address and a password, as they were when it was checked.
async fn check_password(
    identity: &Identity,
    client: Client,
    email: String,
    password: SecretString,
) -> Result<User, Error> {
    let attempt = LoginAttempt::count(identity, Some(&email), client).await?;
    let user = identity.database.user_by_email(email).await?.filter(|user| user.status == UserStatus::Active);
    let known = user.as_ref().map(|user| user.password_hash.clone());
    let verified = identity.provider.embedded()?.passwords.verify(password, known).await;
    if !matches!(verified, Ok(false)) {
        // Only a wrong password counts, not one that was never looked at.
        attempt.take_back(identity).await?;
    }
    let is_right = verified?;
    match user {
        Some(user) if is_right => Ok(user),
        user => {
            // Not the address that was typed: it may be a password.
            refuse_login(identity, user.map(|user| user.id)).await
        }
    }
}

/// Notes that a login failed, of the user where it is known which.
async fn refuse_login<T>(identity: &Identity, user_id: Option<Uuid>) -> Result<T, Error> {
    let entry = Entry::new(&Caller::Anonymous, "login").with_outcome(Error::InvalidCredentials);
    identity.database.append(user_id.into_iter().fold(entry, |entry, id| entry.on("users", id))).await?;
    Err(Error::InvalidCredentials)
}

/// Stores the token of a new sign-in, unless the password was changed, or the user
/// disabled or deleted, while the password was being checked.
async fn begin_sign_in(
    identity: &Identity,
    user: User,
    token_hash: Hash,
    expires_at: i64,
) -> Result<(), Error> {
    let user_id = user.id;
    let token = RefreshToken { token_hash, family_id: Uuid::now_v7(), expires_at };
    let entry = Entry::new(&Caller::User(user_id), "login").on("users", user_id);
    if identity.database.add_refresh_token(token, user, entry).await? {
        Ok(())
    } else {
        refuse_login(identity, Some(user_id)).await
    }
}

/// Gives the browser a cookie that says who it is.
async fn open_session(
    identity: &Identity,
    client: Client,
    user: User,
    cookie: &SessionCookie,
) -> Result<Response, Error> {
    let token = generate()?;
    begin_sign_in(identity, user, session_hash(&token), now_ms() + SESSION_LIFETIME_MS).await?;
    identity.limits.note_passed(client, &token);
    let set_cookie = cookie.set(&token, Duration::milliseconds(SESSION_LIFETIME_MS));
    let session = Session { expires: SESSION_LIFETIME_MS.unsigned_abs() };
    Ok(([(header::SET_COOKIE, set_cookie)], Json(Data { data: session })).into_response())
}

async fn sign_in(identity: &Identity, client: Client, user: User) -> Result<Json<Data<Tokens>>, Error> {
    let now = now_ms();
    let (refresh_token, token_hash) = generate_refresh_token()?;
    let issued_for = (user.id, user.tokens_valid_from);
    begin_sign_in(identity, user, token_hash, now + REFRESH_TOKEN_LIFETIME_MS).await?;
    tokens(identity, client, issued_for, refresh_token, now)
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
    State(identity): State<Identity>,
    client: Client,
    mut fields: Fields,
) -> Result<Json<Data<Tokens>>, Error> {
    if Mode::read(&mut fields)? == Mode::Session {
        return Err(Error::BadRequest("mode must be json".to_owned()));
    }
    let spent = fields.required_secret("refresh_token")?;
    identity.limits.check_guess(client, &spent)?;
    let spent = hash("refresh", spent.expose_secret());
    // A look is cheap; nothing is written for a user who calls too often.
    let user_id = identity.database.refresh_token_owner(spent).await?.ok_or(Error::InvalidCredentials)?;
    identity.limits.count_user(user_id)?;
    let now = now_ms();
    let (refresh_token, token_hash) = generate_refresh_token()?;
    let times = (now, REFRESH_TOKEN_LIFETIME_MS, REFRESH_GRACE_MS);
    let reuse =
        Entry::new(&Caller::Anonymous, "refresh").with_outcome(SPENT_TOKEN_CAME_AGAIN).on("users", user_id);
    match identity.database.refresh(spent, token_hash, times, reuse).await? {
        Refresh::Renewed { user_id, tokens_valid_from } => {
            tokens(&identity, client, (user_id, tokens_valid_from), refresh_token, now)
        }
        Refresh::Expired => Err(Error::TokenExpired),
        Refresh::Unknown => Err(Error::InvalidCredentials),
        Refresh::Reused(user_id) => {
            tracing::warn!(%user_id, "{SPENT_TOKEN_CAME_AGAIN}");
            Err(Error::InvalidCredentials)
        }
    }
}

/// Ends the sign-in that a refresh token, or the session cookie, belongs to
#[utoipa::path(
    post,
    path = "/auth/logout",
    tag = "Sign-in",
    request_body = openapi::LogoutRequest,
    security((), ("session" = [])),
    responses(
        (
            status = 204, description = "It has ended",
            headers(("Set-Cookie" = String, description = "Takes the cookie away, in the mode `session`"))
        ),
        SignOutFailures
    )
)]
pub(crate) async fn logout(
    State(identity): State<Identity>,
    client: Client,
    cookie: SessionCookie,
    mut fields: Fields,
) -> Result<Response, Error> {
    if Mode::read(&mut fields)? == Mode::Session {
        return close_session(&identity, client, cookie).await;
    }
    let token = fields.required_secret("refresh_token")?;
    identity.limits.check_guess(client, &token)?;
    identity.database.end_family(hash("refresh", token.expose_secret())).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ends the session of the cookie, and has the browser forget it.
async fn close_session(
    identity: &Identity,
    client: Client,
    cookie: SessionCookie,
) -> Result<Response, Error> {
    let clear = cookie.clear();
    let token = cookie.token(&Method::POST)?;
    identity.limits.check_guess(client, &token)?;
    identity.database.end_family(session_hash(&token)).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, clear)]).into_response())
}

/// Shows who the access token belongs to
#[utoipa::path(
    get,
    path = "/users/me",
    tag = "Sign-in",
    security(("user" = [])),
    responses((status = 200, description = "The user", body = Data<openapi::CurrentUser>))
)]
pub(crate) async fn me(State(identity): State<Identity>, parts: Parts) -> Result<Json<Data<Value>>, Error> {
    let user = user::authenticate(&parts, &identity).await?;
    known_caller::note(&parts, || Caller::User(user.id));
    Ok(Json(Data { data: json!({"id": user.id, "email": user.email, "status": "active", "role": null}) }))
}

fn generate_refresh_token() -> Result<(SecretString, Hash), Error> {
    let token = generate()?;
    let token_hash = hash("refresh", token.expose_secret());
    Ok((token, token_hash))
}

fn tokens(
    identity: &Identity,
    client: Client,
    (user_id, tokens_valid_from): (Uuid, i64),
    refresh_token: SecretString,
    now: i64,
) -> Result<Json<Data<Tokens>>, Error> {
    identity.limits.note_passed(client, &refresh_token);
    let access_token = identity.provider.embedded()?.tokens.get().issue(user_id, tokens_valid_from, now)?;
    let expires = ACCESS_TOKEN_LIFETIME_MS.unsigned_abs();
    Ok(Json(Data { data: Tokens { access_token, refresh_token, expires } }))
}
