//! Serving: from the checked settings to a listening socket, and an orderly stop that loses no
//! accepted request.

mod accept;
mod answer_body;
mod closing;
mod compose;
mod connection;
mod lingering;
mod listener;
mod permits;
mod request_body;
mod reread;
mod service_manager;
mod signals;
mod tls;
mod upkeep;

pub(crate) use signals::StopSignals;

use crate::app::App;
use crate::config::{ConfigError, DataArgs, DirectusAccess, DirectusArgs, KeyArgs, ServeArgs, Settings};
use crate::directus::{Directus, TIMEOUT};
use crate::error::Error;
use crate::keyed_stores::{KeyedStores, OpenError};
use crate::store::IfMissing;
use crate::telemetry;
use crate::vault::VaultFault;
use accept::Acceptor;
use compose::{Composed, compose};
use connection::Connections;
use listener::Listener;
use permits::Permits;
use service_manager::State;
use signals::Hangups;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error as ThisError;
use tls::Tls;
use tokio::task::JoinSet;

/// Why the server stopped or did not start.
#[derive(Debug, ThisError)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("cannot listen on {address}: {error}; choose another address with --listen")]
    Listen { address: SocketAddr, error: io::Error },
    #[error("the service manager must pass exactly one listening TCP socket (LISTEN_FDS): {0}")]
    Passed(io::Error),
    #[error(transparent)]
    Vault(#[from] VaultFault),
    #[error("{0}")]
    Start(#[from] Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Serves until a signal stops it.
pub(crate) async fn serve(
    mut args: ServeArgs,
    data: DataArgs,
    keys: KeyArgs,
    directus: DirectusArgs,
) -> Result<(), ServeError> {
    // Listen from the beginning, so that SIGHUP does not end the program while it prepares.
    let hangups = Hangups::listen()?;
    let passed = Listener::passed()?;
    if let Some(listener) = &passed {
        args.listen.set_address(listener.address()?);
    }
    let (mut settings, keys) = Settings::read(&args, &data, &keys, &directus)?;
    let log = telemetry::start(settings.log.clone(), settings.log_format);
    let (listen, audit_days, database) =
        (settings.listen.address, settings.audit_days, settings.database.to_string());
    let tls = settings.listen.tls.take().map(|given| Arc::new(Tls::new(given)));
    let client = settings.directus.as_ref().map(open_directus).transpose()?;
    let stores =
        KeyedStores::open(&settings.database, keys, client.clone(), IfMissing::Make, settings.limits.usage)
            .await?;
    stores.check_records().await?;
    let chain_key = Arc::clone(&stores.chain_key);
    let Composed { app, router, sources, address_connections, draining } =
        compose(settings, stores, client).await?;
    // Listen before the server announces itself, so that it handles any later signal.
    let signals = StopSignals::listen()?;
    let listener = match passed {
        Some(listener) => listener,
        None => Listener::open(listen).await?,
    };
    let token_file = match data.directory() {
        Some(directory) => app.vault.offer_set_up(&directory).await?,
        None => None,
    };
    let mut beside = JoinSet::new();
    beside.spawn(upkeep::purge(Arc::clone(&app)));
    if let Some(days) = audit_days {
        beside.spawn(upkeep::retain(Arc::clone(&app), chain_key, days));
    }
    let vault = app.vault.clone();
    beside.spawn(async move { vault.remove_when_set_up(token_file).await });
    beside.spawn(reread::at_each(hangups, sources, Arc::clone(&app), tls.clone(), log));
    if let Some(tls) = &tls {
        beside.spawn(Arc::clone(tls).follow_files());
    }
    beside.spawn(service_manager::report_alive());
    announce(&app, &listener, tls.is_some(), &database)?;
    let acceptor = Acceptor::new(Permits::new(address_connections), Connections::new(app, router, tls));
    accept::serve(listener, acceptor, signals, draining).await;
    drop(beside);
    tracing::info!("stopped");
    Ok(())
}

/// Says that the server can be called from now on, and where.
fn announce(app: &App, listener: &Listener, is_https: bool, database: &str) -> io::Result<()> {
    let fingerprint = app.prover.key.fingerprint();
    tracing::info!(%fingerprint, "the extension shows this fingerprint when it is connected to this server");
    let scheme = if is_https { "https" } else { "http" };
    tracing::info!(url = %format!("{scheme}://{}", listener.address()?), data = database, "listening");
    service_manager::tell(State::Ready);
    Ok(())
}

/// The client for Directus.
fn open_directus(access: &DirectusAccess) -> Result<Arc<Directus>, ServeError> {
    if access.is_exposed() {
        tracing::warn!(
            "DIRECTUS_URL is plain http to another machine: anyone who listens in gets the admin token"
        );
    }
    Ok(Arc::new(Directus::new(access.settings.clone(), TIMEOUT).map_err(Error::from)?))
}
