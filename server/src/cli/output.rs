//! What commands say. Output that can't be written is a fault of the command,
//! one that nobody reads any more is none; what goes to standard error beside it
//! is said if it can be.

use super::CliError;
use crate::masking;
use stagepass_core::visible::printable;
use std::io::{self, Write as _};

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
