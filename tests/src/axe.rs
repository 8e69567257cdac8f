//! axe-core, which finds what keeps people from using a page: with a keyboard, a
//! screen reader, or eyes that need contrast. From npm, as `tests/axe` pins it.

use crate::npm;
use crate::page::Page;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::fs;

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
        let script = npm::install("axe").await?.join("node_modules/axe-core/axe.min.js");
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
