//! A real Playwright, in the release that `tests/tools/playwright` pins, which drives the Chromium on
//! `PATH` and opens contexts from storage states.

use crate::browsers::chromium;
use crate::system::process::clean_environment;
use crate::tools::npm;
use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// How long one run may take.
const RUN_TIMEOUT: Duration = Duration::from_secs(300);
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/playwright/open.js");

/// An installed Playwright.
#[derive(Clone, Debug)]
pub struct Playwright {
    node: PathBuf,
    modules: PathBuf,
}

/// A context to open.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewContext {
    /// The storage state.
    pub state: Value,
    /// The user agent, if it is not the browser's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The origins whose localStorage is read.
    pub origins: Vec<String>,
    /// The URLs to visit.
    pub urls: Vec<String>,
}

/// What a context held.
#[derive(Clone, Debug, Deserialize)]
pub struct Opened {
    /// Why Playwright refused the whole state.
    pub error: Option<String>,
    /// The cookies, as Playwright writes them.
    #[serde(default)]
    pub cookies: Vec<Value>,
    /// The names and values in the localStorage of each origin.
    #[serde(default)]
    pub storage: Vec<Vec<(String, String)>>,
    /// The visited pages.
    #[serde(default)]
    pub pages: Vec<VisitedPage>,
}

/// A visited page.
#[derive(Clone, Debug, Deserialize)]
pub struct VisitedPage {
    /// Where the visit ended.
    pub url: String,
    /// The visible text.
    pub text: String,
}

impl Playwright {
    /// Playwright below the build folder, installed on first use.
    ///
    /// # Errors
    /// When npm is missing or can't fetch it.
    pub async fn prepare() -> Result<Self> {
        let folder = npm::install("playwright").await?;
        Ok(Self { node: npm::node(&folder)?, modules: folder.join("node_modules") })
    }

    /// Opens contexts one after the other, in a browser that reaches only these hosts.
    ///
    /// # Errors
    /// When the browser doesn't start, or a page can't be visited.
    pub async fn open(&self, hosts: &chromium::Hosts<'_>, contexts: &[NewContext]) -> Result<Vec<Opened>> {
        let home = tempfile::tempdir()?;
        let mut command = Command::new(&self.node);
        command.arg(SCRIPT).env_clear().envs(clean_environment(home.path()));
        command.env("NODE_PATH", &self.modules).kill_on_drop(true);
        let mut running =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut arguments = hosts.arguments();
        arguments.push("--disable-gpu".to_owned());
        arguments.extend(chromium::without_sandbox().map(str::to_owned));
        let request =
            json!({"executable": chromium::program()?, "arguments": arguments, "contexts": contexts});
        let mut input = running.stdin.take().context("no standard input")?;
        input.write_all(request.to_string().as_bytes()).await?;
        drop(input);
        let output = tokio::time::timeout(RUN_TIMEOUT, running.wait_with_output()).await??;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let opened: Vec<Opened> = serde_json::from_slice(&output.stdout)?;
        ensure!(opened.len() == contexts.len(), "{} of {} contexts", opened.len(), contexts.len());
        Ok(opened)
    }
}
