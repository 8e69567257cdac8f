//! The Credentials API's bodies that more than one program reads or writes.
//!
//! Requests are read by the server field by field, since it must name what is
//! missing; here stand the forms that the extension sends and receives.

use crate::cookie::{Cookie, serialize_exposed};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// The body of `POST /api/credentials/create-profile`.
#[derive(Debug, Serialize)]
pub struct CreateProfileRequest<'a> {
    /// The platform identifier.
    pub platform: &'a str,
    /// The account's name on the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_username: Option<&'a str>,
    /// An object of any shape, as JSON text's value.
    pub credentials: &'a Credentials,
}

/// A credentials object: `Debug` hides it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Credentials(pub serde_json::Map<String, serde_json::Value>);

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials([REDACTED])")
    }
}

/// The body of `POST /api/credentials/store-platform-session`.
#[derive(Debug, Serialize)]
pub struct StorePlatformSessionRequest<'a> {
    /// The connection's id.
    pub creator_profile_id: &'a str,
    /// The platform identifier, the same as the connection's.
    pub platform: &'a str,
    /// 1 to 1,000 cookies.
    pub cookies: &'a [Cookie],
    /// The capturing browser's user agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<&'a str>,
    /// When the session ends, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<&'a str>,
}

/// The answer to [`CreateProfileRequest`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreateProfileResponse {
    /// The connection's id.
    pub id: String,
    /// Whether it was there before.
    pub updated: bool,
}

/// The answer to [`StorePlatformSessionRequest`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StorePlatformSessionResponse {
    /// The session's id.
    pub id: String,
    /// The platform identifier.
    pub platform: String,
    /// How many cookies were stored.
    pub cookie_count: usize,
    /// What of the cookies came to nothing, in words; left out where that is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A failure's body: `{"success":false,"error":"…"}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErrorResponse {
    /// Always false.
    pub success: bool,
    /// What went wrong, in words for people.
    pub error: String,
}

/// The tokens in an answer of `POST /auth/login` and `/auth/refresh`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tokens {
    /// A JWT, to be sent as a bearer.
    #[serde(serialize_with = "serialize_exposed")]
    pub access_token: SecretString,
    /// Good for one refresh.
    #[serde(serialize_with = "serialize_exposed")]
    pub refresh_token: SecretString,
    /// How long the access token lives, in milliseconds.
    pub expires: u64,
}
