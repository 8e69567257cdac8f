//! Checks that the host's folders and files belong to the user and are closed to others, by owner
//! and mode, and reads files without following links. Knows nothing of their contents.
//!
//! On Windows a file has the permissions of its folder.

use crate::error::Error;
use crate::host_dir;
use stagepass_private_files::open_no_link;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// What other users must not be able to do with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// Write.
    ToWriting,
    /// Write or read.
    ToAll,
}

/// Whether a private folder exists. It and the host's folder, in which it is, must be this user's.
pub(crate) fn folder_is_there(folder: &Path) -> Result<bool, Error> {
    folder.parent().map_or(Ok(()), check_host_dir)?;
    match folder_metadata(folder)? {
        None => Ok(false),
        Some(metadata) => check(folder, &metadata, Closed::ToWriting).map(|()| true),
    }
}

/// Checks that nobody else can replace the contents of the host's folder, and of its parent if that
/// belongs to the host too. Missing folders pass.
pub(crate) fn check_host_dir(host_dir: &Path) -> Result<(), Error> {
    for folder in host_dir::own_folders(host_dir) {
        if let Some(metadata) = folder_metadata(folder)? {
            check_shared(folder, &metadata)?;
        }
    }
    Ok(())
}

/// Refuses anything at `path` but a regular file or nothing: writing through a symbolic link would
/// put secrets where somebody else chose.
pub(crate) fn refuse_obstacle(path: &Path) -> Result<(), Error> {
    let what = match fs::symlink_metadata(path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(fault) => return Err(Error::io("look at", path)(fault)),
        Ok(metadata) if metadata.is_file() => return Ok(()),
        Ok(metadata) if metadata.is_symlink() => "a symbolic link",
        Ok(metadata) if metadata.is_dir() => "a folder",
        Ok(_) => "not a regular file",
    };
    Err(Error::InTheWay { path: path.to_owned(), what })
}

/// The file's content; `None` if it doesn't exist.
pub(crate) fn read(path: &Path, closed: Closed) -> Result<Option<Vec<u8>>, Error> {
    refuse_obstacle(path)?;
    let mut file = match open_no_link(path, OpenOptions::new().read(true)) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(Error::io("read", path))?,
    };
    check_file(path, &file, closed)?;
    let mut content = Vec::new();
    file.read_to_end(&mut content).map_err(Error::io("read", path))?;
    Ok(Some(content))
}

/// Checks that an open file is a regular one of this user.
pub(crate) fn check_file(path: &Path, file: &File, closed: Closed) -> Result<(), Error> {
    let metadata = file.metadata().map_err(Error::io("look at", path))?;
    if !metadata.is_file() {
        return Err(Error::InTheWay { path: path.to_owned(), what: "not a regular file" });
    }
    check(path, &metadata, closed)
}

/// The folder's metadata, if it exists; refuses anything else at its path.
pub(crate) fn folder_metadata(path: &Path) -> Result<Option<Metadata>, Error> {
    let what = match fs::symlink_metadata(path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(Error::io("look at", path)(fault)),
        Ok(metadata) if metadata.is_dir() => return Ok(Some(metadata)),
        Ok(metadata) if metadata.is_symlink() => "a symbolic link",
        Ok(_) => "not a folder",
    };
    Err(Error::InTheWay { path: path.to_owned(), what })
}

#[cfg(unix)]
pub(crate) use unix::{check, check_owner, check_shared};

#[cfg(unix)]
mod unix {
    use super::{Closed, Error, Metadata, Path};
    use crate::shell::quoted;
    use std::os::unix::fs::MetadataExt;

    const STICKY: u32 = 0o1000;
    const ROOT: u32 = 0;

    /// Checks that `path` belongs to this user and is closed to others.
    // Decision: docs/decisions/bridge.md#one-function-checks-owner-and-mode
    pub(crate) fn check(path: &Path, metadata: &Metadata, closed: Closed) -> Result<(), Error> {
        check_owner(path, metadata)?;
        check_mode(path, metadata, closed)
    }

    fn check_mode(path: &Path, metadata: &Metadata, closed: Closed) -> Result<(), Error> {
        let mode = metadata.mode() & 0o7777;
        let (forbidden, may) = match closed {
            Closed::ToWriting => (0o022, "others can write to it"),
            Closed::ToAll => (0o077, "others can access it"),
        };
        if mode & forbidden == 0 {
            return Ok(());
        }
        let closing = if metadata.is_dir() { "700" } else { "600" };
        Err(Error::Exposed {
            path: path.to_owned(),
            fault: format!("{may} (mode {mode:04o})"),
            remedy: format!("Run: chmod {closing} {}", quoted(path)),
        })
    }

    /// The same for a folder that may be shared like `/tmp`: others must not be able to replace
    /// this user's files in it.
    pub(crate) fn check_shared(folder: &Path, metadata: &Metadata) -> Result<(), Error> {
        if metadata.uid() != ROOT {
            check_owner(folder, metadata)?;
        }
        if metadata.mode() & STICKY == 0 { check_mode(folder, metadata, Closed::ToWriting) } else { Ok(()) }
    }

    /// Checks that `path` belongs to this user.
    pub(crate) fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), Error> {
        let (owner, own) = (metadata.uid(), rustix::process::geteuid().as_raw());
        if owner == own {
            return Ok(());
        }
        let path = path.to_owned();
        let remedy = format!(
            "Move it away, and the host creates its own; or, if you trust its contents, run: sudo chown -R {own} {}",
            quoted(&path)
        );
        Err(Error::Exposed { path, fault: format!("it belongs to another user (id {owner})"), remedy })
    }
}

#[cfg(not(unix))]
pub(crate) fn check(_path: &Path, _metadata: &Metadata, _closed: Closed) -> Result<(), Error> {
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn check_owner(_path: &Path, _metadata: &Metadata) -> Result<(), Error> {
    Ok(())
}

#[cfg(not(unix))]
fn check_shared(_folder: &Path, _metadata: &Metadata) -> Result<(), Error> {
    Ok(())
}
