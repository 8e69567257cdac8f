//! The extension's real action popup, opened by a person or by the extension itself, and
//! the browser's own permission prompt.
//!
//! This module only knows that an extension has a service worker and an action with a
//! popup.

use crate::browsers::cdp::{Attachment, Target};
use crate::browsers::chromium::Chromium;
use crate::browsers::display::Display;
use crate::system::wait;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::time::Duration;

/// How long a worker, a popup or a prompt may take to appear.
const APPEAR_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one press of the shortcut may take to open the popup.
const STROKE_TIMEOUT: Duration = Duration::from_secs(4);
/// For half a second the browser ignores keys for a new prompt as unintended.
const UNINTENDED_INPUT: Duration = Duration::from_millis(800);
/// The extension's shortcut, as xdotool writes it.
const SHORTCUT: &str = "alt+shift+s";

/// Attaches to the extension's service worker, and wakes it if it sleeps.
/// It can't fall asleep again before the session is dropped.
///
/// # Errors
/// When there is no service worker.
pub async fn service_worker(browser: &Chromium) -> Result<Attachment> {
    let origin = origin(browser)?;
    let client = browser.client();
    let is_worker = |target: &Target| target.kind == "service_worker" && target.url.starts_with(&origin);
    let awake = client.wait_for_target("the service worker", Duration::from_secs(2), is_worker).await;
    let target = match awake {
        Ok(target) => target,
        Err(_) => {
            wake(browser, &origin).await?;
            client.wait_for_target("the service worker to wake", APPEAR_TIMEOUT, is_worker).await?
        }
    };
    let worker = client.attach(target).await?;
    // A worker becomes a target before its script has run.
    worker.wait_for("the worker's API", APPEAR_TIMEOUT, "globalThis.chrome?.runtime?.id").await?;
    Ok(worker)
}

/// Any page can start any worker by its scope.
async fn wake(browser: &Chromium, origin: &str) -> Result<()> {
    let page = any_page(browser).await?;
    page.send("ServiceWorker.enable", json!({})).await?;
    page.send("ServiceWorker.startWorker", json!({"scopeURL": origin})).await?;
    Ok(())
}

/// Stops the extension's service worker, as the browser does when it idles.
///
/// # Errors
/// When it does not stop.
pub async fn put_worker_to_sleep(browser: &Chromium) -> Result<()> {
    let origin = origin(browser)?;
    let page = any_page(browser).await?;
    page.send("ServiceWorker.enable", json!({})).await?;
    page.send("ServiceWorker.stopAllWorkers", json!({})).await?;
    wait::until("the service worker to stop", APPEAR_TIMEOUT, async || {
        let targets = browser.client().targets().await?;
        let runs =
            targets.iter().any(|target| target.kind == "service_worker" && target.url.starts_with(&origin));
        Ok((!runs).then_some(()))
    })
    .await
}

async fn any_page(browser: &Chromium) -> Result<Attachment> {
    let client = browser.client();
    let page = client.wait_for_target("a tab", APPEAR_TIMEOUT, |target| target.kind == "page").await?;
    client.attach(page).await
}

/// Opens the popup over the active tab through `chrome.action.openPopup()`.
/// Unlike the shortcut this grants no `activeTab`.
///
/// # Errors
/// When the popup does not open.
pub async fn open(browser: &Chromium) -> Result<Attachment> {
    let worker = service_worker(browser).await?;
    worker.evaluate("chrome.action.openPopup()").await.context("cannot open the popup")?;
    attach(browser, APPEAR_TIMEOUT).await
}

/// Opens the popup over the active tab by its keyboard shortcut, pressed on the
/// display's keyboard, which grants `activeTab` as a click on the icon does.
///
/// # Errors
/// When the popup does not open.
pub async fn open_by_shortcut(browser: &Chromium, display: &Display) -> Result<Attachment> {
    // Wakes the worker: the browser knows the shortcut once the extension runs.
    drop(service_worker(browser).await?);
    wait::until("the browser's window to have the focus", APPEAR_TIMEOUT, async || {
        display.active_window().await
    })
    .await?;
    let mut failure = None;
    for _ in 0..3 {
        display.press(SHORTCUT).await?;
        match attach(browser, STROKE_TIMEOUT).await {
            Ok(popup) => return Ok(popup),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.context("a stroke was tried")?.context("the shortcut does not open the popup"))
}

/// Attaches to the popup that is open or opens within `timeout`.
///
/// # Errors
/// When no popup opens.
pub async fn attach(browser: &Chromium, timeout: Duration) -> Result<Attachment> {
    let origin = origin(browser)?;
    let client = browser.client();
    let is_popup = |target: &Target| target.url.starts_with(&origin) && target.url.ends_with("/popup.html");
    let target = client.wait_for_target("the popup", timeout, is_popup).await?;
    let popup = client.attach(target).await?;
    popup.wait_for("the popup to load", APPEAR_TIMEOUT, "document.readyState === 'complete'").await?;
    Ok(popup)
}

fn origin(browser: &Chromium) -> Result<String> {
    Ok(format!("chrome-extension://{}/", browser.extension_id()?))
}

/// An answer to the browser's prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptAnswer {
    /// Grant what the extension asks for.
    Allow,
    /// Refuse it.
    Deny,
}

/// Answers the browser's prompt with real keys, after a click in `popup` that
/// asked for a permission; `tab` is the page that the popup was opened over.
///
/// # Errors
/// When no prompt comes up, or it does not go away.
pub async fn answer_prompt(
    display: &Display,
    tab: &Attachment,
    popup: &Attachment,
    answer: PromptAnswer,
) -> Result<()> {
    // The prompt has no window of its own to look for. But it takes the focus, which
    // closes the popup, and gives the focus to the page when it goes away.
    popup.wait_until_gone(APPEAR_TIMEOUT).await.context("the browser did not prompt")?;
    answer_prompt_over(display, tab, answer).await
}

/// Does the same after a click in a tab's page, which stays open.
///
/// # Errors
/// When no prompt comes up, or it does not go away.
pub async fn answer_prompt_over(display: &Display, tab: &Attachment, answer: PromptAnswer) -> Result<()> {
    tab.wait_for("the browser's prompt", APPEAR_TIMEOUT, "!document.hasFocus()").await?;
    tokio::time::sleep(UNINTENDED_INPUT).await;
    let key = match answer {
        PromptAnswer::Allow => {
            // The focus is on Deny at first.
            display.press("Tab").await?;
            "Return"
        }
        PromptAnswer::Deny => "Escape",
    };
    let mut outcome = Ok(());
    for _ in 0..3 {
        display.press(key).await?;
        outcome = tab.wait_for("the prompt to go away", STROKE_TIMEOUT, "document.hasFocus()").await;
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}
