//! What commands say. Output that can't be written is a fault of the command,
//! one that nobody reads any more is none; what goes to standard error beside it
//! is said if it can be.

use super::error::CliError;
use crate::masking;
use stagepass_core::visible::printable;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::time::{Duration, Instant};

/// How often progress is shown, at most.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Prints a line of the command's output, which may quote what others have stored or said.
pub(super) fn say(line: &str) -> Result<(), CliError> {
    print(line).map_err(CliError::Output)
}

/// The same, for what knows nothing of commands.
pub(super) fn print(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{}", printable(&masking::hide(line)))
}

/// Tells whoever runs the command something that is no output.
pub(super) fn tell(line: &str) {
    // There is nobody left to tell where this fails.
    let _ = writeln!(io::stderr().lock(), "{}", printable(&masking::hide(line)));
}

/// Standard output, for a command that writes a file there.
pub(super) fn stdout() -> impl Write {
    BufWriter::new(io::stdout())
}

/// How wide the terminal is where output goes; `None` where it goes elsewhere.
pub(super) fn width() -> Option<usize> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0.into())
}

/// How far a command is, on a line of a terminal that is written over and goes with this.
/// Nothing is shown elsewhere.
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
            // Back to the line's beginning, and the line erased.
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}
