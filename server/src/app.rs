//! The state that all handlers share. `App` knows the parts and hands them out; no part knows
//! `App`.

use crate::client::TrustedProxies;
use crate::config::Timeouts;
use crate::identity::Identity;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::openapi::Rendered;
use crate::proof::Prover;
use crate::readiness::Readiness;
use crate::sealing::{KeyRing, Version};
use crate::store::{AppCredentialStore, Database, Records};
use crate::vault::Vault;
use axum::extract::FromRef;
use std::sync::Arc;

/// The server's state. While it serves, only the counts in `limits` and `metrics`, the state in
/// `readiness`, and reloaded secrets change.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) database: Arc<dyn Database>,
    pub(crate) records: Arc<dyn Records>,
    pub(crate) vault: Vault,
    pub(crate) app_credentials: Arc<dyn AppCredentialStore>,
    pub(crate) keys: KeyRing,
    /// The version in which records are sealed, which depends on the store.
    pub(crate) blob_version: Version,
    pub(crate) identity: Identity,
    /// The host names under which requests are answered, in lower case.
    pub(crate) host_names: Vec<String>,
    /// Whether clients reach the server under a name other than this machine's own.
    pub(crate) is_public: bool,
    pub(crate) prover: Prover,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) limits: Arc<Limits>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) timeouts: Timeouts,
    pub(crate) metrics: Arc<Metrics>,
    /// The OpenAPI document.
    pub(crate) document: Rendered,
}

impl FromRef<Arc<App>> for Identity {
    fn from_ref(app: &Arc<App>) -> Self {
        app.identity.clone()
    }
}

impl FromRef<Arc<App>> for Vault {
    fn from_ref(app: &Arc<App>) -> Self {
        app.vault.clone()
    }
}

impl FromRef<Arc<App>> for Prover {
    fn from_ref(app: &Arc<App>) -> Self {
        app.prover.clone()
    }
}
