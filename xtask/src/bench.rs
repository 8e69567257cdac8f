//! `cargo xtask bench`: runs the benchmarks on release builds, and starts the services that they
//! need.

use crate::check;
use crate::extension;
use crate::services::{self, Services, Wanted};
use crate::system::{self, announce, cargo, run};
use crate::{target_dir, workspace_root};
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::Command;

const SERVER: &str = "stagepass-server";
const HOST: &str = "stagepass-native-host";
/// The command for people, which asks the browser through it.
const COMMAND: &str = "stagepass";
const BENCH: &str = "stagepass-bench";

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Subject {
    /// Measure the server's throughput and latency, compared to the best that this
    /// computer can do; TMPDIR chooses the disk
    Server(Options),
    /// Measure how long a login to the vault takes, and how fast other calls are during
    /// many logins
    Vault(Options),
    /// Measure how fast a page of app credentials is for an owner of many, compared to an
    /// owner of few
    AppCredentials(Options),
    /// Measure how fast sessions are stored among 1,000 to 1,000,000 others, and for a
    /// connection with many earlier ones
    Growth(Options),
    /// Measure the server's memory while 100 clients slowly read a list of large app
    /// credentials, and how much it releases afterwards
    SlowReaders(Options),
    /// Measure how fast sessions are stored in a Directus, compared to the same calls
    /// sent to it directly
    Directus(Options),
    /// Measure how soon writes continue after a PostgreSQL primary hangs and its standby
    /// is promoted
    Failover(Options),
    /// Measure how long the extension's module takes for 1,000 cookies in a real
    /// Chromium
    Wasm(Options),
    /// Measure how fast and how correctly a program gets the cookies of a running Firefox,
    /// compared to yt-dlp and browser_cookie3, which read the browser's files
    HandOver(Options),
}

/// Options of `cargo xtask bench`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The store to measure [default: both]
    #[arg(long, value_enum, value_name = "STORE")]
    store: Option<Store>,
    /// One short round of everything, and fewer sessions in the crowd
    #[arg(long)]
    quick: bool,
    /// Also write the figures to a file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Store {
    Sqlite,
    Postgres,
}

/// Runs a benchmark.
///
/// # Errors
/// If something can't be built or started, or the benchmark fails. A missed target is not a
/// failure.
pub(crate) fn bench(subject: &Subject) -> Result<()> {
    let (options, part) = match subject {
        Subject::Server(options) => (options, None),
        Subject::Vault(options) => (options, Some("vault")),
        Subject::AppCredentials(options) => (options, Some("app-credentials")),
        Subject::Growth(options) => (options, Some("growth")),
        Subject::SlowReaders(options) => (options, Some("slow-readers")),
        Subject::Directus(options) => (options, Some("directus")),
        Subject::Failover(options) => {
            system::ensure(&[services::POSTGRES])?;
            (options, Some("failover"))
        }
        Subject::Wasm(options) => {
            system::ensure(&[system::CHROMIUM])?;
            package_extension()?;
            (options, Some("wasm"))
        }
        Subject::HandOver(options) => {
            system::ensure(&[system::FIREFOX, system::PYTHON])?;
            check::install_geckodriver()?;
            package_extension()?;
            (options, Some("hand-over"))
        }
    };
    // The services start while the rest is built, and end when this function returns.
    let mut services = match subject {
        // The failover benchmark starts its own clusters.
        Subject::Wasm(_) | Subject::HandOver(_) | Subject::Failover(_) => None,
        Subject::Directus(_) => {
            system::ensure(&services::NEEDS)?;
            Some(Services::start(Wanted::Directus)?)
        }
        _ if options.store == Some(Store::Sqlite) => None,
        _ => {
            system::ensure(&[services::POSTGRES])?;
            Some(Services::start(Wanted::Postgres)?)
        }
    };
    build(subject)?;
    let mut command = Command::new(target_dir()?.join("release").join(BENCH));
    if let Some(services) = &mut services {
        command.envs(services.variables()?);
    }
    command.args(options.arguments()).args(part);
    run(&mut command)
}

fn build(subject: &Subject) -> Result<()> {
    announce("building the programs and the benchmark for release");
    let mut build = cargo(workspace_root()?);
    build.args(["build", "--locked", "--release", "--bin", SERVER, "--bin", BENCH]);
    if matches!(subject, Subject::HandOver(_)) {
        build.args(["--bin", HOST, "--bin", COMMAND]);
    }
    run(&mut build)
}

fn package_extension() -> Result<()> {
    announce("the extension");
    extension::package(workspace_root()?, &workspace_root()?.join("dist")).map(drop)
}

impl Options {
    fn arguments(&self) -> Vec<std::ffi::OsString> {
        let mut arguments = Vec::new();
        if let Some(name) = self.store.and_then(|store| store.to_possible_value()) {
            arguments.extend(["--store".into(), name.get_name().into()]);
        }
        if self.quick {
            arguments.push("--quick".into());
        }
        if let Some(path) = &self.json {
            arguments.extend(["--json".into(), path.into()]);
        }
        arguments
    }
}
