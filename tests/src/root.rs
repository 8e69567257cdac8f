//! What only root may do, where a test needs it: as root, or by `sudo` without a question.

use anyhow::{Result, ensure};
use std::ffi::OsStr;
use std::process::Command;

/// Runs a program as root, to its end.
///
/// # Errors
/// Where it fails, or nobody here may be root.
pub fn as_root<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Result<()> {
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new(program)
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", program]);
        sudo
    };
    let output = command.args(arguments).output()?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
