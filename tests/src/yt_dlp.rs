//! A real yt-dlp in a Python environment of its own, made once and kept.

use crate::process::{cache_dir, clean_environment, on_path};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::Command;

/// The release that the tests are about.
pub const VERSION: &str = "2026.10.26";
/// How long fetching and unpacking it may take.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(600);
/// How long one run may take.
const RUN_TIMEOUT: Duration = Duration::from_secs(90);

/// A private Python environment with yt-dlp in it.
#[derive(Clone, Debug)]
pub struct YtDlp {
    environment: PathBuf,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// What to download and how.
#[derive(Clone, Copy, Debug)]
pub struct Download<'a> {
    /// The page or file.
    pub url: &'a str,
    /// A Netscape cookie file, which yt-dlp rewrites when it ends.
    pub cookies: Option<&'a Path>,
    /// The proxy that all of it goes through.
    pub proxy: &'a str,
    /// The one authority that is trusted.
    pub authority_pem: &'a Path,
    /// Where the file goes.
    pub folder: &'a Path,
}

impl YtDlp {
    /// The environment below the build folder, made where it is not there yet.
    ///
    /// # Errors
    /// When Python is missing or yt-dlp can't be fetched.
    pub async fn prepare() -> Result<Self> {
        Self::prepare_in(&cache_dir()?).await
    }

    /// The environment below `cache`, made where it is not there yet.
    ///
    /// # Errors
    /// When Python is missing or yt-dlp can't be fetched.
    pub async fn prepare_in(cache: &Path) -> Result<Self> {
        let environment = cache.join(format!("yt-dlp-{VERSION}"));
        std::fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
        // One process makes it; the others wait here, off the async threads.
        let lock = std::fs::File::create(cache.join("yt-dlp.lock"))?;
        let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
        let stamp = environment.join("complete");
        if !stamp.is_file() {
            install(&environment).await?;
            std::fs::write(&stamp, VERSION)?;
        }
        drop(lock);
        Ok(Self { environment })
    }

    /// The program, for `STAGEPASS_YT_DLP`.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.environment.join("bin/yt-dlp")
    }

    /// Downloads something, with certificates checked against the one given
    /// authority and without any configuration of the machine.
    ///
    /// # Errors
    /// When yt-dlp can't be run or does not end in time. That it fails is no
    /// error here but an [`Outcome`].
    pub async fn download(&self, download: &Download<'_>) -> Result<Outcome> {
        let mut command = Command::new(self.program());
        // Without certifi Python trusts what SSL_CERT_FILE names.
        command.args([
            "--ignore-config",
            "--no-cache-dir",
            "--compat-options",
            "no-certifi",
            "--retries",
            "0",
        ]);
        command.args(["--proxy", download.proxy]).args(["--output", "%(id)s.%(ext)s"]);
        command.arg("--paths").arg(download.folder);
        if let Some(cookies) = download.cookies {
            command.arg("--cookies").arg(cookies);
        }
        command.args(["--", download.url]);
        self.set_environment(&mut command, download.folder);
        command.env("SSL_CERT_FILE", download.authority_pem);
        run(&mut command, RUN_TIMEOUT).await
    }

    /// Runs a Python script with yt-dlp's modules at hand; `arguments` are its `sys.argv[1:]`.
    ///
    /// # Errors
    /// When it can't be run, fails, or does not end in time.
    pub async fn python(&self, script: &str, arguments: &[&Path]) -> Result<Outcome> {
        let mut command = Command::new(self.environment.join("bin/python"));
        command.arg("-c").arg(script).args(arguments);
        self.set_environment(&mut command, &self.environment);
        let outcome = run(&mut command, RUN_TIMEOUT).await?;
        ensure!(outcome.status.success(), "the Python script failed: {}", outcome.stderr);
        Ok(outcome)
    }

    fn set_environment(&self, command: &mut Command, home: &Path) {
        command.env_clear().envs(clean_environment(home)).env("PYTHONUTF8", "1");
    }
}

async fn install(environment: &Path) -> Result<()> {
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
    let pip = environment.join("bin/python");
    let requirement = format!("yt-dlp=={VERSION}");
    let arguments = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &requirement];
    let fetched = run(Command::new(pip).args(arguments), INSTALL_TIMEOUT).await?;
    ensure!(fetched.status.success(), "cannot fetch {requirement}: {}", fetched.stderr);
    Ok(())
}

async fn run(command: &mut Command, timeout: Duration) -> Result<Outcome> {
    let program = PathBuf::from(command.as_std().get_program());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(timeout, command.output())
        .await
        .with_context(|| format!("waited {} s in vain for {} to end", timeout.as_secs(), program.display()))?
        .with_context(|| format!("cannot start {}", program.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Outcome { status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) })
}
