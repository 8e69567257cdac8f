//! `cargo xtask bench`: the benchmarks, of programs as they are released, with
//! what they need started for them.

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
const BENCH: &str = "stagepass-bench";

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Subject {
    /// Measure the server's calls a second and latencies beside what this
    /// machine can do at best; TMPDIR says on which disk
    Server(Options),
    /// Measure how long a login to the vault takes, and how other calls fare while
    /// many log in
    Vault(Options),
    /// Measure how soon somebody who has many app credentials gets a page of them,
    /// beside somebody who has few
    AppCredentials(Options),
    /// Measure how fast sessions are stored among 1,000 to 1,000,000 of them, and for a
    /// connection that has had many
    Growth(Options),
    /// Measure how much memory the server takes while 100 clients read a list of large
    /// app credentials slowly, and how much of it is given back
    SlowReaders(Options),
    /// Measure captures that are kept in a Directus, beside the same calls sent to it
    /// directly
    Directus(Options),
    /// Measure how soon stores go on after a PostgreSQL primary hangs whose standby is
    /// promoted
    Failover(Options),
    /// Measure how long the extension's module takes for 1,000 cookies in a real
    /// Chromium
    Wasm(Options),
    /// Measure how soon a program has the cookies of a Firefox that runs, and how many of
    /// them rightly, beside yt-dlp and browser_cookie3, which read the browser's files
    HandOver(Options),
}

/// Options of `cargo xtask bench`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The store to measure it on; both unless given
    #[arg(long, value_enum, value_name = "STORE")]
    store: Option<Store>,
    /// One short round of everything, and fewer sessions in the crowd
    #[arg(long)]
    quick: bool,
    /// Write the figures to a file as JSON, too
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
/// Where something can't be built or started, or the benchmark fails. A target
/// that is missed is no failure.
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
    // They get ready while the rest is built, and end when this returns.
    let mut services = match subject {
        // One of them has clusters of its own.
        Subject::Wasm(_) | Subject::HandOver(_) | Subject::Failover(_) => None,
        Subject::Directus(_) => {
            system::ensure(&services::NEEDS)?;
            Some(Services::start(Wanted::All)?)
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
    announce("building the programs and the benchmark as they are released");
    let mut build = cargo(workspace_root()?);
    build.args(["build", "--locked", "--release", "--bin", SERVER, "--bin", BENCH]);
    if matches!(subject, Subject::HandOver(_)) {
        build.args(["--bin", HOST]);
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
