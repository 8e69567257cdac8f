//! What is kept, in the domain's words. Each method of [`Store`] is a whole
//! operation that happens or does not; what it changed is on disk when it
//! returns. It knows no HTTP and no cipher: credentials pass through as sealed
//! text.

mod sqlite;

pub(crate) use sqlite::{Store, StoreError};

use secrecy::SecretString;
use uuid::Uuid;

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// From 1.
    pub(crate) number: u32,
    /// Rows on a page, 1 to 100.
    pub(crate) size: u32,
}

impl Page {
    /// How many rows come before this page.
    pub(crate) fn offset(self) -> u64 {
        u64::from(self.number - 1) * u64::from(self.size)
    }
}

/// Whether somebody may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserStatus {
    Active,
    Suspended,
}

/// Somebody who signs in. `password_hash` is a PHC string.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) password_hash: SecretString,
    pub(crate) status: UserStatus,
    pub(crate) created_at: i64,
    /// Access tokens issued before are void.
    pub(crate) tokens_valid_from: i64,
}

/// A service's token, by its name; what it may do.
#[derive(Clone, Debug)]
pub(crate) struct ServiceToken {
    pub(crate) name: String,
    /// The verbs of the Credentials API that it may call.
    pub(crate) verbs: Vec<String>,
    /// The platforms whose records it may have; none means all.
    pub(crate) platforms: Vec<String>,
    /// Whether each call must name the user that it acts for.
    pub(crate) require_acting_user: bool,
    pub(crate) created_at: i64,
    pub(crate) revoked_at: Option<i64>,
}

/// The SHA-256 of a token, or of what a limit counts.
pub(crate) type Hash = [u8; 32];

/// A refresh token, as its hash.
#[derive(Clone, Debug)]
pub(crate) struct RefreshToken {
    pub(crate) token_hash: Hash,
    /// All tokens that descend from one sign-in.
    pub(crate) family_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) expires_at: i64,
}

/// What became of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// The successor is stored, for this user.
    Renewed(Uuid),
    /// No such token.
    Unknown,
    /// The token's time has passed.
    Expired,
    /// A spent token came again: its whole family is ended.
    Reused,
}

/// A count of attempts within a window of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttemptLimit {
    pub(crate) subject: Hash,
    pub(crate) attempts: u32,
    pub(crate) window_ms: i64,
}

/// An account on a platform: a row of `platform_connections`, its sealed
/// credentials left out.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) platform: String,
    pub(crate) platform_username: Option<String>,
    pub(crate) credentials_updated_at: Option<i64>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

/// A connection to be stored with its sealed credentials.
#[derive(Clone, Debug)]
pub(crate) struct NewConnection {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    /// A hash of owner, platform and username; unique.
    pub(crate) identity_key: String,
    pub(crate) platform: String,
    pub(crate) platform_username: Option<String>,
    pub(crate) encrypted_credentials: String,
    /// The version of the sealed form.
    pub(crate) credentials_version: &'static str,
    pub(crate) now: i64,
}

/// What became of a connection that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutConnection {
    /// It is new.
    Created,
    /// The one with this id was there, and has the new credentials.
    Updated,
    /// Another id has this identity; nothing was stored.
    Clash(Uuid),
}

/// New credentials for a connection that is there.
#[derive(Clone, Debug)]
pub(crate) struct CredentialsUpdate {
    pub(crate) id: Uuid,
    /// The new identity key and username, where the owner renames it.
    pub(crate) renamed: Option<(String, String)>,
    pub(crate) encrypted_credentials: String,
    /// The version of the sealed form.
    pub(crate) credentials_version: &'static str,
    pub(crate) now: i64,
}

/// What became of [`CredentialsUpdate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpdateCredentials {
    Updated,
    /// There is no such connection.
    Gone,
    /// Another connection has the new identity; nothing was changed.
    Clash,
}

/// How a download signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthType {
    Password,
    Cookies,
}

impl AuthType {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Password, Self::Cookies].into_iter().find(|auth_type| auth_type.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Cookies => "cookies",
        }
    }
}

/// What yt-dlp signs in with: a row of `download_credentials`, the sealed part
/// left out.
#[derive(Clone, Debug)]
pub(crate) struct DownloadCredential {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    pub(crate) platform: String,
    pub(crate) auth_type: AuthType,
    pub(crate) username: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) created_at: i64,
}

/// A download credential to be stored with its sealed part.
#[derive(Clone, Debug)]
pub(crate) struct NewDownloadCredential {
    pub(crate) credential: DownloadCredential,
    pub(crate) encrypted_credentials: String,
    /// The version of the sealed form.
    pub(crate) credentials_version: &'static str,
}

/// A service's wish for a capture.
#[derive(Clone, Debug)]
pub(crate) struct CaptureRequest {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    pub(crate) platform: String,
    pub(crate) reason: Option<String>,
    pub(crate) created_at: i64,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionStatus {
    Active,
    Superseded,
    Revoked,
}

impl SessionStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Superseded => "superseded",
            Self::Revoked => "revoked",
        }
    }
}

/// A captured session: a row of `platform_sessions`, its sealed cookies left out.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    pub(crate) platform: String,
    pub(crate) cookie_count: usize,
    pub(crate) user_agent: Option<String>,
    pub(crate) status: SessionStatus,
    pub(crate) captured_at: i64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) revoked_at: Option<i64>,
}

/// A session to be stored with its sealed cookies.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    pub(crate) platform: String,
    pub(crate) encrypted_cookies: String,
    /// The version of the sealed form.
    pub(crate) credentials_version: &'static str,
    pub(crate) cookie_count: usize,
    pub(crate) user_agent: Option<String>,
    pub(crate) captured_at: i64,
    pub(crate) expires_at: Option<i64>,
}
