//! What a person does with a page: click with the mouse, type, and look at it.

use super::{Attachment, CdpError};
use crate::browsers::picture::Picture;
use crate::system::wait;
use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// How long an element may take to be ready for a click, and a page to load.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// How often to try a click or a text that did not arrive.
const TRIES: usize = 3;

/// Returns the element's centre once the element stays in place, or a text that says why
/// it can't be clicked. It also makes the page note whether the press reaches the element.
const LOCATE: &str = r"async (selector) => {
  const element = document.querySelector(selector);
  if (!element) return 'is not there';
  if (element.disabled) return 'is disabled';
  element.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});
  const before = element.getBoundingClientRect();
  if (before.width === 0 || before.height === 0) return 'is not visible';
  await new Promise((done) => setTimeout(done, 40));
  const {x: left, y: top, width, height} = element.getBoundingClientRect();
  if (left !== before.x || top !== before.y) return 'is moving';
  const [x, y] = [left + width / 2, top + height / 2];
  const isHit = (hit) => hit && (element.contains(hit) || hit.closest('label')?.control === element);
  if (!isHit(document.elementFromPoint(x, y))) return 'is covered';
  globalThis[Symbol.for('hit')] = false;
  addEventListener('mousedown', ({target}) => {
    globalThis[Symbol.for('hit')] = Boolean(isHit(target));
  }, {capture: true, once: true});
  return {x, y};
}";

/// Scrolls, and waits until the page has been drawn again.
const SCROLL: &str = r"async (top) => {
  scrollTo({top, behavior: 'instant'});
  const drawn = new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  await Promise.race([drawn, new Promise((resolve) => setTimeout(resolve, 300))]);
  const {clientWidth, scrollHeight} = document.documentElement;
  return [clientWidth, Math.round(scrollY), scrollHeight];
}";

impl Attachment {
    /// Goes to `url` and waits until the page has loaded.
    ///
    /// # Errors
    /// When the page can't be loaded.
    pub async fn navigate(&self, url: &str) -> Result<()> {
        let answer = self.send("Page.navigate", json!({"url": url})).await?;
        if let Some(error) = answer["errorText"].as_str() {
            bail!("cannot load {url}: {error}");
        }
        self.wait_for(&format!("{url} to load"), READY_TIMEOUT, "document.readyState === 'complete'").await
    }

    /// Clicks the middle of an element with the mouse, as soon as it can be clicked.
    /// A click that closes the page counts as a click.
    ///
    /// # Errors
    /// When the element never becomes ready for a click, or no click reaches it.
    pub async fn click(&self, selector: &str) -> Result<()> {
        for _ in 0..TRIES {
            let (x, y) = self.locate(selector).await?;
            let mouse = |kind: &str, button: &str, count: u32| json!({"type": kind, "x": x, "y": y, "button": button, "clickCount": count});
            self.send("Input.dispatchMouseEvent", mouse("mouseMoved", "none", 0)).await?;
            self.send("Input.dispatchMouseEvent", mouse("mousePressed", "left", 1)).await?;
            // A browser that is still opening its window may swallow a press.
            let is_hit = unless_gone(self.evaluate("globalThis[Symbol.for('hit')]").await)?;
            let released = self.send("Input.dispatchMouseEvent", mouse("mouseReleased", "left", 1)).await;
            if unless_gone(released)?.is_none() || is_hit.is_none_or(|is_hit| is_hit == Value::Bool(true)) {
                return Ok(());
            }
        }
        bail!("no click reaches {selector}")
    }

    async fn locate(&self, selector: &str) -> Result<(f64, f64)> {
        let expression = format!("({LOCATE})({})", Value::from(selector));
        let mut last = String::new();
        let place = wait::until("the element", READY_TIMEOUT, async || {
            let place = self.evaluate(&expression).await?;
            if let Some(obstacle) = place.as_str() {
                last = obstacle.to_owned();
                return Ok(None);
            }
            Ok(place["x"].as_f64().zip(place["y"].as_f64()))
        })
        .await;
        place.with_context(|| format!("cannot click {selector}: it {last}"))
    }

