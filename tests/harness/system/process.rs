//! Child processes that never outlive their handle, among them our own programs: where they
//! were built, what they print, and what other users can see of them.

use crate::system::wait;
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdin, Command};

/// A child process that leads its own process group; dropping it kills the group.
#[derive(Debug)]
pub struct ProcessGroup {
    name: String,
    child: Child,
}

impl ProcessGroup {
    /// Starts `command` as the leader of a new group.
    ///
    /// # Errors
    /// When the program can't be started.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let program = PathBuf::from(command.as_std().get_program());
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { name, child })
    }

    /// The child, for its streams.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The leader's process id; `None` once it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until the leader ends.
    ///
    /// # Errors
    /// After `timeout`.
    pub async fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let ended = tokio::time::timeout(timeout, self.child.wait()).await;
        Ok(ended
            .with_context(|| format!("waited {} s, but {} did not end", timeout.as_secs(), self.name))??)
    }

    /// `kill -9` to the whole group, and waits until its leader is gone.
    pub fn kill(&mut self) {
        // Before the child has been waited for, its id can't belong to another process.
        let Some(pid) = self.id().and_then(|id| Pid::from_raw(id.cast_signed())) else { return };
        let _ = kill_process_group(pid, Signal::KILL);
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A running program whose output is collected.
#[derive(Debug)]
pub struct Program {
    group: ProcessGroup,
    stdin: Option<ChildStdin>,
    stdout: Collected,
    stderr: Collected,
}

impl Program {
    /// Starts `command` with all three streams piped.
    ///
    /// # Errors
    /// When the program can't be started.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut group = ProcessGroup::spawn(command)?;
        let child = group.child();
        let stdin = child.stdin.take();
        let stdout = Collected::of(child.stdout.take().context("stdout is piped")?);
        let stderr = Collected::of(child.stderr.take().context("stderr is piped")?);
        Ok(Self { group, stdin, stdout, stderr })
    }

    /// The program's standard input, once; dropping it closes it.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// What it has written to standard output so far.
    #[must_use]
    pub fn stdout(&self) -> Vec<u8> {
        self.stdout.bytes()
    }

    /// What it has written to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> Vec<u8> {
        self.stderr.bytes()
    }

    /// Waits for a complete line, on either stream, that `is_meant` accepts.
    ///
    /// # Errors
    /// When the program ends first, or after `timeout`.
    pub async fn wait_for_line(
        &mut self,
        what: &str,
        timeout: Duration,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<String> {
        wait::until(&format!("{what} from {}", self.group.name), timeout, async || {
            // The state is read before the output, so that the last words are seen.
            let ended = self.group.child.try_wait()?;
            let found = [self.stdout(), self.stderr()].iter().find_map(|bytes| {
                let text = String::from_utf8_lossy(bytes);
                let whole = text.rfind('\n').map_or("", |end| &text[..end]);
                whole.lines().find(|line| is_meant(line)).map(str::to_owned)
            });
            if let (None, Some(status)) = (&found, ended)
                && self.stdout.is_at_end()
                && self.stderr.is_at_end()
            {
                bail!("{} ended ({status}) before {what}", self.group.name);
            }
            Ok(found)
        })
        .await
    }

    /// Waits until something accepts connections at `address`.
    ///
    /// # Errors
    /// When the program ends first, or after `timeout`.
    pub async fn wait_for_port(&mut self, address: SocketAddr, timeout: Duration) -> Result<()> {
        wait::until(&format!("{} to listen at {address}", self.group.name), timeout, async || {
            if let Some(status) = self.group.child.try_wait()? {
                bail!("{} ended ({status}) before it listened at {address}", self.group.name);
            }
            Ok(tokio::net::TcpStream::connect(address).await.ok().map(drop))
        })
        .await
    }

    /// Waits until the program ends.
    ///
    /// # Errors
    /// After `timeout`.
    pub async fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let status = self.group.wait(timeout).await?;
        wait::until("the end of its output", timeout, async || {
            Ok((self.stdout.is_at_end() && self.stderr.is_at_end()).then_some(status))
        })
        .await
    }

    /// Asks the program to end (`SIGTERM`, only to it).
    ///
    /// # Errors
    /// When it has ended already.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Interrupts the program (`SIGINT`, only to it).
    ///
    /// # Errors
    /// When it has ended already.
    pub fn interrupt(&self) -> Result<()> {
        self.signal(Signal::INT)
    }

    /// Tells the program that its terminal is gone, or to reload its files (`SIGHUP`, only
    /// to it).
    ///
    /// # Errors
    /// When it has ended already.
    pub fn hang_up(&self) -> Result<()> {
        self.signal(Signal::HUP)
    }

    /// Sends the program, and only it, a signal.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.id()?.cast_signed()).context("a process id is not 0")?;
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    /// Whether the program handles `SIGHUP`, which ends other programs.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn catches_hang_ups(&self) -> Result<bool> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()?))?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).context("no signals")?;
        Ok(u64::from_str_radix(caught.trim(), 16)? & 1 != 0)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.group.kill();
    }

    /// The process id.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn id(&self) -> Result<u32> {
        self.group.id().with_context(|| format!("{} has ended", self.group.name))
    }

    /// The arguments, which every user of the machine can read.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn cmdline(&self) -> Result<Vec<u8>> {
        Ok(std::fs::read(format!("/proc/{}/cmdline", self.id()?))?)
    }

    /// The environment that it was started with.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn environ(&self) -> Result<Vec<u8>> {
        Ok(std::fs::read(format!("/proc/{}/environ", self.id()?))?)
    }
}

