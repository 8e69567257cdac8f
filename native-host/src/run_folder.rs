//! Where the host keeps what goes with a run, such as sockets and yt-dlp's copies: below
//! its own folder or, where that can't be written to, below the user's runtime folder.
//! Knows nothing of what is in there.

use crate::atomic_file;
use crate::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// Where the folder `name` may be, the usual place first.
pub(crate) fn places(host_dir: &Path, name: &str) -> Vec<PathBuf> {
    // One that can't be trusted is not looked into.
    let elsewhere = elsewhere(host_dir).ok().flatten();
    [Some(host_dir.to_owned()), elsewhere].into_iter().flatten().map(|folder| folder.join(name)).collect()
}

/// Does something with the folder `name` at the first place where that is possible.
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
                // Neither hides the other.
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

/// There is no such folder here.
#[cfg(not(unix))]
pub(crate) fn elsewhere(_host_dir: &Path) -> Result<Option<PathBuf>, Error> {
    Ok(None)
}

#[cfg(unix)]
mod unix {
    use super::{Error, Path, PathBuf};
    use crate::own_place::{self, Closed};
    use rustix::fs::StatVfsMountFlags;
    use sha2::{Digest, Sha256};

    /// The environment variable that names the user's runtime folder.
    pub(crate) const VARIABLE: &str = "XDG_RUNTIME_DIR";

    /// The place below the user's runtime folder, which is this host folder's alone. That of
    /// a program without the variable, or whose variable names no such folder, is where
    /// systemd has it.
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

    /// Whether a runtime folder is there, this user's and closed to all others, as its
    /// specification demands: in a shared one anybody could be first with a name of ours.
    fn is_own(folder: &Path) -> Result<bool, Error> {
        match own_place::look_at_folder(folder)? {
            None => Ok(false),
            Some(metadata) => own_place::check(folder, &metadata, Closed::ToAll).map(|()| true),
        }
    }

    /// Whether the folder, or the nearest one above it that is there, is on a file system
    /// that is mounted for reading alone.
    pub(crate) fn is_read_only(folder: &Path) -> bool {
        let found = folder.ancestors().find_map(|folder| rustix::fs::statvfs(folder).ok());
        found.is_some_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY))
    }
}
