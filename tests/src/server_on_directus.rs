//! A real stagepass-server whose users and records are those of a Directus.

use crate::directus::Directus;
use crate::server::{self, Server};
use anyhow::{Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret as _;
use std::path::Path;
use tokio::process::Command;

/// The secret of its services.
pub const SERVICE_SECRET: &str = "planted-service-secret-Xq7w2";

/// The encryption key of all that tests keep in the Directus of a run: a server
/// refuses to start where a record does not open.
#[must_use]
pub fn encryption_key() -> String {
    STANDARD.encode([7; 32])
}

/// A former key of theirs, which all can still read: of a test of rotation.
#[must_use]
pub fn former_encryption_key() -> String {
    STANDARD.encode([8; 32])
}

/// The server's program with the environment that has it use `directus`,
/// reached at `url`, and the collections that it needs there.
///
/// # Errors
/// When the collections can't be made.
pub async fn command(directory: &Path, directus: &Directus, url: &str) -> Result<Command> {
    let mut bootstrap = bare_command(directory, directus, directus.url())?;
    let made = bootstrap.args(["directus", "bootstrap"]).output().await?;
    ensure!(made.status.success(), "bootstrap: {}", String::from_utf8_lossy(&made.stderr));
    let mut command = bare_command(directory, directus, url)?;
    command.env("CREDENTIALS_ENC_KEY_B64", encryption_key());
    command.env("CREDENTIALS_ENC_OLD_KEYS_B64", former_encryption_key());
    command.env("RBAC_SYNC_WEBHOOK_SECRET", SERVICE_SECRET);
    Ok(command)
}

fn bare_command(directory: &Path, directus: &Directus, url: &str) -> Result<Command> {
    let mut command = server::command(directory)?;
    command.env("DIRECTUS_URL", url).env("DIRECTUS_ADMIN_TOKEN", directus.admin_token().expose_secret());
    Ok(command)
}

/// Starts one on a free port. It asks about each token.
///
/// # Errors
/// When it does not come up.
pub async fn start(directory: &Path, directus: &Directus, url: &str) -> Result<Server> {
    start_with_flags(directory, directus, url, &[]).await
}

/// The same with more flags.
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

/// Starts one that knows Directus's secret as well.
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
