//! `POST /auth/login|refresh|logout` and `GET /users/me`, in Directus's forms.

use super::login_attempts::LoginAttempt;
use super::token::{
    ACCESS_TOKEN_LIFETIME_MS, REFRESH_GRACE_MS, REFRESH_TOKEN_LIFETIME_MS, SESSION_LIFETIME_MS, generate,
    session_hash,
};
use super::{Identity, SessionCookie, hash, known_caller, user};
use crate::audit::{Caller, Entry};
use crate::body::{Body, Checked, Email, FromText, JsonBody, Secret, SessionMode, Text, Value, body};
use crate::client::Client;
use crate::clock::now_ms;
use crate::error::Error;
use crate::openapi::{SignInFailures, SignOutFailures};
use crate::request::Fields;
use crate::store::{Hash, Refresh, RefreshToken, User, UserStatus};
use crate::words::{Word as _, words};
use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cookie::time::Duration;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Someone else may have the token: the log and the audit log say so.
const SPENT_TOKEN_CAME_AGAIN: &str = "a spent refresh token was used again: its sign-in was ended";

body! {
    /// The body of `POST /auth/login`.
    #[schema(examples(json!({"email": "creator@example.org", "password": "correct horse battery"})))]
    lenient struct LoginRequest {
        #[schema(value_type = Email)]
        email: Text,
        password: Secret,
        /// How the sign-in is proven later: with tokens from the answer, or with a cookie, for pages
        /// of this server.
        mode: Option<LoginMode>,
    }
}

words! {
    /// How a sign-in is proven later.
    enum LoginMode { Json = "json", Session = "session" }
}

impl LoginMode {
    /// The mode in a body; `json` if absent.
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Error> {
        Ok(Option::required(fields, "mode")?.unwrap_or(Self::Json))
    }
}

/// The body of `POST /auth/logout`: the sign-in to end.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(examples(json!({"refresh_token": "q3Zb1mGxOQv0d7m7aYyVxJb1gqQk0b0oX1uYw8pYJ2c"})))]
pub(crate) enum LogoutRequest {
    /// The sign-in of a refresh token.
    RefreshToken {
        refresh_token: Secret,
        #[schema(value_type = Option<JsonMode>)]
        mode: Checked<Option<JsonMode>>,
    },
    /// The sign-in of the session cookie.
    Session {
        #[schema(value_type = SessionMode)]
        mode: Checked<LoginMode>,
    },
}

impl Body for LogoutRequest {
    fn read(mut fields: Fields) -> Result<Self, Error> {
        Ok(match LoginMode::read(&mut fields)? {
            LoginMode::Session => Self::Session { mode: Checked::default() },
            LoginMode::Json => Self::RefreshToken {
                refresh_token: Secret::required(&mut fields, "refresh_token")?,
                mode: Checked::default(),
            },
        })
    }
}

body! {
    /// The body of `POST /auth/refresh`.
    #[schema(examples(json!({"refresh_token": "q3Zb1mGxOQv0d7m7aYyVxJb1gqQk0b0oX1uYw8pYJ2c"})))]
    lenient struct RefreshTokenRequest {
        #[schema(value_type = Option<JsonMode>)]
        mode: Checked<Option<JsonMode>>,
        refresh_token: Secret,
    }
}

/// The only mode of a refresh token.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum JsonMode {
    Json,
}

impl FromText for JsonMode {
    fn from_text(text: String, name: &str) -> Result<Self, Error> {
        match LoginMode::from_text(text, name)? {
            LoginMode::Json => Ok(Self::Json),
            LoginMode::Session => Err(Error::BadRequest(format!("{name} must be json"))),
        }
    }
}

/// A sign-in; without tokens if a cookie is set.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignIn {
    /// A JWT; send it as a bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    access_token: Option<Secret>,
    /// Valid for one refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<Secret>,
    /// The lifetime of the access token or the session, in milliseconds.
    #[schema(minimum = 1)]
    expires: u64,
}

/// The tokens of a sign-in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// A JWT; send it as a bearer token.
    access_token: Secret,
    /// Valid for one refresh.
    refresh_token: Secret,
    /// The lifetime of the access token, in milliseconds.
    #[schema(minimum = 1)]
    expires: u64,
}

/// The signed-in user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CurrentUser {
    id: Uuid,
    email: String,
    #[schema(pattern = "^active$")]
    status: &'static str,
    #[schema(required)]
    role: Option<Uuid>,
}

/// The wrapper around answers, as in Directus.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Data<T> {
    data: T,
}

/// Signs in with an e-mail address and a password
///
/// The mode `session` is for pages of this server: it sets a cookie for calls about app
/// credentials, which lasts a day.
#[utoipa::path(
    post,
    path = "/auth/login",
    tag = "Sign-in",
    request_body = LoginRequest,
    responses(
        (
            status = 200, description = "Tokens, or the lifetime of the session", body = Data<SignIn>,
            headers(("Set-Cookie" = String, description = "The session's cookie, in the mode `session`"))
        ),
        SignInFailures
    )
)]
pub(crate) async fn login(
    State(identity): State<Identity>,
    client: Client,
    cookie: SessionCookie,
    body: JsonBody<LoginRequest>,
) -> Result<Response, Error> {
    let LoginRequest { email: Text(email), password: Secret(password), mode } = body.read()?;
    let user = check_password(&identity, client, email, password).await?;
    match mode.unwrap_or(LoginMode::Json) {
        LoginMode::Json => Ok(sign_in(&identity, client, user).await?.into_response()),
        LoginMode::Session => open_session(&identity, client, user, &cookie).await,
    }
}

