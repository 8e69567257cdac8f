//! Tests the native host as a Windows program, built by MinGW and run by Wine with its own prefix below
//! the target folder.

use crate::system::{Need, announce, cargo, run};
use crate::target_dir;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The target to build for.
pub(crate) const TARGET: &str = "x86_64-pc-windows-gnu";
/// The programs that this needs.
pub(crate) const NEEDS: [Need; 2] =
    [Need { programs: &[COMPILER], package: "gcc-mingw-w64-x86-64-win32" }, WINE];

/// Wine, from the only package that puts it on the search path.
const WINE: Need = Need { programs: &["wine"], package: "wine" };
const COMPILER: &str = "x86_64-w64-mingw32-gcc";
const SHIM: &str = "drive_c/windows/system32/bcryptprimitives.dll";

/// Sets up Wine, and builds the tests of the native host.
///
/// # Errors
/// If Wine can't be set up, or the tests can't be built.
pub(crate) fn build(root: &Path) -> Result<()> {
    let prefix = prefix()?;
    if !prefix.join(SHIM).is_file() {
        announce("setting up Wine");
        set_up(root, &prefix)?;
    }
    announce("the tests for Windows");
    run(tests(root, &prefix).arg("--no-run"))
}

/// Runs these tests, and says nothing unless one fails. Like the other tests, they get a second try on a
/// busy machine; what the first one said is shown.
///
/// # Errors
/// If a test fails twice, with all of its output.
// Decision: docs/decisions/tooling.md#the-hosts-windows-tests-run-under-wine
pub(crate) fn test(root: &Path) -> Result<()> {
    let prefix = prefix()?;
    let try_it = || -> Result<(bool, String)> {
        let output = tests(root, &prefix).output()?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    };
    let (is_well, said) = try_it()?;
    if is_well {
        return Ok(());
    }
    announce(&format!("the tests for Windows failed at the first try:\n{said}"));
    let (is_well, said) = try_it()?;
    ensure!(is_well, "{said}");
    Ok(())
}

fn prefix() -> Result<PathBuf> {
    Ok(target_dir()?.join("wine"))
}

/// The call of cargo for these tests.
fn tests(root: &Path, prefix: &Path) -> Command {
    let mut tests = cargo(root);
    // All tests of a file in one process, because Wine starts processes slowly.
    tests.args(["test", "--locked", "--no-fail-fast", "--quiet", "--package", "stagepass-native-host"]);
    tests.args(["--tests", "--target", TARGET]);
    in_windows(&mut tests, prefix).env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "wine");
    tests
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

/// Sets Wine's environment for the command: no window, and no debug messages.
fn in_windows<'a>(command: &'a mut Command, prefix: &Path) -> &'a mut Command {
    command.env("WINEPREFIX", prefix).env("WINEARCH", "win64").env("WINEDEBUG", "-all").env_remove("DISPLAY")
}
