//! Builds the extension: `dist/chromium` and `dist/firefox`, from one manifest.
//!
//! The wasm crate is compiled, bound to JavaScript, and laid beside the plain
//! files of `extension/`. Only what changed is written.

mod manifest;
mod tree;
pub(crate) mod wasm;

use crate::workspace_root;
use anyhow::{Context, Result};
use clap::Args;
use manifest::Browser;
use std::fs;
use std::path::{Path, PathBuf};
use tree::Tree;

/// Where the extension's files expect the bound wasm module.
const WASM_FOLDER: &str = "wasm";

/// Options of `cargo xtask extension`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder to build into, instead of dist/ in the workspace.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Where the builds are.
#[derive(Debug)]
pub(crate) struct Builds {
    /// To be loaded unpacked in Chromium.
    pub(crate) chromium: PathBuf,
    /// To be loaded as a temporary add-on in Firefox.
    pub(crate) firefox: PathBuf,
}

/// Builds and says where.
///
/// # Errors
/// Where a tool fails, or a file can't be read or written.
#[expect(clippy::print_stdout, reason = "telling where the builds are is what a person waits for")]
pub(crate) fn run(options: &Options) -> Result<()> {
    let root = workspace_root()?;
    let builds = build(root, &options.out.clone().unwrap_or_else(|| root.join("dist")))?;
    println!("Chromium: {}\nFirefox:  {}", builds.chromium.display(), builds.firefox.display());
    Ok(())
}

/// Builds the extension of the workspace at `root` into `out`.
///
/// # Errors
/// As for [`run`].
pub(crate) fn build(root: &Path, out: &Path) -> Result<Builds> {
    let mut files = Tree::read(&root.join("extension"))?;
    files.add_all(WASM_FOLDER, Tree::read(&wasm::build(root)?)?);
    let manifest = root.join("manifest.json");
    let manifest = fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?;
    let build_for = |browser: Browser| -> Result<PathBuf> {
        let folder = out.join(browser.folder());
        let mut files = files.clone();
        files.add("manifest.json", manifest::derive(&manifest, browser)?.into_bytes());
        files.write(&folder)?;
        Ok(folder)
    };
    Ok(Builds { chromium: build_for(Browser::Chromium)?, firefox: build_for(Browser::Firefox)? })
}
