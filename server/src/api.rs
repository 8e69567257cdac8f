//! The parts of the HTTP interface, distinguished by path, and what applies to all of them. A leaf:
//! it knows no handler and no failure.

use uuid::Uuid;

/// The largest body to read.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024;
/// The largest body with a session.
// Decision: docs/decisions/http.md#a-body-with-a-session-may-have-4-mib
pub(crate) const MAX_SESSION_BYTES: usize = 4 * MAX_BODY_BYTES;

/// The form of a failure's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `{"success":false,"error":"…"}`.
    Credentials,
    /// `{"errors":[{"message":"…","extensions":{"code":"…"}}]}`.
    Directus,
    /// `{"error":"…"}`, with `retry_after_seconds` if there were too many requests.
    Vault,
    /// `{"error":"…"}`.
    AppCredentials,
}

impl Form {
    /// The form of the API to which a path belongs.
    pub(crate) fn of(path: &str) -> Self {
        if path.starts_with("/auth/") || path.starts_with("/users/") {
            Self::Directus
        } else if path.starts_with("/api/auth/") || is_of_vault_credentials(path) {
            Self::Vault
        } else if path.starts_with("/api/v1/") {
            Self::AppCredentials
        } else {
            Self::Credentials
        }
    }
}

/// Whether a path that looks like the Credentials API's belongs to the vault: `/api/credentials`
/// itself, or followed by a credential's id.
pub(crate) fn is_of_vault_credentials(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/api/credentials") else { return false };
    let Some(rest) = rest.strip_prefix('/') else { return rest.is_empty() };
    parse_id(rest.strip_suffix("/reveal").unwrap_or(rest)).is_some()
}

/// Whether a path belongs to the pages for people.
pub(crate) fn is_page(path: &str) -> bool {
    path == "/app" || path.starts_with("/app/")
}

/// Parses a record's id: a UUID with hyphens.
pub(crate) fn parse_id(text: &str) -> Option<Uuid> {
    let is_hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
    Uuid::try_parse(text).ok().filter(|_| is_hyphenated)
}
