//! Where the sockets are: a folder that is this user's alone, below the host's
//! own, since that is the one that the browser's program and a person's are
//! sure to agree on (a browser has an environment of its own). Where it can't be
//! written to, they are below the user's runtime folder, and looked for there as well.

use super::transport::{self, Listener};
use crate::atomic_file;
use crate::complain;
use crate::error::Error;
use crate::own_place;
use crate::run_folder;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempPath;

const FOLDER: &str = "run";
const PREFIX: &str = "browser-";
/// The most sockets that are looked at: nobody runs that many browsers.
const MAX_SOCKETS: usize = 64;

/// The folder of sockets.
#[derive(Clone, Debug)]
pub(super) struct Place {
    host_dir: PathBuf,
}

impl Place {
    pub(super) fn new(host_dir: &Path) -> Self {
        Self { host_dir: host_dir.to_owned() }
    }

    /// Where it is meant to be.
    pub(super) fn folder(&self) -> PathBuf {
        self.host_dir.join(FOLDER)
    }

    /// Listens at a new socket, whose file goes away with the path that is
    /// given back. Only within a runtime.
    pub(super) fn listen(&self) -> Result<(Listener, TempPath), Error> {
        run_folder::in_writable(&self.host_dir, FOLDER, |folder| {
            atomic_file::make_private_folder(folder)?;
            transport::listen(folder, PREFIX).map_err(|fault| match fault.kind() {
                io::ErrorKind::InvalidInput => Error::SocketPathTooLong(folder.to_owned()),
                _ => Error::io("listen in", folder)(fault),
            })
        })
    }

    /// The sockets that are there, none where the folder is not. Links, and
    /// what belongs to somebody else, are passed over.
    pub(super) fn sockets(&self) -> Result<Vec<PathBuf>, Error> {
        let places = run_folder::places(&self.host_dir, FOLDER);
        let mut found = sockets_in(&places[0])?;
        for folder in &places[1..] {
            // What is wrong elsewhere disturbs nothing that is in the usual place.
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
    if !own_place::folder_is_there(folder)? {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let ours = names.filter(|name| name.starts_with(PREFIX) && name.ends_with(transport::SUFFIX));
    let paths = ours.map(|name| folder.join(name)).filter(|path| transport::is_own_socket(path));
    Ok(paths.take(MAX_SOCKETS).collect())
}

/// Takes away a socket that nobody listens at any more. That somebody else was
/// faster is no fault.
pub(super) fn remove_dead(path: &Path) {
    let _ = fs::remove_file(path);
}
