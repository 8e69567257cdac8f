//! Where the values of a login that is more than cookies must not be: in the popup, and in what
//! browser, extension, native host and server leave behind.

use anyhow::{Context as _, Result};
use memchr::memmem;
use stagepass_tests::browsers::chromium::Chromium;
use stagepass_tests::browsers::firefox::Firefox;
use stagepass_tests::browsers::page::WebPage;
use stagepass_tests::browsers::popup;
use stagepass_tests::services::server::PASSWORD;
use stagepass_tests::stage::main_job::Stage;
use stagepass_tests::stage::renewal::SOON;
use stagepass_tests::system::process_list::ProcessList;
use stagepass_tests::system::secret_search::SecretSearch;
use stagepass_tests::system::wait;
use std::fs;
use std::path::{Path, PathBuf};

/// What Firefox itself keeps of pages, in its profile.
const KEPT_OF_PAGES: [&str; 3] = ["cookies.sqlite", "sessionstore", "storage/default/https+++"];

/// No text, attribute or field of the popup has a value. Its table of entries lists this name.
pub(crate) async fn assert_popup_shows_no_value(
    stage: &Stage,
    popup: &impl WebPage,
    name: Option<&str>,
) -> Result<()> {
    let listed =
        "[...document.querySelectorAll('#entry-table tbody tr')].map(({textContent}) => textContent)";
    let listed: Vec<String> = serde_json::from_value(popup.evaluate(listed).await?)?;
    assert_eq!(listed.len(), name.into_iter().count(), "{listed:?}");
    assert!(listed.iter().all(|row| name.is_some_and(|name| row.starts_with(name))), "{listed:?}");
    let shown = "[document.documentElement.outerHTML, \
        ...[...document.querySelectorAll('input, option, textarea')].map(({value}) => value)].join('\\n')";
    let shown = popup.evaluate(shown).await?;
    let shown = shown.as_str().context("the popup shows nothing")?;
    assert!(
        !SecretSearch::new(&stage.platform.secrets())?.is_in(shown.as_bytes()),
        "the popup shows a value"
    );
    Ok(())
}

/// No value is in the arguments of a program.
pub(crate) fn assert_not_in_arguments(processes: ProcessList, secrets: &SecretSearch) {
    let seen = processes.seen();
    for program in ["chromium", "stagepass-server", "stagepass-native-host", "curl"] {
        let is_seen = seen.iter().any(|arguments| String::from_utf8_lossy(arguments).contains(program));
        assert!(is_seen, "{program} was not seen");
    }
    assert!(!seen.iter().any(|arguments| secrets.is_in(arguments)), "in the process list");
}

/// No value is in the database or in the server's log. In the home of browser and native host, with the
/// temporary files of all three programs, only exports have values.
pub(crate) fn assert_not_on_disk(stage: &Stage, secrets: &SecretSearch) -> Result<()> {
    assert_eq!(secrets.files_in(stage.server.directory())?, Vec::<PathBuf>::new());
    assert!(fs::read_dir(stage.server.directory())?.count() >= 2);
    let log = stage.server.program().stderr();
    assert!(!log.is_empty() && !secrets.is_in(&log), "the server's log");
    assert!(!SecretSearch::new(&[PASSWORD.into()])?.is_in(&log));
    let found = secrets.files_in(stage.home())?.into_iter();
    let (exports, others): (Vec<_>, Vec<_>) = found.partition(|path| path.starts_with(stage.host_dir()));
    assert_eq!(others, Vec::<PathBuf>::new());
    assert!(exports.len() >= 2, "the search has not found the exports, but {exports:?}");
    Ok(())
}

/// No value is in the extension's storage, in its worker's console, in the browser's log or in its
/// temporary files.
pub(crate) async fn assert_not_in_chromium(
    stage: &Stage,
    browser: &Chromium,
    secrets: &SecretSearch,
) -> Result<()> {
    let worker = popup::service_worker(browser).await?;
    for (area, content) in [("session", "outcome.capture"), ("local", "fansly")] {
        let held = worker.evaluate(&format!("chrome.storage.{area}.get()")).await?.to_string();
        assert!(held.contains(content), "storage.{area} holds no {content}");
        assert!(!secrets.is_in(held.as_bytes()), "storage.{area}");
    }
    let console: String = worker.console().iter().map(|entry| entry.text.as_str()).collect();
    assert!(!secrets.is_in(console.as_bytes()), "the worker's console");
    let profile = stage.profile.path();
    for (place, is_always_there) in [
        ("browser.log", true),
        ("Default/Local Extension Settings", true),
        ("Default/Service Worker", true),
        ("Default/IndexedDB", false),
        ("Default/Extension State", false),
        ("Default/Sync Extension Settings", false),
    ] {
        let path = profile.join(place);
        assert!(path.exists() || !is_always_there, "{place} is not there");
        assert!(!path.exists() || secrets.files_in(&path)?.is_empty(), "{place}");
    }
    let temporary = fs::read_dir(stage.home().join("tmp"))?.count();
    assert!(temporary > 0, "the browser has other temporary files than those that are searched");
    Ok(())
}

/// No value is in the extension's storage, in what the browser prints, or in a file of its profile that
/// does not belong to the pages themselves. The popup is open.
pub(crate) async fn assert_not_in_firefox(
    stage: &Stage,
    firefox: &Firefox,
    popup: &impl WebPage,
    secrets: &SecretSearch,
) -> Result<()> {
    let kept = "Promise.all([chrome.storage.local.get(), chrome.storage.session.get()])";
    let kept = popup.evaluate(kept).await?.to_string();
    assert!(kept.contains("fansly") && kept.contains("outcome.capture"), "{kept}");
    assert!(!secrets.is_in(kept.as_bytes()), "the extension's storage");
    let log = firefox.log();
    assert!(!log.is_empty() && !secrets.is_in(log.as_bytes()), "the browser's log");

    let profile = firefox.profile().await?;
    let of_pages = profile.join("storage/default/https+++fansly.com");
    wait::until("the page's own storage to be in its file", SOON, async || {
        Ok((!secrets.files_in(&of_pages)?.is_empty()).then_some(()))
    })
    .await?;
    // Firefox's IndexedDB adds 1 to each byte of a key.
    let key: String = "lastCaptures".bytes().map(|byte| char::from(byte + 1)).collect();
    let mut of_extension = Vec::new();
    for folder in fs::read_dir(profile.join("storage/default"))?.flatten() {
        if folder.file_name().to_string_lossy().starts_with("moz-extension+++") {
            of_extension.extend(SecretSearch::new(&[key.clone().into()])?.files_in(&folder.path())?);
        }
    }
    assert!(!of_extension.is_empty(), "the extension's own files are not in the profile");
    let kept_in = |path: &Path, places: &[&str]| {
        let path = path.strip_prefix(&profile).unwrap_or(path);
        places.iter().any(|place| path.to_string_lossy().starts_with(place))
    };
    for path in secrets.files_in(&profile)? {
        // The cache keeps the sample platforms' answers, each with its address.
        let is_answer = kept_in(&path, &["cache2/entries/"]) && {
            let entry = fs::read(&path)?;
            let has = |text: &str| memmem::find(&entry, text.as_bytes()).is_some();
            !has(stage.server.url()) && !has("moz-extension://")
        };
        assert!(is_answer || kept_in(&path, &KEPT_OF_PAGES), "{}", path.display());
    }
    Ok(())
}
