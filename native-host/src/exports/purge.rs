//! Taking every export away. Each holds secrets, so a fault with one never
//! keeps the others.

use super::{COOKIE_FILE, Exports, SIDECAR, key, remove};
use crate::atomic_file;
use crate::error::Error;
use crate::folder_lock;
use crate::own_place;
use std::fs;
use std::io;

/// What became of the exports.
#[derive(Debug, Default)]
pub struct Purged {
    /// How many cookie files were taken away.
    pub removed: usize,
    /// What could not be taken away, and why.
    pub faults: Vec<Error>,
}

impl Exports {
    /// Takes every export away, and the folder unless something else is in it.
    #[must_use]
    pub fn purge(&self) -> Purged {
        let mut purged = Purged::default();
        let outcome = self.purge_into(&mut purged);
        purged.faults.extend(outcome.err());
        purged
    }

    fn purge_into(&self, purged: &mut Purged) -> Result<(), Error> {
        if own_place::look_at_folder(&self.folder)?.is_none() {
            return Ok(());
        }
        let lock = match folder_lock::acquire(&self.folder) {
            Ok(Some(lock)) => Some(lock),
            Ok(None) => return Ok(()),
            Err(busy @ Error::Busy(_)) => return Err(busy),
            // What keeps this host from locking keeps others from writing.
            Err(fault) => {
                purged.faults.push(fault);
                None
            }
        };
        for name in self.file_names()? {
            let is_cookie_file = key::stem_of(&name, COOKIE_FILE).is_some();
            let is_sidecar = key::stem_of(&name, SIDECAR).is_some();
            if is_cookie_file || is_sidecar || atomic_file::is_temporary(&name) {
                match remove(&self.folder.join(&name)) {
                    Ok(was_there) => purged.removed += usize::from(is_cookie_file && was_there),
                    Err(fault) => purged.faults.push(fault),
                }
            }
        }
        // Some systems take a file away only when it is closed: here, at the latest.
        if let Some(lock) = lock {
            lock.remove_file()?;
        }
        self.remove_folder()
    }

    fn remove_folder(&self) -> Result<(), Error> {
        match fs::remove_dir(&self.folder) {
            // Something foreign is in it, what could not be taken away, or the
            // lock of a host that goes on; or another purge was faster.
            Err(fault)
                if matches!(fault.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) =>
            {
                Ok(())
            }
            outcome => outcome.map_err(Error::io("remove", &self.folder)),
        }
    }
}
