//! A separate display with a window manager, for a browser that is not headless, and
//! the real keyboard that goes with it.

use crate::system::process::{ProcessGroup, on_path};
use crate::system::wait;
use anyhow::{Context, Result, bail, ensure};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// How long the X server and its window manager may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one keystroke may take.
const TOOL_TIMEOUT: Duration = Duration::from_secs(20);

/// A virtual X display.
#[derive(Debug)]
pub struct Display {
    name: String,
    // Dropped in this order: the window manager before its server.
    window_manager: ProcessGroup,
    _server: ProcessGroup,
}

impl Display {
    /// Starts Xvfb on a free display number, and openbox on it.
    ///
    /// # Errors
    /// When a program is missing or does not start.
    pub async fn start() -> Result<Self> {
        let mut server = spawn(
            "Xvfb",
            &["-displayfd", "1", "-noreset", "-screen", "0", "1280x1000x24", "-nolisten", "tcp"],
            None,
            Stdio::piped(),
        )?;
        let stdout = server.child().stdout.take().context("stdout is piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let number = tokio::time::timeout(START_TIMEOUT, lines.next_line())
            .await
            .context("timed out waiting for Xvfb to name its display")??
            .context("Xvfb ended before it named its display")?;
        let name = format!(":{}", number.trim());
        let window_manager = spawn("openbox", &[], Some(&name), Stdio::null())?;
        let mut display = Self { name, window_manager, _server: server };
        wait::until("openbox to manage the display", START_TIMEOUT, async || {
            if let Some(status) = display.window_manager.child().try_wait()? {
                bail!("openbox ended ({status}) before it managed the display");
            }
            // Only a window manager makes this succeed.
            Ok(display.xdotool(&["get_num_desktops"]).await.ok())
        })
        .await?;
        Ok(display)
    }

    /// The value of `DISPLAY`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Presses and releases a key or a chord, such as `Return` or `alt+shift+s`.
    ///
    /// # Errors
    /// When xdotool fails.
    pub async fn press(&self, chord: &str) -> Result<()> {
        self.xdotool(&["key", "--clearmodifiers", chord]).await.map(drop)
    }

    /// Types a text.
    ///
    /// # Errors
    /// When xdotool fails.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        self.xdotool(&["type", "--clearmodifiers", text]).await.map(drop)
    }

    /// The ids of the visible windows that have a title.
    ///
    /// # Errors
    /// When xdotool can't be run.
    pub async fn windows(&self) -> Result<Vec<String>> {
        // xdotool fails when it finds no window, which is a valid answer here.
        let found = self.run(&["search", "--onlyvisible", "--name", "."]).await?;
        Ok(String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect())
    }

    /// The title of the window that has the focus; `None` if no window has it.
    ///
    /// # Errors
    /// When xdotool can't be run.
    pub async fn active_window(&self) -> Result<Option<String>> {
        let found = self.run(&["getactivewindow", "getwindowname"]).await?;
        let title = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        Ok((found.status.success() && !title.is_empty()).then_some(title))
    }

    /// Runs xdotool and returns what it prints.
    ///
    /// # Errors
    /// When it fails.
    pub async fn xdotool(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments).await?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "xdotool {} failed: {complaint}", arguments.join(" "));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    async fn run(&self, arguments: &[&str]) -> Result<std::process::Output> {
        let mut command = Command::new(program("xdotool")?);
        command.args(arguments).env("DISPLAY", &self.name).kill_on_drop(true);
        let output = tokio::time::timeout(TOOL_TIMEOUT, command.output()).await;
        Ok(output.with_context(|| format!("timed out waiting for xdotool {}", arguments.join(" ")))??)
    }
}

fn spawn(name: &str, arguments: &[&str], display: Option<&str>, stdout: Stdio) -> Result<ProcessGroup> {
    let mut command = Command::new(program(name)?);
    command.args(arguments).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null());
    if let Some(display) = display {
        command.env("DISPLAY", display);
    }
    ProcessGroup::spawn(&mut command)
}

fn program(name: &str) -> Result<std::path::PathBuf> {
    on_path(&[name]).with_context(|| {
        format!("{name} is not on PATH; on Debian it comes with `apt-get install xvfb openbox xdotool`")
    })
}
