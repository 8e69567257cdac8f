//! Runs another program with a log, waits for it, and ends it reliably.

use super::caller::{Caller, INTERVAL};
use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const START_TIMEOUT: Duration = Duration::from_secs(120);
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// How much of a log an error quotes.
const QUOTED_LINES: usize = 20;

/// A running program with its own process group; dropping it ends the group.
#[derive(Debug)]
pub(super) struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
    stop_signal: Signal,
}

impl Program {
    /// Starts it with its output in a log.
    pub(super) fn spawn(
        name: &'static str,
        command: &mut Command,
        log: &Path,
        stop_signal: Signal,
    ) -> Result<Self> {
        let output = File::create(log).with_context(|| log.display().to_string())?;
        command.process_group(0).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("{name} could not be started"))?;
        Ok(Self { name, child, log: log.to_owned(), stop_signal })
    }

    /// Runs it to its end; fails if it fails.
    pub(super) fn complete(
        name: &'static str,
        command: &mut Command,
        log: &Path,
        caller: &Caller,
    ) -> Result<()> {
        let mut program = Self::spawn(name, command, log, Signal::TERM)?;
        loop {
            match program.child.try_wait()? {
                None => caller.pause()?,
                Some(status) if status.success() => return Ok(()),
                Some(status) => return program.fail(status),
            }
        }
    }

    /// Waits until it is ready.
    pub(super) fn wait_until(&mut self, caller: &Caller, is_ready: impl Fn() -> bool) -> Result<()> {
        let start = Instant::now();
        while !is_ready() {
            self.check()?;
            let seconds = START_TIMEOUT.as_secs();
            ensure!(start.elapsed() < START_TIMEOUT, "{} was not ready in {seconds} s", self.name);
            caller.pause()?;
        }
        Ok(())
    }

    /// Fails if it has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => self.fail(status),
        }
    }

    fn fail(&self, status: ExitStatus) -> Result<()> {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        let quoted = lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n");
        bail!("{} has ended ({status}):\n{quoted}", self.name)
    }

    /// Whether it ends within this time.
    fn ends_within(&mut self, timeout: Duration) -> bool {
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if start.elapsed() >= timeout {
                return false;
            }
            std::thread::sleep(INTERVAL);
        }
        true
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        for signal in [self.stop_signal, Signal::KILL] {
            // After a wait the id could belong to another process.
            let (Ok(None), Some(pid)) = (self.child.try_wait(), pid) else { return };
            let _ = kill_process_group(pid, signal);
            if self.ends_within(STOP_TIMEOUT) {
                return;
            }
        }
    }
}
