//! A real pseudo terminal with a program at it: what the program asks, what a person types,
//! and what the screen shows.

use crate::system::process::Collected;
use crate::system::wait;
use anyhow::{Context as _, Result};
use pty_process::OwnedWritePty;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::termios::{LocalModes, tcgetattr};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

const TIMEOUT: Duration = Duration::from_secs(60);

/// A program at a terminal of its own; dropping it kills the program.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: OwnedWritePty,
    settings: OwnedFd,
    shown: Collected,
    answered: usize,
}

impl Terminal {
    /// Starts a program whose input and output are a terminal.
    ///
    /// # Errors
    /// When no terminal is available, or the program can't be started.
    pub fn start(command: Command) -> Result<Self> {
        Self::start_with(command, |command| command)
    }

    /// Starts a program at a terminal whose standard input is something else.
    ///
    /// # Errors
    /// When no terminal is available, or the program can't be started.
    pub fn start_with_stdin(command: Command, stdin: impl Into<Stdio>) -> Result<Self> {
        Self::start_with(command, |command| command.stdin(stdin))
    }

    /// Starts a program at a terminal with `columns` columns.
    ///
    /// # Errors
    /// When no terminal is available, or the program can't be started.
    pub fn start_at_width(command: Command, columns: u16) -> Result<Self> {
        Self::start_at(command, Some(columns), |command| command)
    }

    fn start_with(
        command: Command,
        change: impl FnOnce(pty_process::Command) -> pty_process::Command,
    ) -> Result<Self> {
        Self::start_at(command, None, change)
    }

    fn start_at(
        mut command: Command,
        columns: Option<u16>,
        change: impl FnOnce(pty_process::Command) -> pty_process::Command,
    ) -> Result<Self> {
        command.kill_on_drop(true);
        let (pty, pts) = pty_process::open()?;
        if let Some(columns) = columns {
            pty.resize(pty_process::Size::new(40, columns))?;
        }
        let child = change(command.into()).spawn(pts)?;
        let settings = pty.as_fd().try_clone_to_owned()?;
        let (screen, keyboard) = pty.into_split();
        Ok(Self { child, keyboard, settings, shown: Collected::of(screen), answered: 0 })
    }

    /// Waits for a question with the echo off, then types the answer.
    ///
    /// # Errors
    /// When the question does not come in time.
    pub async fn answer(&mut self, question: &str, answer: &str) -> Result<()> {
        self.wait_for_question(question).await?;
        self.type_line(answer).await
    }

    /// Types a line.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub async fn type_line(&mut self, line: &str) -> Result<()> {
        Ok(self.keyboard.write_all(format!("{line}\r").as_bytes()).await?)
    }

    /// Waits for a question with the echo off.
    ///
    /// # Errors
    /// When the question does not come in time.
    pub async fn wait_for_question(&mut self, question: &str) -> Result<()> {
        wait::until(&format!("the question {question:?}"), TIMEOUT, async || {
            let shown = self.shown();
            let is_asked = shown.get(self.answered..).is_some_and(|new| new.contains(question));
            // A program asks first, and then switches the echo off.
            Ok((is_asked && !self.has_echo()?).then_some(()))
        })
        .await
        .with_context(|| self.shown())?;
        self.answered = self.shown().len();
        Ok(())
    }

    /// Whether the terminal shows what is typed.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn has_echo(&self) -> Result<bool> {
        Ok(tcgetattr(&self.settings)?.local_modes.contains(LocalModes::ECHO))
    }

    /// Presses Ctrl-C.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub async fn press_ctrl_c(&mut self) -> Result<()> {
        Ok(self.keyboard.write_all(b"\x03").await?)
    }

    /// Sends a signal to the program and everything that it has started.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = self.child.id().context("it has ended")?;
        Ok(kill_process_group(Pid::from_raw(id.cast_signed()).context("no process id")?, signal)?)
    }

    /// Sends a signal to the program alone.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal_alone(&self, signal: Signal) -> Result<()> {
        let id = self.child.id().context("it has ended")?;
        Ok(kill_process(Pid::from_raw(id.cast_signed()).context("no process id")?, signal)?)
    }

    /// Waits until a text is shown.
    ///
    /// # Errors
    /// When it is not shown in time.
    pub async fn wait_for(&self, text: &str) -> Result<()> {
        let is_shown = async || Ok(self.shown().contains(text).then_some(()));
        wait::until(text, TIMEOUT, is_shown).await.with_context(|| self.shown())
    }

    /// Everything that the terminal has shown so far.
    #[must_use]
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.bytes()).into_owned()
    }

    /// Waits until the program ends, and returns how it ended and what was shown.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn end(&mut self) -> Result<(ExitStatus, String)> {
        let ended = tokio::time::timeout(TIMEOUT, self.child.wait()).await;
        let status = ended.with_context(|| format!("it does not end: {}", self.shown()))??;
        wait::until("the end of what is shown", TIMEOUT, async || Ok(self.shown.is_at_end().then_some(())))
            .await?;
        Ok((status, self.shown()))
    }
}
