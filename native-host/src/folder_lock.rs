//! One writer at a time in a folder, so that files that belong together always
//! do, and none is taken for abandoned that is only just being made.

use crate::atomic_file;
use crate::error::Error;
use crate::own_place::{self, Closed};
use same_file::Handle;
use stagepass_private_files::{for_owner, open_no_link};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const NAME: &str = ".lock";
/// Writing takes milliseconds; who holds the lock longer is stopped or hangs.
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

/// The lock of a private folder that is made where it is missing.
pub(crate) fn in_made_folder(folder: &Path) -> Result<Lock, Error> {
    loop {
        atomic_file::make_private_folder(folder)?;
        // A purge can take the folder away before it is locked.
        if let Some(lock) = acquire(folder)? {
            return Ok(lock);
        }
    }
}

/// Waits for the folder's lock, for a while; `None` where the folder is not
/// there (any more).
pub(crate) fn acquire(folder: &Path) -> Result<Option<Lock>, Error> {
    let path = folder.join(NAME);
    let deadline = Instant::now() + PATIENCE;
    loop {
        own_place::refuse_obstacle(&path)?;
        let file = match open(&path) {
            Ok(file) => file,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(fault) => return Err(Error::io("write", &path)(fault)),
        };
        own_place::check_file(&path, &file, Closed::ToAll)?;
        let is_exclusive = wait_for(&file, folder, deadline)?;
        // Who held the lock before may have taken its file away. Then this one
        // is the lock of nothing, and another host can already hold the new one.
        if !is_exclusive || leads_to(&path, &file).map_err(Error::io("look at", &path))? {
            return Ok(Some(Lock { path, _file: file, is_exclusive }));
        }
    }
}

/// Whether the lock was got in time, or false on a file system without locks
/// (some network ones): renaming still keeps each file whole there.
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

fn leads_to(path: &Path, file: &File) -> io::Result<bool> {
    match Handle::from_path(path) {
        Ok(there) => Ok(there == Handle::from_file(file.try_clone()?)?),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(fault) => Err(fault),
    }
}

impl Lock {
    /// Whether the file system really gave a lock.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.is_exclusive
    }

    /// Takes the lock's file away while the lock is still held. Who waits for
    /// it will notice.
    pub(crate) fn remove_file(&self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(Error::io("remove", &self.path))
    }
}

fn open(path: &Path) -> io::Result<File> {
    open_no_link(path, for_owner(OpenOptions::new().write(true).create(true).truncate(false)))
}
