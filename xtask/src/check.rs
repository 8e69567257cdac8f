//! `cargo xtask test`: every check, after setting up what they need. It is what
//! CI runs, too. Nothing is passed over: what can't be set up fails.

use crate::extension::{self, wasm};
use crate::services::{self, Services, Wanted};
use crate::system::{self, CHROMIUM, FOR_CHECKS, PYTHON, announce, cargo, run, succeeds};
use crate::{debian, dependencies, wine, workspace_root};
use anyhow::Result;
use clap::Args;
use std::path::Path;
use std::process::Command;

/// The release of geckodriver, which has to fit Debian's Firefox.
const GECKODRIVER: &str = "0.37.1";
/// Systems that browsers run on beside the one that the tests are run on. The
/// host and its tests are linted for them; those for Windows are run, too.
const HOST_TARGETS: [&str; 3] = [wine::TARGET, "x86_64-apple-darwin", "aarch64-apple-darwin"];

/// Options of `cargo xtask test`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only run tests whose names hold this; lints, formatting, other crates
    /// and Windows are left out
    filter: Option<String>,
}

/// Runs every check.
///
/// # Errors
/// With the first check that fails.
pub(crate) fn test(options: &Options) -> Result<()> {
    let root = workspace_root()?;
    set_up()?;
    // They get ready while the rest is built, and end when this returns.
    let mut services = Services::start(Wanted::All)?;
    if options.filter.is_none() {
        lint(root)?;
        dependencies::check(root)?;
    }
    announce("the extension");
    extension::package(root, &root.join("dist"))?;
    announce("the programs");
    run(cargo(root).args(["build", "--locked", "--bins"]))?;
    announce("PostgreSQL and Directus");
    let variables = services.variables()?;
    // What the runner says of all other tests comes last.
    let on_windows = if options.filter.is_none() { wine::test(root) } else { Ok(()) };
    announce("the tests");
    let mut tests = cargo(root);
    // With the wasm crate's own, which need no browser.
    tests.args(["nextest", "run", "--locked", "--workspace", "--no-fail-fast"]);
    tests.args(options.filter.as_slice());
    run(tests.envs(variables))?;
    on_windows
}

fn set_up() -> Result<()> {
    system::ensure(&[&[CHROMIUM, PYTHON][..], &FOR_CHECKS, &services::NEEDS, &wine::NEEDS].concat())?;
    debian::ensure(&debian::FOR_CHECKS)?;
    for (component, name) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if !succeeds(Command::new("cargo").args([name, "--version"])) {
            run(Command::new("rustup").args(["component", "add", component]))?;
        }
    }
    if !succeeds(Command::new("cargo").args(["nextest", "--version"])) {
        announce("installing cargo-nextest, the test runner");
        run(Command::new("cargo").args(["install", "--locked", "--quiet", "cargo-nextest"]))?;
    }
    install_geckodriver()?;
    system::ensure_target(wasm::TARGET)?;
    HOST_TARGETS.iter().try_for_each(|target| system::ensure_target(target))
}

/// Through it the tests drive Firefox.
///
/// # Errors
/// Where it can't be built.
pub(crate) fn install_geckodriver() -> Result<()> {
    system::install_tool("geckodriver", GECKODRIVER, &[]).map(drop)
}

fn lint(root: &Path) -> Result<()> {
    announce("formatting");
    run(cargo(root).args(["fmt", "--all", "--check"]))?;
    announce("lints");
    run(cargo(root).args(["clippy", "--locked", "--quiet", "--all-targets", "--", "--deny", "warnings"]))?;
    // Also shows that the core builds for the browser.
    lint_for(root, wasm::PACKAGE, wasm::TARGET, &["--all-targets"])?;
    for target in HOST_TARGETS {
        lint_for(root, "stagepass-native-host", target, &["--lib", "--bins", "--tests"])?;
    }
    Ok(())
}

/// Lints a package for another target than this machine.
fn lint_for(root: &Path, package: &str, target: &str, what: &[&str]) -> Result<()> {
    let mut clippy = cargo(root);
    clippy.args(["clippy", "--locked", "--quiet", "--package", package, "--target", target]);
    run(clippy.args(what).args(["--", "--deny", "warnings"]))
}
