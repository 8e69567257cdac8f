//! Whose users call: this server's own, or those of a Directus. Handlers don't
//! know which.

use super::directus::{DirectusIdentity, is_handed_on};
use super::{Passwords, TokenSigner};
use crate::app::App;
use crate::client::Client;
use crate::error::Error;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

/// Who knows the users.
#[derive(Debug)]
pub(crate) enum Identity {
    /// This server, in its own database.
    Embedded(EmbeddedIdentity),
    /// A Directus, which is asked.
    Directus(DirectusIdentity),
}

/// What checks this server's own users.
#[derive(Debug)]
pub(crate) struct EmbeddedIdentity {
    pub(crate) passwords: Passwords,
    pub(crate) tokens: TokenSigner,
}

impl Identity {
    /// For the handlers that serve this server's own users.
    pub(super) fn embedded(&self) -> Result<&EmbeddedIdentity, Error> {
        match self {
            Self::Embedded(embedded) => Ok(embedded),
            Self::Directus(_) => Err(Error::Internal("a call for Directus was not handed on")),
        }
    }
}

/// Hands the four calls about users' tokens on to Directus, where that knows
/// the users.
pub(crate) async fn pass_through(
    app: &App,
    client: Client,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    match &app.identity {
        Identity::Directus(directus) if is_handed_on(request.method(), request.uri().path()) => {
            directus.pass_through(app, request, client).await
        }
        _ => Ok(next.run(request).await),
    }
}
