//! Builds everything that serves, from the settings and the stores.

use super::ServeError;
use crate::app::App;
use crate::config::{Config, Settings, Sources};
use crate::directus::Directus;
use crate::error::Error;
use crate::identity::{DirectusIdentity, EmbeddedIdentity, Identity, Passwords, Provider, TokenSigner};
use crate::keyed_stores::KeyedStores;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::proof::Prover;
use crate::readiness::Readiness;
use crate::replaceable::Replaceable;
use crate::vault::Vault;
use crate::{openapi, router};
use axum::Router;
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The composed server, and the settings that only serving needs.
pub(super) struct Composed {
    pub(super) app: Arc<App>,
    pub(super) router: Router,
    pub(super) sources: Sources,
    /// Connections per address at once; 0 is no limit.
    pub(super) address_connections: u32,
    /// How long the listener stays open after the server was asked to stop.
    pub(super) draining: Duration,
}

pub(super) async fn compose(
    settings: Settings,
    stores: KeyedStores,
    directus: Option<Arc<Directus>>,
) -> Result<Composed, ServeError> {
    let metrics = Arc::new(Metrics::new());
    let database = stores.database.timed(&metrics);
    let records = stores.records.timed(&metrics);
    let vault = stores.vault.timed(&metrics);
    let vault = Vault::open(vault, Arc::clone(&database), stores.chain_key).await?;
    let data_dir = settings.database.directory().map(Path::to_owned);
    let directus_secret = settings.directus.as_ref().and_then(|access| access.secret.clone());
    let Config { tokens, service_secrets, host_names, is_public, public_address, limits, sources, made } =
        settings.complete()?;
    log_generated_secrets(&stores.made, &made, stores.rows_signed);
    let rate_limits = Arc::new(Limits::new(limits.user_rate, limits.failed_auth_rate));
    let identity = Identity {
        provider: Arc::new(provider(directus, directus_secret.as_ref(), tokens)?),
        service_secrets: Arc::new(Replaceable::new(service_secrets)),
        database: Arc::clone(&database),
        limits: Arc::clone(&rate_limits),
        metrics: Arc::clone(&metrics),
    };
    let key_id = stores.keys.writing().id().to_owned();
    let readiness = Readiness::new(Arc::clone(&database), Arc::clone(&records), key_id, data_dir);
    let (routes, document) = router::routes().split_for_parts();
    let app = Arc::new(App {
        database,
        records,
        vault,
        app_credentials: stores.app_credentials.timed(&metrics),
        keys: stores.keys,
        blob_version: stores.blob_version,
        identity,
        host_names,
        is_public,
        prover: Prover { key: stores.server_key, public_address },
        trusted_proxies: limits.trusted_proxies,
        limits: rate_limits,
        readiness: Arc::new(readiness),
        timeouts: limits.timeouts,
        metrics,
        document: openapi::render(document)?,
    });
    let router = router::router(routes, Arc::clone(&app));
    let (address_connections, draining) = (limits.address_connections, limits.draining);
    Ok(Composed { app, router, sources, address_connections, draining })
}

fn log_generated_secrets(keys: &[PathBuf], secrets: &[PathBuf], rows_signed: u64) {
    for path in keys.iter().chain(secrets) {
        tracing::warn!(path = %path.display(), "generated a new secret; back it up, because it can't be recovered");
    }
    if rows_signed > 0 {
        tracing::warn!(
            rows = rows_signed,
            "signed the rows that grant rights, written by an earlier version; this happens only once"
        );
    }
}

/// Who manages users: the Directus if there is one, or else this server.
fn provider(
    directus: Option<Arc<Directus>>,
    secret: Option<&SecretString>,
    tokens: Option<TokenSigner>,
) -> Result<Provider, Error> {
    match (directus, tokens) {
        (Some(directus), _) => Ok(Provider::Directus(DirectusIdentity::new(directus, secret))),
        (None, Some(tokens)) => Ok(Provider::Embedded(EmbeddedIdentity {
            passwords: Passwords::new()?,
            tokens: Replaceable::new(tokens),
        })),
        (None, None) => Err(Error::Internal("no signer of tokens")),
    }
}
