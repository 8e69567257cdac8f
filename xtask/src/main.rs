//! `cargo xtask`: everything that is done with this workspace, by one command.

mod extension;

use clap::{Parser, Subcommand};

/// Builds, runs and checks Stagepass.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct CommandLine {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Builds the extension for Chromium and for Firefox.
    Extension(extension::Options),
}

fn main() -> anyhow::Result<()> {
    match CommandLine::parse().task {
        Task::Extension(options) => extension::run(&options),
    }
}
