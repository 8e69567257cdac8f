//! Who is calling: users by access token, services by secret. Users belong to this server or to a
//! Directus. This module knows no credentials.

pub(crate) mod auth;
mod directus;
pub(crate) mod known_caller;
mod login_attempts;
mod pass_through;
mod passwords;
mod provider;
mod service;
mod session_cookie;
mod sign_in;
mod token;
mod user;

pub(crate) use directus::DirectusIdentity;
pub(crate) use known_caller::KnownCaller;
pub(crate) use passwords::{PasswordFault, Passwords, check as check_password, hash as hash_password};
pub(crate) use provider::{EmbeddedIdentity, Provider};
pub(crate) use service::{SERVICE_VERBS, Service, ServiceSecrets, generate_service_token};
pub(crate) use session_cookie::SessionCookie;
pub(crate) use sign_in::{pass_through, sign_in, sign_out};
pub(crate) use token::{TokenSigner, generate as generate_token};
pub(crate) use user::{UserId, bearer_token};

use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::replaceable::Replaceable;
use crate::store::Database;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// Identifies callers. Clones share their state.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) provider: Arc<Provider>,
    pub(crate) service_secrets: Arc<Replaceable<ServiceSecrets>>,
    pub(crate) database: Arc<dyn Database>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Identity {
    /// Whether this server manages its own users.
    pub(crate) fn has_own_users(&self) -> bool {
        matches!(*self.provider, Provider::Embedded(_))
    }
}

/// The SHA-256 of `text`; `purpose` separates the hashes of different things.
pub(crate) fn hash(purpose: &str, text: &str) -> crate::store::Hash {
    Sha256::new().chain_update(purpose).chain_update([0]).chain_update(text).finalize().into()
}