/// One stream's bytes, collected while the program runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collected(Arc<Mutex<(Vec<u8>, bool)>>);

impl Collected {
    pub(crate) fn of(mut stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let collected = Self::default();
        let writer = collected.clone();
        tokio::spawn(async move {
            let mut chunk = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = stream.read(&mut chunk).await {
                writer.lock().0.extend_from_slice(&chunk[..count]);
            }
            writer.lock().1 = true;
        });
        collected
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Vec<u8>, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.lock().0.clone()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.lock().1
    }
}

/// The folder of the build profile (`target/debug`) that the running program was built into.
///
/// # Errors
/// When the running program can't be found.
pub fn profile_dir() -> Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find the running program")?;
    let dir = program.parent().context("a program lies in a folder")?;
    // Tests lie one folder below the programs.
    let dir = if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir };
    Ok(dir.to_owned())
}

/// A folder below the build folder for downloads that are kept.
///
/// # Errors
/// When it can't be made.
pub fn cache_dir() -> Result<PathBuf> {
    let profile = profile_dir()?;
    let dir = profile.parent().unwrap_or(&profile).join("harness");
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}

/// The path of one of our own programs, built into the same folder as the running one.
///
/// # Errors
/// When it has not been built.
pub fn our_program(name: &str) -> Result<PathBuf> {
    let path = profile_dir()?.join(name);
    ensure!(path.is_file(), "{} is not there: run `cargo build -p {name}` first", path.display());
    Ok(path)
}

/// A program that is on `PATH`, or that `cargo xtask test` has unpacked into the build folder.
///
/// # Errors
/// When it is in neither place.
pub fn debian_program(name: &str) -> Result<PathBuf> {
    let profile = profile_dir()?;
    let unpacked = profile.parent().unwrap_or(&profile).join("debian").join(name);
    let program = on_path(&[name]).or_else(|| is_program(&unpacked).then_some(unpacked));
    program.with_context(|| format!("{name} is not there: `cargo xtask test` fetches it"))
}

/// A variable that `cargo xtask test` sets for the tests.
pub(crate) fn variable_of_this_run(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| {
        format!(
            "{name} is not set: run the tests with `cargo xtask test`, or have `cargo xtask services` set it"
        )
    })
}

/// The first of `names` that is on `PATH`.
#[must_use]
pub fn on_path(names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|path| is_program(path)))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// An environment with only `PATH` and a home folder, so that the settings of the person
/// who runs the tests don't change what is tested.
#[must_use]
pub fn clean_environment(home: &Path) -> Vec<(OsString, OsString)> {
    let mut environment: Vec<(OsString, OsString)> = ["PATH", "LANG", "TMPDIR"]
        .iter()
        .filter_map(|name| Some(((*name).into(), std::env::var_os(name)?)))
        .collect();
    environment.push(("HOME".into(), home.into()));
    environment
}
