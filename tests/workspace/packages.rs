//! The zip files for the stores: their contents, that every build has the same bytes, that
//! Mozilla's linter accepts them, and that they stay small.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use stagepass_tests::stage::main_job::built_extension;
use stagepass_tests::system::process::our_program;
use stagepass_tests::tools::web_ext::WebExt;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};
use tokio::process::Command;
use zip::{DateTime, ZipArchive};

const BROWSERS: [&str; 2] = ["chromium", "firefox"];
const MODULE: &str = "wasm/stagepass_bg.wasm";
/// The maximum size of the gzipped module: room for platforms with several sites and other
/// hosts, but not for code that only servers need, such as for dates.
const MODULE_BYTES: usize = 128_000;
/// The list of public suffixes, and its maximum gzipped size.
const SUFFIXES: &str = "public-suffixes.txt";
const SUFFIXES_BYTES: usize = 50_000;
/// Warnings of web-ext about things that are intended.
const KNOWN_WARNINGS: [&str; 2] = [
    // web-ext assumes both kinds of background in one build; ours each have one browser's.
    "BACKGROUND_SERVICE_WORKER_IGNORED",
    // Android has no native messaging, so we have nothing to offer there.
    "KEY_FIREFOX_ANDROID_UNSUPPORTED_BY_MIN_VERSION",
];

fn dist() -> Result<PathBuf> {
    Ok(built_extension()?.parent().context("a build lies in a folder")?.to_owned())
}

/// The zip file for a browser's store.
fn package(folder: &Path, browser: &str) -> Result<PathBuf> {
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join(browser).join("manifest.json"))?)?;
    let version = manifest["version"].as_str().context("no version")?;
    Ok(folder.join(format!("stagepass-{browser}-{version}.zip")))
}

/// The files in a zip file.
fn unpacked(package: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut archive = ZipArchive::new(Cursor::new(fs::read(package)?))?;
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        files.insert(file.name()?.into_owned(), content);
    }
    Ok(files)
}

/// The files in a folder, by their paths below it.
fn files_in(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder)?.to_str().context("no UTF-8")?.to_owned();
                files.insert(name, fs::read(&path)?);
            }
        }
    }
    Ok(files)
}

#[test]
fn a_package_holds_the_build_that_is_tested_and_only_chromiums_differs_by_its_key() -> Result<()> {
    let dist = dist()?;
    for browser in BROWSERS {
        let (mut packed, mut built) = (unpacked(&package(&dist, browser)?)?, files_in(&dist.join(browser))?);
        let [packed_manifest, mut built_manifest] = [&mut packed, &mut built].map(|files| {
            let manifest = files.remove("manifest.json").unwrap_or_default();
            serde_json::from_slice::<Value>(&manifest).unwrap_or_default()
        });
        assert!(packed == built, "{browser}: other files than in the build");
        let key = built_manifest.as_object_mut().context("no manifest")?.remove("key");
        assert_eq!(key.is_some(), browser == "chromium");
        assert_eq!(packed_manifest, built_manifest, "{browser}");
    }
    Ok(())
}

#[test]
fn a_package_only_holds_what_is_run_and_shown() -> Result<()> {
    let home = std::env::home_dir().context("no home")?;
    let home = home.to_str().context("no UTF-8")?.as_bytes();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace")?;
    let workspace = workspace.to_str().context("no UTF-8")?.as_bytes();
    for browser in BROWSERS {
        let files = unpacked(&package(&dist()?, browser)?)?;
        for name in ["manifest.json", "background.js", "popup.html", "icons/128.png", MODULE, SUFFIXES] {
            assert!(files.contains_key(name), "{browser} lacks {name}");
        }
        for (name, content) in &files {
            let extension = name.rsplit('.').next().unwrap_or_default();
            let is_run_or_shown = ["css", "html", "js", "json", "png", "svg", "wasm"].contains(&extension);
            assert!(is_run_or_shown || name == SUFFIXES, "{name}");
            assert!(!name.split('/').any(|part| part.starts_with('.')), "{name}");
            for traitor in [b"sourceMappingURL".as_slice(), b"registry/src", home, workspace] {
                let is_there = memchr::memmem::find(content, traitor).is_some();
                assert!(!is_there, "{browser}: {name} holds {}", String::from_utf8_lossy(traitor));
            }
        }
    }
    Ok(())
}

