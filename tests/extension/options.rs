//! The options: settings that don't depend on the tab in front. Each state is checked for its
//! looks, and everything works with the keyboard alone.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::{options, popup};
use stagepass_tests::look::{look_at_options, look_at_popup};
use stagepass_tests::platform::{FRONT_URL, VIDEO_URL};
use stagepass_tests::services::server::{EMAIL, PASSWORD};
use stagepass_tests::stage::bridge::wait_for_status;
use stagepass_tests::stage::main_job::{
    PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, sign_in, sign_in_to_server, wait_for_view,
};
use stagepass_tests::stage::renewal::{RenewalStage, SOON, close};
use stagepass_tests::system::wait;

/// A browser that renews a session and hands its cookies over, and the options.
async fn start() -> Result<(RenewalStage, Attachment)> {
    let renewal = RenewalStage::set_up_with_renewal().await?;
    renewal.stage.install_native_host().await?;
    let popup = renewal.popup().await?;
    popup.evaluate("document.querySelector('#bridge').open = true").await?;
    popup.click("#bridge-allow").await?;
    wait_for_status(&popup, "connected").await?;
    close(popup).await?;
    let asked = renewal.stage.ask_host(&["cookies", VIDEO_URL]).await?;
    ensure!(asked.status.success(), "{}", asked.stderr);
    let options = options::open(&renewal.browser).await?;
    for shown in ["#allowed li", "#renewed li", "#hand-overs li", "#site-list li"] {
        wait_for(&options, shown).await?;
    }
    Ok((renewal, options))
}

async fn wait_for(options: &Attachment, selector: &str) -> Result<()> {
    let is_there = format!("document.querySelector({})", json!(selector));
    options.wait_for(selector, SOON, &is_there).await
}

/// The element with the focus: its id, or the name that a screen reader says.
async fn focus(options: &Attachment) -> Result<String> {
    let focused =
        "(({activeElement: {id, ariaLabel, textContent}}) => id || ariaLabel || textContent)(document)";
    let focused = options.evaluate(focused).await?;
    Ok(focused.as_str().context("something has the focus")?.to_owned())
}

/// Presses Tab until this element has the focus.
async fn tab_to(options: &Attachment, wanted: &str) -> Result<()> {
    for _ in 0..40 {
        if focus(options).await? == wanted {
            return Ok(());
        }
        options.press("Tab").await?;
    }
    anyhow::bail!("Tab does not lead to {wanted}")
}

