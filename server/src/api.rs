//! The parts of the HTTP interface, told apart by path, and what holds for all of them.
//! A leaf: it knows no handler, and no failure.

use uuid::Uuid;

/// The largest body that is read.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The form that a failure's body has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `{"success":false,"error":"…"}`.
    Credentials,
    /// `{"errors":[{"message":"…","extensions":{"code":"…"}}]}`.
    Directus,
    /// `{"error":"…"}`, and where there are too many requests `retry_after_seconds`.
    Vault,
    /// `{"error":"…"}`.
    AppCredentials,
}

impl Form {
    /// The form of the API that a path belongs to.
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

/// Whether a path is one of the vault's among those that it shares with the
/// Credentials API: `/api/credentials`, and what begins with a credential's id.
pub(crate) fn is_of_vault_credentials(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/api/credentials") else { return false };
    let Some(rest) = rest.strip_prefix('/') else { return rest.is_empty() };
    parse_id(rest.strip_suffix("/reveal").unwrap_or(rest)).is_some()
}

/// Whether a path is one of the pages for people.
pub(crate) fn is_page(path: &str) -> bool {
    path == "/app" || path.starts_with("/app/")
}

/// Reads a record's id: a UUID in its hyphenated form.
pub(crate) fn parse_id(text: &str) -> Option<Uuid> {
    let is_hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
    Uuid::try_parse(text).ok().filter(|_| is_hyphenated)
}
