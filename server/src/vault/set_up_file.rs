//! Keeps the set-up token in a file of the data directory until the vault is set up. Logs would be
//! read by more people than may have it.

use super::{Vault, VaultFault};
use crate::{masking, secret_file};
use secrecy::{ExposeSecret as _, SecretString};
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file's name in the data directory.
const FILE: &str = "vault-set-up-token";
/// How soon the file is removed after the vault was set up, here or elsewhere.
const INTERVAL: Duration = Duration::from_secs(2);

impl Vault {
    /// Keeps the token in a file while the vault is not set up, and shows it to an operator who
    /// starts the server at a terminal. Returns the file for
    /// [`remove_when_set_up`](Self::remove_when_set_up).
    pub(crate) async fn offer_set_up(&self, directory: &Path) -> Result<Option<PathBuf>, VaultFault> {
        let path = directory.join(FILE);
        let Some(token) = self.set_up_token().await? else {
            // Left by a server that ended before it could remove it.
            remove(&path);
            return Ok(None);
        };
        masking::register(&token);
        match keep(directory, &token) {
            Ok(()) => tracing::warn!(
                path = %path.display(),
                "the vault is not set up; POST /api/auth/setup from this machine, or from elsewhere with the token in this file as the bearer token"
            ),
            Err(error) => tracing::warn!(
                path = %path.display(), %error,
                "the vault is not set up, and its set-up token can't be stored here; set it up from this machine, or with `stagepass-server vault add`"
            ),
        }
        if io::stderr().is_terminal() {
            // Exposed for the person at the terminal.
            let _ = writeln!(io::stderr().lock(), "set-up token: {}", token.expose_secret());
        }
        Ok(Some(path))
    }

    /// Removes the file as soon as this process or another has set up the vault.
    pub(crate) async fn remove_when_set_up(&self, path: Option<PathBuf>) {
        let Some(path) = path else { return };
        loop {
            tokio::time::sleep(INTERVAL).await;
            if matches!(self.header().await, Ok(Some(_))) {
                return remove(&path);
            }
        }
    }
}

/// Writes the file, unless another server has written the same.
fn keep(directory: &Path, token: &SecretString) -> io::Result<()> {
    stagepass_private_files::make_folder(directory)?;
    secret_file::check_directory(directory)?;
    let kept = secret_file::read_or_make(directory, FILE, || Ok(token.clone()))?;
    // Exposed for comparison: a token for another database is not valid.
    if kept.secret.expose_secret() != token.expose_secret() {
        let path = directory.join(FILE);
        fs::remove_file(&path)?;
        secret_file::write_new(&path, token.expose_secret().as_bytes())?;
    }
    Ok(())
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "the set-up token is no longer valid, but its file can't be removed; remove it");
        }
        _ => {}
    }
}
