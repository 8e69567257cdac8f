//! Whether this server should be sent requests: it is not about to stop, and each part
//! that it needs does what it should. Anybody may ask, so a look is shared by all who ask
//! within a second, and they learn which part is at fault and no more.

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

/// How long what was found is believed.
const LIFETIME: Duration = Duration::from_secs(1);
/// How long a part may take to answer: all are asked at once, and whoever polls has the
/// answer within two seconds.
const PATIENCE: Duration = Duration::from_millis(1500);
/// What is written to see whether the disk has room: more than what is left over in pages
/// and blocks that are used already.
const PROBE_BYTES: usize = 64 * 1024;

const DISK_HANGS: &str = "Disk does not answer";

/// What a server that serves knows of itself.
#[derive(Debug)]
pub(crate) struct Readiness {
    database: Arc<dyn Database>,
    records: Arc<dyn Records>,
    /// The id of the key that is sealed with.
    key_id: String,
    is_draining: AtomicBool,
    /// Where a database of the server's own is, whose disk must have room.
    data_dir: Option<PathBuf>,
    /// Held while that is tried, so that a disk that hangs holds one thread.
    trying_disk: Arc<Mutex<()>>,
    last: Mutex<Option<Look>>,
}

/// A look at all parts, under way or over.
#[derive(Debug)]
struct Look {
    begun: Instant,
    found: watch::Receiver<Option<Found>>,
}

/// What is not ready.
type Found = Arc<[Fault]>;

/// A part that does not do what it should.
#[derive(Clone, Debug)]
struct Fault {
    /// What anybody is told.
    words: &'static str,
    /// What the log is told.
    error: String,
}

impl Readiness {
    /// Of a server that seals with this key, and keeps a database in `data_dir`, if it does.
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

    /// From now on the server is about to stop: nobody should send it more, and each
    /// answer ends its connection.
    pub(crate) fn begin_draining(&self) {
        self.is_draining.store(true, Ordering::Release);
    }

    /// Whether it is about to stop.
    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }

    /// Whether requests should be sent here.
    pub(crate) async fn check(self: &Arc<Self>) -> Result<(), Error> {
        if self.is_draining() {
            return Err(Error::NotReady("draining".to_owned()));
        }
        let mut look = self.look();
        // It ends by itself, unless it panics.
        let found = look.wait_for(Option::is_some).await.map_err(|_| Error::Internal("no look was taken"))?;
        match found.as_deref() {
            None | Some([]) => Ok(()),
            Some(faults) => {
                let words: Vec<_> = faults.iter().map(|fault| fault.words).collect();
                Err(Error::NotReady(words.join("; ")))
            }
        }
    }

    /// The look that is under way or was begun just now; another one where there is none.
    fn look(self: &Arc<Self>) -> watch::Receiver<Option<Found>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // One that ended without an answer has panicked.
        let is_under_way = |look: &Look| look.found.borrow().is_none() && look.found.has_changed().is_ok();
        let is_fresh = |look: &Look| is_under_way(look) || look.begun.elapsed() < LIFETIME;
        if let Some(look) = last.as_ref().filter(|look| is_fresh(look)) {
            return look.found.clone();
        }
        let before = last.as_ref().and_then(|look| look.found.borrow().clone());
        let (sender, found) = watch::channel(None);
        let readiness = Arc::clone(self);
        // Whoever asks may hang up, and others wait for the same look.
        tokio::spawn(async move {
            let found = readiness.look_at_all().await;
            tell_changes(before.as_deref().unwrap_or_default(), &found);
            sender.send_replace(Some(found));
        });
        *last = Some(Look { begun: Instant::now(), found: found.clone() });
        found
    }

    async fn look_at_all(&self) -> Found {
        let (database, records, disk) = tokio::join!(
            timeout(PATIENCE, self.database.check(self.key_id.clone(), now_ms())),
            timeout(PATIENCE, self.records.check_records()),
            timeout(PATIENCE, self.try_disk()),
        );
        // Records that are in the own database are not asked for.
        let faults = [
            judge(database, "Database does not answer", words_of_store),
            judge(records, "Directus does not answer", words_of_store),
            judge(disk, DISK_HANGS, words_of_disk),
        ];
        faults.into_iter().flatten().collect()
    }

    /// Writes to the disk of the data directory as a large record would.
    async fn try_disk(&self) -> io::Result<()> {
        let Some(data_dir) = self.data_dir.clone() else { return Ok(()) };
        let trying = Arc::clone(&self.trying_disk);
        let tried = tokio::task::spawn_blocking(move || {
            // Who holds it waits for the disk, and so would this.
            let _held = trying.try_lock().map_err(|_| io::ErrorKind::TimedOut)?;
            write_probe(&data_dir)
        });
        tried.await.map_err(io::Error::other)?
    }
}

/// The fault that an answer tells of, if it does.
fn judge<T: Display>(
    answer: Result<Result<(), T>, Elapsed>,
    hangs: &'static str,
    words: fn(&T) -> &'static str,
) -> Option<Fault> {
    match answer {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(Fault { words: words(&error), error: error.to_string() }),
        Err(elapsed) => Some(Fault { words: hangs, error: elapsed.to_string() }),
    }
}

fn words_of_disk(error: &io::Error) -> &'static str {
    // An earlier look still waits for it.
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

/// Into a file without a name, which is gone when it is closed.
fn write_probe(directory: &Path) -> io::Result<()> {
    let mut probe = tempfile::tempfile_in(directory)?;
    probe.write_all(&[0; PROBE_BYTES])?;
    probe.sync_data()
}

/// Once for each change, however often somebody polls.
fn tell_changes(before: &[Fault], found: &[Fault]) {
    for Fault { words, error } in found {
        if before.iter().all(|known| known.words != *words) {
            tracing::warn!(part = words, error, "not ready");
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
    fn a_probe_needs_a_folder_that_can_be_written_to_and_leaves_nothing_there() {
        let folder = tempfile::tempdir().unwrap();
        write_probe(folder.path()).unwrap();
        assert!(folder.path().read_dir().unwrap().next().is_none());
        assert!(write_probe(&folder.path().join("missing")).is_err());
    }
}
