//! What answers hold, where that is a type of the core or one that is chosen at
//! run time; other answers are described at their handlers.
#![expect(dead_code, reason = "these types are described and never made")]

use super::values::{Cookie, False, Platform, Secret, Time, WrittenCookieFile};
use utoipa::ToSchema;
use uuid::Uuid;

/// The answer to `create-profile`.
#[derive(ToSchema)]
pub(crate) struct CreateProfileResponse {
    /// The connection's id.
    id: Uuid,
    /// Whether it was there before.
    updated: bool,
}

/// The answer to `store-platform-session`.
#[derive(ToSchema)]
pub(crate) struct StorePlatformSessionResponse {
    /// The session's id.
    id: Uuid,
    platform: Platform,
    /// How many cookies were stored.
    #[schema(minimum = 1, maximum = 1000)]
    cookie_count: u32,
    /// What of the cookies came to nothing: the names of unknown members, and never a value. Absent where that is nothing.
    #[schema(required = false, min_items = 1, max_items = 22)]
    warnings: Vec<String>,
}

/// A session with its cookies.
#[derive(ToSchema)]
pub(crate) struct GetPlatformSessionResponse {
    /// The session's id.
    id: Uuid,
    platform: Platform,
    #[schema(inline)]
    #[serde(flatten)]
    cookies: Cookies,
    captured_at: Time,
    #[schema(required)]
    expires_at: Option<Time>,
    /// The capturing browser's user agent.
    #[schema(required)]
    user_agent: Option<String>,
}

/// The cookies in the form that was asked for.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum Cookies {
    Json {
        cookies: Vec<Cookie>,
    },
    Netscape {
        cookies_netscape: WrittenCookieFile,
        /// What the file can't carry, in words; absent where that is nothing.
        #[schema(required = false)]
        losses: Vec<String>,
    },
}

/// A sign-in, whose tokens are left out where a cookie is set.
#[derive(ToSchema)]
pub(crate) struct SignIn {
    /// A JWT, to be sent as a bearer.
    #[schema(nullable = false)]
    access_token: Option<Secret>,
    /// Good for one refresh.
    #[schema(nullable = false)]
    refresh_token: Option<Secret>,
    /// How long the access token lives, or the session, in milliseconds.
    #[schema(minimum = 1)]
    expires: u64,
}

/// The tokens of a sign-in.
#[derive(ToSchema)]
pub(crate) struct Tokens {
    /// A JWT, to be sent as a bearer.
    access_token: Secret,
    /// Good for one refresh.
    refresh_token: Secret,
    /// How long the access token lives, in milliseconds.
    #[schema(minimum = 1)]
    expires: u64,
}

/// Somebody who signs in.
#[derive(ToSchema)]
pub(crate) struct CurrentUser {
    id: Uuid,
    email: String,
    #[schema(pattern = "^active$")]
    status: String,
    #[schema(required)]
    role: Option<Uuid>,
}

/// Health.
#[derive(ToSchema)]
pub(crate) struct Healthy {
    #[schema(pattern = "^ok$")]
    status: String,
}

/// Health, and whose.
#[derive(ToSchema)]
pub(crate) struct Alive {
    #[schema(pattern = "^ok$")]
    status: String,
    #[schema(pattern = "^stagepass$")]
    service: String,
}

/// A failure on the Credentials API.
#[derive(ToSchema)]
pub(crate) struct ErrorResponse {
    #[schema(inline)]
    success: False,
    /// What went wrong, in words for people.
    error: String,
}

/// A failure of the vault's.
#[derive(ToSchema)]
pub(crate) struct VaultErrorResponse {
    /// What went wrong, in words for people.
    error: String,
    /// How long to wait, where there were too many requests.
    #[schema(required = false, minimum = 0)]
    retry_after_seconds: u64,
}

/// A failure on app credentials, their types and projects.
#[derive(ToSchema)]
pub(crate) struct AppErrorResponse {
    /// What went wrong, in words for people.
    error: String,
}

/// A failure on `/auth` and `/users`, as Directus has it.
#[derive(ToSchema)]
pub(crate) struct DirectusErrorResponse {
    #[schema(min_items = 1)]
    errors: Vec<DirectusError>,
}

/// One of them.
#[derive(ToSchema)]
pub(crate) struct DirectusError {
    /// What went wrong, in words for people.
    message: String,
    extensions: DirectusErrorExtensions,
}

/// What a program needs to know of it.
#[derive(ToSchema)]
pub(crate) struct DirectusErrorExtensions {
    /// Directus's own code for such a failure.
    #[schema(pattern = "^[A-Z_]+$", examples("INVALID_CREDENTIALS"))]
    code: String,
}
