//! Serving: from the checked configuration to a listening socket, and back
//! down again without losing what was accepted.

mod accept;
mod signals;

use crate::app::App;
use crate::clock::now_ms;
use crate::config::{ConfigError, DataArgs, Given, ServeArgs};
use crate::error::Error;
use crate::identity::Passwords;
use crate::sealing::{self, KeyRing, Place, SealingError};
use crate::store::{Store, StoreError};
use crate::{router, secret_file, telemetry};
use secrecy::ExposeSecret as _;
use signals::StopSignals;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error as ThisError;
use tokio::net::TcpListener;
use uuid::Uuid;

/// The database's name in the data directory.
const DATABASE_FILE: &str = "stagepass.db";
/// How long the metadata of an ended session is kept.
const ENDED_SESSION_LIFETIME_MS: i64 = 90 * 24 * 60 * 60 * 1000;
const PURGE_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How long the sealed text of what was erased may stay in the write-ahead log.
const ERASE_INTERVAL: Duration = Duration::from_secs(2);
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
    let given = Given::read(&args)?;
    telemetry::start(given.log.clone(), given.log_format);
    let listen = given.listen;
    let directory = data.directory()?;
    let store = open_store(&directory)?;
    let is_sealed = !store.canaries().await.map_err(Error::from)?.is_empty();
    let config = given.complete(&directory, is_sealed)?;
    for path in &config.made {
        tracing::warn!(path = %path.display(), "made a new secret and kept it here: keep a backup, nothing replaces it");
    }
    check_keys(&store, &config.keys).await?;
    let app = Arc::new(App {
        store,
        keys: config.keys,
        passwords: Passwords::new()?,
        tokens: config.tokens,
        service_secrets: config.service_secrets,
        host_names: config.host_names,
    });
    // Before anybody learns that this serves: a signal from then on is heard.
    let signals = StopSignals::listen()?;
    let listener =
        TcpListener::bind(listen).await.map_err(|error| ServeError::Listen { address: listen, error })?;
    tracing::info!(url = %format!("http://{}", listener.local_addr()?), data = %directory.display(), "listening");
    let upkeep = tokio::spawn(upkeep(Arc::clone(&app)));
    accept::serve(listener, router::router(app), signals).await;
    upkeep.abort();
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
async fn upkeep(app: Arc<App>) {
    let mut purging = tokio::time::interval(PURGE_INTERVAL);
    let mut erasing = tokio::time::interval(ERASE_INTERVAL);
    loop {
        let done = tokio::select! {
            _ = purging.tick() => {
                let now = now_ms();
                app.store.purge(now, now - ENDED_SESSION_LIFETIME_MS).await
            }
            _ = erasing.tick() => app.store.empty_log().await,
        };
        if let Err(error) = done {
            tracing::warn!(%error, "upkeep failed; it is tried again");
        }
    }
}
