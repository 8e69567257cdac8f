//! The file of `stagepass login` in the user's folder for settings, and the token in a private file
//! of its own beside it.

use super::fault::ServerFault;
use super::settings::{Settings, Written};
use crate::atomic_file::{self, Access};
use crate::error::Error;
use crate::ownership::{self, Closed};
use etcetera::BaseStrategy;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const SETTINGS: &str = "server.json";
const TOKEN: &str = "server-token";

/// The kept settings, if there are any.
pub(super) fn read() -> Result<Option<Settings>, ServerFault> {
    // In a container, the home may be missing or another user's.
    let Some(folder) = folder().ok().filter(|folder| folder.symlink_metadata().is_ok()) else {
        return Ok(None);
    };
    ownership::check_host_dir(&folder)?;
    let path = folder.join(SETTINGS);
    let Some(content) = ownership::read(&path, Closed::ToAll)? else { return Ok(None) };
    let origin = path.display().to_string();
    let damaged =
        |_| ServerFault::Setting { name: origin.clone(), fault: "is damaged; run \"stagepass login\" again" };
    let written: Written = serde_json::from_slice(&content).map_err(damaged)?;
    written.check(origin.clone(), |member| format!("{member} in {origin}")).map(Some)
}

/// Keeps the settings and, unless it is in a file already, the token. Returns the file of the
/// settings.
pub(crate) fn write(mut written: Written, token: Option<&SecretString>) -> Result<PathBuf, ServerFault> {
    let folder = folder()?;
    atomic_file::make_host_dir(&folder)?;
    if let Some(token) = token {
        // A name of its own, so that a token never stands beside the address of another server, and
        // the former settings stay whole until the new ones take their place.
        let mut digest = Sha256::new_with_prefix(&written.server);
        // The token leaves its type: keeping it is this function's job.
        digest.update(token.expose_secret());
        written.token_file = folder.join(format!("{TOKEN}-{}", hex::encode(&digest.finalize()[..8])));
        atomic_file::write(&written.token_file, token.expose_secret().as_bytes(), Access::Private)?;
    }
    let path = folder.join(SETTINGS);
    let not_unicode = |_| ServerFault::Setting { name: "--token-file".to_owned(), fault: "is not UTF-8" };
    let json = serde_json::to_string_pretty(&written).map_err(not_unicode)?;
    atomic_file::write(&path, format!("{json}\n").as_bytes(), Access::Private)?;
    for token in token_files(&folder) {
        if token != written.token_file {
            remove_file(&token)?;
        }
    }
    Ok(path)
}

/// Removes the settings and the token, and returns the files that were there. A token in a file
/// that a person has named stays.
pub(crate) fn remove() -> Result<Vec<PathBuf>, ServerFault> {
    let folder = folder()?;
    let mut removed = Vec::new();
    for path in [folder.join(SETTINGS)].into_iter().chain(token_files(&folder)) {
        if remove_file(&path)? {
            removed.push(path);
        }
    }
    // It may hold files of others.
    let _ = fs::remove_dir(&folder);
    Ok(removed)
}

/// The tokens that are kept beside the settings.
fn token_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let tokens = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(TOKEN));
    tokens.map(|entry| entry.path()).collect()
}

/// Whether the file was there.
fn remove_file(path: &Path) -> Result<bool, ServerFault> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(fault) if is_missing(&fault) => Ok(false),
        Err(fault) => Err(Error::io("remove", path)(fault).into()),
    }
}

fn is_missing(fault: &io::Error) -> bool {
    matches!(fault.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn folder() -> Result<PathBuf, ServerFault> {
    let strategy = etcetera::base_strategy::choose_native_strategy();
    Ok(strategy.map_err(|_| ServerFault::NoConfigFolder)?.config_dir().join("stagepass"))
}
