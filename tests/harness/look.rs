//! Checks how a page looks, light and dark. It takes a picture for people to look at, and
//! checks what a program can: axe-core finds nothing, nothing is wider than its container,
//! and each control has a name.
//!
//! The pictures are in `target/harness`, in a folder for each kind of page.

mod axe;

use crate::browsers::cdp::Attachment;
use crate::browsers::page::{Scheme, WebPage};
use crate::system::process::cache_dir;
use anyhow::{Result, ensure};
use axe::Axe;
use serde_json::json;
use std::path::PathBuf;

/// Both colour schemes of a page.
const SCHEMES: [Scheme; 2] = [Scheme::Light, Scheme::Dark];
/// The popup's own width plus a scroll bar.
const MAX_POPUP_WIDTH: u64 = 375;
/// A full page: on a screen and on a telephone.
const SIZES: [(u32, u32); 2] = [(1000, 860), (360, 640)];

/// Problems that axe-core does not look for, one line for each.
const JUDGE: &str = r#"(() => {
  const found = [];
  const called = (element) => element.id ? `#${element.id}` : element.outerHTML.slice(0, 80);
  // Tables scroll by themselves.
  const isScrolled = (element) => element.closest(".table, .scroll");
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) found.push(`the page is ${wide} px wider than its window`);
  for (const element of document.body.querySelectorAll("*")) {
    if (!element.checkVisibility() || isScrolled(element)) continue;
    const {right, left} = element.getBoundingClientRect();
    // Elements that wait off-screen for the focus are wholly outside.
    const isCut = right > innerWidth + 1 || (left < -1 && right > 0);
    if (isCut) found.push(`lies outside: ${called(element)}`);
    const {textOverflow, display} = getComputedStyle(element);
    const isBox = display !== "inline" && !element.matches("input, select");
    const cut = element.scrollWidth - element.clientWidth;
    if (isBox && cut > 1 && textOverflow !== "ellipsis") found.push(`${cut} px too narrow: ${called(element)}`);
  }
  const axe = window.axe;
  axe.setup(document);
  for (const control of document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")) {
    if (!control.checkVisibility()) continue;
    if (axe.commons.text.accessibleText(control).trim() === "") found.push(`has no name: ${called(control)}`);
  }
  axe.teardown();
  return found;
})()"#;

/// Fetches axe-core, unless it is already there.
pub(crate) async fn fetch() -> Result<()> {
    Axe::prepare().await.map(drop)
}

/// Checks the popup in one state, light and dark.
///
/// # Errors
/// With the problems found.
pub async fn look_at_popup(popup: &impl WebPage, state: &str) -> Result<()> {
    let width = popup.evaluate("innerWidth").await?;
    ensure!(width.as_u64() <= Some(MAX_POPUP_WIDTH), "the popup is {width} px wide");
    look_at(popup, "popup", state, &SCHEMES).await
}

/// Checks the options in one state: wide and narrow, light and dark.
///
/// # Errors
/// With the problems found.
pub async fn look_at_options(options: &Attachment, state: &str) -> Result<()> {
    // A tab behind another one is not drawn.
    options.send("Page.bringToFront", json!({})).await?;
    for (width, height) in SIZES {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        options.send("Emulation.setDeviceMetricsOverride", size).await?;
        look_at(options, "options", &format!("{state}-{width}"), &SCHEMES).await?;
    }
    Ok(())
}

/// Checks the options at the width the browser gives them, in any browser.
///
/// # Errors
/// With the problems found.
pub async fn look_at_options_as_they_are(options: &impl WebPage, state: &str) -> Result<()> {
    look_at(options, "options", state, &SCHEMES).await
}

/// Checks one of the server's pages: wide in both schemes, and narrow.
///
/// # Errors
/// With the problems found.
pub async fn look_at_server_page(tab: &Attachment, state: &str) -> Result<()> {
    for (width, schemes) in [(1000, &SCHEMES[..]), (360, &SCHEMES[..1])] {
        let size = json!({"width": width, "height": 860, "deviceScaleFactor": 1, "mobile": false});
        tab.send("Emulation.setDeviceMetricsOverride", size).await?;
        look_at(tab, "pages", &format!("{state}-{width}"), schemes).await?;
    }
    Ok(())
}

async fn look_at(page: &impl WebPage, kind: &str, state: &str, schemes: &[Scheme]) -> Result<()> {
    let axe = Axe::prepare().await?;
    for scheme in schemes {
        page.prefer(*scheme).await?;
        page.screenshot(&picture(kind, state, *scheme)?).await?;
        let mut found = axe.find(page).await?;
        found.extend(serde_json::from_value::<Vec<String>>(page.evaluate(JUDGE).await?)?);
        ensure!(found.is_empty(), "{kind}, {state}, {scheme}:\n{}", found.join("\n"));
    }
    page.as_before().await
}

fn picture(kind: &str, state: &str, scheme: Scheme) -> Result<PathBuf> {
    let folder = cache_dir()?.join(kind);
    std::fs::create_dir_all(&folder)?;
    Ok(folder.join(format!("{state}-{scheme}.png")))
}
