//! Whether there is a yt-dlp to run, and which one.

use super::{Section, printable};
use std::ffi::OsStr;
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

const STEP: &str = "yt-dlp";
/// Its first start on a slow disk can take longer, which is no fault.
const PATIENCE: Duration = Duration::from_secs(4);
const MAX_VERSION_BYTES: u64 = 256;

/// Asks it for its version.
pub(super) fn look(section: &mut Section, program: &OsStr) {
    let shown = program.display();
    let advice = || Some("Install it, or name it with STAGEPASS_YT_DLP.".to_owned());
    match version(program) {
        Ok(version) if !version.is_empty() => section.ok(STEP, format!("{shown}, version {version}")),
        Ok(_) => section.fault(STEP, format!("{shown} does not tell its version"), advice()),
        // Cookie files are of use to other programs, too.
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
            section.note(STEP, format!("{shown} is not found"), advice());
        }
        Err(fault) if fault.kind() == io::ErrorKind::TimedOut => {
            let detail = format!("{shown} has not told its version within {} seconds", PATIENCE.as_secs());
            let advice = "Run it with --version: it may only be slow at its first start.";
            section.note(STEP, detail, advice.to_owned());
        }
        Err(fault) => section.fault(STEP, format!("cannot run {shown}: {fault}"), advice()),
    }
}

/// Empty where it fails, or is no yt-dlp.
fn version(program: &OsStr) -> io::Result<String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut command = Command::new(program);
        command.arg("--version").kill_on_drop(true);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut said = Vec::new();
        let conversation = async {
            if let Some(stdout) = child.stdout.take() {
                stdout.take(MAX_VERSION_BYTES).read_to_end(&mut said).await?;
            }
            child.wait().await
        };
        let status = timeout(PATIENCE, conversation).await.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(if status.success() { printable(&said) } else { String::new() })
    })
}
