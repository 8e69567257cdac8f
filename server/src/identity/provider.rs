//! Whose users call: this server's own, or those of a Directus.

use super::{DirectusIdentity, Passwords, TokenSigner};
use crate::error::Error;
use crate::replaceable::Replaceable;

/// Who manages the users.
#[derive(Debug)]
pub(crate) enum Provider {
    /// This server, in its own database.
    Embedded(EmbeddedIdentity),
    /// A Directus, which is asked.
    Directus(DirectusIdentity),
}

/// Checks this server's own users.
#[derive(Debug)]
pub(crate) struct EmbeddedIdentity {
    pub(crate) passwords: Passwords,
    pub(crate) tokens: Replaceable<TokenSigner>,
}

impl Provider {
    /// For the handlers that serve this server's own users.
    pub(super) fn embedded(&self) -> Result<&EmbeddedIdentity, Error> {
        match self {
            Self::Embedded(embedded) => Ok(embedded),
            Self::Directus(_) => Err(Error::Internal("a call for Directus was not forwarded")),
        }
    }
}
