//! The extension's options, opened as a person or the browser opens them.

use crate::cdp::{Session, Target};
use crate::chromium::Chromium;
use anyhow::Result;
use std::time::Duration;

/// How long the page may take to appear.
const APPEAR_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens them in a tab of their own, and waits until they show what there is.
///
/// # Errors
/// When they do not.
pub async fn open(browser: &Chromium) -> Result<Session> {
    let url = format!("chrome-extension://{}/options.html", browser.extension_id()?);
    let options = browser.open_tab(&url).await?;
    wait_until_shown(&options).await?;
    Ok(options)
}

/// Opens them with the popup's own button, which closes the popup.
///
/// # Errors
/// When they do not open, or it stays.
pub async fn open_from_popup(browser: &Chromium, popup: Session) -> Result<Session> {
    popup.click("#settings").await?;
    popup.wait_until_gone(APPEAR_TIMEOUT).await?;
    attach(browser).await
}

/// Attaches to them where the browser has opened them.
///
/// # Errors
/// When it has not.
pub async fn attach(browser: &Chromium) -> Result<Session> {
    let is_options = |target: &Target| target.kind == "page" && target.url.ends_with("/options.html");
    let target = browser.connection().wait_for_target("the options", APPEAR_TIMEOUT, is_options).await?;
    let options = browser.connection().attach(target).await?;
    wait_until_shown(&options).await?;
    Ok(options)
}

async fn wait_until_shown(options: &Session) -> Result<()> {
    let is_shown = "document.readyState === 'complete' \
                    && document.querySelector('main').dataset.state !== 'loading' \
                    && !['', 'checking'].includes(document.querySelector('#host').dataset.code ?? '')";
    options.wait_for("the options to show what there is", APPEAR_TIMEOUT, is_shown).await
}
