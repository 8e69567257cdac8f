//! Binaryen's wasm-opt, which makes the module smaller. npm installs the release that `xtask/binaryen`
//! pins into the build folder, so that all builds have the same bytes.

use crate::system::{self, Need, announce};
use crate::target_dir;
use anyhow::{Context as _, Result, ensure};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs that run and install it.
const NEEDS: [Need; 2] = [system::NODE, system::NPM];
/// The pins, in `xtask/binaryen`.
const PINS: [&str; 2] = ["package.json", "package-lock.json"];
const PROGRAM: &str = "node_modules/binaryen/bin/wasm-opt";
/// The skipped passes make the module smaller but its zipped form, which people download, larger.
const PASSES: [&str; 5] = [
    "-Oz",
    "--skip-pass=inlining-optimizing",
    "--skip-pass=local-cse",
    "--skip-pass=reorder-functions",
    "--skip-pass=simplify-locals",
];
/// Features that Rust uses and all supported browsers have.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// The program, if the pinned release is installed.
// Decision: docs/decisions/tooling.md#wasm-opt-comes-from-npm-and-up-does-without-it
pub(super) fn installed() -> Result<Option<PathBuf>> {
    let folder = folder()?;
    let is_current = fs::read(folder.join("installed.json")).is_ok_and(|pinned| pinned == PINNED);
    Ok((is_current && NEEDS.iter().all(Need::is_installed)).then(|| folder.join(PROGRAM)))
}

const PINNED: &[u8] = include_bytes!("../../binaryen/package-lock.json");

/// The program; installs it if it is missing.
pub(super) fn install(root: &Path) -> Result<PathBuf> {
    system::ensure(&NEEDS)?;
    let folder = folder()?;
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    // A second process waits and then finds it installed.
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    if installed()?.is_none() {
        announce("installing wasm-opt into the build folder (about 100 MB)");
        for file in PINS {
            fs::copy(root.join("xtask/binaryen").join(file), folder.join(file)).context(file)?;
        }
        system::run(Command::new("npm").current_dir(&folder).args(system::NPM_CI))
            .context("wasm-opt could not be installed")?;
        fs::write(folder.join("installed.json"), PINNED)?;
    }
    Ok(folder.join(PROGRAM))
}

fn folder() -> Result<PathBuf> {
    Ok(target_dir()?.join("binaryen"))
}

/// Optimises the module at `from` into `to`.
pub(super) fn optimise(wasm_opt: &Path, from: &Path, to: &Path) -> Result<()> {
    let unfinished = to.with_extension("unfinished");
    let mut command = Command::new("node");
    command.arg(wasm_opt).args(PASSES).args(FEATURES).arg(from).arg("--output").arg(&unfinished);
    let output = command.output().context("node")?;
    ensure!(output.status.success(), "wasm-opt: {}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&unfinished, to).with_context(|| to.display().to_string())
}
