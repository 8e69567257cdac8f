//! Runs a program as a child process, which ends before this process whatever signal comes, so that
//! the clean-up afterwards always runs.

use super::private_file::PrivateFile;
use crate::error::Error;
use crate::signals::{Caught, Signals};
#[cfg(unix)]
use rustix::process::{Pid, kill_process};
use secrecy::{SecretSlice, SecretString};
use std::ffi::OsStr;
#[cfg(target_os = "linux")]
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use thiserror::Error;
use tokio::process::{Child, Command};

/// The hidden command by which this program becomes another one.
pub(crate) const BECOME: &str = "become";

/// Why a program was not run.
#[derive(Debug, Error)]
pub(crate) enum ChildFault {
    #[error(transparent)]
    Host(#[from] Error),
    #[error("cannot run {program}: {fault}")]
    Spawn { program: String, fault: io::Error },
    #[error("cannot wait for the program: {0}")]
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
    /// The program's exit code.
    pub(crate) code: u8,
    /// The private file as the program has left it.
    pub(crate) left: Result<SecretSlice<u8>, Error>,
    /// Still catches the signals.
    pub(crate) signals: Signals,
}

/// Runs a program to its end. It gets a private file below `host_dir` with this `text`; `prepare`
/// is told the file's path and adds the program's arguments and variables.
pub(crate) fn run(
    host_dir: &Path,
    program: &OsStr,
    text: &SecretString,
    prepare: impl FnOnce(&Path, &mut Command),
) -> Result<Ended, ChildFault> {
    // Until here a signal simply ends this process: there is no file yet.
    let reserved = PrivateFile::reserve(host_dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(ChildFault::Wait)?.block_on(async {
        // From here on no signal ends this process, which would leave the file behind.
        let mut signals = Signals::catch().map_err(ChildFault::Wait)?;
        let file = reserved.write(text)?;
        let mut command = bound_to_this_process(program);
        prepare(file.path(), &mut command);
        command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
        let mut child = command.spawn().map_err(|fault| ChildFault::spawn(program, fault))?;
        let status = supervise(&mut child, &mut signals).await.map_err(ChildFault::Wait)?;
        signals.forget_past();
        Ok(Ended { code: exit_code(status), left: file.read_back(), signals })
    })
}

/// Linux can end a program together with its parent, even if that is killed. The program itself has to
/// request this, so this program does and then becomes the other one.
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
// Decision: docs/decisions/yt-dlp.md#a-program-ends-when-stagepass-is-killed
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
/// interrupt its clean-up.
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
