//! `cargo xtask`: everything that is done with this workspace, by one command.

mod check;
mod extension;
mod system;
mod up;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use std::path::Path;

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
    /// Set up what the checks need, and run all of them
    Test(check::Options),
    /// Build the extension for Chromium and for Firefox
    Extension(extension::Options),
}

fn main() -> anyhow::Result<()> {
    match CommandLine::parse().task {
        Task::Up(options) => up::up(&options),
        Task::Test(options) => check::test(&options),
        Task::Extension(options) => extension::run(&options),
    }
}

fn workspace_root() -> anyhow::Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in a workspace")
}
