//! The popup speaks the browser's language, where it has it.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stagepass_tests::axe::Axe;
use stagepass_tests::chromium::{Launch, Profile};
use stagepass_tests::main_job::built_extension;
use stagepass_tests::popup;
use stagepass_tests::process::cache_dir;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

const SOON: Duration = Duration::from_secs(20);

/// The texts of a language by their keys.
fn texts(language: &str) -> Result<BTreeMap<String, String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the tests lie in a workspace")?;
    let path = root.join("extension/_locales").join(language).join("messages.json");
    let messages: BTreeMap<String, Value> = serde_json::from_str(&fs::read_to_string(path)?)?;
    let text = |(key, value): (String, Value)| {
        let text = value["message"].as_str().context("a message is a text")?.to_owned();
        Ok((key, text))
    };
    messages.into_iter().map(text).collect()
}

/// `$1`, `$2` and so on, each as often as it is there.
fn placeholders(text: &str) -> Vec<&str> {
    let mut found: Vec<_> =
        text.match_indices('$').map(|(at, _)| &text[at..(at + 2).min(text.len())]).collect();
    found.sort_unstable();
    found
}

#[test]
fn every_language_has_every_text_with_what_is_filled_in() -> Result<()> {
    let english = texts("en")?;
    let german = texts("de")?;
    assert_eq!(english.keys().collect::<Vec<_>>(), german.keys().collect::<Vec<_>>());
    for (key, text) in &german {
        assert!(!text.trim().is_empty(), "{key}");
        assert_eq!(placeholders(text), placeholders(&english[key]), "{key}");
    }
    assert_eq!(german["language"], "de");
    Ok(())
}

/// The built extension with German as its only language, as a German browser has it
/// (Debian's Chromium speaks English unless more is installed).
async fn german_extension() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let copy = folder.path();
    let status = Command::new("cp").arg("-r").arg(built_extension()?.join(".")).arg(copy).status().await?;
    ensure!(status.success(), "the extension can't be copied");
    fs::remove_dir_all(copy.join("_locales/en"))?;
    let manifest = copy.join("manifest.json");
    let mut german: Value = serde_json::from_str(&fs::read_to_string(&manifest)?)?;
    german["default_locale"] = json!("de");
    fs::write(&manifest, german.to_string())?;
    Ok(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_popup_is_whole_in_german() -> Result<()> {
    let profile = Profile::new()?;
    let extension = german_extension().await?;
    let launch = Launch { extension: Some(extension.path()), ..Launch::new(&profile) };
    let browser = launch.start().await?;
    let popup = popup::open(&browser).await?;
    let german = texts("de")?;
    let heading = format!("document.body.innerText.includes({})", json!(german["server_heading"]));
    popup.wait_for("the words of the first view", SOON, &heading).await?;
    assert_eq!(popup.evaluate("document.documentElement.lang").await?, "de");
    popup.screenshot(&cache_dir()?.join("popup-german.png")).await?;
    let overflow = popup.evaluate("document.documentElement.scrollWidth - innerWidth").await?;
    assert!(overflow.as_i64() <= Some(0), "German words are {overflow} too wide");
    let found = Axe::prepare().await?.find(&popup).await?;
    ensure!(found.is_empty(), "{found:#?}");
    Ok(())
}
