//! The set-up token, in a file of the data directory until the vault is set up:
//! logs are kept and sent elsewhere, and read by more people than may have it.

use super::{Vault, VaultFault};
use crate::{masking, secret_file};
use secrecy::{ExposeSecret as _, SecretString};
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Its name in the data directory.
const FILE: &str = "vault-set-up-token";
/// How soon the file goes once somebody has set the vault up, here or elsewhere.
const INTERVAL: Duration = Duration::from_secs(2);

impl Vault {
    /// Keeps the token in a file while the vault is not set up, and shows it to
    /// whoever starts the server at a terminal. Gives the file, which is to go
    /// with [`remove_when_set_up`](Self::remove_when_set_up).
    pub(crate) async fn offer_set_up(&self, directory: &Path) -> Result<Option<PathBuf>, VaultFault> {
        let path = directory.join(FILE);
        let Some(token) = self.set_up_token().await? else {
            // Of a server that ended before it could.
            remove(&path);
            return Ok(None);
        };
        masking::hold(&token);
        match keep(directory, &token) {
            Ok(()) => tracing::warn!(
                path = %path.display(),
                "the vault is not set up: POST /api/auth/setup from this machine, or from elsewhere with the token in this file as bearer"
            ),
            Err(error) => tracing::warn!(
                path = %path.display(), %error,
                "the vault is not set up, and the token for that can't be kept here: set it up from this machine, or with `stagepass-server vault add`"
            ),
        }
        if io::stderr().is_terminal() {
            // To be read by the person who sits there is what this token is for.
            let _ = writeln!(io::stderr().lock(), "set-up token: {}", token.expose_secret());
        }
        Ok(Some(path))
    }

    /// Removes the file as soon as the vault is set up, by this process or another.
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
    // They leave their wrappers to be compared: one of another database is no token.
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
            tracing::warn!(path = %path.display(), %error, "the set-up token is void, and its file can't be removed: remove it");
        }
        _ => {}
    }
}
