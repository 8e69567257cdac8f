//! Decides whether this server should get traffic: it isn't about to stop, and each part that it
//! needs works. Anyone may poll `/readyz`, so polls within a second share one check, and an answer
//! only says which part failed.

use crate::clock::now_ms;
use crate::directus::DirectusError;
use crate::error::Error;
use crate::store::{Database, Records, StoreError};
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// How long a result stays valid.
const LIFETIME: Duration = Duration::from_secs(1);
/// How long a part may take to answer. All parts are checked at once, so that a poll is answered
/// within two seconds.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How much a probe writes to see whether the disk has room: more than still fits into the pages
/// and blocks that are partly used.
const PROBE_BYTES: usize = 64 * 1024;

const DISK_HANGS: &str = "Disk does not answer";

/// Checks the parts of a running server, and keeps the last result.
#[derive(Debug)]
pub(crate) struct Readiness {
    database: Arc<dyn Database>,
    records: Arc<dyn Records>,
    /// The id of the key that new records are sealed with.
    key_id: String,
    is_draining: AtomicBool,
    /// The directory of the server's own SQLite database, whose disk must have room; `None` with
    /// another database.
    data_dir: Option<PathBuf>,
    /// Locked during a probe of the disk, so that a hanging disk blocks only one thread.
    trying_disk: Arc<Mutex<()>>,
    last: Mutex<Option<SharedCheck>>,
}

/// A check of all parts, running or finished.
#[derive(Debug)]
struct SharedCheck {
    begun: Instant,
    found: watch::Receiver<Option<Faults>>,
}

/// The faults found.
type Faults = Arc<[Fault]>;

/// A part that does not work.
#[derive(Clone, Debug)]
struct Fault {
    /// The message for the client, who may be anyone.
    message: &'static str,
    /// The message for the log.
    error: String,
}

impl Readiness {
    /// Creates the checks of a server that seals with this key and keeps its own database, if it has
    /// one, in `data_dir`.
    pub(crate) fn new(
        database: Arc<dyn Database>,
        records: Arc<dyn Records>,
        key_id: String,
        data_dir: Option<PathBuf>,
    ) -> Self {
        Self {
            database,
            records,
            key_id,
            is_draining: AtomicBool::new(false),
            data_dir,
            trying_disk: Arc::default(),
            last: Mutex::default(),
        }
    }

    /// Reports the server as not ready from now on, because it is about to stop. Each answer then
    /// closes its connection.
    pub(crate) fn begin_draining(&self) {
        self.is_draining.store(true, Ordering::Release);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }

    /// Whether requests should be sent here.
    pub(crate) async fn check(self: &Arc<Self>) -> Result<(), Error> {
        if self.is_draining() {
            return Err(Error::NotReady("draining".to_owned()));
        }
        let mut check = self.shared_check();
        // The sender is only dropped without a result if the check panics.
        let found =
            check.wait_for(Option::is_some).await.map_err(|_| Error::Internal("the check did not finish"))?;
        match found.as_deref() {
            None | Some([]) => Ok(()),
            Some(faults) => {
                let messages: Vec<_> = faults.iter().map(|fault| fault.message).collect();
                Err(Error::NotReady(messages.join("; ")))
            }
        }
    }

    /// The running or recent check, or else a new one.
    fn shared_check(self: &Arc<Self>) -> watch::Receiver<Option<Faults>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // A check that ended without a result has panicked.
        let is_under_way =
            |check: &SharedCheck| check.found.borrow().is_none() && check.found.has_changed().is_ok();
        let is_fresh = |check: &SharedCheck| is_under_way(check) || check.begun.elapsed() < LIFETIME;
        if let Some(check) = last.as_ref().filter(|check| is_fresh(check)) {
            return check.found.clone();
        }
        let before = last.as_ref().and_then(|check| check.found.borrow().clone());
        let (sender, found) = watch::channel(None);
        let readiness = Arc::clone(self);
        // The caller may hang up while others wait for the same check.
        tokio::spawn(async move {
            let found = readiness.check_all().await;
            log_changes(before.as_deref().unwrap_or_default(), &found);
            sender.send_replace(Some(found));
        });
        *last = Some(SharedCheck { begun: Instant::now(), found: found.clone() });
        found
    }

    // Decision: docs/decisions/http.md#readyz-checks-by-writing
    async fn check_all(&self) -> Faults {
        let (database, records, disk) = tokio::join!(
            timeout(PATIENCE, self.database.check(self.key_id.clone(), now_ms())),
            timeout(PATIENCE, self.records.check_records()),
            timeout(PATIENCE, self.try_disk()),
        );
        // Records in the server's own database need no separate check.
        let faults = [
            fault_of(database, "Database does not answer", words_of_store),
            fault_of(records, "Directus does not answer", words_of_store),
            fault_of(disk, DISK_HANGS, words_of_disk),
        ];
        faults.into_iter().flatten().collect()
    }

    /// Writes as much to the disk of the data directory as a large record would.
    async fn try_disk(&self) -> io::Result<()> {
        let Some(data_dir) = self.data_dir.clone() else { return Ok(()) };
        let trying = Arc::clone(&self.trying_disk);
        let tried = tokio::task::spawn_blocking(move || {
            // If the lock is taken, an earlier probe hangs, and so would this one.
            let _held = trying.try_lock().map_err(|_| io::ErrorKind::TimedOut)?;
            write_probe(&data_dir)
        });
        tried.await.map_err(io::Error::other)?
    }
}

/// The fault behind a failed result, if any.
fn fault_of<T: Display>(
    answer: Result<Result<(), T>, Elapsed>,
    hangs: &'static str,
    message: fn(&T) -> &'static str,
) -> Option<Fault> {
    match answer {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(Fault { message: message(&error), error: error.to_string() }),
        Err(elapsed) => Some(Fault { message: hangs, error: elapsed.to_string() }),
    }
}

fn words_of_disk(error: &io::Error) -> &'static str {
    // `TimedOut` means that an earlier probe still waits for the disk.
    if error.kind() == io::ErrorKind::TimedOut { DISK_HANGS } else { "Disk full or not writable" }
}

fn words_of_store(error: &StoreError) -> &'static str {
    match error {
        StoreError::Directus(DirectusError::Unavailable) => "Directus unavailable",
        StoreError::Directus(DirectusError::TimedOut) => "Directus does not answer",
        StoreError::Directus(DirectusError::Busy { .. }) => "Directus busy",
        StoreError::Directus(error) if error.is_refusal() => "Directus refuses access",
        StoreError::Directus(_) => "Directus failed",
        StoreError::RetiredKey => "Encryption key retired",
        StoreError::Postgres(fault) if fault.is_disk_full() => "Database disk full",
        _ => "Database unavailable",
    }
}

/// Writes to a file without a name, which disappears when closed.
fn write_probe(directory: &Path) -> io::Result<()> {
    let mut probe = tempfile::tempfile_in(directory)?;
    probe.write_all(&[0; PROBE_BYTES])?;
    probe.sync_data()
}

/// Logs each new fault once, and when all parts work again.
fn log_changes(before: &[Fault], found: &[Fault]) {
    for Fault { message, error } in found {
        if before.iter().all(|known| known.message != *message) {
            tracing::warn!(part = message, error, "not ready");
        }
    }
    if found.is_empty() && !before.is_empty() {
        tracing::info!("ready again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_needs_a_writable_folder_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        write_probe(folder.path()).unwrap();
        assert!(folder.path().read_dir().unwrap().next().is_none());
        assert!(write_probe(&folder.path().join("missing")).is_err());
    }
}
