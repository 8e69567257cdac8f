//! Replaced cookies that a server could not take yet: it takes them once a minute, and may be away.
//! They are kept for the next run, which would begin with cookies that the platform accepts no more.

use super::{HandedOut, Server, ServerFault};
use crate::atomic_file::{self, Access};
use crate::complain;
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

/// The cookies of each session, a file for each.
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

    /// The cookies that are newer than the server's of the same session. Those of other sessions are of
    /// no use any more and are removed.
    pub(crate) fn of(&self, server: &Server, served: &HandedOut) -> Result<Option<Vec<Cookie>>, Error> {
        if !ownership::folder_is_there(&self.folder)? {
            return Ok(None);
        }
        let path = self.path(served);
        let (others, beginning) = (self.paths()?, connection_of(served));
        for other in others.iter().filter(|other| **other != path && name_of(other).starts_with(&beginning)) {
            remove(other)?;
            complain(&format_args!(
                "note: replaced cookies of {} that waited for the server are discarded, since it has another session",
                served.platform
            ));
        }
        let Some(file) = ownership::read(&path, Closed::ToAll)? else { return Ok(None) };
        let content = serde_json::from_slice::<Content>(&Zeroizing::new(file)).ok();
        Ok(content.filter(|content| content.address == server.address()).map(|content| content.cookies))
    }

    /// Gives the cookies to the server. If it can't take them now, they are kept, and the reason is
    /// returned.
    ///
    /// # Errors
    /// If they can't be kept, or if the server says that it never takes them.
    pub(crate) fn give(
        &self,
        server: &Server,
        handed_out: &HandedOut,
        cookies: &[Cookie],
        deadline: Instant,
    ) -> Result<Option<ServerFault>, ServerFault> {
        // First, since this program may be ended while it waits.
        let kept = self.write(server, handed_out, cookies);
        match server.write_back(handed_out, cookies, deadline) {
            Ok(()) => remove(&self.path(handed_out)).map(|()| None).map_err(ServerFault::from),
            Err(fault) if fault.is_final() => {
                remove(&self.path(handed_out))?;
                Err(fault)
            }
            Err(fault) => kept.map(|()| Some(fault)).map_err(ServerFault::from),
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

    fn paths(&self) -> Result<Vec<PathBuf>, Error> {
        let entries = fs::read_dir(&self.folder).map_err(Error::io("read", &self.folder))?;
        Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
    }

    /// Removes all of them.
    pub(crate) fn purge(&self) -> Result<(), Error> {
        if ownership::folder_metadata(&self.folder)?.is_none() {
            return Ok(());
        }
        fs::remove_dir_all(&self.folder).map_err(Error::io("remove", &self.folder))
    }

    fn path(&self, handed_out: &HandedOut) -> PathBuf {
        self.folder.join(format!("{}{}.json", connection_of(handed_out), short_hash(&handed_out.id)))
    }
}

/// How the names of a connection's files begin.
fn connection_of(handed_out: &HandedOut) -> String {
    format!("{}-", short_hash(&handed_out.connection))
}

/// An id comes from a person's settings or a server, so it is no name for a file.
fn short_hash(id: &str) -> String {
    hex::encode(&Sha256::digest(id)[..8])
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(fault)),
        _ => Ok(()),
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
