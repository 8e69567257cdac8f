//! The native host as a Windows program: built by MinGW, and run by Wine, in a
//! Windows of its own below the target folder.

use crate::system::{Need, announce, cargo, run};
use crate::target_dir;
use anyhow::Result;
use std::path::Path;
use std::process::{Command, Stdio};

/// What is built for.
pub(crate) const TARGET: &str = "x86_64-pc-windows-gnu";
/// What must be installed for it.
pub(crate) const NEEDS: [Need; 2] =
    [Need { programs: &[COMPILER], package: "gcc-mingw-w64-x86-64-win32" }, WINE];

/// Only the package of this name brings Wine into the search path.
const WINE: Need = Need { programs: &["wine"], package: "wine" };
const COMPILER: &str = "x86_64-w64-mingw32-gcc";
const SHIM: &str = "drive_c/windows/system32/bcryptprimitives.dll";

/// Runs the tests of the native host.
///
/// # Errors
/// Where Wine can't be set up, or a test fails.
pub(crate) fn test(root: &Path) -> Result<()> {
    let prefix = target_dir()?.join("wine");
    if !prefix.join(SHIM).is_file() {
        announce("setting up Wine");
        set_up(root, &prefix)?;
    }
    announce("the native host on Windows");
    let mut tests = cargo(root);
    // All tests of a file in one process: Wine takes its time to start one.
    tests.args(["test", "--locked", "--no-fail-fast", "--quiet", "--package", "stagepass-native-host"]);
    tests.args(["--tests", "--target", TARGET]);
    run(in_windows(&mut tests, &prefix).env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "wine"))
}

fn set_up(root: &Path, prefix: &Path) -> Result<()> {
    let mut boot = Command::new("wine");
    boot.args(["wineboot", "--init"]).stdout(Stdio::null()).stderr(Stdio::null());
    run(in_windows(&mut boot, prefix))?;
    let shim = prefix.join(SHIM);
    if !shim.is_file() {
        let mut compiler = Command::new(COMPILER);
        compiler.arg("-shared").arg("-o").arg(&shim).arg(root.join("xtask/src/wine/bcryptprimitives.c"));
        run(compiler.arg("-ladvapi32"))?;
    }
    Ok(())
}

/// Wine's own environment for the command: no window, and no word on what it lacks.
fn in_windows<'a>(command: &'a mut Command, prefix: &Path) -> &'a mut Command {
    command.env("WINEPREFIX", prefix).env("WINEARCH", "win64").env("WINEDEBUG", "-all").env_remove("DISPLAY")
}
