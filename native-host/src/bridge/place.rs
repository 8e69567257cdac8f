//! Where the sockets are: a folder that is this user's alone, below the host's
//! own, since that is the one that the browser's program and a person's are
//! sure to agree on (a browser has an environment of its own).

use crate::atomic_file;
use crate::error::Error;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use tempfile::TempPath;

const FOLDER: &str = "run";
const PREFIX: &str = "browser-";
/// What a socket is called that nobody listens at yet: who found it under its
/// final name would take it for a dead one.
const UNFINISHED: &str = ".new";
const SUFFIX: &str = ".sock";
/// The most sockets that are looked at: nobody runs that many browsers.
const MAX_SOCKETS: usize = 64;

/// The folder of sockets.
#[derive(Clone, Debug)]
pub(super) struct Place {
    folder: PathBuf,
}

impl Place {
    pub(super) fn new(host_dir: &Path) -> Self {
        Self { folder: host_dir.join(FOLDER) }
    }

    /// Listens at a new socket, whose file goes away with the path that is
    /// given back.
    pub(super) fn listen(&self) -> Result<(UnixListener, TempPath), Error> {
        atomic_file::make_private_folder(&self.folder)?;
        let bound = tempfile::Builder::new()
            .prefix(PREFIX)
            .suffix(UNFINISHED)
            .make_in(&self.folder, |path| UnixListener::bind(path));
        let (listener, unfinished) = bound.map_err(|fault| self.bind_fault(fault))?.into_parts();
        let path = unfinished.with_extension(SUFFIX.trim_start_matches('.'));
        let publish = || {
            fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600))?;
            fs::rename(&unfinished, &path)?;
            TempPath::try_from_path(&path)
        };
        let path = publish().map_err(Error::io("listen at", &path))?;
        Ok((listener, path))
    }

    fn bind_fault(&self, fault: io::Error) -> Error {
        match fault.kind() {
            io::ErrorKind::InvalidInput => Error::SocketPathTooLong(self.folder.clone()),
            _ => Error::io("listen in", &self.folder)(fault),
        }
    }

    /// The sockets that are there, none where the folder is not. Links, and
    /// what belongs to somebody else, are passed over.
    pub(super) fn sockets(&self) -> Result<Vec<PathBuf>, Error> {
        if !atomic_file::folder_is_there(&self.folder)? {
            return Ok(Vec::new());
        }
        atomic_file::refuse_foreign_folder(&self.folder)?;
        let entries = fs::read_dir(&self.folder).map_err(Error::io("read", &self.folder))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let ours = names.filter(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        let paths = ours.map(|name| self.folder.join(name)).filter(|path| is_own_socket(path));
        Ok(paths.take(MAX_SOCKETS).collect())
    }
}

fn is_own_socket(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|metadata| metadata.file_type().is_socket() && metadata.uid() == our_uid())
}

/// Takes away a socket that nobody listens at any more. That somebody else was
/// faster is no fault.
pub(super) fn remove_dead(path: &Path) {
    let _ = fs::remove_file(path);
}

/// The user that this program acts as.
pub(super) fn our_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
