//! PostgreSQL clusters for a single test, for what can't be done to the one that all
//! tests share: freeze it, promote its standby, or let it run out of connections.

use crate::services::postgres::{Database, connect};
use crate::system::process::{ProcessGroup, on_path};
use crate::system::small_disk::SmallDisk;
use crate::system::wait;
use anyhow::{Context as _, Result, ensure};
use reqwest::Url;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// The name of the bootstrap superuser and of its database.
const SUPERUSER: &str = "postgres";
/// The name by which a primary knows its standby.
const STANDBY: &str = "standby";
/// Long enough for everything that a cluster does here, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const SETTINGS: [&str; 4] =
    ["listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=16MB", "max_wal_senders=4"];

/// A running cluster, gone when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    // Ends before its folder is removed.
    postmaster: Postmaster,
    directory: TempDir,
    port: u16,
    password: String,
}

impl Cluster {
    /// Starts one with these settings in addition to its own.
    ///
    /// # Errors
    /// When PostgreSQL is missing or does not start.
    pub async fn start(settings: &[&str]) -> Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let password = hex::encode(random);
        let directory = private_directory()?;
        let password_file = directory.path().join("password");
        fs::write(&password_file, &password)?;
        give_away(&password_file, 0o600)?;
        let data = data_directory(&directory)?;
        let mut initdb = command("initdb")?;
        initdb.arg("--pgdata").arg(&data).arg("--pwfile").arg(&password_file);
        initdb.args(["--username", SUPERUSER, "--auth", "scram-sha-256", "--no-sync"]);
        complete(initdb.args(["--encoding", "UTF8", "--locale", "C.UTF-8"])).await?;
        fs::remove_file(password_file)?;
        Self::run(directory, password, settings).await
    }

    /// Starts a standby that follows this cluster. From then on each commit here waits for
    /// it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn synchronous_standby(&self) -> Result<Self> {
        let directory = private_directory()?;
        let data = data_directory(&directory)?;
        let source = format!("host=127.0.0.1 port={} user={SUPERUSER} application_name={STANDBY}", self.port);
        let mut copy = command("pg_basebackup")?;
        copy.env("PGPASSWORD", &self.password).args(["--dbname", &source, "--pgdata"]).arg(&data);
        complete(copy.args(["--write-recovery-conf", "--checkpoint", "fast", "--no-sync"])).await?;
        let standby = Self::run(directory, self.password.clone(), &[]).await?;
        let superuser = connect(&self.superuser_url()).await?;
        superuser.batch_execute(&format!("ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'")).await?;
        superuser.batch_execute("SELECT pg_reload_conf()").await?;
        let is_synchronous = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'";
        wait::until("the standby to follow", PATIENCE, async || {
            Ok(superuser.query_opt(is_synchronous, &[]).await?.map(drop))
        })
        .await?;
        Ok(standby)
    }

    async fn run(directory: TempDir, password: String, settings: &[&str]) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let log = fs::File::create(directory.path().join("log"))?;
        let mut postgres = command("postgres")?;
        postgres.arg("-D").arg(directory.path().join("data")).args(["-p", &port.to_string()]);
        postgres.args(SETTINGS.iter().chain(settings).flat_map(|setting| ["-c", setting]));
        postgres.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let postmaster = Postmaster(ProcessGroup::spawn(&mut postgres)?);
        let cluster = Self { postmaster, directory, port, password };
        wait::until("PostgreSQL to start", PATIENCE, async || {
            ensure!(cluster.postmaster.0.id().is_some(), "PostgreSQL has ended: {}", cluster.log());
            Ok(connect(&cluster.superuser_url()).await.ok().map(drop))
        })
        .await?;
        Ok(cluster)
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Makes a database with a role that owns it.
    ///
    /// # Errors
    /// When PostgreSQL refuses.
    pub async fn create_database(&self) -> Result<Database> {
        Database::create_in(Url::parse(&self.superuser_url())?, false).await
    }

    /// Does the same on a small disk.
    ///
    /// # Errors
    /// When PostgreSQL refuses.
    pub async fn create_database_on(&self, disk: &SmallDisk) -> Result<Database> {
        let (database, folder) = (self.create_database().await?, disk.path());
        give_away(&folder, 0o700)?;
        let (superuser, name) = (connect(&self.superuser_url()).await?, database.name());
        let folder = folder.to_str().context("a path that is not UTF-8")?;
        superuser.batch_execute(&format!("CREATE TABLESPACE small LOCATION '{folder}'")).await?;
        superuser.batch_execute(&format!("ALTER DATABASE {name} SET TABLESPACE small")).await?;
        Ok(database)
    }

    /// Where it listens.
    #[must_use]
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The superuser's URL for its own database.
    #[must_use]
    pub fn superuser_url(&self) -> String {
        self.superuser_url_of(SUPERUSER)
    }

    /// The superuser's URL for another database.
    #[must_use]
    pub fn superuser_url_of(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}:{}@{}/{database}", self.password, self.host())
    }

    /// Promotes a standby to primary.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn promote(&self) -> Result<()> {
        let superuser = connect(&self.superuser_url()).await?;
        let promoted = superuser.query_one("SELECT pg_promote(true, 120)", &[]).await?;
        ensure!(promoted.get::<_, bool>(0), "the standby was not promoted");
        Ok(())
    }

    /// Freezes it, like a machine that hangs: the system still accepts connections for it,
    /// but nobody answers.
    ///
    /// # Errors
    /// When it has ended.
    pub fn freeze(&self) -> Result<()> {
        // First the postmaster, which would start new processes.
        let postmaster = self.postmaster.pid()?;
        kill_process(postmaster, Signal::STOP)?;
        signal_all(&children(postmaster)?, Signal::STOP);
        Ok(())
    }

    /// Lets it continue.
    ///
    /// # Errors
    /// When it has ended.
    pub fn thaw(&self) -> Result<()> {
        let postmaster = self.postmaster.pid()?;
        signal_all(&children(postmaster)?, Signal::CONT);
        Ok(kill_process(postmaster, Signal::CONT)?)
    }
}

