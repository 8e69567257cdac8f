//! The browser's own permission prompt, answered by real keys on a separate display, with the
//! real action popup, which the prompt closes.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::Chromium;
use stagepass_tests::browsers::display::Display;
use stagepass_tests::browsers::options;
use stagepass_tests::browsers::popup::{self, PromptAnswer};
use stagepass_tests::services::server::PASSWORD;
use stagepass_tests::stage::main_job::{self, Stage, built_extension};
use stagepass_tests::stage::renewal::SOON;

/// Clicks in the popup, answers the prompt that appears, and opens the popup again, as a person
/// has to.
async fn click_and_answer(
    browser: &Chromium,
    display: &Display,
    (tab, popup): (&Attachment, Attachment),
    button: &str,
    answer: PromptAnswer,
) -> Result<Attachment> {
    popup.click(button).await?;
    popup::answer_prompt(display, tab, &popup, answer).await?;
    drop(popup);
    popup::open_by_shortcut(browser, display).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_continues_after_the_prompt_and_can_be_retried_after_a_refusal() -> Result<()> {
    let display = Display::start().await?;
    let stage = Stage::set_up_on(&built_extension()?, Some(display.name())).await?;
    let browser = stage.open_browser().await?;
    let tab = stage.sign_in_at_platform(&browser).await?;

    let popup = popup::open_by_shortcut(&browser, &display).await?;
    main_job::wait_for_view(&popup, "server").await?;
    popup.fill("#server-url", stage.server.url()).await?;
    let popup = click_and_answer(&browser, &display, (&tab, popup), "#connect", PromptAnswer::Allow).await?;
    main_job::wait_for_view(&popup, "sign-in").await?;
    main_job::sign_in(&popup, PASSWORD).await?;

    // The tab's platform is recognised without any permission for its site.
    main_job::wait_for_view(&popup, "ready").await?;
    popup.fill("#account-name", "stage.artist").await?;
    let popup = click_and_answer(&browser, &display, (&tab, popup), "#capture", PromptAnswer::Deny).await?;
    main_job::wait_for_view(&popup, "ready").await?;
    assert_eq!(main_job::outcome(&popup, "#outcome").await?, "permission_refused");
    let user = stage.server.user().await?;
    assert_eq!(user.get("/api/platform-connections").await?.body["total"], 0);

    popup.fill("#account-name", "stage.artist").await?;
    let popup = click_and_answer(&browser, &display, (&tab, popup), "#capture", PromptAnswer::Allow).await?;
    main_job::wait_for_view(&popup, "ready").await?;
    assert_eq!(main_job::outcome(&popup, "#outcome").await?, "captured");
    assert_eq!(user.get("/api/platform-sessions").await?.body["total"], 1, "one click captures once");
    let connections = user.get("/api/platform-connections").await?.body;
    assert_eq!(connections["data"][0]["platform_username"], "stage.artist");
    assert!(
        stage.served_session("json").await?["cookies"].as_array().is_some_and(|cookies| cookies.len() >= 8)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_options_continue_after_the_prompt_and_report_a_refusal() -> Result<()> {
    let display = Display::start().await?;
    let stage = Stage::set_up_on(&built_extension()?, Some(display.name())).await?;
    let browser = stage.open_browser().await?;
    let options = options::open(&browser).await?;
    main_job::wait_for_view(&options, "server").await?;
    options.fill("#server-url", stage.server.url()).await?;
    options.click("#connect").await?;
    popup::answer_prompt_over(&display, &options, PromptAnswer::Deny).await?;
    let is_said = "document.querySelector('#message').dataset.code === 'permission_refused'";
    options.wait_for("the refusal", SOON, is_said).await?;
    main_job::wait_for_view(&options, "server").await?;
    options.click("#connect").await?;
    popup::answer_prompt_over(&display, &options, PromptAnswer::Allow).await?;
    main_job::wait_for_view(&options, "sign-in").await?;
    let site = "document.querySelector('#site-list li')?.dataset.id === 'http://127.0.0.1/*'";
    options.wait_for("the server among the sites", SOON, site).await
}

/// The browser shows a warning for each permission that it thinks a person should know of.
#[tokio::test(flavor = "multi_thread")]
async fn the_permission_to_run_scripts_brings_no_warning() -> Result<()> {
    let stage = Stage::set_up(&built_extension()?).await?;
    let browser = stage.open_browser().await?;
    let worker = popup::service_worker(&browser).await?;
    let manifest = std::fs::read_to_string(built_extension()?.join("manifest.json"))?;
    let with_tabs = manifest.replace("\"scripting\"", "\"tabs\"");
    let mut without: Value = serde_json::from_str(&manifest)?;
    let permissions = without["permissions"].as_array_mut().context("no permissions")?;
    let count = permissions.len();
    permissions.retain(|permission| permission != "scripting");
    assert_eq!(permissions.len(), count - 1, "scripting is one of them");
    let warnings = async |manifest: String| {
        let ask = format!("chrome.management.getPermissionWarningsByManifest({})", json!(manifest));
        worker.evaluate(&ask).await
    };
    let without = warnings(without.to_string()).await?;
    assert_eq!(warnings(manifest).await?, without);
    assert_ne!(warnings(with_tabs).await?, without, "the browser warns of other permissions");
    Ok(())
}
