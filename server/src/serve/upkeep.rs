//! What a server does now and then while it serves: removing what has had its time.

use crate::app::App;
use crate::audit::{Caller, ChainKey};
use crate::clock::now_ms;
use crate::retention;
use crate::store::DAY_MS;
use std::sync::Arc;
use std::time::Duration;

/// How long the metadata of an ended session is kept.
const ENDED_SESSION_LIFETIME_MS: i64 = 90 * 24 * 60 * 60 * 1000;
const PURGE_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How often rows of the audit log are looked for that are too old.
const RETENTION_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How long the sealed text of what was erased may stay in the write-ahead log.
const ERASE_INTERVAL: Duration = Duration::from_secs(2);

/// Removes now and then what has had its time.
pub(super) async fn purge(app: Arc<App>) {
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
pub(super) async fn retain(app: Arc<App>, key: Arc<ChainKey>, days: u32) {
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
