//! Folders for the files of running programs, such as sockets and the private files of runs: below the
//! host's folder or, if that is not writable, below the user's runtime folder. Knows nothing of
//! their contents.

use crate::atomic_file;
use crate::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// Where the folder `name` may be, the usual one first.
// Decision: docs/decisions/bridge.md#the-bridges-socket-is-below-the-hosts-own-folder
pub(crate) fn locations(host_dir: &Path, name: &str) -> Vec<PathBuf> {
    // A runtime folder that can't be trusted is ignored.
    let elsewhere = elsewhere(host_dir).ok().flatten();
    [Some(host_dir.to_owned()), elsewhere].into_iter().flatten().map(|folder| folder.join(name)).collect()
}

/// Calls `act` with the first writable location of the folder `name`.
pub(crate) fn in_writable<T>(
    host_dir: &Path,
    name: &str,
    act: impl Fn(&Path) -> Result<T, Error>,
) -> Result<T, Error> {
    match act(&host_dir.join(name)) {
        Err(fault) if is_unwritable(&fault) => {
            let there = |folder: PathBuf| {
                atomic_file::make_private_folder(&folder)?;
                act(&folder.join(name))
            };
            match elsewhere(host_dir).and_then(|folder| folder.map(there).transpose()) {
                Ok(Some(done)) => Ok(done),
                Ok(None) => Err(Error::NoRunFolder(Box::new(fault))),
                // Report both errors.
                Err(second) => Err(Error::NeitherRunFolder(Box::new(fault), Box::new(second))),
            }
        }
        done => done,
    }
}

fn is_unwritable(fault: &Error) -> bool {
    let Error::Io { source, .. } = fault else { return false };
    matches!(source.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
}

#[cfg(unix)]
pub(crate) use unix::{VARIABLE, elsewhere, is_read_only};

/// Windows has no runtime folder.
#[cfg(not(unix))]
pub(crate) fn elsewhere(_host_dir: &Path) -> Result<Option<PathBuf>, Error> {
    Ok(None)
}

#[cfg(unix)]
mod unix {
    use super::{Error, Path, PathBuf};
    use crate::ownership::{self, Closed};
    use rustix::fs::StatVfsMountFlags;
    use sha2::{Digest, Sha256};

    /// The environment variable that names the user's runtime folder.
    pub(crate) const VARIABLE: &str = "XDG_RUNTIME_DIR";

    /// The folder below the user's runtime folder that belongs to this host folder. Without a usable
    /// `XDG_RUNTIME_DIR`, systemd's `/run/user/UID` is the runtime folder.
    pub(crate) fn elsewhere(host_dir: &Path) -> Result<Option<PathBuf>, Error> {
        let named = std::env::var_os(VARIABLE).map(PathBuf::from).filter(|named| named.is_absolute());
        let uid = rustix::process::geteuid().as_raw();
        let usual = PathBuf::from(format!("/run/user/{uid}"));
        let found = named.iter().chain([&usual]).find(|folder| matches!(is_own(folder), Ok(true)));
        let Some(runtime) = found else {
            let unfit = named.filter(|named| is_own(named).is_err());
            return unfit.map_or(Ok(None), |named| Err(Error::NoRuntimeFolder(named)));
        };
        let mut name = hex::encode(Sha256::digest(host_dir.as_os_str().as_encoded_bytes()));
        name.truncate(16);
        Ok(Some(runtime.join(format!("stagepass-{name}"))))
    }

    /// Whether a runtime folder exists, and is this user's and private, as its specification demands:
    /// in a shared one anybody could create our folder first.
    fn is_own(folder: &Path) -> Result<bool, Error> {
        match ownership::folder_metadata(folder)? {
            None => Ok(false),
            Some(metadata) => ownership::check(folder, &metadata, Closed::ToAll).map(|()| true),
        }
    }

    /// Whether the folder, or its nearest existing parent, is on a read-only file system.
    pub(crate) fn is_read_only(folder: &Path) -> bool {
        let found = folder.ancestors().find_map(|folder| rustix::fs::statvfs(folder).ok());
        found.is_some_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY))
    }
}
