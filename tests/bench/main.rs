//! The benchmarks. Of the server: how many calls it answers per second and how soon, beside
//! what the same machine can do at best, measured in the same run; how other calls fare
//! while many people log in to the vault; how fast sessions are stored where many are kept;
//! how soon a page of many app credentials arrives; how much memory slow readers of large
//! lists cost; how fast sessions are stored in Directus; and how soon sessions are stored
//! again after a PostgreSQL primary hangs. Of the other programs: how long the extension takes for many
//! cookies, and how fast and how correctly a program gets a running browser's cookies,
//! beside programs that read them from its files.
//!
//! `cargo xtask bench` makes the release builds that a benchmark needs, starts
//! PostgreSQL if it needs a store, and runs this.

mod bounds;
mod calls;
mod crowd;
mod exchange;
mod load;
mod logins;
mod memory;
mod owners;
mod profile;
mod reader;
mod report;
mod sample;
mod scenarios;
mod sealed;
mod stage;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand, ValueEnum};
use load::Timing;
use stagepass_tests::services::installation::Store;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Measures the server beside the bounds of this machine.
#[derive(Debug, Parser)]
struct Options {
    /// The store to measure it on; both unless given
    #[arg(long, value_enum, value_name = "STORE")]
    store: Option<StoreName>,
    /// One short round of everything, and fewer sessions in the crowd
    #[arg(long)]
    quick: bool,
    /// Do everything once and briefly; the figures mean nothing
    #[arg(long, conflicts_with = "quick")]
    smoke: bool,
    /// Write the figures to a file as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StoreName {
    Sqlite,
    Postgres,
}

/// What this program starts itself for.
#[derive(Debug, Subcommand)]
#[command(hide = true)]
enum Part {
    /// Measure logins to the vault, and other calls at the same time
    Vault,
    /// Measure how long the extension takes for many cookies
    Wasm,
    /// Measure how soon a program gets a running browser's cookies, and how many are right
    HandOver,
    /// Measure lists of few and of many app credentials
    AppCredentials,
    /// Measure how fast sessions are stored, among few and among many
    Growth,
    /// Measure the memory of the server while many read large lists slowly
    SlowReaders,
    /// Measure how fast sessions are stored in a Directus, compared to the same calls sent to it
    Directus,
    /// Measure how soon sessions are stored again after a PostgreSQL primary hangs
    Failover,
    /// Answer every POST to a path with the bytes from standard input
    AnswerPosts {
        /// The path
        path: String,
    },
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Plan {
    timing: Timing,
    /// How often to measure each thing, in turns with what it is compared to.
    rounds: usize,
    /// Clients at the same time when measuring throughput.
    clients: usize,
    /// Clients at the same time when measuring latencies.
    many_clients: usize,
    /// Sessions in the small database.
    few_sessions: usize,
    /// Sessions in the large one.
    crowd_sessions: usize,
    /// Sessions in growing databases, the last one the largest.
    growing_sessions: &'static [usize],
    /// Ended sessions of one connection.
    ended_sessions: usize,
    /// App credentials of the owner with few.
    few_credentials: usize,
    /// App credentials of the owner with many.
    many_credentials: usize,
    /// Logins one after another, with the right and with a wrong password.
    logins: usize,
    /// Previews in the browser, one after another.
    previews: usize,
    /// How often each program reads the browser's cookies.
    hand_overs: usize,
    /// Clients that read a large list slowly.
    slow_readers: usize,
    /// How long they read.
    slowness: Duration,
}

const FULL: Plan = Plan {
    timing: Timing { warm_up: Duration::from_millis(500), window: Duration::from_secs(3), pace: None },
    rounds: 3,
    clients: 16,
    many_clients: 64,
    few_sessions: 1_000,
    crowd_sessions: 1_000_000,
    growing_sessions: &[10_000, 100_000, 1_000_000],
    ended_sessions: 13_000,
    few_credentials: 1_000,
    many_credentials: 100_000,
    logins: 20,
    previews: 500,
    hand_overs: 30,
    slow_readers: 100,
    slowness: Duration::from_secs(20),
};

impl Options {
    fn plan(&self) -> Plan {
        let timing = |warm_up, window| Timing {
            warm_up: Duration::from_millis(warm_up),
            window: Duration::from_millis(window),
            pace: None,
        };
        if self.smoke {
            Plan {
                timing: timing(10, 50),
                rounds: 1,
                few_sessions: 64,
                crowd_sessions: 640,
                growing_sessions: &[128, 640],
                ended_sessions: 100,
                many_credentials: 2_000,
                logins: 1,
                previews: 2,
                hand_overs: 2,
                slow_readers: 8,
                slowness: Duration::from_millis(10),
                ..FULL
            }
        } else if self.quick {
            Plan {
                timing: timing(300, 1000),
                rounds: 1,
                crowd_sessions: 100_000,
                growing_sessions: &[10_000, 100_000],
                logins: 5,
                previews: 100,
                hand_overs: 10,
                slowness: Duration::from_secs(5),
                ..FULL
            }
        } else {
            FULL
        }
    }

    fn stores(&self) -> &'static [Store] {
        match self.store {
            None => &[Store::Sqlite, Store::Postgres],
            Some(StoreName::Sqlite) => &[Store::Sqlite],
            Some(StoreName::Postgres) => &[Store::Postgres],
        }
    }
}

/// The runtime has the server's settings, so that the bare route, which this program also
/// runs, has the same ones.
#[tokio::main]
#[expect(clippy::print_stderr, reason = "people read what a command prints")]
async fn main() -> ExitCode {
    let options = Options::parse();
    // Ctrl-C drops what runs, so that servers end with this program.
    let ended = tokio::select! {
        ended = run(options) => ended,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("stopped")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stagepass-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<()> {
    let (plan, stores) = (options.plan(), options.stores());
    let report = match &options.part {
        Some(Part::AnswerPosts { path }) => return bounds::route::serve(path).await,
        Some(Part::AppCredentials) => scenarios::app_credentials::run(plan, stores).await?,
        Some(Part::Directus) => scenarios::directus::run(plan).await?,
        Some(Part::Failover) => scenarios::failover::run(plan).await?,
        Some(Part::Growth) => scenarios::growth::run(plan, stores).await?,
        Some(Part::SlowReaders) => scenarios::slow_readers::run(plan, stores).await?,
        Some(Part::HandOver) => scenarios::hand_over::run(plan).await?,
        Some(Part::Wasm) => scenarios::normalising::run(plan).await?,
        Some(Part::Vault) => scenarios::vault::run(plan, stores).await?,
        None => scenarios::run(plan, stores).await?,
    };
    if let Some(path) = &options.json {
        let json = serde_json::to_vec_pretty(&report)?;
        std::fs::write(path, json).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
