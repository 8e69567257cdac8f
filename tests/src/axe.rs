//! axe-core, which finds what keeps people from using a page: with a keyboard, a
//! screen reader, or eyes that need contrast. From npm, pinned by its release.

use crate::page::Page;
use crate::process::{cache_dir, on_path};
use crate::python::run;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::fs;
use std::time::Duration;
use tokio::process::Command;

const RELEASE: &str = "4.14.1";
const INSTALL_TIMEOUT: Duration = Duration::from_secs(300);
/// What it finds, in a line for each: the rule, where, and why.
const ASK: &str = "window.axe.run(document, {resultTypes: ['violations']}).then((found) => \
    found.violations.flatMap((rule) => rule.nodes.map((node) => \
    `${rule.id}: ${node.target.join(' ')}: ${node.failureSummary}`)))";

/// The script, to be run in pages.
#[derive(Clone, Debug)]
pub struct Axe {
    script: String,
}

impl Axe {
    /// Fetches it below the build folder, where it is not there yet.
    ///
    /// # Errors
    /// When npm is missing or the package can't be fetched.
    pub async fn prepare() -> Result<Self> {
        let (cache, name) = (cache_dir()?, format!("axe-core-{RELEASE}"));
        fs::create_dir_all(&cache)?;
        // One process fetches it; the others wait here, off the async threads.
        let lock = fs::File::create(cache.join("axe-core.lock"))?;
        let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
        let path = cache.join(name);
        let script = path.join("node_modules/axe-core/axe.min.js");
        if !path.join("complete").exists() {
            let npm = on_path(&["npm"]).context("npm is not on PATH; on Debian: `apt-get install npm`")?;
            fs::create_dir_all(&path)?;
            let mut install = Command::new(npm);
            install.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&path);
            let fetched = run(install.arg(format!("axe-core@{RELEASE}")), INSTALL_TIMEOUT).await?;
            ensure!(fetched.status.success(), "cannot fetch axe-core: {}", fetched.stderr);
            fs::write(path.join("complete"), RELEASE)?;
        }
        drop(lock);
        Ok(Self { script: fs::read_to_string(script)? })
    }

    /// What it finds wrong with the page that is shown.
    ///
    /// # Errors
    /// When the page does not run it.
    pub async fn find(&self, page: &impl Page) -> Result<Vec<String>> {
        let run = format!("(() => {{ if (!window.axe) {{ {} }} return {ASK}; }})()", self.script);
        let found = page.evaluate(&run).await?;
        let lines = found.as_array().context("axe-core gives a list")?;
        Ok(lines.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }
}
