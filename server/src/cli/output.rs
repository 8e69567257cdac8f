//! The output of commands. A command fails if its output can't be written, except when the reader
//! closed the pipe. Failures to write to standard error are ignored.

use super::error::CliError;
use crate::masking;
use stagepass_core::visible::printable;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::time::{Duration, Instant};

/// The shortest time between two displays of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Prints a line of the command's output, which can quote stored or foreign text.
pub(super) fn say(line: &str) -> Result<(), CliError> {
    print(line).map_err(CliError::Output)
}

/// The same as [`say`], with an error that does not depend on commands.
pub(super) fn print(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{}", printable(&masking::hide(line)))
}

/// Prints a message for the operator to standard error.
pub(super) fn tell(line: &str) {
    // If this fails, no one is left to tell.
    let _ = writeln!(io::stderr().lock(), "{}", printable(&masking::hide(line)));
}

/// Standard output, for a command that writes a file there.
pub(super) fn stdout() -> impl Write {
    BufWriter::new(io::stdout())
}

/// The width of the terminal, if output goes to one.
pub(super) fn width() -> Option<usize> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0.into())
}

/// The command's progress, on one line of the terminal that is overwritten and finally erased.
/// Without a terminal nothing is shown.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    shown_at: Option<Instant>,
    is_seen: bool,
}

impl Progress {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, shown_at: None, is_seen: io::stderr().is_terminal() }
    }

    pub(super) fn show(&mut self, count: u64) {
        let is_early = self.shown_at.is_some_and(|at| at.elapsed() < PROGRESS_INTERVAL);
        if self.is_seen && !is_early {
            self.shown_at = Some(Instant::now());
            let _ = write!(io::stderr().lock(), "\r{count} {}", self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown_at.is_some() {
            // Return to the start of the line and erase it.
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}
