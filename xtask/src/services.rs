//! PostgreSQL and Directus for the tests: a throw-away instance of each, kept
//! by a process of its own for as long as somebody holds its standard input.
//!
//! However that somebody ends, by itself, by a fault, by Ctrl-C or `kill -9`,
//! the pipe closes, and the keeper ends both and removes what they wrote.

mod caller;
mod directus;
mod postgres;
mod program;

use crate::system::{self, Need, announce};
use anyhow::{Context as _, Result, bail};
use caller::{Caller, INTERVAL};
use clap::Args;
use directus::Directus;
use postgres::{Postgres, Size};
use secrecy::ExposeSecret as _;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};

/// What must be installed for them.
pub(crate) const NEEDS: [Need; 2] = [
    POSTGRES,
    // For Directus. The Node.js that runs it comes with it.
    system::NPM,
];

/// What must be installed for PostgreSQL alone.
pub(crate) const POSTGRES: Need = Need { programs: &["initdb"], package: "postgresql" };

/// Options of `cargo xtask services`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Be the process that keeps them until its standard input ends
    #[arg(long, hide = true)]
    keep: bool,
    /// Without Directus, and with memory for much that is stored
    #[arg(long)]
    only_postgres: bool,
}

/// Which of them somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Both.
    All,
    /// PostgreSQL alone, with memory for much that is stored.
    Postgres,
}

/// Starts them, prints how a test finds them, and keeps them until Ctrl-C.
///
/// # Errors
/// Where one can't be installed or started, or ends by itself.
#[expect(clippy::print_stdout, reason = "what to paste into a shell is what a person waits for")]
pub(crate) fn run(options: &Options) -> Result<()> {
    let wanted = if options.only_postgres { Wanted::Postgres } else { Wanted::All };
    if options.keep {
        return keep(wanted);
    }
    system::ensure(if options.only_postgres { &[POSTGRES] } else { &NEEDS })?;
    let mut services = Services::start(wanted)?;
    for (name, value) in services.variables()? {
        println!("export {name}='{value}'");
    }
    announce("ready; Ctrl-C ends what was started");
    let status = services.keeper.wait()?;
    bail!("PostgreSQL or Directus has ended by itself ({status})")
}

/// A running keeper; dropping this has it end both services, and waits for that.
pub(crate) struct Services {
    keeper: Child,
    /// Its standard input, kept apart from it: waiting for a child closes that.
    hold: Option<ChildStdin>,
}

impl Services {
    /// Has them started in the background, after installing Directus where it
    /// is wanted and missing.
    ///
    /// # Errors
    /// Where the keeper can't be started.
    pub(crate) fn start(wanted: Wanted) -> Result<Self> {
        let mut keeper = Command::new(std::env::current_exe()?)
            .args(["services", "--keep"])
            .args((wanted == Wanted::Postgres).then_some("--only-postgres"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A terminal's Ctrl-C is not for it: it has to outlive us.
            .process_group(0)
            .spawn()
            .context("cannot start the keeper of PostgreSQL and Directus")?;
        let hold = keeper.stdin.take();
        Ok(Self { keeper, hold })
    }

    /// Waits until they are ready, and gives the environment that tells tests of
    /// them. To be called once.
    ///
    /// # Errors
    /// Where one could not be installed or started; the keeper has said why.
    pub(crate) fn variables(&mut self) -> Result<Vec<(String, String)>> {
        let stdout = self.keeper.stdout.take().context("the variables were taken before")?;
        let mut variables = Vec::new();
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            let Some((name, value)) = line.split_once('=') else { return Ok(variables) };
            variables.push((name.to_owned(), value.to_owned()));
        }
        bail!("PostgreSQL and Directus did not start; the reason stands above")
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        drop(self.hold.take());
        // It ends in bounded time, whatever the services do.
        let _ = self.keeper.wait();
    }
}

/// What the keeper does: starts them, tells of them in lines `NAME=VALUE` that
/// an empty one ends, and stays until nobody wants them any more.
fn keep(wanted: Wanted) -> Result<()> {
    let caller = Caller::of_this_process();
    let kept = start(wanted, &caller);
    // Not a fault that anybody should read of.
    if !caller.is_there() {
        return Ok(());
    }
    let (mut directus, mut postgres) = kept?;
    let mut lines = String::new();
    let of_directus = directus.iter().flat_map(Directus::variables);
    for (name, value) in postgres.variables().into_iter().chain(of_directus) {
        lines.push_str(&format!("{name}={}\n", value.expose_secret()));
    }
    writeln!(io::stdout(), "{lines}")?;
    while caller.is_there() {
        postgres.check()?;
        directus.as_mut().map_or(Ok(()), Directus::check)?;
        std::thread::sleep(INTERVAL);
    }
    Ok(())
}

/// In the order in which they have to be dropped.
fn start(wanted: Wanted, caller: &Caller) -> Result<(Option<Directus>, Postgres)> {
    Ok(match wanted {
        Wanted::All => {
            let postgres = Postgres::start(Size::Small, caller)?;
            (Some(Directus::start(&postgres, caller)?), postgres)
        }
        Wanted::Postgres => (None, Postgres::start(Size::Large, caller)?),
    })
}