    /// Clicks a field, empties it and types into it.
    ///
    /// # Errors
    /// When the field never becomes ready for a click, or takes no text.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let length = format!("document.querySelector({}).value.length", Value::from(selector));
        for _ in 0..TRIES {
            self.click(selector).await?;
            self.evaluate("document.activeElement.select?.()").await?;
            self.type_text(text).await?;
            if self.evaluate(&length).await? == text.encode_utf16().count() {
                return Ok(());
            }
        }
        bail!("{selector} does not take the text")
    }

    /// Types into the element that has the focus.
    ///
    /// # Errors
    /// A [`CdpError`].
    pub async fn type_text(&self, text: &str) -> Result<()> {
        self.send("Input.insertText", json!({"text": text})).await?;
        Ok(())
    }

    /// Presses and releases a key, by its name in `KeyboardEvent.key`.
    ///
    /// # Errors
    /// When the harness does not know the key, or a [`CdpError`].
    pub async fn press(&self, key: &str) -> Result<()> {
        let (code, virtual_key, text) = match key {
            "Enter" => ("Enter", 13, "\r"),
            "Tab" => ("Tab", 9, ""),
            "Escape" => ("Escape", 27, ""),
            "Backspace" => ("Backspace", 8, ""),
            " " => ("Space", 32, " "),
            "ArrowUp" => ("ArrowUp", 38, ""),
            "ArrowDown" => ("ArrowDown", 40, ""),
            _ => bail!("the harness does not know the key {key}"),
        };
        let down = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
        for kind in [down, "keyUp"] {
            let text = if kind == "keyUp" { "" } else { text };
            let params = json!({
                "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": virtual_key, "text": text,
            });
            self.send("Input.dispatchKeyEvent", params).await?;
        }
        Ok(())
    }

    /// Writes a picture of the whole page, scrolled-away parts included, to a PNG file.
    ///
    /// # Errors
    /// When the file can't be written, or a [`CdpError`].
    pub async fn screenshot(&self, path: &Path) -> Result<()> {
        let scrolled = self.evaluate("scrollY").await?;
        for _ in 0..TRIES {
            let Some(picture) = self.picture().await? else { continue };
            self.evaluate(&format!("scrollTo({{top: {scrolled}, behavior: 'instant'}})")).await?;
            return picture.write(path);
        }
        bail!("the page keeps moving")
    }

    /// A popup can't be made as high as its page, so it is photographed part by part. `None`
    /// if the page moves meanwhile.
    async fn picture(&self) -> Result<Option<Picture>> {
        let [width, _, total] = self.scroll(0).await?;
        let mut picture = Picture::new(width);
        while picture.height() < total {
            let height = picture.height();
            let [now_wide, top, now_high] = self.scroll(height).await?;
            if top > height || now_wide != width || now_high != total {
                return Ok(None);
            }
            let answer = self.send("Page.captureScreenshot", json!({"format": "png"})).await?;
            let png = BASE64_STANDARD.decode(answer["data"].as_str().context("a screenshot has data")?)?;
            picture.append(&png, height - top)?;
            if picture.height() == height {
                return Ok(None);
            }
        }
        Ok(Some(picture))
    }

    /// Returns the page's width, the scroll position and the whole height.
    async fn scroll(&self, top: usize) -> Result<[usize; 3]> {
        Ok(serde_json::from_value(self.evaluate(&format!("({SCROLL})({top})")).await?)?)
    }
}

/// `None` if the answer says that the page went away.
fn unless_gone(answer: Result<Value>) -> Result<Option<Value>> {
    match answer {
        Err(error) if matches!(error.downcast_ref(), Some(CdpError::Detached)) => Ok(None),
        answer => answer.map(Some),
    }
}
