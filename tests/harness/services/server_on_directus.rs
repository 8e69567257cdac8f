//! A real stagepass-server that keeps its users and records in a Directus.

use crate::services::directus::Directus;
use crate::services::server::{self, Server};
use crate::system::process::{cache_dir, our_program};
use anyhow::{Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::path::Path;
use tokio::process::Command;

/// The shared secret of its services.
pub const SERVICE_SECRET: &str = "planted-service-secret-Xq7w2";

/// The encryption key of everything that tests keep in the Directus of a run: a server
/// refuses to start if it can't open a record.
#[must_use]
pub fn encryption_key() -> String {
    STANDARD.encode([7; 32])
}

/// A former key that all of them can still read: the test of key rotation uses it.
#[must_use]
pub fn former_encryption_key() -> String {
    STANDARD.encode([8; 32])
}

/// The server's program with the environment to use `directus` at `url`, and the
/// collections that it needs there.
///
/// # Errors
/// When the collections can't be made.
pub async fn command(directory: &Path, directus: &Directus, url: &str) -> Result<Command> {
    bootstrap(bare_command(directory, directus, directus.url())?, directus).await?;
    let mut command = bare_command(directory, directus, url)?;
    command.env("CREDENTIALS_ENC_KEY_B64", encryption_key());
    command.env("CREDENTIALS_ENC_OLD_KEYS_B64", former_encryption_key());
    command.env("RBAC_SYNC_WEBHOOK_SECRET", SERVICE_SECRET);
    Ok(command)
}

/// Runs the server's command that makes its collections, once for all tests.
///
/// # Errors
/// When they can't be made.
pub(crate) async fn bootstrap(mut command: Command, directus: &Directus) -> Result<()> {
    // Another Directus has another token, and another server may need other collections.
    let built = our_program("stagepass-server")?.metadata()?.modified()?;
    let both = format!("{} {built:?}", directus.admin_token().expose_secret());
    let both = hex::encode(Sha256::digest(both));
    let done = cache_dir()?.join("bootstrapped");
    // One process makes them; the others wait here, on a blocking thread.
    let lock = File::create(done.with_extension("lock"))?;
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
    if !fs::read_to_string(&done).is_ok_and(|known| known == both) {
        let made = command.args(["directus", "bootstrap"]).output().await?;
        ensure!(made.status.success(), "bootstrap: {}", String::from_utf8_lossy(&made.stderr));
        fs::write(done, both)?;
    }
    drop(lock);
    Ok(())
}

fn bare_command(directory: &Path, directus: &Directus, url: &str) -> Result<Command> {
    let mut command = server::command(directory)?;
    command.env("DIRECTUS_URL", url).env("DIRECTUS_ADMIN_TOKEN", directus.admin_token().expose_secret());
    Ok(command)
}

/// Starts one on a free port. It asks Directus about each token.
///
/// # Errors
/// When it does not come up.
pub async fn start(directory: &Path, directus: &Directus, url: &str) -> Result<Server> {
    start_with_flags(directory, directus, url, &[]).await
}

/// Does the same with more flags.
///
/// # Errors
/// When it does not come up.
pub async fn start_with_flags(
    directory: &Path,
    directus: &Directus,
    url: &str,
    flags: &[&str],
) -> Result<Server> {
    serve(directory, command(directory, directus, url).await?, flags).await
}

/// Starts one that also knows Directus's secret.
///
/// # Errors
/// When it does not come up.
pub async fn start_with_secret(directory: &Path, directus: &Directus, url: &str) -> Result<Server> {
    let mut command = command(directory, directus, url).await?;
    command.env("DIRECTUS_SECRET", directus.secret().expose_secret());
    serve(directory, command, &[]).await
}

async fn serve(directory: &Path, mut command: Command, flags: &[&str]) -> Result<Server> {
    command.args(["serve", "--listen", "127.0.0.1:0", "--log", "trace"]).args(flags);
    Server::start_command(directory, &mut command).await
}