#[test]
fn a_package_does_not_say_when_or_by_whom_it_was_made() -> Result<()> {
    for browser in BROWSERS {
        let mut archive = ZipArchive::new(Cursor::new(fs::read(package(&dist()?, browser)?)?))?;
        let mut names = Vec::new();
        for index in 0..archive.len() {
            let file = archive.by_index(index)?;
            let name = file.name()?.into_owned();
            assert_eq!(file.last_modified(), Some(DateTime::DEFAULT), "{name}");
            assert_eq!(file.unix_mode().map(|mode| mode & 0o7777), Some(0o644), "{name}");
            names.push(name);
        }
        assert!(archive.comment().is_empty());
        assert!(names.is_sorted_by(|one, next| Path::new(one) < Path::new(next)), "{names:?}");
    }
    Ok(())
}

/// Compiles everything again: elsewhere, later, for a user with another home
/// and a strict umask, in another time zone.
#[tokio::test]
async fn two_builds_have_the_same_bytes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("elsewhere");
    let mut command = Command::new("sh");
    command.args(["-c", r#"umask 077; exec "$0" extension --out "$1""#]);
    command.arg(our_program("xtask")?).arg(&out);
    let home = std::env::home_dir().context("no home")?;
    for (variable, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        command.env(variable, std::env::var_os(variable).unwrap_or_else(|| home.join(folder).into()));
    }
    command
        .env("HOME", folder.path())
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .env("TZ", "Pacific/Kiritimati");
    let made = command.output().await?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for browser in BROWSERS {
        let [here, there] = [&dist()?, &out].map(|folder| package(folder, browser));
        let (here, there) = (unpacked(&here?)?, unpacked(&there?)?);
        for (name, content) in &here {
            assert!(there.get(name) == Some(content), "{browser}: {name} differs");
        }
        let [here, there] =
            [&dist()?, &out].map(|folder| package(folder, browser).and_then(|path| Ok(fs::read(path)?)));
        assert!(here? == there?, "{browser}: the zip files differ");
    }
    Ok(())
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "people judge web-ext's warnings")]
async fn web_ext_lint_finds_no_error() -> Result<()> {
    let findings = WebExt::prepare().await?.lint(&package(&dist()?, "firefox")?).await?;
    for warning in &findings.warnings {
        if !KNOWN_WARNINGS.contains(&warning.code.as_str()) {
            println!("web-ext lint warns: {}: {}", warning.code, warning.text);
        }
    }
    assert_eq!(findings.errors, []);
    Ok(())
}

#[tokio::test]
async fn web_ext_lint_finds_an_error_where_there_is_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("manifest.json"), r#"{"manifest_version": 3, "name": "Nothing"}"#)?;
    let findings = WebExt::prepare().await?.lint(folder.path()).await?;
    assert!(!findings.errors.is_empty());
    Ok(())
}

/// The gzipped size of a file, in bytes.
#[expect(clippy::print_stdout, reason = "people read the size")]
fn gzipped(name: &str, content: &[u8]) -> Result<usize> {
    let mut gzipped = Vec::new();
    flate2::read::GzEncoder::new(content, flate2::Compression::best()).read_to_end(&mut gzipped)?;
    println!("{name}: {} bytes, {} gzipped", content.len(), gzipped.len());
    Ok(gzipped.len())
}

#[test]
fn the_wasm_module_is_small() -> Result<()> {
    let module = fs::read(dist()?.join("chromium").join(MODULE))?;
    let bytes = gzipped(MODULE, &module)?;
    assert!(bytes <= MODULE_BYTES, "{bytes} bytes gzipped");
    // The list is a separate file, packed once.
    assert!(memchr::memmem::find(&module, b"blogspot").is_none());
    Ok(())
}

#[test]
fn the_list_of_public_suffixes_is_in_the_packages_with_its_notice_and_is_small() -> Result<()> {
    for browser in BROWSERS {
        let files = unpacked(&package(&dist()?, browser)?)?;
        let list = files.get(SUFFIXES).context("no list")?;
        let notice =
            "// This Source Code Form is subject to the terms of the Mozilla Public\n// License, v. 2.0.";
        assert!(list.starts_with(notice.as_bytes()), "{browser}");
        let bytes = gzipped(SUFFIXES, list)?;
        assert!(bytes <= SUFFIXES_BYTES, "{bytes} bytes gzipped");
    }
    Ok(())
}

#[tokio::test]
async fn the_list_of_public_suffixes_is_the_one_of_the_pinned_package() -> Result<()> {
    let checked = Command::new(our_program("xtask")?).args(["suffixes", "--check"]).output().await?;
    ensure!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    Ok(())
}
