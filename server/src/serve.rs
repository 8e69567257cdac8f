//! Serving: from the checked configuration to a listening socket, and back
//! down again without losing what was accepted.

mod accept;
mod answer_body;
mod closing;
mod lingering;
mod permits;
mod request_body;
mod reread;
mod signals;

pub(crate) use signals::StopSignals;

use crate::app::App;
use crate::audit::{Caller, ChainKey};
use crate::clock::now_ms;
use crate::config::{ConfigError, DataArgs, DirectusArgs, Given, GivenDirectus, KeyArgs, ServeArgs};
use crate::directus::{Directus, TIMEOUT};
use crate::error::Error;
use crate::identity::{DirectusIdentity, EmbeddedIdentity, Identity, Passwords, Provider, TokenSigner};
use crate::keyed_stores::{KeyedStores, OpenError};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::proof::Prover;
use crate::readiness::Readiness;
use crate::replaceable::Replaceable;
use crate::retention;
use crate::store::{DAY_MS, Database, IfMissing, Records, Timed};
use crate::vault::{Vault, VaultFault};
use crate::{openapi, router, telemetry};
use accept::Acceptor;
use permits::Permits;
use secrecy::SecretString;
use signals::Hangups;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error as ThisError;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How long the metadata of an ended session is kept.
const ENDED_SESSION_LIFETIME_MS: i64 = 90 * 24 * 60 * 60 * 1000;
const PURGE_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How often rows of the audit log are looked for that are too old.
const RETENTION_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How long the sealed text of what was erased may stay in the write-ahead log.
const ERASE_INTERVAL: Duration = Duration::from_secs(2);

