//! Commands that only root may run: as root, or by `sudo` without a password.

use anyhow::{Result, ensure};
use std::ffi::OsStr;
use std::process::Command;

/// Runs a program as root, to its end.
///
/// # Errors
/// When it fails, or there is no way to become root.
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
