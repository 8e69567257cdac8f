//! Links from the sources to decisions lead to a heading in `docs/decisions/`.

use super::{root, sources};
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeSet;
use std::fs;

const FOLDER: &str = "docs/decisions";

/// The decisions, each as `storage.md#the-anchor-of-its-heading`.
fn decisions() -> Result<BTreeSet<String>> {
    let mut decisions = BTreeSet::new();
    for entry in fs::read_dir(root().join(FOLDER))? {
        let path = entry?.path();
        let file = path.file_name().context("no name")?.to_string_lossy().into_owned();
        for heading in fs::read_to_string(&path)?.lines().filter_map(|line| line.strip_prefix("## ")) {
            let words = heading.to_lowercase().replace(' ', "-");
            let anchor: String = words.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect();
            ensure!(decisions.insert(format!("{file}#{anchor}")), "{file} has two headings: {heading}");
        }
    }
    Ok(decisions)
}

#[test]
fn sources_link_to_each_decision_and_to_nothing_else() -> Result<()> {
    let decisions = decisions()?;
    let mut missing: BTreeSet<_> = decisions.iter().collect();
    for folder in [".config", "core", "extension", "native-host", "server", "tests", "wasm", "xtask"] {
        for (path, text) in sources(folder, &["rs", "js", "py", "sql", "toml"])? {
            for line in text.lines() {
                let Some((_, link)) = line.split_once(&format!("Decision: {FOLDER}/")) else { continue };
                ensure!(decisions.contains(link), "{}: {link} is not a decision's heading", path.display());
                missing.remove(&link.to_owned());
            }
        }
    }
    ensure!(missing.is_empty(), "no source links to {missing:#?}");
    Ok(())
}
