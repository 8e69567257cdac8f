//! Our own Python environments, made once and kept: for programs from PyPI, pinned by the
//! hashes of all their files in `tests/tools/python`.

use crate::system::process::{clean_environment, on_path};
use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::Command;

/// How long fetching and unpacking packages may take.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(600);

/// A private Python environment.
#[derive(Clone, Debug)]
pub struct Environment {
    path: PathBuf,
}

/// The outcome of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Environment {
    /// The environment for `name` below `cache`, made on first use, with the packages in
    /// `requirements`: the text of `tests/tools/python/NAME.txt`.
    ///
    /// # Errors
    /// When Python is missing, or a package can't be fetched or has another hash.
    pub async fn prepare(cache: &Path, name: &str, requirements: &str) -> Result<Self> {
        let digest = hex::encode(&Sha256::digest(requirements)[..4]);
        let path = cache.join(format!("{name}-{digest}"));
        std::fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
        // One process makes it; the others wait here, on a blocking thread.
        let lock = std::fs::File::create(cache.join(format!("{name}.lock")))?;
        let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
        let complete = path.join("complete");
        if !complete.exists() {
            install(&path, requirements).await.with_context(|| format!("cannot install {name}"))?;
            std::fs::write(complete, "")?;
        }
        drop(lock);
        Ok(Self { path })
    }

    /// One of its programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.path.join("bin").join(name)
    }

    /// A command for one of its programs, without any of the machine's settings.
    #[must_use]
    pub fn command(&self, name: &str, home: &Path) -> Command {
        let mut command = Command::new(self.program(name));
        command.env_clear().envs(clean_environment(home)).env("PYTHONUTF8", "1");
        command
    }

    /// The environment's own folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

async fn install(environment: &Path, requirements: &str) -> Result<()> {
    let python =
        on_path(&["python3"]).context("python3 is not on PATH; on Debian: `apt-get install python3-venv`")?;
    let made =
        run(Command::new(python).args(["-m", "venv", "--clear"]).arg(environment), INSTALL_TIMEOUT).await?;
    ensure!(
        made.status.success(),
        "cannot make a Python environment (on Debian: `apt-get install python3-venv`): {}{}",
        made.stdout,
        made.stderr
    );
    let pins = environment.join("requirements.txt");
    std::fs::write(&pins, requirements)?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    // Building from source would use tools that nothing pins. Python compiles what is used by itself.
    pip.args(["--only-binary", ":all:", "--no-compile", "--requirement"]).arg(pins);
    let fetched = run(&mut pip, INSTALL_TIMEOUT).await?;
    ensure!(fetched.status.success(), "{}", fetched.stderr);
    Ok(())
}

/// Runs a command to its end. If it fails, that is not an error here but an [`Outcome`].
///
/// # Errors
/// When it can't be started or does not end in time.
pub async fn run(command: &mut Command, timeout: Duration) -> Result<Outcome> {
    let program = PathBuf::from(command.as_std().get_program());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(timeout, command.output())
        .await
        .with_context(|| format!("waited {} s, but {} did not end", timeout.as_secs(), program.display()))?
        .with_context(|| format!("cannot start {}", program.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Outcome { status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) })
}
