//! Serving: from the checked configuration to a listening socket, and back
//! down again without losing what was accepted.

use crate::app::App;
use crate::clock::now_ms;
use crate::config::{Config, ConfigError, DataArgs, ServeArgs};
use crate::error::Error;
use crate::identity::Passwords;
use crate::sealing::{self, KeyRing, Place, SealingError};
use crate::store::{Store, StoreError};
use crate::{router, secret_file, telemetry};
use axum::serve::ListenerExt as _;
use secrecy::ExposeSecret as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{future, io};
use thiserror::Error as ThisError;
use tokio::net::TcpListener;
use uuid::Uuid;

/// The database's name in the data directory.
const DATABASE_FILE: &str = "stagepass.db";
/// How long the metadata of an ended session is kept.
const ENDED_SESSION_LIFETIME_MS: i64 = 90 * 24 * 60 * 60 * 1000;
const PURGE_INTERVAL: Duration = Duration::from_secs(60 * 60);
const CANARY: &str = "stagepass canary";

/// Why the server stopped, or did not start.
#[derive(Debug, ThisError)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{path}: {error}")]
    Store { path: String, error: StoreError },
    #[error(
        "the encryption key has the id {given}, but the database was sealed with {known}; \
         give that key in CREDENTIALS_ENC_KEY_B64, or list it in CREDENTIALS_ENC_OLD_KEYS_B64"
    )]
    WrongKey { given: String, known: String },
    #[error("cannot listen on {address}: {error}; choose another address with --listen")]
    Listen { address: SocketAddr, error: io::Error },
    #[error("{0}")]
    Start(#[from] Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Serves until a signal asks to stop.
pub(crate) async fn serve(args: ServeArgs, data: DataArgs) -> Result<(), ServeError> {
    telemetry::start(args.log.clone(), args.log_format);
    let directory = data.directory()?;
    let config = Config::load(&args, &directory)?;
    for path in &config.made {
        tracing::warn!(path = %path.display(), "made a new secret: back this file up, without it nothing opens");
    }
    let store = open_store(&directory)?;
    check_keys(&store, &config.keys).await?;
    let app = Arc::new(App {
        store,
        keys: config.keys,
        passwords: Passwords::new()?,
        tokens: config.tokens,
        service_secrets: config.service_secrets,
        host_names: config.host_names,
    });
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| ServeError::Listen { address: args.listen, error })?;
    tracing::info!(url = %format!("http://{}", listener.local_addr()?), data = %directory.display(), "listening");
    let purging = tokio::spawn(purge(Arc::clone(&app)));
    // An answer is one small packet: it must not wait for the next one.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let service = router::router(app).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop_signal()).await?;
    purging.abort();
    tracing::info!("stopped");
    Ok(())
}

/// Opens the database of a data directory.
pub(crate) fn open_store(directory: &Path) -> Result<Store, ServeError> {
    let path = directory.join(DATABASE_FILE);
    secret_file::make_private_file(&path)?;
    Store::open(&path).map_err(|error| ServeError::Store { path: path.display().to_string(), error })
}

/// Notices a wrong key before anything is read or written with it: each key
/// that was used here must be given and open its canary.
async fn check_keys(store: &Store, keys: &KeyRing) -> Result<(), ServeError> {
    let place =
        Place { table: "sealing_keys", column: "canary", record_id: Uuid::nil(), owner_id: Uuid::nil() };
    let canaries = store.canaries().await.map_err(Error::from)?;
    let given = keys.writing().id();
    for (key_id, canary) in &canaries {
        let opened = sealing::open(keys, &place, canary);
        if !opened.is_ok_and(|text| text.expose_secret() == CANARY) {
            return Err(ServeError::WrongKey { given: given.to_owned(), known: key_id.clone() });
        }
    }
    if !canaries.iter().any(|(key_id, _)| key_id == given) {
        let canary = sealing::seal(keys, &place, CANARY.as_bytes());
        let canary = canary.map_err(|_: SealingError| Error::Internal("sealing failed"))?;
        store.add_canary(given.to_owned(), canary, now_ms()).await.map_err(Error::from)?;
    }
    Ok(())
}

/// Removes now and then what has had its time.
async fn purge(app: Arc<App>) {
    let mut interval = tokio::time::interval(PURGE_INTERVAL);
    loop {
        interval.tick().await;
        let now = now_ms();
        if let Err(error) = app.store.purge(now, now - ENDED_SESSION_LIFETIME_MS).await {
            tracing::error!(%error, "purging failed");
        }
    }
}

async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = future::pending::<()>();
    tokio::select! {
        _ = interrupt => {}
        () = terminate => {}
    }
    tracing::info!("stopping: finishing what was accepted");
}
