//! Mozilla's own linter, which its store runs as well, in the release that
//! `tests/tools/web-ext` pins: npm installs it once, and it is kept.

use crate::system::process::clean_environment;
use crate::tools::npm;
use crate::tools::python::run;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// How long one run may take.
const RUN_TIMEOUT: Duration = Duration::from_secs(120);

/// An installed web-ext.
#[derive(Clone, Debug)]
pub struct WebExt {
    folder: PathBuf,
    node: PathBuf,
}

/// One of its remarks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What kind it is, such as `MANIFEST_PERMISSIONS`.
    pub code: String,
    /// The message and the file.
    pub text: String,
}

/// Its findings about an extension.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Findings for which a store refuses the extension.
    pub errors: Vec<Remark>,
    /// Findings for which a store does not.
    pub warnings: Vec<Remark>,
}

impl WebExt {
    /// web-ext below the build folder, installed on first use.
    ///
    /// # Errors
    /// When npm is missing or can't fetch it.
    pub async fn prepare() -> Result<Self> {
        let folder = npm::install("web-ext").await?;
        let node = npm::node(&folder)?;
        Ok(Self { folder, node })
    }

    /// Checks an extension's folder or zip file.
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
