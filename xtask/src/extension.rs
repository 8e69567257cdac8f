//! Builds the extension: `dist/chromium` and `dist/firefox` from one manifest, and the zip files
//! for the stores.
//!
//! The wasm crate is compiled, bound to JavaScript, optimised, and added to the files of
//! `extension/`. Only changed files are written.

mod archive;
mod manifest;
mod tree;
pub(crate) mod wasm;
mod wasm_opt;

use crate::{suffixes, workspace_root};
use anyhow::{Context, Result};
use clap::Args;
use manifest::Browser;
use std::fs;
use std::path::{Path, PathBuf};
use tree::Tree;

/// The extension's folder of the bound wasm module.
const WASM_FOLDER: &str = "wasm";
/// The extension's file with the public suffix list and its licence notice.
const SUFFIXES: &str = "public-suffixes.txt";

/// Options of `cargo xtask extension`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder to build into [default: dist/ in the workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The folders of the builds.
#[derive(Debug)]
pub(crate) struct Builds {
    /// The folder to load unpacked in Chromium.
    pub(crate) chromium: PathBuf,
    /// The folder to load as a temporary add-on in Firefox.
    pub(crate) firefox: PathBuf,
}

/// Builds the extension and prints where.
///
/// # Errors
/// If a tool fails, or a file can't be read or written.
#[expect(clippy::print_stdout, reason = "a person waits for the paths of the builds")]
pub(crate) fn run(options: &Options) -> Result<()> {
    let root = workspace_root()?;
    let out = options.out.clone().unwrap_or_else(|| root.join("dist"));
    let (builds, archives) = package(root, &out)?;
    println!("Chromium: {}\nFirefox:  {}", builds.chromium.display(), builds.firefox.display());
    for archive in archives {
        println!("for the store: {}", archive.display());
    }
    Ok(())
}

/// Builds the extension of the workspace at `root` into `out`. Uses wasm-opt only if it is already
/// installed.
///
/// # Errors
/// The same as [`run`].
pub(crate) fn build(root: &Path, out: &Path) -> Result<Builds> {
    Source::read(root, wasm_opt::installed()?.as_deref())?.write_builds(out)
}

/// Does the same, but always with wasm-opt, which it installs if needed. Also writes the zip files
/// for the stores.
///
/// # Errors
/// The same as [`run`].
pub(crate) fn package(root: &Path, out: &Path) -> Result<(Builds, [PathBuf; 2])> {
    let source = Source::read(root, Some(&wasm_opt::install(root)?))?;
    Ok((source.write_builds(out)?, source.write_archives(out)?))
}

/// The parts of both browsers' builds.
struct Source {
    files: Tree,
    manifest: String,
}

impl Source {
    fn read(root: &Path, wasm_opt: Option<&Path>) -> Result<Self> {
        let mut files = Tree::read(&root.join("extension"))?;
        let suffixes = root.join(suffixes::LIST);
        files.add(SUFFIXES, fs::read(&suffixes).with_context(|| suffixes.display().to_string())?);
        files.add_all(WASM_FOLDER, Tree::read(&wasm::build(root, wasm_opt)?)?);
        let manifest = root.join("manifest.json");
        let manifest = fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?;
        Ok(Self { files, manifest })
    }

    /// The files together with a derived manifest.
    fn with(&self, manifest: String) -> Tree {
        let mut files = self.files.clone();
        files.add("manifest.json", manifest.into_bytes());
        files
    }

    fn write_builds(&self, out: &Path) -> Result<Builds> {
        let build_for = |browser: Browser| -> Result<PathBuf> {
            let folder = out.join(browser.folder());
            self.with(manifest::derive(&self.manifest, browser)?).write(&folder)?;
            Ok(folder)
        };
        Ok(Builds { chromium: build_for(Browser::Chromium)?, firefox: build_for(Browser::Firefox)? })
    }

    fn write_archives(&self, out: &Path) -> Result<[PathBuf; 2]> {
        let version = manifest::version(&self.manifest)?;
        let archive_for = |browser: Browser| -> Result<PathBuf> {
            let path = out.join(format!("stagepass-{}-{version}.zip", browser.folder()));
            let files = self.with(manifest::derive_for_store(&self.manifest, browser)?);
            fs::write(&path, archive::zip(&files)?).with_context(|| path.display().to_string())?;
            Ok(path)
        };
        Ok([archive_for(Browser::Chromium)?, archive_for(Browser::Firefox)?])
    }
}
