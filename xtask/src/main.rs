//! `cargo xtask`: all tasks of this workspace in one command.

#[cfg(unix)]
mod bench;
#[cfg(unix)]
mod check;
#[cfg(unix)]
mod debian;
#[cfg(unix)]
mod dependencies;
mod extension;
mod pictures;
#[cfg(unix)]
mod release;
#[cfg(unix)]
mod services;
mod suffixes;
mod system;
mod up;
#[cfg(unix)]
mod wine;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};

/// Builds, runs and checks Stagepass.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct CommandLine {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build everything, set it up for you, and start the server
    Up(up::Options),
    /// Set up the tools for the checks, and run all of them
    #[cfg(unix)]
    Test(check::Options),
    /// Start PostgreSQL and Directus as the checks do, to run single tests by hand
    #[cfg(unix)]
    Services(services::Options),
    /// Run a benchmark on release builds
    #[cfg(unix)]
    #[command(subcommand)]
    Bench(bench::Subject),
    /// Keep data that this version stores, for the tests of all later ones; part of each release
    #[cfg(unix)]
    KeepRelease,
    /// Build the extension for Chromium and for Firefox
    Extension(extension::Options),
    /// Refresh the public suffix list from the pinned package
    Suffixes(suffixes::Options),
    /// Copy the pictures for README and docs from the tests' output
    Pictures,
}

fn main() -> anyhow::Result<()> {
    match CommandLine::parse().task {
        Task::Up(options) => up::up(&options),
        #[cfg(unix)]
        Task::Test(options) => check::test(&options),
        #[cfg(unix)]
        Task::Services(options) => services::run(&options),
        #[cfg(unix)]
        Task::Bench(subject) => bench::bench(&subject),
        #[cfg(unix)]
        Task::KeepRelease => release::keep(),
        Task::Extension(options) => extension::run(&options),
        Task::Suffixes(options) => suffixes::refresh(&options),
        Task::Pictures => pictures::refresh(),
    }
}

fn workspace_root() -> anyhow::Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is in a workspace")
}

/// Cargo's build folder: the running xtask is in a profile's folder below it.
fn target_dir() -> anyhow::Result<PathBuf> {
    let running = std::env::current_exe()?;
    Ok(running.parent().and_then(Path::parent).context("xtask is in a build folder")?.to_owned())
}
