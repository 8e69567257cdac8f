//! Periodic work while the server serves: removes expired records, old rows of the audit log, and the
//! last traces of erased values.

use crate::app::App;
use crate::audit::{Caller, ChainKey};
use crate::clock::now_ms;
use crate::retention;
use crate::store::DAY_MS;
use std::sync::Arc;
use std::time::Duration;

/// How long the metadata of ended sessions is kept.
const ENDED_SESSION_LIFETIME_MS: i64 = 90 * 24 * 60 * 60 * 1000;
/// The time between two searches for expired records.
const PURGE_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// The time between two searches for expired rows of the audit log.
const RETENTION_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How long the sealed text of erased values may stay in the write-ahead log.
const ERASE_INTERVAL: Duration = Duration::from_secs(2);

/// Removes expired records each hour, and traces of erased values within seconds.
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
            tracing::warn!(%error, "upkeep failed; it will be tried again");
        }
    }
}

/// Removes rows of the audit log older than `days` each hour. It has its own task because the first
/// run may take long and must not delay other upkeep.
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
                    tracing::error!(%fault, "old rows of the audit log fail verification, so they stay; see `stagepass-server audit verify`");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "old rows of the audit log can't be removed; it will be tried again")
            }
        }
    }
}