/// Waits until this element has the focus.
async fn wait_for_focus(options: &Attachment, wanted: &str) -> Result<()> {
    let waited = wait::until("the focus", SOON, async || Ok((focus(options).await? == wanted).then_some(())));
    waited.await.with_context(|| format!("it was to be on {wanted}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_with_the_keyboard_alone_and_keeps_the_focus() -> Result<()> {
    let (renewal, options) = start().await?;
    let stage = &renewal.stage;
    assert_eq!(focus(&options).await?, "Stagepass settings", "reading starts at the top");
    look_at_options(&options, "signed-in").await?;
    let mut stops = Vec::new();
    for _ in 0..11 {
        options.press("Tab").await?;
        stops.push(focus(&options).await?);
    }
    let expected = [
        "sign-out",
        "change-server",
        "check-host",
        "allowed-instagram-write-back",
        "Switch off the use of my Instagram login",
        "bridge-profile",
        "hand-over-table",
        "Switch off keeping the session of Instagram up to date",
        "notify",
        "Remove access to instagram.com",
        "Remove access to 127.0.0.1",
    ];
    assert_eq!(stops, expected);

    allow_write_back(&options).await?;
    name_the_profile(stage, &options).await?;
    switch_all_off(&renewal, &options).await?;
    remove_all_access(&options).await
}

/// Switches write-back on.
async fn allow_write_back(options: &Attachment) -> Result<()> {
    options.evaluate("document.querySelector('h1').focus()").await?;
    tab_to(options, "allowed-instagram-write-back").await?;
    options.press(" ").await?;
    let is_written_back = "chrome.storage.local.get('bridge')\
                           .then(({bridge}) => bridge.platforms.instagram.writeBack)";
    options.wait_for("write-back", SOON, is_written_back).await?;
    assert_eq!(focus(options).await?, "allowed-instagram-write-back");
    assert_eq!(options.evaluate("document.activeElement.checked").await?, true);
    Ok(())
}

/// Names the profile, so that programs can choose it.
async fn name_the_profile(stage: &Stage, options: &Attachment) -> Result<()> {
    tab_to(options, "bridge-profile").await?;
    options.evaluate("document.activeElement.select()").await?;
    options.type_text("studio").await?;
    options.press("Tab").await?;
    wait::until("the profile's name", SOON, async || {
        let shown = stage.ask_host(&["browsers"]).await?;
        Ok(shown.stdout.contains("studio").then_some(()))
    })
    .await?;
    let asked = stage.ask_host(&["cookies", VIDEO_URL, "--profile", "studio"]).await?;
    assert!(asked.status.success(), "{asked:?}");
    Ok(())
}

/// Switches off everything that uses the Instagram session.
async fn switch_all_off(renewal: &RenewalStage, options: &Attachment) -> Result<()> {
    let stage = &renewal.stage;
    options.evaluate("document.querySelector('#check-host').focus()").await?;
    options.press("Enter").await?;
    wait_for(options, "#host[data-code=there]").await?;
    assert_eq!(focus(options).await?, "check-host");
    tab_to(options, "Switch off the use of my Instagram login").await?;
    options.press("Enter").await?;
    wait_for_focus(options, "programs-heading").await?;
    assert!(!stage.ask_host(&["cookies", VIDEO_URL, "--profile", "studio"]).await?.status.success());
    tab_to(options, "Switch off keeping the session of Instagram up to date").await?;
    options.press("Enter").await?;
    wait_for_focus(options, "renewal-heading").await?;
    renewal.wait_for_kept(&renewal.worker().await?, "!kept.isOn").await?;
    look_at_options(options, "all-off").await?;
    Ok(())
}

/// Removes all access, after which a server must be chosen.
async fn remove_all_access(options: &Attachment) -> Result<()> {
    tab_to(options, "Remove access to instagram.com").await?;
    options.press("Enter").await?;
    wait_for_focus(options, "Remove access to 127.0.0.1").await?;
    let origins = options.evaluate("chrome.permissions.getAll().then(({origins}) => origins)").await?;
    assert_eq!(origins, json!([SERVER_ORIGINS]));
    // Without access to the server, it must be chosen again.
    options.press("Enter").await?;
    wait_for_focus(options, "server-url").await?;
    let is_gone = "document.querySelectorAll('#site-list li').length === 0";
    options.wait_for("no site to be left", SOON, is_gone).await?;
    assert_eq!(focus(options).await?, "server-url");
    assert_eq!(options.evaluate("chrome.storage.local.get('server')").await?, json!({}));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_alone_chooses_and_leaves_a_server_and_signs_in() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&[SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let options = options::open(&browser).await?;
    wait_for_view(&options, "server").await?;
    assert_eq!(focus(&options).await?, "server-url");
    options.evaluate("document.activeElement.select()").await?;
    options.type_text("http://example.org").await?;
    options.press("Enter").await?;
    wait_for(&options, "#message[data-code=bad_address]").await?;
    assert_eq!(focus(&options).await?, "server-url");
    look_at_options(&options, "bad-address").await?;
    options.evaluate("document.activeElement.select()").await?;
    options.type_text(stage.server.url()).await?;
    options.press("Enter").await?;
    wait_for_view(&options, "sign-in").await?;
    assert_eq!(focus(&options).await?, "email");
    look_at_options(&options, "sign-in").await?;

    options.type_text(EMAIL).await?;
    options.press("Tab").await?;
    options.type_text("wrong-password").await?;
    options.press("Enter").await?;
    wait_for(&options, "#message[data-code=wrong_password]").await?;
    assert_eq!(focus(&options).await?, "password");
    look_at_options(&options, "wrong-password").await?;
    options.type_text(PASSWORD).await?;
    options.press("Enter").await?;
    wait_for_view(&options, "account").await?;
    assert_eq!(focus(&options).await?, "sign-out");
    let shown = options.evaluate("document.querySelector('dl').innerText").await?;
    let shown = shown.as_str().context("no words")?;
    assert!(shown.contains(stage.server.url()) && shown.contains(EMAIL), "{shown}");

    options.press("Enter").await?;
    wait_for_view(&options, "sign-in").await?;
    assert_eq!(focus(&options).await?, "email");
    tab_to(&options, "change-server").await?;
    options.press("Enter").await?;
    wait_for_view(&options, "server").await?;
    assert_eq!(focus(&options).await?, "server-url");
    assert_eq!(options.evaluate("chrome.storage.local.get('server')").await?, json!({}));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_options_show_the_popups_changes_at_once() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let options = options::open(&browser).await?;
    wait_for_view(&options, "server").await?;
    let _tab = browser.open_tab(FRONT_URL).await?;
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&options, "account").await?;
    wait_for_view(&popup, "ready").await?;
    popup.click("#sign-out").await?;
    wait_for_view(&options, "sign-in").await?;
    sign_in(&popup, PASSWORD).await?;
    wait_for_view(&options, "account").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_options_report_a_missing_native_host_with_what_to_run_and_recover() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    let browser = stage.open_browser().await?;
    let options = options::open(&browser).await?;
    wait_for(&options, "#host[data-code=no_host]").await?;
    let words = options.evaluate("document.querySelector('#host').innerText").await?;
    let words = words.as_str().context("no words")?;
    for command in ["stagepass install", "stagepass doctor"] {
        assert!(words.contains(command), "{command} in {words}");
    }
    look_at_options(&options, "host-missing").await?;
    stage.install_native_host().await?;
    options.click("#check-host").await?;
    wait_for(&options, "#host[data-code=there]").await?;
    let words = options.evaluate("document.querySelector('#host').innerText").await?;
    let version = env!("CARGO_PKG_VERSION");
    assert!(words.as_str().is_some_and(|words| words.contains(version)), "{words}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_a_sites_access_stops_its_features_and_says_so() -> Result<()> {
    let (renewal, options) = start().await?;
    options.click("#site-list li:first-child button").await?;
    let is_stopped = "document.querySelector('#allowed [data-id=instagram]').innerText.includes('Stopped')";
    options.wait_for("the hand-over to be said to have stopped", SOON, is_stopped).await?;
    wait_for(&options, "#renewed [data-code=stopped]").await?;
    let refused = renewal.stage.ask_host(&["cookies", VIDEO_URL]).await?;
    assert!(!refused.status.success() && refused.stdout.is_empty());
    look_at_options(&options, "access-removed").await?;
    let popup = popup::open(&renewal.browser).await?;
    let is_said = "document.querySelector('#problem-list [data-code=permission_missing]')";
    popup.wait_for("the reason", SOON, is_said).await?;
    look_at_popup(&popup, "access-removed").await
}

/// Sends the worker a harmless message.
const ASK: &str = "chrome.runtime.sendMessage({type: 'status'}).then((answer) => answer ?? null)";

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_only_answers_popup_and_options() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    let browser = stage.open_browser().await?;
    let options = options::open(&browser).await?;
    assert!(options.evaluate(ASK).await?["value"].is_object());
    let other = format!("chrome-extension://{}/icons/icon.svg", browser.extension_id()?);
    let other = browser.open_tab(&other).await?;
    assert_eq!(other.evaluate(ASK).await?, Value::Null);
    let web_page = browser.open_tab(FRONT_URL).await?;
    assert_eq!(web_page.evaluate("typeof globalThis.chrome?.runtime?.sendMessage").await?, "undefined");
    Ok(())
}
