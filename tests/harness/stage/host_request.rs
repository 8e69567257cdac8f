//! One message to the native host, as a browser sends it.

use anyhow::{Context as _, Result};
use serde_json::Value;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Sends the message to the host that `command` starts without arguments, and returns the answer.
///
/// # Errors
/// When the host can't be started or doesn't answer.
pub async fn ask_host(mut command: Command, message: &Value) -> Result<Value> {
    command.arg(format!("chrome-extension://{}/", stagepass_core::host::CHROMIUM_EXTENSION_ID));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().context("no input")?;
    let message = message.to_string();
    input.write_all(&u32::try_from(message.len())?.to_ne_bytes()).await?;
    input.write_all(message.as_bytes()).await?;
    drop(input);
    let answer = child.wait_with_output().await?.stdout;
    Ok(serde_json::from_slice(answer.get(4..).context("no answer")?)?)
}
