//! Popup and options have words for everything that they may have to say.

use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| path.to_owned())
}

fn messages() -> Result<Value> {
    Ok(serde_json::from_str(&read("extension/_locales/en/messages.json")?)?)
}

/// The scripts of the extension.
fn scripts() -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for folder in
        ["extension", "extension/background", "extension/options", "extension/page", "extension/popup"]
    {
        for entry in fs::read_dir(root().join(folder))? {
            let path: PathBuf = entry?.path();
            if path.extension().is_some_and(|extension| extension == "js") {
                texts.push(fs::read_to_string(path)?);
            }
        }
    }
    Ok(texts)
}

/// The texts between `before` and the next quotation mark.
fn quoted<'a>(text: &'a str, before: &str) -> BTreeSet<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// The form in which serde writes `NotSignedIn`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The core's codes: the variants of its `Failure`.
fn core_codes() -> Result<BTreeSet<String>> {
    let source = read("wasm/src/failure.rs")?;
    let (_, rest) = source.split_once("pub enum Failure {").context("no Failure")?;
    let (variants, _) = rest.split_once("\n}").context("no end")?;
    let lines = variants.lines().filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter(|line| line.starts_with(|letter: char| letter.is_ascii_uppercase()));
    Ok(names.map(|name| snake_case(name.trim_end_matches([',', ' ', '{']))).collect())
}

#[test]
fn every_failure_has_words() -> Result<()> {
    let mut codes = core_codes()?;
    assert!(codes.contains("not_signed_in") && codes.len() > 10, "{codes:?}");
    for script in scripts()? {
        for before in ["failure(\"", "failureText({ code: \""] {
            codes.extend(quoted(&script, before).into_iter().map(str::to_owned));
        }
    }
    assert!(codes.contains("signed_out") && codes.contains("empty_sign_in"), "{codes:?}");
    // Never leaves the worker: it becomes `wrong_password` or `signed_out`.
    codes.remove("unauthorized");
    let messages = messages()?;
    for code in codes {
        let words = messages[format!("failure_{code}")]["message"].as_str();
        assert!(words.is_some_and(|words| words.ends_with(['.', '1'])), "failure_{code}: {words:?}");
    }
    Ok(())
}

#[test]
fn every_text_that_popup_and_options_name_exists() -> Result<()> {
    let messages = messages()?;
    let mut keys = BTreeSet::new();
    for page in ["popup", "options"] {
        let html = read(&format!("extension/{page}.html"))?;
        keys.extend(quoted(&html, "data-text=\"").into_iter().map(str::to_owned));
    }
    for script in scripts()? {
        keys.extend(quoted(&script, " text(\"").into_iter().map(str::to_owned));
        keys.extend(quoted(&script, "(text(\"").into_iter().map(str::to_owned));
        for key in quoted(&script, "countText(\"") {
            keys.extend([format!("{key}_one"), format!("{key}_other")]);
        }
    }
    assert!(keys.len() > 40, "{keys:?}");
    for key in keys {
        assert!(messages[&key]["message"].is_string(), "{key}");
    }
    Ok(())
}
