//! Whether a folder or file of the host's is its user's, and nobody else's to change:
//! the one look at owner and mode, and reading that follows no link. Knows nothing of
//! what is in them.
//!
//! On Windows the folder that a file is in decides who may do what with it.

use crate::error::Error;
use crate::host_dir;
use stagepass_private_files::open_no_link;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// What nobody else may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// Write to it.
    ToWriting,
    /// Write to it or read it.
    ToAll,
}

/// Whether a private folder is there, and this user's; so must be the host's own, in
/// which it is.
pub(crate) fn folder_is_there(folder: &Path) -> Result<bool, Error> {
    folder.parent().map_or(Ok(()), check_host_dir)?;
    match look_at_folder(folder)? {
        None => Ok(false),
        Some(metadata) => check(folder, &metadata, Closed::ToWriting).map(|()| true),
    }
}

/// Whether the host's own folder, and the one above it that was made with it, can be
/// trusted with those below: nobody else may put other ones in their place. One that
/// is missing can.
pub(crate) fn check_host_dir(host_dir: &Path) -> Result<(), Error> {
    for folder in host_dir::own_folders(host_dir) {
        if let Some(metadata) = look_at_folder(folder)? {
            check_shared(folder, &metadata)?;
        }
    }
    Ok(())
}

/// Refuses everything but a plain file, or nothing, at `path`: writing through
/// a symbolic link would put secrets where somebody else chose.
pub(crate) fn refuse_obstacle(path: &Path) -> Result<(), Error> {
    let what = match fs::symlink_metadata(path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(fault) => return Err(Error::io("look at", path)(fault)),
        Ok(metadata) if metadata.is_file() => return Ok(()),
        Ok(metadata) if metadata.is_symlink() => "a symbolic link",
        Ok(metadata) if metadata.is_dir() => "a folder",
        Ok(_) => "no plain file",
    };
    Err(Error::InTheWay { path: path.to_owned(), what })
}

/// The file's content; `None` where there is none.
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

/// Whether an open file is a plain one, and this user's.
pub(crate) fn check_file(path: &Path, file: &File, closed: Closed) -> Result<(), Error> {
    let metadata = file.metadata().map_err(Error::io("look at", path))?;
    if !metadata.is_file() {
        return Err(Error::InTheWay { path: path.to_owned(), what: "no plain file" });
    }
    check(path, &metadata, closed)
}

/// The folder, if it is there; anything else in its place is refused.
pub(crate) fn look_at_folder(path: &Path) -> Result<Option<Metadata>, Error> {
    let what = match fs::symlink_metadata(path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(Error::io("look at", path)(fault)),
        Ok(metadata) if metadata.is_dir() => return Ok(Some(metadata)),
        Ok(metadata) if metadata.is_symlink() => "a symbolic link",
        Ok(_) => "no folder",
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

    /// Whether what is at `path` is this user's, and closed to others.
    pub(crate) fn check(path: &Path, metadata: &Metadata, closed: Closed) -> Result<(), Error> {
        check_owner(path, metadata)?;
        check_mode(path, metadata, closed)
    }

    fn check_mode(path: &Path, metadata: &Metadata, closed: Closed) -> Result<(), Error> {
        let mode = metadata.mode() & 0o7777;
        let (forbidden, may) = match closed {
            Closed::ToWriting => (0o022, "others may write to it"),
            Closed::ToAll => (0o077, "it is open to others"),
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

    /// The same for a folder that may be shared, as `/tmp` is: of what is in it, others
    /// can't replace what is this user's.
    pub(crate) fn check_shared(folder: &Path, metadata: &Metadata) -> Result<(), Error> {
        if metadata.uid() != ROOT {
            check_owner(folder, metadata)?;
        }
        if metadata.mode() & STICKY == 0 { check_mode(folder, metadata, Closed::ToWriting) } else { Ok(()) }
    }

    /// Whether what is at `path` is this user's.
    pub(crate) fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), Error> {
        let (owner, own) = (metadata.uid(), rustix::process::geteuid().as_raw());
        if owner == own {
            return Ok(());
        }
        let path = path.to_owned();
        let remedy = format!(
            "Move it away, and the host makes its own; or if you know all that is in it, run: sudo chown -R {own} {}",
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
