//! Checks which yt-dlp would be run, and whether it loads the installed plugin.

use super::first_line;
use super::report::{Section, Verdict};
use crate::signals::Signals;
use crate::yt_dlp_plugin::{self, Reported};
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

const STEP: &str = "yt-dlp";
/// The first start of yt-dlp on a slow disk can take longer, so a timeout is only a note.
const PATIENCE: Duration = Duration::from_secs(4);
const PLUGIN: &str = "plugin";
const MAX_VERSION_BYTES: u64 = 256;

/// Asks yt-dlp for its version.
pub(super) fn check(section: &mut Section, program: &OsStr, signals: &mut Signals) {
    let shown = program.display();
    let advice = || Some("Install it, or set STAGEPASS_YT_DLP to its path.".to_owned());
    match version(program, signals) {
        Ok(version) if !version.is_empty() => {
            section.ok(STEP, format!("{shown}, version {version}"));
            check_plugin(section, program, signals);
        }
        Ok(_) => section.fault(STEP, format!("{shown} doesn't report its version"), advice()),
        // Not a fault: other programs can use cookie files too.
        Err(fault) if is_not_found(&fault, program) => {
            section.note(STEP, format!("{shown} was not found"), advice());
        }
        Err(fault) if fault.kind() == io::ErrorKind::TimedOut => {
            let detail = format!("{shown} did not report its version within {} seconds", PATIENCE.as_secs());
            let advice = "Run it with --version: it may only be slow at its first start.";
            section.note(STEP, detail, advice.to_owned());
        }
        Err(fault) => section.fault(STEP, format!("cannot run {shown}: {fault}"), advice()),
    }
}

/// Whether no folder of PATH contains the program. If one of them is not accessible, the system
/// reports a permission error instead.
fn is_not_found(fault: &io::Error, program: &OsStr) -> bool {
    if fault.kind() != io::ErrorKind::PermissionDenied {
        return fault.kind() == io::ErrorKind::NotFound;
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let is_name = Path::new(program).components().count() == 1;
    is_name && !std::env::split_paths(&folders).any(|folder| folder.join(program).exists())
}

/// The version; empty if the program fails.
fn version(program: &OsStr, signals: &mut Signals) -> io::Result<String> {
    let conversation = async {
        let mut command = Command::new(program);
        command.arg("--version").kill_on_drop(true);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut said = Vec::new();
        let answer = async {
            if let Some(stdout) = child.stdout.take() {
                stdout.take(MAX_VERSION_BYTES).read_to_end(&mut said).await?;
            }
            child.wait().await
        };
        let status = timeout(PATIENCE, answer).await.map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(if status.success() { first_line(&said) } else { String::new() })
    };
    // Dropping the child ends it.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(signals.end_or(conversation))
}

/// Lets yt-dlp load the installed plugin, and the plugin ask this program.
fn check_plugin(section: &mut Section, program: &OsStr, signals: &mut Signals) {
    let advice = |text: &str| Some(text.to_owned());
    let path = match yt_dlp_plugin::is_installed() {
        Ok(Some(path)) => path.display().to_string(),
        Ok(None) => {
            let text = "Run \"stagepass install --yt-dlp\" to let plain yt-dlp get your logins, too.";
            return section.note(PLUGIN, "not installed", advice(text));
        }
        Err(fault) => return section.fault_of(PLUGIN, fault),
    };
    let caution = "Platforms may restrict accounts that are used for downloads.";
    match yt_dlp_plugin::probe(program, None, signals) {
        Err(fault) => section.fault(PLUGIN, format!("cannot try {path}: {fault}"), None),
        Ok(Reported { is_loaded: false, .. }) => {
            let detail = format!("yt-dlp doesn't load {path}");
            let oldest = yt_dlp_plugin::OLDEST_YT_DLP;
            let text = format!("That needs yt-dlp {oldest} or later, and YTDLP_NO_PLUGINS must not be set.");
            section.fault(PLUGIN, detail, text);
        }
        Ok(Reported { works: true, .. }) => {
            section.add(PLUGIN, Verdict::Ok, format!("{path} works"), advice(caution));
        }
        Ok(Reported { fault, .. }) => {
            let detail = format!("{path} does not work: {}", fault.unwrap_or_default());
            section.fault(PLUGIN, detail, advice("Run \"stagepass install --yt-dlp\"."));
        }
    }
}
