//! axe-core, which finds what keeps people from using a page with a keyboard, with a
//! screen reader, or with eyes that need contrast. `tests/tools/axe` pins its npm package.

use crate::browsers::page::WebPage;
use crate::tools::npm;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::fs;

/// Its findings, one line each: the rule, the place and the reason.
const ASK: &str = "window.axe.run(document, {resultTypes: ['violations']}).then((found) => \
    found.violations.flatMap((rule) => rule.nodes.map((node) => \
    `${rule.id}: ${node.target.join(' ')}: ${node.failureSummary}`)))";

/// The script to run in pages.
#[derive(Clone, Debug)]
pub(super) struct Axe {
    script: String,
}

impl Axe {
    /// Fetches it into the build folder, unless it is already there.
    ///
    /// # Errors
    /// When npm is missing or the package can't be fetched.
    pub(super) async fn prepare() -> Result<Self> {
        let script = npm::install("axe").await?.join("node_modules/axe-core/axe.min.js");
        Ok(Self { script: fs::read_to_string(script)? })
    }

    /// Its findings for the page that is shown.
    ///
    /// # Errors
    /// When the page does not run it.
    pub(super) async fn find(&self, page: &impl WebPage) -> Result<Vec<String>> {
        // The script is long: each page gets it once.
        if page.evaluate("Boolean(window.axe)").await? == false {
            page.evaluate(&format!("(() => {{ {} }})()", self.script)).await?;
        }
        let found = page.evaluate(ASK).await?;
        let lines = found.as_array().context("axe-core gives a list")?;
        Ok(lines.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }
}
