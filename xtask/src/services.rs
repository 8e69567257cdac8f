//! Temporary instances of PostgreSQL and Directus for the tests. A separate keeper process runs them
//! as long as its standard input is open.

mod caller;
mod directus;
mod postgres;
mod program;

use crate::system::{self, Need, announce};
use anyhow::{Context as _, Result, bail};
use caller::{Caller, INTERVAL};
use clap::{Args, ValueEnum};
use directus::Directus;
use postgres::Postgres;
use secrecy::ExposeSecret as _;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};

/// The programs that both need.
pub(crate) const NEEDS: [Need; 2] = [
    POSTGRES,
    // Installs Directus, which brings its own Node.js.
    system::NPM,
];

/// The program that PostgreSQL needs.
pub(crate) const POSTGRES: Need = Need { programs: &["initdb"], package: "postgresql" };

/// Options of `cargo xtask services`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Run as the keeper process until standard input ends
    #[arg(long, hide = true)]
    keep: bool,
    /// What they are for
    #[arg(long = "for", value_enum, default_value_t = Wanted::Tests)]
    wanted: Wanted,
}

/// Which services to start, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wanted {
    /// PostgreSQL and Directus that spend no time on the disk and on hashing
    Tests,
    /// PostgreSQL and Directus as in production
    Directus,
    /// Only PostgreSQL as in production, with memory for large amounts of data
    Postgres,
}

/// Starts the services, prints the variables for the tests, and runs them until Ctrl-C.
///
/// # Errors
/// If one can't be installed or started, or ends by itself.
#[expect(clippy::print_stdout, reason = "a person waits for the lines to paste into a shell")]
pub(crate) fn run(options: &Options) -> Result<()> {
    let Options { keep: is_keeper, wanted } = *options;
    if is_keeper {
        return keep(wanted);
    }
    system::ensure(if wanted == Wanted::Postgres { &[POSTGRES] } else { &NEEDS })?;
    let mut services = Services::start(wanted)?;
    for (name, value) in services.variables()? {
        println!("export {name}='{value}'");
    }
    announce("ready; Ctrl-C ends these services");
    let status = services.keeper.wait()?;
    bail!("PostgreSQL or Directus has ended by itself ({status})")
}

/// A running keeper; dropping this ends both services and waits for their end.
pub(crate) struct Services {
    keeper: Child,
    /// The keeper's standard input, held separately: waiting for a child closes the child's own.
    hold: Option<ChildStdin>,
}

impl Services {
    /// Starts the services in the background, and installs Directus first if needed.
    ///
    /// # Errors
    /// If the keeper can't be started.
    pub(crate) fn start(wanted: Wanted) -> Result<Self> {
        let mut keeper = Command::new(std::env::current_exe()?)
            .args(["services", "--keep", "--for"])
            .args(wanted.to_possible_value().map(|value| value.get_name().to_owned()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // The terminal's Ctrl-C must not reach it: it has to outlive this process.
            .process_group(0)
            .spawn()
            .context("cannot start the keeper of PostgreSQL and Directus")?;
        let hold = keeper.stdin.take();
        Ok(Self { keeper, hold })
    }

    /// Waits until they are ready, and returns the environment variables for the tests. Call it only
    /// once.
    ///
    /// # Errors
    /// If one could not be installed or started; the keeper has printed the reason.
    pub(crate) fn variables(&mut self) -> Result<Vec<(String, String)>> {
        let stdout = self.keeper.stdout.take().context("the variables can be read only once")?;
        let mut variables = Vec::new();
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            let Some((name, value)) = line.split_once('=') else { return Ok(variables) };
            variables.push((name.to_owned(), value.to_owned()));
        }
        bail!("PostgreSQL and Directus did not start; see above for the reason")
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        drop(self.hold.take());
        // The keeper ends in bounded time, whatever the services do.
        let _ = self.keeper.wait();
    }
}

/// The keeper: starts the services, prints their variables as lines `NAME=VALUE` with an empty line at
/// the end, and runs until its caller is gone.
// Decision: docs/decisions/tooling.md#the-tests-postgresql-and-directus-belong-to-a-keeper-process
fn keep(wanted: Wanted) -> Result<()> {
    let caller = Caller::of_this_process();
    let kept = start(wanted, &caller);
    // Nobody is left to read about a failure.
    if !caller.is_present() {
        return Ok(());
    }
    let (mut directus, mut postgres) = kept?;
    let mut lines = String::new();
    let of_directus = directus.iter().flat_map(Directus::variables);
    for (name, value) in postgres.variables().into_iter().chain(of_directus) {
        lines.push_str(&format!("{name}={}\n", value.expose_secret()));
    }
    writeln!(io::stdout(), "{lines}")?;
    while caller.is_present() {
        postgres.check()?;
        directus.as_mut().map_or(Ok(()), Directus::check)?;
        std::thread::sleep(INTERVAL);
    }
    Ok(())
}

/// The services in the order in which they must be dropped.
fn start(wanted: Wanted, caller: &Caller) -> Result<(Option<Directus>, Postgres)> {
    let postgres = Postgres::start(wanted, caller)?;
    let has_directus = wanted != Wanted::Postgres;
    Ok((has_directus.then(|| Directus::start(wanted, &postgres, caller)).transpose()?, postgres))
}
