//! The toolbar's real popup, and the options. WebDriver does not see the popup as a
//! window. But the part of Firefox that carries out WebDriver's commands (an actor) is in
//! each page, and takes commands from a script with the browser's own rights.

use super::Firefox;
use crate::browsers::page::{Scheme, WebPage};
use crate::browsers::picture::Picture;
use crate::system::wait;
use anyhow::{Context as _, Error, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;

/// How long the popup may take to appear.
const APPEAR_TIMEOUT: Duration = Duration::from_secs(30);
/// How often to type a text that did not arrive.
const TRIES: usize = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// Pins the extension to the toolbar, as people do in its menu, and returns its button's
/// selector.
const PIN: &str = r#"
const {ExtensionParent} = ChromeUtils.importESModule("resource://gre/modules/ExtensionParent.sys.mjs");
const {extension} = WebExtensionPolicy.getByID(arguments[0]);
const {id} = ExtensionParent.apiManager.global.browserActionFor(extension);
CustomizableUI.addWidgetToArea(id, CustomizableUI.AREA_NAVBAR);
return `#${CSS.escape(id)} .unified-extensions-item-action-button`;"#;

/// Closes the popup; returns whether it is closed.
const CLOSE: &str = r#"
shown()?.closest("panel").hidePopup();
return !shown();"#;

/// Makes the page's own actor carry out a command.
const DO: &str = r#"
const [what, subject, text] = arguments;
const page = shown();
if (!page) throw new Error("the page is not open");
const actor = page.browsingContext.currentWindowGlobal.getActor("MarionetteCommands");
if (what === "run") {
  return actor.executeScript(subject, [], {timeout: 30000, async: false});
}
const capabilities = {toJSON: () => ({"moz:webdriverClick": true})};
return (async () => {
  const element = await actor.findElement("css selector", subject, {timeout: 0, all: false});
  if (what === "click") await actor.clickElement(element, capabilities);
  if (what === "clear") await actor.clearElement(element);
  if (what === "type") await actor.sendKeysToElement(element, text, capabilities);
})();"#;

/// A picture of the whole page, as a PNG in base64.
const PICTURE: &str = r#"
const [width, height] = arguments;
return (async () => {
  const page = shown().browsingContext.currentWindowGlobal;
  const bitmap = await page.drawSnapshot(new DOMRect(0, 0, width, height), 1, "white");
  const canvas = document.createElementNS("http://www.w3.org/1999/xhtml", "canvas");
  Object.assign(canvas, {width: bitmap.width, height: bitmap.height});
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
})();"#;

/// Sets the colour scheme that the page believes the person prefers.
const PREFER: &str = "shown().browsingContext.top.prefersColorSchemeOverride = arguments[0];";

/// The element that shows the popup, and the tab in front.
const POPUP: &str = r#"document.querySelector("browser.webextension-popup-browser")"#;
const TAB: &str = "gBrowser.selectedBrowser";

/// A page of the extension: the popup, open over a tab, or the options in a tab.
#[derive(Clone, Copy, Debug)]
pub struct ExtensionPage<'a> {
    firefox: &'a Firefox,
    /// The element that shows it.
    shown: &'static str,
}

impl Firefox {
    /// Closes the popup if one is open, as a click beside it does.
    ///
    /// # Errors
    /// When it stays open.
    pub async fn close_popup(&self) -> Result<()> {
        let popup = ExtensionPage::of_popup(self);
        wait::until("the popup to close", APPEAR_TIMEOUT, async || {
            Ok((popup.as_browser(CLOSE, &[]).await? == json!(true)).then_some(()))
        })
        .await
    }
}

impl<'a> ExtensionPage<'a> {
    pub(super) async fn open(firefox: &'a Firefox, extension_id: &str) -> Result<Self> {
        let popup = Self::of_popup(firefox);
        firefox.close_popup().await?;
        let button = firefox.as_browser(PIN, &[json!(extension_id)]).await?;
        firefox.click_in_window(button.as_str().context("no button")?).await?;
        popup.wait_until_loaded("/popup.html").await?;
        Ok(popup)
    }

