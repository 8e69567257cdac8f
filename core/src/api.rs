//! The Credentials API's bodies as the extension and the command for people send and understand
//! them.
//!
//! The server declares its bodies beside its handlers, where they are documented: a server must
//! name the fields that are missing.

use crate::cookie::Cookie;
use crate::origin_storage::OriginStorage;
use crate::shape::Credentials;
use serde::{Deserialize, Serialize};

/// The body of `POST /api/credentials/create-profile`.
#[derive(Debug, Serialize)]
pub struct CreateProfileRequest<'a> {
    /// The platform identifier.
    pub platform: &'a str,
    /// The account's name on the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_username: Option<&'a str>,
    /// The login credentials: an object of any shape.
    pub credentials: &'a Credentials<'a>,
}

/// The body of `POST /api/credentials/store-platform-session`.
#[derive(Debug, Serialize)]
pub struct StorePlatformSessionRequest<'a> {
    /// The connection's id.
    pub creator_profile_id: &'a str,
    /// The platform identifier, the same as the connection's.
    pub platform: &'a str,
    /// At most 1,000 cookies; at least one if there is no origin storage.
    pub cookies: &'a [Cookie],
    /// The storage of each origin; absent if there is none.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub origins: &'a [OriginStorage],
    /// The session that a renewal replaces; absent if a person has clicked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renews: Option<&'a str>,
    /// The session whose origin storage the new one takes over, because it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_origins_of: Option<&'a str>,
    /// The capturing browser's user agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<&'a str>,
    /// When the session ends, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<&'a str>,
}

/// The body of `POST /api/credentials/get-platform-session`.
#[derive(Debug, Serialize)]
pub struct GetPlatformSessionRequest<'a> {
    /// The connection's id.
    pub creator_profile_id: &'a str,
    /// The platform identifier, the same as the connection's.
    pub platform: &'a str,
    /// Whether to leave out expired cookies.
    pub drop_expired: bool,
}

/// The body of `POST /api/credentials/update-platform-session`.
#[derive(Debug, Serialize)]
pub struct UpdatePlatformSessionRequest<'a> {
    /// The session that was served.
    pub id: &'a str,
    /// The connection's id.
    pub creator_profile_id: &'a str,
    /// The platform identifier, the same as the connection's.
    pub platform: &'a str,
    /// The session's cookies as they are now, at most 1,000.
    pub cookies: &'a [Cookie],
}

/// The answer to [`CreateProfileRequest`].
#[derive(Clone, Debug, Deserialize)]
pub struct CreateProfileResponse {
    /// The connection's id.
    pub id: String,
    /// Whether the connection existed before.
    pub updated: bool,
}

/// The answer to [`StorePlatformSessionRequest`].
#[derive(Clone, Debug, Deserialize)]
pub struct StorePlatformSessionResponse {
    /// The session's id.
    pub id: String,
    /// The platform identifier.
    pub platform: String,
    /// How many cookies were stored.
    pub cookie_count: usize,
    /// How many entries of origin storage were stored; earlier servers don't say.
    #[serde(default)]
    pub entry_count: usize,
    /// What could not be kept of the cookies, as messages for people; absent if everything was
    /// kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The answer to [`GetPlatformSessionRequest`].
#[derive(Clone, Debug, Deserialize)]
pub struct GetPlatformSessionResponse {
    /// The session's id.
    pub id: String,
    /// The cookies.
    pub cookies: Vec<Cookie>,
    /// The storage of each origin; absent if there is none.
    #[serde(default)]
    pub origins: Vec<OriginStorage>,
    /// The capturing browser's user agent.
    pub user_agent: Option<String>,
    /// When the session ends, RFC 3339.
    pub expires_at: Option<String>,
}

/// A failure's body: `{"success":false,"error":"…"}`.
#[derive(Clone, Debug, Deserialize)]
pub struct ErrorResponse {
    /// Always false.
    pub success: bool,
    /// What went wrong, in words for people.
    pub error: String,
}
