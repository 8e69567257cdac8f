//! Replaced cookies that a server could not take yet: it takes them once a minute, and may be away.
//! They are kept for the next run, which would begin with cookies that the platform accepts no more.

use super::{HandedOut, Server, ServerFault};
use crate::atomic_file::{self, Access};
use crate::error::Error;
use crate::ownership::{self, Closed};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stagepass_core::cookie::Cookie;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;
use zeroize::Zeroizing;

const FOLDER: &str = "unsent";

/// The cookies of one connection, a file for each.
#[derive(Debug)]
pub(crate) struct Unsent {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Content {
    address: String,
    handed_out: HandedOut,
    cookies: Vec<Cookie>,
}

impl Unsent {
    /// Those below the host's folder. Doesn't access it yet.
    pub(crate) fn new(host_dir: &Path) -> Self {
        Self { folder: host_dir.join(FOLDER) }
    }

    /// The cookies that are newer than the server's of the same session. Others are of no use any
    /// more and are removed.
    pub(crate) fn of(&self, server: &Server, served: &HandedOut) -> Result<Option<Vec<Cookie>>, Error> {
        if !ownership::folder_is_there(&self.folder)? {
            return Ok(None);
        }
        let Some(file) = ownership::read(&self.path(served), Closed::ToAll)? else { return Ok(None) };
        let file = Zeroizing::new(file);
        let content = serde_json::from_slice(&file).ok();
        let current = content.filter(|content: &Content| {
            content.address == server.address() && content.handed_out.id == served.id
        });
        if current.is_none() {
            self.remove(served)?;
        }
        Ok(current.map(|content| content.cookies))
    }

    /// Gives the cookies to the server. If it can't take them yet, keeps them and returns why.
    pub(crate) fn give(
        &self,
        server: &Server,
        handed_out: &HandedOut,
        cookies: &[Cookie],
        deadline: Instant,
    ) -> Result<Option<ServerFault>, ServerFault> {
        match server.write_back(handed_out, cookies, deadline) {
            Ok(()) => self.remove(handed_out).map(|()| None).map_err(ServerFault::from),
            Err(fault) if fault.is_passing() => {
                self.write(server, handed_out, cookies)?;
                Ok(Some(fault))
            }
            Err(fault) => {
                self.remove(handed_out)?;
                Err(fault)
            }
        }
    }

    fn write(&self, server: &Server, handed_out: &HandedOut, cookies: &[Cookie]) -> Result<(), Error> {
        if let Some(host_dir) = self.folder.parent() {
            atomic_file::make_host_dir(host_dir)?;
        }
        atomic_file::make_private_folder(&self.folder)?;
        let content = Content {
            address: server.address().to_owned(),
            handed_out: handed_out.clone(),
            cookies: cookies.to_vec(),
        };
        let path = self.path(handed_out);
        let json = serde_json::to_vec(&content).map(Zeroizing::new);
        let json = json.map_err(|fault| Error::io("write", &path)(fault.into()))?;
        atomic_file::write(&path, &json, Access::Private)
    }

    fn remove(&self, handed_out: &HandedOut) -> Result<(), Error> {
        let path = self.path(handed_out);
        match fs::remove_file(&path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &path)(fault)),
            _ => Ok(()),
        }
    }

    /// Removes all of them.
    pub(crate) fn purge(&self) -> Result<(), Error> {
        if ownership::folder_metadata(&self.folder)?.is_none() {
            return Ok(());
        }
        fs::remove_dir_all(&self.folder).map_err(Error::io("remove", &self.folder))
    }

    /// A connection's id comes from a person's settings, so it is no name for a file.
    fn path(&self, handed_out: &HandedOut) -> PathBuf {
        let digest = hex::encode(Sha256::digest(&handed_out.connection));
        self.folder.join(format!("{}.json", digest.split_at(16).0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connections_id_never_leaves_the_folder() {
        let unsent = Unsent::new(Path::new("/host"));
        let handed_out =
            HandedOut { platform: "x".to_owned(), connection: "../../etc".to_owned(), id: String::new() };
        assert_eq!(unsent.path(&handed_out).parent(), Some(Path::new("/host/unsent")));
    }
}