/// The process that starts all others, each of which leads its own group.
#[derive(Debug)]
struct Postmaster(ProcessGroup);

impl Postmaster {
    fn pid(&self) -> Result<Pid> {
        let id = self.0.id().context("PostgreSQL has ended")?;
        Pid::from_raw(id.cast_signed()).context("a process id is not 0")
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        let Ok(postmaster) = self.pid() else { return };
        // A stopped child would not notice that the postmaster is gone.
        let _ = kill_process(postmaster, Signal::STOP);
        let others = children(postmaster).unwrap_or_default();
        self.0.kill();
        signal_all(&others, Signal::KILL);
    }
}

/// A process that has ended in the meantime needs no signal.
fn signal_all(processes: &[Pid], signal: Signal) {
    for process in processes {
        let _ = kill_process(*process, signal);
    }
}

fn children(parent: Pid) -> Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process that has ended in the meantime is gone.
        let Ok(state) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name in brackets may contain anything.
        let fields = state.rsplit_once(") ").map(|(_, fields)| fields.split(' ')).into_iter().flatten();
        if fields.take(2).last().and_then(|id| id.parse().ok()) == Some(parent.as_raw_nonzero().get()) {
            found.extend(Pid::from_raw(id));
        }
    }
    Ok(found)
}

/// A folder that PostgreSQL's account may enter.
fn private_directory() -> Result<TempDir> {
    let directory = tempfile::Builder::new().prefix("stagepass-cluster-").tempdir()?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711))?;
    Ok(directory)
}

fn data_directory(directory: &TempDir) -> Result<PathBuf> {
    let data = directory.path().join("data");
    fs::create_dir(&data)?;
    give_away(&data, 0o700)?;
    Ok(data)
}

/// Gives a path to the account that PostgreSQL runs under.
fn give_away(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    if let Some((user, group)) = account()? {
        chown(path, Some(user), Some(group)).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// One of PostgreSQL's programs, under its account and without the caller's settings.
fn command(name: &str) -> Result<Command> {
    let initdb = on_path(&["initdb"]).or_else(debian_initdb).context("PostgreSQL is not installed")?;
    // The others lie beside the program itself, not beside a link to it.
    let folder = initdb.canonicalize()?.parent().context("a program lies in a folder")?.to_owned();
    let mut command = Command::new(folder.join(name));
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).current_dir("/");
    if let Some((user, group)) = account()? {
        command.uid(user).gid(group);
    }
    Ok(command)
}

/// Where Debian installs it, the newest version first.
fn debian_initdb() -> Option<PathBuf> {
    let entries = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let version = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max()?;
    Some(format!("/usr/lib/postgresql/{version}/bin/initdb").into()).filter(|path: &PathBuf| path.is_file())
}

/// The account to run PostgreSQL under if we are root: it refuses to run as root.
fn account() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let mut fields =
            accounts.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let found = find("postgres").or_else(|| find("nobody"));
    Ok(Some(found.context("there is neither a user postgres nor nobody to run PostgreSQL as")?))
}

/// Runs one of PostgreSQL's programs on the database that a URL names, and returns its
/// output.
///
/// # Errors
/// When it is missing or fails.
pub async fn run(name: &str, arguments: &[&str], url: &str, input: Vec<u8>) -> Result<Vec<u8>> {
    let url = Url::parse(url)?;
    let (host, port) = (url.host_str().context("no host")?, url.port().context("no port")?);
    let mut command = command(name)?;
    command.envs([("PGHOST", host), ("PGPORT", &port.to_string()), ("PGUSER", url.username())]);
    command.env("PGPASSWORD", url.password().context("no password")?);
    command.env("PGDATABASE", url.path().trim_start_matches('/')).args(arguments);
    let (stdin, stdout, stderr) = (Stdio::piped(), Stdio::piped(), Stdio::piped());
    let mut running = command.stdin(stdin).stdout(stdout).stderr(stderr).spawn()?;
    let mut stdin = running.stdin.take().context("no standard input")?;
    // It may print before it has read everything.
    let writing = tokio::spawn(async move { stdin.write_all(&input).await });
    let output = running.wait_with_output().await?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    writing.await??;
    Ok(output.stdout)
}

async fn complete(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
