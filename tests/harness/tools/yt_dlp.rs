//! A real yt-dlp in a Python environment of its own, made once and kept.

use crate::system::process::cache_dir;
use crate::tools::python::{Environment, Outcome, run};
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// The release that the tests are about.
const REQUIREMENTS: &str = include_str!("../../tools/python/yt-dlp.txt");
/// A release that opens its cookie jar before it loads plugins.
const TOO_OLD: &str = include_str!("../../tools/python/yt-dlp-too-old.txt");
/// The release that Debian 12 has.
const OF_DEBIAN: &str = include_str!("../../tools/python/yt-dlp-debian.txt");
/// How long one run may take.
pub const RUN_TIMEOUT: Duration = Duration::from_secs(90);

/// Packs yt-dlp's modules with its own main module, as its makers do.
const ZIPAPP: &str = r#"
import pathlib, shutil, sys, tempfile, zipapp, yt_dlp
package = pathlib.Path(yt_dlp.__file__).parent
with tempfile.TemporaryDirectory() as folder:
    shutil.copytree(package, pathlib.Path(folder, "yt_dlp"), ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(package / "__main__.py", folder)
    zipapp.create_archive(folder, sys.argv[1], interpreter="/usr/bin/env python3")
"#;

/// A private Python environment with yt-dlp in it.
#[derive(Clone, Debug)]
pub struct YtDlp {
    environment: Environment,
}

/// What to download and how.
#[derive(Clone, Copy, Debug)]
pub struct Download<'a> {
    /// The page or file.
    pub url: &'a str,
    /// A Netscape cookie file, which yt-dlp rewrites when it ends.
    pub cookies: Option<&'a Path>,
    /// The proxy for all traffic.
    pub proxy: &'a str,
    /// The only trusted authority.
    pub authority_pem: &'a Path,
    /// The folder for the file.
    pub folder: &'a Path,
}

impl YtDlp {
    /// The environment below the build folder, made on first use.
    ///
    /// # Errors
    /// When Python is missing or yt-dlp can't be fetched.
    pub async fn prepare() -> Result<Self> {
        Self::prepare_in(&cache_dir()?).await
    }

    /// The environment below `cache`, made on first use.
    ///
    /// # Errors
    /// When Python is missing or yt-dlp can't be fetched.
    pub async fn prepare_in(cache: &Path) -> Result<Self> {
        let environment = Environment::prepare(cache, "yt-dlp", REQUIREMENTS).await?;
        Ok(Self { environment })
    }

    /// A yt-dlp that is too old for plugins that bring cookies.
    ///
    /// # Errors
    /// When Python is missing or yt-dlp can't be fetched.
    pub async fn prepare_too_old() -> Result<Self> {
        let environment = Environment::prepare(&cache_dir()?, "yt-dlp-too-old", TOO_OLD).await?;
        Ok(Self { environment })
    }

    /// Debian's yt-dlp, which is older still.
    ///
    /// # Errors
    /// When Python is missing or yt-dlp can't be fetched.
    pub async fn prepare_of_debian() -> Result<Self> {
        let environment = Environment::prepare(&cache_dir()?, "yt-dlp-debian", OF_DEBIAN).await?;
        Ok(Self { environment })
    }

    /// Makes a zipapp of the same release, one file for Python to run.
    ///
    /// # Errors
    /// When it can't be made.
    pub async fn zipapp(&self, path: &Path) -> Result<()> {
        self.python(ZIPAPP, &[path]).await.map(drop)
    }

    /// The program, for `STAGEPASS_YT_DLP`.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.environment.program("yt-dlp")
    }

    /// Downloads something. Only the given authority's certificates are trusted, and the
    /// machine's configuration is ignored.
    ///
    /// # Errors
    /// When yt-dlp can't be run or does not end in time. A failed download is not an
    /// error here but an [`Outcome`].
    pub async fn download(&self, download: &Download<'_>) -> Result<Outcome> {
        let mut command = self.environment.command("yt-dlp", download.folder);
        // Without certifi, Python trusts what SSL_CERT_FILE names.
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
        command.env("SSL_CERT_FILE", download.authority_pem);
        run(&mut command, RUN_TIMEOUT).await
    }

    /// A command that only writes all cookies of a browser to a file: without a URL, yt-dlp
    /// saves them before it complains about the missing URL.
    /// `browser` is as for its `--cookies-from-browser`.
    #[must_use]
    pub fn save_cookies_command(&self, browser: &str, file: &Path, home: &Path) -> Command {
        let mut command = self.environment.command("yt-dlp", home);
        command.args(["--ignore-config", "--cookies-from-browser", browser, "--cookies"]).arg(file);
        command
    }

    /// The Python that can import yt-dlp's modules.
    #[must_use]
    pub fn python_program(&self) -> PathBuf {
        self.environment.program("python")
    }

    /// Runs a Python script that can import yt-dlp's modules; `arguments` are its `sys.argv[1:]`.
    ///
    /// # Errors
    /// When it can't be run, fails, or does not end in time.
    pub async fn python(&self, script: &str, arguments: &[&Path]) -> Result<Outcome> {
        let mut command = self.environment.command("python", self.environment.path());
        command.arg("-c").arg(script).args(arguments);
        let outcome = run(&mut command, RUN_TIMEOUT).await?;
        ensure!(outcome.status.success(), "the Python script failed: {}", outcome.stderr);
        Ok(outcome)
    }
}
