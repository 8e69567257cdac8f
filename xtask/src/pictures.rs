//! `cargo xtask pictures`: copies the pictures that README and docs show from the tests' output. The
//! texts determine which ones.

mod palette;

use crate::{target_dir, workspace_root};
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The folder of the copies in the workspace.
const COPIES: &str = "docs/pictures";

/// Renews the copies, and removes those that no text shows.
///
/// # Errors
/// If the tests have not written one of the pictures; then nothing is changed.
#[expect(clippy::print_stdout, reason = "a person wants to know the count")]
pub(crate) fn refresh() -> Result<()> {
    let (root, left) = (workspace_root()?, target_dir()?.join("harness"));
    let shown = shown_pictures(root)?;
    for name in &shown {
        let advice = "run the tests that write it, or all of them: `cargo xtask test`";
        ensure!(left.join(name).is_file(), "{} is missing: {advice}", left.join(name).display());
    }
    let copies = root.join(COPIES);
    if copies.exists() {
        fs::remove_dir_all(&copies)?;
    }
    for name in &shown {
        let copy = copies.join(name);
        fs::create_dir_all(copy.parent().unwrap_or(&copies))?;
        palette::copy(&left.join(name), &copy).with_context(|| copy.display().to_string())?;
    }
    println!("{COPIES}: {} pictures", shown.len());
    Ok(())
}

/// The pictures that the texts show, such as `popup/captured-light.png`.
fn shown_pictures(root: &Path) -> Result<BTreeSet<String>> {
    let mut shown = BTreeSet::new();
    let mut documents = vec![root.join("README.md")];
    for entry in fs::read_dir(root.join("docs"))? {
        documents.push(entry?.path());
    }
    for document in documents.iter().filter(|path| path.is_file()) {
        let text = fs::read_to_string(document).with_context(|| document.display().to_string())?;
        let names = text.split("pictures/").skip(1).filter_map(|rest| rest.split('"').next());
        shown.extend(names.filter(|name| name.ends_with(".png")).map(str::to_owned));
    }
    Ok(shown)
}
