//! yt-dlp as a child process: it ends before this one does, whatever signal
//! comes, so that what is to be cleaned up afterwards is.

use super::private_copy::PrivateCopy;
use crate::error::Error;
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
        let mut signals = signals::Signals::catch().map_err(ChildFault::Wait)?;
        let copy = PrivateCopy::write(run.host_dir, run.cookies)?;
        let mut child = spawn(run, copy.path())?;
        let status = signals.supervise(&mut child).await.map_err(ChildFault::Wait)?;
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

#[cfg(unix)]
mod signals {
    use super::{Child, ExitStatus, io};
    use rustix::process::{Pid, Signal, kill_process};
    use std::fs::File;
    use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

    /// The signals that would end this process.
    pub(super) struct Signals {
        interrupt: Stream,
        quit: Stream,
        terminate: Stream,
        hangup: Stream,
    }

    impl Signals {
        pub(super) fn catch() -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                quit: signal(SignalKind::quit())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
            })
        }

        /// Waits for the child's end and hands on what comes until then.
        pub(super) async fn supervise(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
            loop {
                let signal = tokio::select! {
                    status = child.wait() => return status,
                    _ = self.interrupt.recv() => Signal::INT,
                    _ = self.quit.recv() => Signal::QUIT,
                    _ = self.terminate.recv() => Signal::TERM,
                    _ = self.hangup.recv() => Signal::HUP,
                };
                // A terminal sends its own to the child as well, and a second
                // one would cut off yt-dlp's way of ending.
                let is_keyed = matches!(signal, Signal::INT | Signal::QUIT) && is_in_foreground();
                let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
                if let Some(pid) = pid.filter(|_| !is_keyed) {
                    let _ = kill_process(pid, signal);
                }
            }
        }
    }

    /// Whether keys that are pressed at the terminal reach this process.
    fn is_in_foreground() -> bool {
        let terminal = File::open("/dev/tty").ok();
        terminal
            .and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok())
            .is_some_and(|group| group == rustix::process::getpgrp())
    }
}

#[cfg(windows)]
mod signals {
    use super::{Child, ExitStatus, io};
    use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

    /// What a console says to all of its programs, the child as well.
    pub(super) struct Signals {
        interrupt: CtrlC,
        stop: CtrlBreak,
        close: CtrlClose,
    }

    impl Signals {
        pub(super) fn catch() -> io::Result<Self> {
            Ok(Self { interrupt: ctrl_c()?, stop: ctrl_break()?, close: ctrl_close()? })
        }

        /// Waits for the child's end.
        pub(super) async fn supervise(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
            loop {
                tokio::select! {
                    status = child.wait() => return status,
                    _ = self.interrupt.recv() => {}
                    _ = self.stop.recv() => {}
                    _ = self.close.recv() => {}
                }
            }
        }
    }
}
