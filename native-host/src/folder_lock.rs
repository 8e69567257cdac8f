//! A per-folder lock that keeps an export and its sidecar consistent, and protects new files from
//! being removed as abandoned.

use crate::atomic_file;
use crate::error::Error;
use crate::in_use;
use crate::ownership::{self, Closed};
use same_file::Handle;
use stagepass_private_files::{for_owner, open_no_link};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const NAME: &str = ".lock";
/// Writing takes milliseconds; a program that holds the lock longer is stopped or hangs.
const PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 3000 });
const PAUSE: Duration = Duration::from_millis(10);

/// Held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    /// Closing it ends the lock.
    _file: File,
    is_exclusive: bool,
}

/// Creates a private folder if it is missing, and locks it.
pub(crate) fn in_made_folder(folder: &Path) -> Result<Lock, Error> {
    loop {
        atomic_file::make_private_folder(folder)?;
        // A purge can remove the folder before it is locked.
        if let Some(lock) = acquire(folder)? {
            return Ok(lock);
        }
    }
}

/// Waits a while for the folder's lock; `None` if the folder doesn't exist.
pub(crate) fn acquire(folder: &Path) -> Result<Option<Lock>, Error> {
    let path = folder.join(NAME);
    let deadline = Instant::now() + PATIENCE;
    loop {
        ownership::refuse_obstacle(&path)?;
        let file = match in_use::patiently(|| open(&path)) {
            Ok(file) => file,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(fault) => return Err(Error::io("write", &path)(fault)),
        };
        ownership::check_file(&path, &file, Closed::ToAll)?;
        let is_exclusive = wait_for(&file, folder, deadline)?;
        // The former holder may have removed the lock's file. Then this lock is useless, and
        // another host may already hold the new one.
        if !is_exclusive || is_still_at(&path, &file).map_err(Error::io("look at", &path))? {
            return Ok(Some(Lock { path, _file: file, is_exclusive }));
        }
    }
}

/// Waits for the lock. False on a file system without locks (such as some network ones), where
/// renaming still keeps each file whole.
fn wait_for(file: &File, folder: &Path, deadline: Instant) -> Result<bool, Error> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(Error::Busy(folder.to_owned()));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(_)) => return Ok(false),
        }
    }
}

fn is_still_at(path: &Path, file: &File) -> io::Result<bool> {
    match Handle::from_path(path) {
        Ok(there) => Ok(there == Handle::from_file(file.try_clone()?)?),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(fault) => Err(fault),
    }
}

impl Lock {
    /// Whether the file system supports locks, so that nobody else holds it.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.is_exclusive
    }

    /// Removes the lock's file while the lock is still held. Waiting programs notice.
    pub(crate) fn remove_file(&self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(Error::io("remove", &self.path))
    }
}

fn open(path: &Path) -> io::Result<File> {
    open_no_link(path, for_owner(OpenOptions::new().write(true).create(true).truncate(false)))
}
