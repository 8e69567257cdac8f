//! Checks that other authors' crates may be used: by `deny.toml`, and that none was yanked.

use crate::system::{announce, cargo, install_tool, run};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The release of cargo-deny that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// Checks every crate in the lock file.
///
/// # Errors
/// If one may not be used, or the registry can't be asked.
pub(crate) fn check(root: &Path) -> Result<()> {
    announce("other authors' crates: licences, sources, and yanked ones");
    let program = install_tool("cargo-deny", CARGO_DENY, &["--no-default-features"])?;
    let mut deny = Command::new(program);
    deny.current_dir(root).args(["--locked", "--log-level", "error", "check", "--hide-inclusion-graph"]);
    run(deny.args(["bans", "licenses", "sources"]))?;
    refuse_yanked(&locked(root)?)
}

/// Name and version of each crate in the lock file that comes from a registry.
fn locked(root: &Path) -> Result<Vec<(String, String)>> {
    let output = cargo(root).args(["metadata", "--locked", "--format-version", "1"]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    let from_registry = packages.iter().filter(|package| package["source"].is_string());
    let text = |package: &Value, name: &str| package[name].as_str().map(str::to_owned);
    from_registry
        .map(|package| text(package, "name").zip(text(package, "version")))
        .collect::<Option<_>>()
        .context("each package has a name and a version")
}

/// Lets cargo resolve exactly these versions without a lock file, which fails for a yanked one.
fn refuse_yanked(crates: &[(String, String)]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut manifest =
        "[package]\nname = \"chosen\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n".to_owned();
    for (index, (name, version)) in crates.iter().enumerate() {
        writeln!(
            manifest,
            "d{index} = {{ package = \"{name}\", version = \"={version}\", default-features = false }}"
        )?;
    }
    fs::create_dir(folder.path().join("src"))?;
    fs::write(folder.path().join("src/lib.rs"), "")?;
    fs::write(folder.path().join("Cargo.toml"), manifest)?;
    let output = cargo(folder.path()).args(["generate-lockfile", "--quiet"]).output()?;
    ensure!(
        output.status.success(),
        "cargo can't resolve the crates of Cargo.lock again (if one is yanked, `cargo update` replaces it):\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_yanked_crate() {
        let pin = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        let good = pin("futures-util", "0.3.31");
        refuse_yanked(std::slice::from_ref(&good)).unwrap();
        let error = refuse_yanked(&[good, pin("futures-core", "0.3.31"), pin("slab", "0.4.10")]).unwrap_err();
        assert!(error.to_string().contains("version 0.4.10 is yanked"), "{error}");
    }
}