/// Why the server stopped, or did not start.
#[derive(Debug, ThisError)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("cannot listen on {address}: {error}; choose another address with --listen")]
    Listen { address: SocketAddr, error: io::Error },
    #[error(transparent)]
    Vault(#[from] VaultFault),
    #[error("{0}")]
    Start(#[from] Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Serves until a signal asks to stop.
pub(crate) async fn serve(
    args: ServeArgs,
    data: DataArgs,
    keys: KeyArgs,
    directus: DirectusArgs,
) -> Result<(), ServeError> {
    // From here on, so that none ends what is being prepared.
    let hangups = Hangups::listen()?;
    let (given, keys) = Given::read(&args, &data, &keys, &directus)?;
    let directory = data.directory();
    let log = telemetry::start(given.log.clone(), given.log_format);
    let listen = given.listen;
    let directus = given.directus.clone();
    let client = directus.as_ref().map(open_directus).transpose()?;
    let stores =
        KeyedStores::open(&given.database, keys, client.clone(), IfMissing::Make, given.limits.usage).await?;
    stores.check_records().await?;
    let data = given.database.to_string();
    let data_dir = given.database.directory().map(Path::to_owned);
    let audit_days = given.audit_days;
    let chain_key = Arc::clone(&stores.chain_key);
    let metrics = Arc::new(Metrics::new());
    let database: Arc<dyn Database> = Arc::new(Timed::new(stores.database, Arc::clone(&metrics)));
    let vault = Arc::new(Timed::new(stores.vault, Arc::clone(&metrics)));
    let vault = Vault::open(vault, Arc::clone(&database), Arc::clone(&chain_key)).await?;
    let config = given.complete()?;
    for path in stores.made.iter().chain(&config.made) {
        tracing::warn!(path = %path.display(), "made a new secret and kept it here: keep a backup, nothing replaces it");
    }
    if stores.rows_signed > 0 {
        tracing::warn!(
            rows = stores.rows_signed,
            "signed the rows that grant rights, which a former version has written; this happens once"
        );
    }
    let limits = config.limits;
    let (routes, document) = router::routes().split_for_parts();
    let records: Arc<dyn Records> = Arc::new(Timed::new(stores.records, Arc::clone(&metrics)));
    let key_id = stores.keys.writing().id().to_owned();
    let readiness = Readiness::new(Arc::clone(&database), Arc::clone(&records), key_id, data_dir);
    let rate_limits = Arc::new(Limits::new(limits.user_rate, limits.failed_auth_rate));
    let identity = Identity {
        provider: Arc::new(provider(client, directus.and_then(|given| given.secret), config.tokens)?),
        service_secrets: Arc::new(Replaceable::new(config.service_secrets)),
        database: Arc::clone(&database),
        limits: Arc::clone(&rate_limits),
        metrics: Arc::clone(&metrics),
    };
    let app = Arc::new(App {
        database,
        records,
        vault,
        app_credentials: Arc::new(Timed::new(stores.app_credentials, Arc::clone(&metrics))),
        keys: stores.keys,
        blob_version: stores.blob_version,
        identity,
        host_names: config.host_names,
        is_public: config.is_public,
        prover: Prover { key: stores.server_key, public_address: config.public_address },
        trusted_proxies: limits.trusted_proxies,
        limits: rate_limits,
        readiness: Arc::new(readiness),
        timeouts: limits.timeouts,
        metrics,
        document: openapi::render(document)?,
    });
    let router = router::router(routes, Arc::clone(&app));
    // Before anybody learns that this serves: a signal from then on is heard.
    let signals = StopSignals::listen()?;
    let listener =
        TcpListener::bind(listen).await.map_err(|error| ServeError::Listen { address: listen, error })?;
    let token_file = match &directory {
        Some(directory) => app.vault.offer_set_up(directory).await?,
        None => None,
    };
    let fingerprint = app.prover.key.fingerprint();
    tracing::info!(%fingerprint, "the extension shows this fingerprint where it is connected to this server");
    tracing::info!(url = %format!("http://{}", listener.local_addr()?), %data, "listening");
    let upkeep = tokio::spawn(upkeep(Arc::clone(&app)));
    let retention = audit_days.map(|days| tokio::spawn(retain(Arc::clone(&app), chain_key, days)));
    let removal = {
        let app = Arc::clone(&app);
        tokio::spawn(async move { app.vault.remove_when_set_up(token_file).await })
    };
    let rereading = tokio::spawn(reread::at_each(hangups, config.sources, Arc::clone(&app), log));
    let acceptor = Acceptor::new(Permits::new(limits.address_connections), app, router);
    accept::serve(listener, acceptor, signals, limits.draining).await;
    rereading.abort();
    upkeep.abort();
    retention.iter().for_each(JoinHandle::abort);
    removal.abort();
    tracing::info!("stopped");
    Ok(())
}

/// The client for Directus.
fn open_directus(given: &GivenDirectus) -> Result<Arc<Directus>, ServeError> {
    if given.is_exposed() {
        tracing::warn!(
            "DIRECTUS_URL is plain http to another machine: whoever listens in gets the admin token"
        );
    }
    Ok(Arc::new(Directus::new(given.settings.clone(), TIMEOUT).map_err(Error::from)?))
}

/// Who knows the users: the Directus that there is, or this server.
fn provider(
    directus: Option<Arc<Directus>>,
    secret: Option<SecretString>,
    tokens: Option<TokenSigner>,
) -> Result<Provider, Error> {
    match (directus, tokens) {
        (Some(directus), _) => Ok(Provider::Directus(DirectusIdentity::new(directus, secret.as_ref()))),
        (None, Some(tokens)) => Ok(Provider::Embedded(EmbeddedIdentity {
            passwords: Passwords::new()?,
            tokens: Replaceable::new(tokens),
        })),
        (None, None) => Err(Error::Internal("nobody signs tokens")),
    }
}

/// Removes now and then what has had its time.
async fn upkeep(app: Arc<App>) {
    let mut purging = tokio::time::interval(PURGE_INTERVAL);
    let mut erasing = tokio::time::interval(ERASE_INTERVAL);
    loop {
        let done = tokio::select! {
            _ = purging.tick() => {
                let now = now_ms();
                match app.database.purge(now).await {
                    Ok(()) => app.records.purge_sessions(now - ENDED_SESSION_LIFETIME_MS).await,
                    failed => failed,
                }
            }
            _ = erasing.tick() => app.database.erase().await,
        };
        if let Err(error) = done {
            tracing::warn!(%error, "upkeep failed; it is tried again");
        }
    }
}

/// Removes now and then the rows of the audit log that are older than so many days. Of its
/// own, since the first time may take long, and other upkeep must not wait for it.
async fn retain(app: Arc<App>, key: Arc<ChainKey>, days: u32) {
    let mut looking = tokio::time::interval(RETENTION_INTERVAL);
    loop {
        looking.tick().await;
        let cutoff = now_ms() - i64::from(days) * DAY_MS;
        match retention::prune(&*app.database, &key, &Caller::Server, cutoff, |_| ()).await {
            Ok(pruned) => {
                if pruned.rows > 0 {
                    tracing::info!(rows = pruned.rows, days, "removed old rows of the audit log");
                }
                for fault in pruned.faults {
                    tracing::error!(%fault, "old rows of the audit log stay, since it is not whole there; see `stagepass-server audit verify`");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "old rows of the audit log can't be removed; it is tried again")
            }
        }
    }
}