    /// The popup, whether or not it is open yet.
    pub(super) fn of_popup(firefox: &'a Firefox) -> Self {
        Self { firefox, shown: POPUP }
    }

    /// Opens the options with the popup's button, which closes the popup.
    ///
    /// # Errors
    /// When they do not open.
    pub async fn open_options(self) -> Result<Self> {
        self.click("#settings").await?;
        let options = Self { firefox: self.firefox, shown: TAB };
        options.wait_until_loaded("/options.html").await?;
        Ok(options)
    }

    async fn wait_until_loaded(&self, path: &str) -> Result<()> {
        let shown =
            format!("return document.readyState === 'complete' && location.pathname === {}", json!(path));
        wait::until(&format!("{path} to load"), APPEAR_TIMEOUT, async || {
            // Before it exists there is no page to ask.
            let is_shown = self.command("run", &shown, "").await.unwrap_or_default();
            Ok((is_shown == json!(true)).then_some(()))
        })
        .await
    }

    /// Runs a script with the browser's own rights, in which `shown()` returns the page's element.
    async fn as_browser(&self, script: &str, arguments: &[Value]) -> Result<Value> {
        let script = format!("const shown = () => {};\n{script}", self.shown);
        self.firefox.as_browser(&script, arguments).await
    }

    async fn command(&self, what: &str, subject: &str, text: &str) -> Result<Value> {
        self.as_browser(DO, &[json!(what), json!(subject), json!(text)]).await
    }
}

impl WebPage for ExtensionPage<'_> {
    async fn evaluate(&self, expression: &str) -> Result<Value> {
        self.command("run", &format!("return ({expression});"), "").await
    }

    async fn click(&self, selector: &str) -> Result<()> {
        wait::until(&format!("{selector} to be ready for a click"), APPEAR_TIMEOUT, async || {
            match self.command("click", selector, "").await {
                Ok(_) => Ok(Some(())),
                Err(error) if is_too_early(&error) => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }

    async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let typed = format!("document.querySelector({}).value", json!(selector));
        for _ in 0..TRIES {
            self.command("clear", selector, "").await?;
            self.command("type", selector, text).await?;
            if self.evaluate(&typed).await? == text {
                return Ok(());
            }
            // While a field is empty, a worker that answers late may put its former text
            // back.
            sleep(BETWEEN_TRIES).await;
        }
        bail!("{selector} does not take the text")
    }

    async fn prefer(&self, scheme: Scheme) -> Result<()> {
        self.as_browser(PREFER, &[json!(scheme.name())]).await?;
        let is_so = format!("matchMedia('(prefers-color-scheme: {scheme})').matches");
        self.wait_for("the scheme", APPEAR_TIMEOUT, &is_so).await
    }

    async fn as_before(&self) -> Result<()> {
        self.as_browser(PREFER, &[json!("none")]).await.map(drop)
    }

    async fn screenshot(&self, path: &Path) -> Result<()> {
        let size = "[innerWidth, Math.max(innerHeight, document.documentElement.scrollHeight)]";
        let size = self.evaluate(size).await?;
        let drawn = self.as_browser(PICTURE, &[size[0].clone(), size[1].clone()]).await?;
        let png = BASE64_STANDARD.decode(drawn.as_str().context("a picture has data")?)?;
        let mut picture = Picture::new(size[0].as_u64().context("a width")?.try_into()?);
        picture.append(&png, 0)?;
        picture.write(path)
    }
}

/// Whether the click failed because the page is still growing.
fn is_too_early(error: &Error) -> bool {
    let words = error.to_string();
    ["could not be scrolled into view", "is not clickable at point"]
        .iter()
        .any(|obstacle| words.contains(obstacle))
}
