//! A temporary PostgreSQL cluster on loopback, removed when it is dropped.

use super::Wanted;
use super::caller::{Caller, free_port, generate_secret};
use super::program::Program;
use crate::system;
use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use secrecy::{ExposeSecret as _, SecretString};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const OLDEST_VERSION: u32 = 15;
/// The bootstrap superuser's name, and its database's.
const SUPERUSER: &str = "postgres";
/// Allows connections for many tests at once.
const SETTINGS: [&str; 4] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "synchronous_commit=on",
    "max_connections=300",
];

/// PostgreSQL allocates its memory when it first needs it.
fn settings_for(wanted: Wanted) -> &'static [&'static str] {
    match wanted {
        // Nothing waits for the disk: tests kill the programs that write to PostgreSQL, and PostgreSQL
        // itself, but not the machine.
        Wanted::Tests => &["shared_buffers=32MB", "fsync=off"],
        Wanted::Directus => &["shared_buffers=32MB", "fsync=on"],
        Wanted::Postgres => &["shared_buffers=1GB", "max_wal_size=8GB", "fsync=on"],
    }
}

/// The running cluster.
#[derive(Debug)]
pub(super) struct Postgres {
    // Dropped before its folder.
    program: Program,
    directory: TempDir,
    programs: PathBuf,
    account: Option<Account>,
    pub(super) port: u16,
    pub(super) password: SecretString,
}

/// An account of this computer.
#[derive(Clone, Copy, Debug)]
struct Account {
    user: u32,
    group: u32,
}

impl Postgres {
    /// The superuser's name.
    pub(super) const USER: &str = SUPERUSER;

    /// Creates a cluster and starts it.
    pub(super) fn start(wanted: Wanted, caller: &Caller) -> Result<Self> {
        let programs = find_programs()?;
        let account = account()?;
        let directory = tempfile::Builder::new().prefix("stagepass-postgres-").tempdir()?;
        // The program is started as root but runs as another account, which must reach its data
        // folder through this one.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711))?;
        let password = generate_secret()?;
        let data = directory.path().join("data");
        init(&programs, account, directory.path(), &data, &password, caller)?;
        let port = free_port()?;
        let mut command = command(&programs, "postgres", account);
        command.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        command.args(SETTINGS.iter().chain(settings_for(wanted)).flat_map(|setting| ["-c", setting]));
        // SIGINT is its fast shutdown, which doesn't wait for clients.
        let log = directory.path().join("log");
        let mut program = Program::spawn("PostgreSQL", &mut command, &log, Signal::INT)?;
        let is_ready = ["-q", "-h", "127.0.0.1", "-p", &port.to_string()];
        program.wait_until(caller, || {
            system::succeeds(Command::new(programs.join("pg_isready")).args(is_ready))
        })?;
        Ok(Self { program, directory, programs, account, port, password })
    }

    /// Creates a database that belongs to the superuser.
    pub(super) fn create_database(&self, name: &'static str, caller: &Caller) -> Result<()> {
        let mut command = command(&self.programs, "createdb", self.account);
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", SUPERUSER, name]);
        command.env("PGPASSWORD", self.password.expose_secret());
        Program::complete("createdb", &mut command, &self.directory.path().join("createdb.log"), caller)
    }

    /// The variables for the tests.
    pub(super) fn variables(&self) -> [(&'static str, SecretString); 1] {
        let (password, port) = (self.password.expose_secret(), self.port);
        let url = format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/{SUPERUSER}");
        [("TEST_POSTGRES_URL", url.into())]
    }

    /// Fails if it has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        self.program.check()
    }
}

/// Creates a cluster in `data`.
fn init(
    programs: &Path,
    account: Option<Account>,
    directory: &Path,
    data: &Path,
    password: &SecretString,
    caller: &Caller,
) -> Result<()> {
    let password_file = directory.join("password");
    fs::write(&password_file, "")?;
    fs::set_permissions(&password_file, fs::Permissions::from_mode(0o600))?;
    fs::write(&password_file, password.expose_secret())?;
    fs::create_dir(data)?;
    fs::set_permissions(data, fs::Permissions::from_mode(0o700))?;
    if let Some(Account { user, group }) = account {
        for path in [&password_file, data] {
            chown(path, Some(user), Some(group)).with_context(|| path.display().to_string())?;
        }
    }
    let mut command = command(programs, "initdb", account);
    command.arg("--pgdata").arg(data).arg("--pwfile").arg(&password_file);
    command.args(["--username", SUPERUSER, "--auth", "scram-sha-256"]);
    command.args(["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"]);
    Program::complete("initdb", &mut command, &directory.join("initdb.log"), caller)?;
    Ok(fs::remove_file(password_file)?)
}

/// One of PostgreSQL's programs, run as this account with a clean environment.
fn command(programs: &Path, name: &str, account: Option<Account>) -> Command {
    let mut command = Command::new(programs.join(name));
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).current_dir("/");
    if let Some(Account { user, group }) = account {
        command.uid(user).gid(group);
    }
    command
}

/// The account to run it as: PostgreSQL refuses to run as root. `None` unless this is root.
fn account() -> Result<Option<Account>> {
    if !system::is_root() {
        return Ok(None);
    }
    // Debian's package creates the first; the second exists everywhere.
    let found = ["postgres", "nobody"]
        .iter()
        .find_map(|name| Some(Account { user: numeric_id("-u", name)?, group: numeric_id("-g", name)? }));
    Ok(Some(found.context("there is neither a user postgres nor nobody to run PostgreSQL as")?))
}

fn numeric_id(kind: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([kind, name]).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn find_programs() -> Result<PathBuf> {
    // The other programs are in the same folder as the program itself, not as a link to it.
    let initdb = system::find("initdb").context("PostgreSQL is not installed")?.canonicalize()?;
    let output = Command::new(&initdb).arg("--version").output().context("initdb")?;
    let output = String::from_utf8_lossy(&output.stdout);
    let version = major_version(&output).with_context(|| format!("no version in: {output}"))?;
    ensure!(version >= OLDEST_VERSION, "PostgreSQL {OLDEST_VERSION} or newer is needed, not {version}");
    Ok(initdb.parent().context("a program is in a folder")?.to_owned())
}

/// The major version in what `--version` prints: `initdb (PostgreSQL) 15.8 (Debian …)`.
fn major_version(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("(PostgreSQL) ")?;
    rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_major_version_with_any_minor_part() {
        assert_eq!(major_version("initdb (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major_version("initdb (PostgreSQL) 19beta2\n"), Some(19));
        assert_eq!(major_version("initdb: no such thing"), None);
    }
}
