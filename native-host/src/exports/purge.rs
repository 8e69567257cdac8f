//! Removes every export. Each contains secrets, so a failure with one never keeps the others.

use super::storage::STORAGE_FILE;
use super::{COOKIE_FILE, Exports, SIDECAR, key, remove};
use crate::atomic_file;
use crate::error::Error;
use crate::folder_lock;
use crate::in_use;
use crate::ownership;
use std::fs;
use std::io;

/// The outcome of a purge.
#[derive(Debug, Default)]
pub struct Purged {
    /// How many cookie files were removed.
    pub removed: usize,
    /// What could not be removed, and why.
    pub faults: Vec<Error>,
}

impl Exports {
    /// Removes every export, and the folder unless it contains something else.
    #[must_use]
    pub fn purge(&self) -> Purged {
        let mut purged = Purged::default();
        let outcome = self.purge_into(&mut purged);
        purged.faults.extend(outcome.err());
        purged
    }

    fn purge_into(&self, purged: &mut Purged) -> Result<(), Error> {
        if ownership::folder_metadata(&self.folder)?.is_none() {
            return Ok(());
        }
        let lock = match folder_lock::acquire(&self.folder) {
            Ok(Some(lock)) => Some(lock),
            Ok(None) => return Ok(()),
            Err(busy @ Error::Busy(_)) => return Err(busy),
            // A folder that this host can't lock can't be written to by others either.
            Err(fault) => {
                purged.faults.push(fault);
                None
            }
        };
        for name in self.file_names()? {
            let is_cookie_file = key::stem_of(&name, COOKIE_FILE).is_some();
            let is_beside =
                [SIDECAR, STORAGE_FILE].iter().any(|ending| key::stem_of(&name, ending).is_some());
            if is_cookie_file || is_beside || atomic_file::is_temporary(&name) {
                match remove(&self.folder.join(&name)) {
                    Ok(was_there) => purged.removed += usize::from(is_cookie_file && was_there),
                    Err(fault) => purged.faults.push(fault),
                }
            }
        }
        // Some systems remove a file only when it is closed, which happens here.
        if let Some(lock) = lock {
            lock.remove_file()?;
        }
        self.remove_folder()
    }

    fn remove_folder(&self) -> Result<(), Error> {
        match in_use::patiently(|| fs::remove_dir(&self.folder)) {
            // The folder still contains other files, files that could not be removed or another
            // host's lock, or another purge was faster.
            Err(fault)
                if matches!(fault.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) =>
            {
                Ok(())
            }
            outcome => outcome.map_err(Error::io("remove", &self.folder)),
        }
    }
}
