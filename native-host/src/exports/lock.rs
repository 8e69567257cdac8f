//! One writer at a time in the folder of exports, so that a cookie file and its
//! sidecar always belong together.

use crate::atomic_file;
use crate::error::Error;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const NAME: &str = ".lock";
/// Writing takes milliseconds; who holds the lock longer is stopped or hangs.
const PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 10_000 });
const PAUSE: Duration = Duration::from_millis(10);

/// Held until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    /// Closing it ends the lock.
    _file: File,
    is_exclusive: bool,
}

/// Waits for the folder's lock, for a while.
pub(super) fn acquire(folder: &Path) -> Result<Lock, Error> {
    let path = folder.join(NAME);
    atomic_file::refuse_obstacle(&path)?;
    let file = open(&path).map_err(Error::io("write", &path))?;
    let deadline = Instant::now() + PATIENCE;
    let is_exclusive = loop {
        match file.try_lock() {
            Ok(()) => break true,
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(Error::Busy(folder.to_owned()));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            // A file system without locks (some network ones): renaming still
            // keeps each file whole.
            Err(TryLockError::Error(_)) => break false,
        }
    };
    Ok(Lock { path, _file: file, is_exclusive })
}

impl Lock {
    /// Whether the file system really gave a lock.
    pub(super) fn is_exclusive(&self) -> bool {
        self.is_exclusive
    }

    /// Takes the lock file away with the folder's other contents.
    pub(super) fn remove(self) -> Result<(), Error> {
        let Self { path, _file: file, .. } = self;
        drop(file);
        fs::remove_file(&path).map_err(Error::io("remove", &path))
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}
