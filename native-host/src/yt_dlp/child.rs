//! yt-dlp as a child process: it ends before this one does, whatever signal
//! comes, so that what is to be cleaned up afterwards is.

use super::private_copy::PrivateCopy;
use crate::error::Error;
#[cfg(unix)]
use crate::signals::Caught;
use crate::signals::Signals;
#[cfg(unix)]
use rustix::process::{Pid, kill_process};
use secrecy::SecretString;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use thiserror::Error;
use tokio::process::{Child, Command};

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    /// The name of yt-dlp, or its path.
    pub(crate) program: &'a OsStr,
    /// A person's arguments, passed on as they are.
    pub(crate) arguments: &'a [OsString],
    /// A cookie file's text.
    pub(crate) cookies: &'a SecretString,
    /// Where private copies go.
    pub(crate) host_dir: &'a Path,
}

/// Why yt-dlp was not run.
#[derive(Debug, Error)]
pub(crate) enum ChildFault {
    #[error(transparent)]
    Host(#[from] Error),
    #[error("cannot run {program}: {fault}; install yt-dlp, or name it with STAGEPASS_YT_DLP")]
    Spawn { program: String, fault: io::Error },
    #[error("cannot wait for yt-dlp: {0}")]
    Wait(io::Error),
}

/// Runs it to its end; gives its exit code and, where they can be read, the
/// cookies as it has left them.
pub(crate) fn run(run: &Run<'_>) -> Result<(u8, Result<SecretString, Error>), ChildFault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(ChildFault::Wait)?.block_on(async {
        // From here on no signal ends this process, and so none leaves the copy behind.
        let mut signals = Signals::catch().map_err(ChildFault::Wait)?;
        let copy = PrivateCopy::write(run.host_dir, run.cookies)?;
        let mut child = spawn(run, copy.path())?;
        let status = supervise(&mut child, &mut signals).await.map_err(ChildFault::Wait)?;
        Ok((exit_code(status), copy.read_back()))
    })
}

fn spawn(run: &Run<'_>, cookies: &Path) -> Result<Child, ChildFault> {
    let mut command = Command::new(run.program);
    command.arg("--cookies").arg(cookies);
    // A setting in yt-dlp's own configuration would mix a browser's cookies in.
    command.arg("--no-cookies-from-browser").args(run.arguments);
    command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    command.spawn().map_err(|fault| {
        let program = run.program.to_string_lossy().into_owned();
        ChildFault::Spawn { program, fault }
    })
}

/// The exit code, or what a shell makes of a signal.
fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    let code = status.code().or_else(|| signal.map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Waits for the child's end, and hands on what comes until then.
async fn supervise(child: &mut Child, signals: &mut Signals) -> io::Result<ExitStatus> {
    loop {
        let caught = tokio::select! {
            status = child.wait() => return status,
            caught = signals.next() => caught,
        };
        #[cfg(unix)]
        hand_on(caught, child);
        #[cfg(not(unix))]
        let () = caught;
    }
}

/// A terminal sends its own signals to the child as well, and a second one would
/// cut off yt-dlp's way of ending.
#[cfg(unix)]
fn hand_on(caught: Caught, child: &Child) {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(pid) = pid.filter(|_| !caught.is_keyed) {
        let _ = kill_process(pid, caught.signal);
    }
}
