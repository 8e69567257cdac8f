//! `cargo xtask test`: sets up the tools and runs every check. Nothing is skipped:
//! a tool that can't be set up is a failure.

use crate::extension::{self, wasm};
use crate::services::{self, Services, Wanted};
use crate::system::{self, CHROMIUM, FOR_CHECKS, PYTHON, announce, cargo, run, succeeds};
use crate::{debian, dependencies, target_dir, wine, workspace_root};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// The release of geckodriver that works with Debian's Firefox.
const GECKODRIVER: &str = "0.37.1";
/// The release of cargo-nextest that `.config/nextest.toml` is written for.
const NEXTEST: &str = "0.9.151";
/// Other systems that browsers run on. The host and its tests are linted for them, and the tests
/// are also run for Windows. One kind of Mac is enough: nothing in the host depends on the processor.
const HOST_TARGETS: [&str; 2] = [wine::TARGET, "aarch64-apple-darwin"];

/// Options of `cargo xtask test`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only run tests whose names contain this, without lints, formatting, checks of other
    /// crates, and Windows
    filter: Option<String>,
}

/// Runs every check.
///
/// # Errors
/// The fault of the first check that fails.
pub(crate) fn test(options: &Options) -> Result<()> {
    let root = workspace_root()?;
    set_up()?;
    // The services start while the rest is built, and end when this function returns.
    let mut services = Services::start(Wanted::Tests)?;
    if options.filter.is_none() {
        announce("formatting");
        run(cargo(root).args(["fmt", "--all", "--check"]))?;
    }
    announce("the extension");
    extension::package(root, &root.join("dist"))?;
    announce("the programs and the tests");
    run(cargo(root).args(["build", "--locked", "--workspace", "--bins", "--tests"]))?;
    let fetch_tools = target_dir()?.join("debug/stagepass-fetch-tools");
    thread::scope(|scope| {
        // The network meanwhile.
        let tools = scope.spawn(|| run(&mut Command::new(fetch_tools)));
        if options.filter.is_none() {
            lint(root)?;
            dependencies::check(root)?;
            wine::build(root)?;
        }
        tools.join().unwrap_or_else(|_| bail!("it panicked")).context("the tools of the tests")
    })?;
    announce("PostgreSQL and Directus");
    let variables = services.variables()?;
    // The Windows tests run beside the others, and report only at their end.
    let on_windows = options.filter.is_none().then(|| thread::spawn(|| wine::test(root)));
    announce("the tests");
    let mut tests = Command::new(nextest()?);
    tests.current_dir(root);
    // Includes the wasm crate's tests, which need no browser.
    tests.args(["nextest", "run", "--locked", "--workspace", "--no-fail-fast"]);
    tests.args(options.filter.as_slice());
    let here = run(tests.envs(variables));
    let on_windows = on_windows.map_or(Ok(()), |tests| tests.join().unwrap_or_else(|_| bail!("it panicked")));
    on_windows.context("the native host on Windows").and(here)
}

fn set_up() -> Result<()> {
    system::ensure(&[&[CHROMIUM, PYTHON][..], &FOR_CHECKS, &services::NEEDS, &wine::NEEDS].concat())?;
    debian::ensure(&debian::FOR_CHECKS)?;
    for (component, name) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if !succeeds(Command::new("cargo").args([name, "--version"])) {
            run(Command::new("rustup").args(["component", "add", component]))?;
        }
    }
    install_geckodriver()?;
    system::ensure_target(wasm::TARGET)?;
    HOST_TARGETS.iter().try_for_each(|target| system::ensure_target(target))
}

/// The test runner: the one on `PATH`, or one in the build folder.
fn nextest() -> Result<PathBuf> {
    match system::find("cargo-nextest") {
        Some(program) => Ok(program),
        None => system::install_tool(
            "cargo-nextest",
            NEXTEST,
            &["--no-default-features", "--features", "default-no-update"],
        ),
    }
}

/// Installs geckodriver, through which the tests drive Firefox.
///
/// # Errors
/// If it can't be built.
pub(crate) fn install_geckodriver() -> Result<()> {
    system::install_tool("geckodriver", GECKODRIVER, &[]).map(drop)
}

fn lint(root: &Path) -> Result<()> {
    announce("lints");
    run(cargo(root).args(["clippy", "--locked", "--quiet", "--all-targets", "--", "--deny", "warnings"]))?;
    // This also checks that the core builds for the browser.
    lint_for(root, wasm::PACKAGE, &[wasm::TARGET], &["--all-targets"])?;
    lint_for(root, "stagepass-native-host", &HOST_TARGETS, &["--lib", "--bins", "--tests"])
}

/// Lints a package for other targets.
fn lint_for(root: &Path, package: &str, targets: &[&str], what: &[&str]) -> Result<()> {
    let mut clippy = cargo(root);
    clippy.args(["clippy", "--locked", "--quiet", "--package", package]);
    clippy.args(targets.iter().flat_map(|target| ["--target", *target]));
    run(clippy.args(what).args(["--", "--deny", "warnings"]))
}
