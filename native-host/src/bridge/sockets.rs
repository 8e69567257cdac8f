//! The folder of sockets: a private folder below the host's folder, which the browser's program
//! and a person's commands both know although their environments differ. If it is not
//! writable, the sockets are below the user's runtime folder.

use super::transport::{self, Listener};
use crate::atomic_file;
use crate::complain;
use crate::error::Error;
use crate::ownership;
use crate::run_folder;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempPath;

const FOLDER: &str = "run";
const PREFIX: &str = "browser-";
/// How many sockets are looked at; more than anybody's browsers.
const MAX_SOCKETS: usize = 64;

/// The folder of sockets.
#[derive(Clone, Debug)]
pub(super) struct SocketFolder {
    host_dir: PathBuf,
}

impl SocketFolder {
    pub(super) fn new(host_dir: &Path) -> Self {
        Self { host_dir: host_dir.to_owned() }
    }

    /// The folder's path, unless the host's folder is not writable.
    pub(super) fn path(&self) -> PathBuf {
        self.host_dir.join(FOLDER)
    }

    /// Listens at a new socket. Its file is removed when the returned path is dropped. Call it
    /// within a runtime.
    pub(super) fn listen(&self) -> Result<(Listener, TempPath), Error> {
        run_folder::in_writable(&self.host_dir, FOLDER, |folder| {
            atomic_file::make_private_folder(folder)?;
            transport::listen(folder, PREFIX).map_err(|fault| match fault.kind() {
                io::ErrorKind::InvalidInput => Error::SocketPathTooLong(folder.to_owned()),
                _ => Error::io("listen in", folder)(fault),
            })
        })
    }

    /// The existing sockets. Skips links and other users' sockets.
    pub(super) fn sockets(&self) -> Result<Vec<PathBuf>, Error> {
        let folders = run_folder::locations(&self.host_dir, FOLDER);
        let mut found = sockets_in(&folders[0])?;
        for folder in &folders[1..] {
            // A fault elsewhere doesn't affect the sockets in the usual folder.
            match sockets_in(folder) {
                Ok(others) => found.extend(others),
                Err(fault) => complain(&format_args!("note: {fault}")),
            }
        }
        found.truncate(MAX_SOCKETS);
        Ok(found)
    }
}

fn sockets_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if !ownership::folder_is_there(folder)? {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let ours = names.filter(|name| name.starts_with(PREFIX) && name.ends_with(transport::SUFFIX));
    let paths = ours.map(|name| folder.join(name)).filter(|path| transport::is_own_socket(path));
    Ok(paths.take(MAX_SOCKETS).collect())
}

/// Removes a dead socket. Another program may have been faster, so a failure is ignored.
pub(super) fn remove_dead(path: &Path) {
    let _ = fs::remove_file(path);
}