/// The user with this e-mail address and password, as of the check.
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
        // Only a wrong password counts, not one that was never checked.
        attempt.take_back(identity).await?;
    }
    let is_right = verified?;
    match user {
        Some(user) if is_right => Ok(user),
        user => {
            // Without the typed address, which may be a password.
            refuse_login(identity, user.map(|user| user.id)).await
        }
    }
}

/// Logs that a login failed, with the user if known.
async fn refuse_login<T>(identity: &Identity, user_id: Option<Uuid>) -> Result<T, Error> {
    let entry = Entry::new(&Caller::Anonymous, "login").with_outcome(Error::InvalidCredentials);
    identity.database.append(user_id.into_iter().fold(entry, |entry, id| entry.on("users", id))).await?;
    Err(Error::InvalidCredentials)
}

/// Stores the token of a new sign-in, unless the password was changed, or the user disabled or
/// deleted, during the check of the password.
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

/// Sets the browser's session cookie.
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
    let expires = SESSION_LIFETIME_MS.unsigned_abs();
    let data = SignIn { access_token: None, refresh_token: None, expires };
    Ok(([(header::SET_COOKIE, set_cookie)], Json(Data { data })).into_response())
}

async fn sign_in(identity: &Identity, client: Client, user: User) -> Result<Json<Data<SignIn>>, Error> {
    let now = now_ms();
    let (refresh_token, token_hash) = generate_refresh_token()?;
    let issued_for = (user.id, user.tokens_valid_from);
    begin_sign_in(identity, user, token_hash, now + REFRESH_TOKEN_LIFETIME_MS).await?;
    let tokens = tokens(identity, client, issued_for, refresh_token, now)?;
    let (access_token, refresh_token) = (Some(tokens.access_token), Some(tokens.refresh_token));
    Ok(Json(Data { data: SignIn { access_token, refresh_token, expires: tokens.expires } }))
}

/// Exchanges a refresh token for new tokens
///
/// The old token is spent; using it again after 30 seconds ends the sign-in.
#[utoipa::path(
    post,
    path = "/auth/refresh",
    tag = "Sign-in",
    request_body = RefreshTokenRequest,
    responses((status = 200, description = "Tokens", body = Data<Tokens>), SignInFailures)
)]
pub(crate) async fn refresh(
    State(identity): State<Identity>,
    client: Client,
    body: JsonBody<RefreshTokenRequest>,
) -> Result<Json<Data<Tokens>>, Error> {
    let Secret(spent) = body.read()?.refresh_token;
    identity.limits.check_guess(client, &spent)?;
    let spent = hash("refresh", spent.expose_secret());
    // Reading is cheap; nothing is written for a user who calls too often.
    let user_id = identity.database.refresh_token_owner(spent).await?.ok_or(Error::InvalidCredentials)?;
    identity.limits.count_user(user_id)?;
    let now = now_ms();
    let (refresh_token, token_hash) = generate_refresh_token()?;
    let times = (now, REFRESH_TOKEN_LIFETIME_MS, REFRESH_GRACE_MS);
    let reuse =
        Entry::new(&Caller::Anonymous, "refresh").with_outcome(SPENT_TOKEN_CAME_AGAIN).on("users", user_id);
    match identity.database.refresh(spent, token_hash, times, reuse).await? {
        Refresh::Renewed { user_id, tokens_valid_from } => {
            let issued_for = (user_id, tokens_valid_from);
            Ok(Json(Data { data: tokens(&identity, client, issued_for, refresh_token, now)? }))
        }
        Refresh::Expired => Err(Error::TokenExpired),
        Refresh::Unknown => Err(Error::InvalidCredentials),
        Refresh::Reused(user_id) => {
            tracing::warn!(%user_id, "{SPENT_TOKEN_CAME_AGAIN}");
            Err(Error::InvalidCredentials)
        }
    }
}

/// Ends the sign-in of a refresh token or of the session cookie
#[utoipa::path(
    post,
    path = "/auth/logout",
    tag = "Sign-in",
    request_body = LogoutRequest,
    security((), ("session" = [])),
    responses(
        (
            status = 204, description = "The sign-in has ended",
            headers(("Set-Cookie" = String, description = "Removes the cookie, in the mode `session`"))
        ),
        SignOutFailures
    )
)]
pub(crate) async fn logout(
    State(identity): State<Identity>,
    client: Client,
    cookie: SessionCookie,
    body: JsonBody<LogoutRequest>,
) -> Result<Response, Error> {
    let LogoutRequest::RefreshToken { refresh_token: Secret(token), .. } = body.read()? else {
        return close_session(&identity, client, cookie).await;
    };
    identity.limits.check_guess(client, &token)?;
    identity.database.end_family(hash("refresh", token.expose_secret())).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ends the cookie's sign-in and makes the browser forget the cookie.
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

/// Shows the user of the access token
#[utoipa::path(
    get,
    path = "/users/me",
    tag = "Sign-in",
    security(("user" = [])),
    responses((status = 200, description = "The user", body = Data<CurrentUser>))
)]
pub(crate) async fn me(
    State(identity): State<Identity>,
    parts: Parts,
) -> Result<Json<Data<CurrentUser>>, Error> {
    let user = user::authenticate(&parts, &identity).await?;
    known_caller::note(&parts, || Caller::User(user.id));
    let data =
        CurrentUser { id: user.id, email: user.email, status: UserStatus::Active.as_str(), role: None };
    Ok(Json(Data { data }))
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
) -> Result<Tokens, Error> {
    identity.limits.note_passed(client, &refresh_token);
    let access_token = identity.provider.embedded()?.tokens.get().issue(user_id, tokens_valid_from, now)?;
    let expires = ACCESS_TOKEN_LIFETIME_MS.unsigned_abs();
    Ok(Tokens { access_token: Secret(access_token), refresh_token: Secret(refresh_token), expires })
}
