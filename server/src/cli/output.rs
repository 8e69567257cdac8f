//! What commands say. Output that can't be written is a fault of the command,
//! one that nobody reads any more is none; what goes to standard error beside it
//! is said if it can be.

use super::CliError;
use crate::masking;
use stagepass_core::visible::printable;
use std::io::{self, Write as _};

/// Prints a line of the command's output, which may quote what others have stored.
pub(super) fn say(line: &str) -> Result<(), CliError> {
    writeln!(io::stdout().lock(), "{}", printable(line)).map_err(CliError::Output)
}

/// Tells whoever runs the command something that is no output.
pub(super) fn tell(line: &str) {
    // There is nobody left to tell where this fails.
    // What went wrong may be said in another program's words.
    let _ = writeln!(io::stderr().lock(), "{}", printable(&masking::hide(line)));
}
