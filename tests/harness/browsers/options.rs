//! The extension's options, opened as a person or the browser opens them.

use crate::browsers::cdp::{Attachment, Target};
use crate::browsers::chromium::Chromium;
use anyhow::Result;
use std::time::Duration;

/// How long the page may take to appear.
const APPEAR_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens them in a tab of their own, and waits until they have loaded their data.
///
/// # Errors
/// When they do not.
pub async fn open(browser: &Chromium) -> Result<Attachment> {
    let url = format!("chrome-extension://{}/options.html", browser.extension_id()?);
    let options = browser.open_tab(&url).await?;
    wait_until_shown(&options).await?;
    Ok(options)
}

/// Opens them with the popup's own button, which closes the popup.
///
/// # Errors
/// When they do not open, or the popup stays open.
pub async fn open_from_popup(browser: &Chromium, popup: Attachment) -> Result<Attachment> {
    popup.click("#settings").await?;
    popup.wait_until_gone(APPEAR_TIMEOUT).await?;
    attach(browser).await
}

/// Attaches to options that the browser has opened.
///
/// # Errors
/// When it has not.
pub async fn attach(browser: &Chromium) -> Result<Attachment> {
    let is_options = |target: &Target| target.kind == "page" && target.url.ends_with("/options.html");
    let target = browser.client().wait_for_target("the options", APPEAR_TIMEOUT, is_options).await?;
    let options = browser.client().attach(target).await?;
    wait_until_shown(&options).await?;
    Ok(options)
}

async fn wait_until_shown(options: &Attachment) -> Result<()> {
    let is_shown = "document.readyState === 'complete' \
                    && document.querySelector('main').dataset.state !== 'loading' \
                    && !['', 'checking'].includes(document.querySelector('#host').dataset.code ?? '')";
    options.wait_for("the options to load their data", APPEAR_TIMEOUT, is_shown).await
}
