//! Programs and scripts that come from npm: what a lock file pins by its hashes, in a
//! folder of its own, installed once and kept.

use crate::process::{cache_dir, on_path};
use crate::python::run;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// How long fetching and unpacking packages may take.
const TIMEOUT: Duration = Duration::from_secs(600);
const MANIFEST: &str = "package.json";
const LOCK: &str = "package-lock.json";
/// A copy of the lock file that was installed from, once that was done.
const INSTALLED: &str = "installed";

/// The folder below the build folder that has what `tests/NAME` pins, installed where
/// it is not there yet.
///
/// # Errors
/// When npm is missing, or can't fetch it, or gets something else than what is pinned.
pub(crate) async fn install(name: &str) -> Result<PathBuf> {
    let pins = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let folder = cache_dir()?.join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // One process installs it; the others wait here, off the async threads.
    let lock = fs::File::create(folder.join("lock"))?;
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
    let pinned = fs::read(pins.join(LOCK))?;
    let installed = folder.join(INSTALLED);
    if !fs::read(&installed).is_ok_and(|installed| installed == pinned) {
        for file in [MANIFEST, LOCK] {
            fs::copy(pins.join(file), folder.join(file))?;
        }
        fetch(&folder).await.with_context(|| format!("cannot install what tests/{name} pins"))?;
        fs::write(installed, pinned)?;
    }
    drop(lock);
    Ok(folder)
}

async fn fetch(folder: &Path) -> Result<()> {
    let npm = on_path(&["npm"]).context("npm is not on PATH; on Debian: `apt-get install npm`")?;
    let mut command = Command::new(npm);
    command.current_dir(folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    command.args(["--no-update-notifier", "--loglevel=error", "--fetch-retries=5"]);
    let fetched = run(&mut command, TIMEOUT).await?;
    ensure!(fetched.status.success(), "{}", fetched.stderr);
    Ok(())
}
