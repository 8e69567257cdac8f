//! Popup and options use the browser's language if they have texts in it.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::Chromium;
use stagepass_tests::browsers::{options, popup};
use stagepass_tests::look::{look_at_options, look_at_popup};
use stagepass_tests::platform::VIDEO_URL;
use stagepass_tests::services::server::PASSWORD;
use stagepass_tests::stage::bridge::wait_for_status;
use stagepass_tests::stage::main_job::{
    self, PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, sign_in, wait_for_view,
};
use stagepass_tests::stage::renewal::{SOON, close, wait_for_badge, wait_for_renewal};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tokio::process::Command;

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

/// `$1`, `$2` and so on, each as often as it occurs.
fn placeholders(text: &str) -> Vec<&str> {
    let mut found: Vec<_> =
        text.match_indices('$').map(|(at, _)| &text[at..(at + 2).min(text.len())]).collect();
    found.sort_unstable();
    found
}

#[test]
fn every_language_has_every_text_and_placeholder() -> Result<()> {
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

/// The built extension with German as its only language, since Debian's Chromium only speaks
/// English unless more is installed.
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

/// Waits until the page shows the German text of this key.
async fn wait_for_words(page: &Attachment, german: &BTreeMap<String, String>, key: &str) -> Result<()> {
    let is_shown = format!("document.body.innerText.includes({})", json!(german[key]));
    page.wait_for(key, SOON, &is_shown).await
}

#[tokio::test(flavor = "multi_thread")]
async fn popup_and_options_are_completely_in_german() -> Result<()> {
    let (german, extension) = (texts("de")?, german_extension().await?);
    let stage = Stage::set_up(extension.path()).await?;
    stage.grant(&[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let popup = popup::open(&browser).await?;
    wait_for_words(&popup, &german, "server_heading").await?;
    assert_eq!(popup.evaluate("document.documentElement.lang").await?, "de");
    look_at_popup(&popup, "german-server").await?;
    let options = options::open_from_popup(&browser, popup).await?;
    wait_for_words(&options, &german, "options_title").await?;
    assert_eq!(options.evaluate("document.title").await?, json!(german["options_title"]));
    look_at_options(&options, "german-host-missing").await?;

    stage.install_native_host().await?;
    let tab = stage.sign_in_at_platform(&browser).await?;
    let popup = popup::open(&browser).await?;
    connect_capture_and_export(&stage, &popup, &german).await?;
    revoke_renew_and_hand_over(&popup, &german).await?;
    close(popup).await?;

    assert!(stage.ask_host(&["cookies", VIDEO_URL]).await?.status.success());
    options.click("#check-host").await?;
    options.wait_for("the host", SOON, "document.querySelector('#host').dataset.code === 'there'").await?;
    for list in ["#allowed li", "#renewed li", "#hand-overs li", "#site-list li"] {
        options.wait_for(list, SOON, &format!("document.querySelector('{list}')")).await?;
    }
    look_at_options(&options, "german-signed-in").await?;
    show_request_and_problem(&stage, &browser, &tab).await
}

/// From choosing a server to an exported file.
async fn connect_capture_and_export(
    stage: &Stage,
    popup: &Attachment,
    german: &BTreeMap<String, String>,
) -> Result<()> {
    popup.fill("#server-url", stage.server.url()).await?;
    popup.click("#connect").await?;
    wait_for_view(popup, "sign-in").await?;
    look_at_popup(popup, "german-sign-in").await?;
    sign_in(popup, "wrong-password").await?;
    wait_for_words(popup, german, "failure_wrong_password").await?;
    look_at_popup(popup, "german-wrong-password").await?;
    sign_in(popup, PASSWORD).await?;
    wait_for_view(popup, "ready").await?;
    popup.click("#cookies summary").await?;
    look_at_popup(popup, "german-ready").await?;
    assert_eq!(main_job::capture(popup, "stage.artist").await?, "captured");
    wait_for_words(popup, german, "captured").await?;
    popup.wait_for("the connection", SOON, "document.querySelector('#new-connection').hidden").await?;
    assert_eq!(main_job::export(popup).await?, "exported");
    look_at_popup(popup, "german-captured-and-exported").await?;
    Ok(())
}

/// Everything that can be done with a captured session.
async fn revoke_renew_and_hand_over(popup: &Attachment, german: &BTreeMap<String, String>) -> Result<()> {
    popup.click("#sessions summary").await?;
    popup.wait_for("the session", SOON, "document.querySelector('#session-list .danger')").await?;
    popup.click("#session-list .danger").await?;
    wait_for_words(popup, german, "revoke_really").await?;
    look_at_popup(popup, "german-session-to-be-revoked").await?;
    popup.click("#renewal > summary").await?;
    popup.click("#renewal-switch").await?;
    wait_for_renewal(popup, "on").await?;
    popup.evaluate("document.querySelector('#bridge').open = true").await?;
    popup.click("#bridge-allow").await?;
    wait_for_status(popup, "connected").await?;
    look_at_popup(popup, "german-renewed-and-handed-over").await?;
    Ok(())
}

/// Badge messages, which the popup shows above everything else.
async fn show_request_and_problem(stage: &Stage, browser: &Chromium, tab: &Attachment) -> Result<()> {
    let connection =
        stage.server.user().await?.get("/api/platform-connections").await?.body["data"][0]["id"].clone();
    let ask = json!({"creator_profile_id": connection, "platform": "instagram"});
    stage.server.service()?.post("/api/credentials/request-capture", &ask).await?;
    tab.evaluate("document.querySelector('#logout').click()").await?;
    let worker = popup::service_worker(browser).await?;
    wait_for_badge(&worker, "!").await?;
    tab.send("Page.bringToFront", json!({})).await?;
    let popup = popup::open(browser).await?;
    wait_for_view(&popup, "ready").await?;
    for shown in ["#problem-list li", "#request-list li"] {
        popup.wait_for(shown, SOON, &format!("document.querySelector('{shown}')")).await?;
    }
    look_at_popup(&popup, "german-request-and-problem").await
}
