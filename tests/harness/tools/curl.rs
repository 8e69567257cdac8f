//! curl, with everything on its standard input: other users can read a program's arguments.

use crate::system::process::on_path;
use anyhow::{Context as _, Result, ensure};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Fetches a page with these headers, and returns status and body.
///
/// # Errors
/// When curl can't be run or gets no answer.
pub async fn fetch(
    url: &str,
    headers: &[(String, String)],
    proxy: &str,
    authority_pem: &Path,
) -> Result<(u16, String)> {
    let mut config = String::new();
    let authority = authority_pem.display().to_string();
    for (option, value) in
        [("url", url), ("proxy", proxy), ("cacert", &authority), ("write-out", "\\n%{http_code}")]
    {
        writeln!(config, "{option} = \"{value}\"")?;
    }
    for (name, value) in headers {
        let value = value.replace('\\', r"\\").replace('"', "\\\"");
        writeln!(config, "header = \"{name}: {value}\"")?;
    }
    let curl = on_path(&["curl"]).context("curl is not installed")?;
    let mut command = Command::new(curl);
    // Without the settings that a person may have.
    command.args(["--disable", "--silent", "--show-error", "--config", "-"]);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = pipes.spawn()?;
    running.stdin.take().context("curl has no input")?.write_all(config.as_bytes()).await?;
    let output = running.wait_with_output().await?;
    ensure!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let (body, status) = text.rsplit_once('\n').context("curl names no status")?;
    Ok((status.parse()?, body.to_owned()))
}
