//! Running the commands.

use anyhow::{Context as _, Result, ensure};
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::system::secret_search::SecretSearch;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::process::{Output, Stdio};
use tokio::io::AsyncWriteExt as _;

pub(super) const PASSWORD: &str = "planted master password Tq7";
pub(super) const OTHER_PASSWORD: &str = "another planted password Wm2";
pub(super) const KEY: &str = "sk-planted-key-8fJx2QpL";
pub(super) const OTHER_KEY: &str = "sk-planted-key-Vn5cR0dZ";
pub(super) const VARIABLE: &str = "STAGEPASS_VAULT_PASSWORD";
pub(super) const FILE_VARIABLE: &str = "STAGEPASS_VAULT_FILE_PASSWORD";

pub(super) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

pub(super) fn utf8(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is not UTF-8")
}

/// An installation on SQLite whose commands get the master password from a file.
pub(super) async fn given_password() -> Result<Installation> {
    let mut installation = Installation::new(Store::Sqlite).await?;
    installation.set(VARIABLE, PASSWORD);
    Ok(installation)
}

/// A search for all planted secrets.
pub(super) fn secrets() -> Result<SecretSearch> {
    SecretSearch::new(&[KEY, OTHER_KEY, PASSWORD, OTHER_PASSWORD].map(Into::into))
}

/// A file with this text, as standard input.
pub(super) fn given_input(text: &str) -> Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// Runs `vault add` with this standard input.
pub(super) async fn run_add(
    installation: &Installation,
    service: &str,
    name: &str,
    stdin: &[u8],
) -> Result<Output> {
    let mut command = installation.command()?;
    command.args(["vault", "add", service, name, "--key-stdin"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut input = child.stdin.take().context("stdin is piped")?;
    // A command that refuses before it reads closes its input.
    let _ = input.write_all(stdin).await;
    drop(input);
    Ok(child.wait_with_output().await?)
}

pub(super) async fn add(installation: &Installation, service: &str, name: &str, key: &str) -> Result<()> {
    let output = run_add(installation, service, name, format!("  {key}\n").as_bytes()).await?;
    ensure!(output.status.success(), "{}", text(&output));
    Ok(())
}

/// Runs a command that must fail, and returns its message.
pub(super) async fn fail(installation: &Installation, arguments: &[&str]) -> Result<String> {
    let output = installation.run(arguments).await?;
    ensure!(output.status.code() == Some(1), "{arguments:?}: {}", text(&output));
    Ok(text(&output))
}

/// Service, name and time of each API key in `vault list`.
pub(super) async fn listed(installation: &Installation) -> Result<Vec<(String, String, String)>> {
    let lines = installation.succeed(&["vault", "list"]).await?;
    let parse = |line: &str| {
        let columns: Vec<_> = line.split('\t').map(str::to_owned).collect();
        let [_, service, name, created_at, _]: [String; 5] =
            columns.try_into().map_err(|columns| anyhow::anyhow!("{columns:?}"))?;
        Ok((service, name, created_at))
    };
    lines.lines().map(parse).collect()
}

/// The rows of the audit log, newest first.
pub(super) async fn actions(installation: &Installation) -> Result<Vec<String>> {
    let lines = installation.audit_list().await?;
    let action = |line: &str| {
        let columns: Vec<_> = line.split('\t').collect();
        Ok(format!("{} {}", columns.get(2).context("no action")?, columns.get(4).context("no outcome")?))
    };
    lines.lines().map(action).collect()
}

/// The same as [`fail`], in a session without a terminal.
pub(super) async fn fail_without_terminal(installation: &Installation, arguments: &[&str]) -> Result<String> {
    let command = installation.command()?;
    let mut without = tokio::process::Command::new("setsid");
    without.arg("--wait").arg(command.as_std().get_program()).args(arguments).env_clear();
    let set = command.as_std().get_envs().filter_map(|(name, value)| Some((name, value?)));
    let output = without.envs(set).output().await?;
    ensure!(output.status.code() == Some(1), "{arguments:?}: {}", text(&output));
    Ok(text(&output))
}
