//! Runs yt-dlp as a child process, which ends before this process whatever signal comes, so that the
//! clean-up afterwards always runs.

use super::private_copy::PrivateCopy;
use crate::error::Error;
use crate::signals::{Caught, Signals};
#[cfg(unix)]
use rustix::process::{Pid, kill_process};
use secrecy::{SecretSlice, SecretString};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use thiserror::Error;
use tokio::process::{Child, Command};

/// The hidden command by which this program becomes another one.
pub(crate) const BECOME: &str = "become";

/// A run of yt-dlp.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    /// yt-dlp's name or path.
    pub(crate) program: &'a OsStr,
    /// A person's arguments, passed on unchanged.
    pub(crate) arguments: &'a [OsString],
    /// The text of the cookie file.
    pub(crate) cookies: &'a SecretString,
    /// The host's folder, for the private copy.
    pub(crate) host_dir: &'a Path,
}

/// Why yt-dlp was not run.
#[derive(Debug, Error)]
pub(crate) enum ChildFault {
    #[error(transparent)]
    Host(#[from] Error),
    #[error("cannot run {program}: {fault}; install yt-dlp, or set STAGEPASS_YT_DLP to its path")]
    Spawn { program: String, fault: io::Error },
    #[error("cannot wait for yt-dlp: {0}")]
    Wait(io::Error),
}

impl ChildFault {
    fn spawn(program: &OsStr, fault: io::Error) -> Self {
        Self::Spawn { program: program.to_string_lossy().into_owned(), fault }
    }
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Ended {
    /// yt-dlp's exit code.
    pub(crate) code: u8,
    /// The cookie file as yt-dlp has left it.
    pub(crate) left: Result<SecretSlice<u8>, Error>,
    /// Still catches the signals.
    pub(crate) signals: Signals,
}

/// Runs it to its end.
pub(crate) fn run(run: &Run<'_>) -> Result<Ended, ChildFault> {
    // Until here a signal simply ends this process: there is no copy yet.
    let reserved = PrivateCopy::reserve(run.host_dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(ChildFault::Wait)?.block_on(async {
        // From here on no signal ends this process, which would leave the copy behind.
        let mut signals = Signals::catch().map_err(ChildFault::Wait)?;
        let copy = reserved.write(run.cookies)?;
        let mut child = spawn(run, copy.path())?;
        let status = supervise(&mut child, &mut signals).await.map_err(ChildFault::Wait)?;
        signals.forget_past();
        Ok(Ended { code: exit_code(status), left: copy.read_back(), signals })
    })
}

fn spawn(run: &Run<'_>, cookies: &Path) -> Result<Child, ChildFault> {
    let mut command = bound_to_this_process(run.program);
    command.arg("--cookies").arg(cookies);
    // Overrides a setting in yt-dlp's configuration, which would mix in a browser's cookies.
    command.arg("--no-cookies-from-browser").args(run.arguments);
    command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    command.spawn().map_err(|fault| ChildFault::spawn(run.program, fault))
}

/// Linux can end a program together with its parent, even if that is killed. The program itself has to
/// request this, so this program does and then becomes yt-dlp.
fn bound_to_this_process(program: &OsStr) -> Command {
    let this = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && this.exists() {
        let mut command = Command::new(this);
        command.arg(BECOME).arg(std::process::id().to_string()).arg("--").arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// Becomes `program`, which ends together with this process's parent. Returns only on failure.
// Decision: docs/decisions/yt-dlp.md#yt-dlp-ends-when-the-host-is-killed
#[cfg(target_os = "linux")]
pub(crate) fn become_program(parent: i32, program: &OsStr, arguments: &[OsString]) -> ChildFault {
    use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
    use std::os::unix::process::CommandExt;
    let bound = set_parent_process_death_signal(Some(Signal::TERM));
    // A parent that has already ended can't trigger this any more.
    let fault = match bound {
        Err(fault) => fault.into(),
        Ok(()) if getppid() != Pid::from_raw(parent) => io::ErrorKind::Interrupted.into(),
        Ok(()) => std::process::Command::new(program).args(arguments).exec(),
    };
    ChildFault::spawn(program, fault)
}

/// The exit code; after a signal, the one that a shell reports.
fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    let code = status.code().or_else(|| signal.map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// Waits for the child's end, and passes on signals until then.
async fn supervise(child: &mut Child, signals: &mut Signals) -> io::Result<ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return status,
            caught = signals.next() => pass_on(caught, child),
        }
    }
}

/// Passes a signal to the child, unless the terminal has already sent it there: a second one would
/// interrupt yt-dlp's clean-up.
#[cfg(unix)]
fn pass_on(caught: Caught, child: &Child) {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    if let Some(pid) = pid.filter(|_| !caught.is_keyed) {
        let _ = kill_process(pid, caught.signal);
    }
}

/// Ctrl-C also reaches the child.
#[cfg(not(unix))]
fn pass_on(_caught: Caught, _child: &Child) {}
