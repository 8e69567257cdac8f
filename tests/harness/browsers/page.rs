//! A page as a person uses it, in any browser.

use crate::browsers::cdp::Attachment;
use crate::system::wait;
use anyhow::Result;
use serde_json::{Value, json};
use std::fmt;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

/// Dark text on a light background, or the reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Scheme {
    /// Its name in `prefers-color-scheme`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A page that tests can see, and use with mouse and keyboard.
pub trait WebPage {
    /// The value of a JavaScript expression, awaited where it is a promise.
    fn evaluate(&self, expression: &str) -> impl Future<Output = Result<Value>>;

    /// Clicks an element with the mouse.
    fn click(&self, selector: &str) -> impl Future<Output = Result<()>>;

    /// Empties a field and types into it.
    fn fill(&self, selector: &str, text: &str) -> impl Future<Output = Result<()>>;

    /// Sets the colour scheme that the page believes the person prefers.
    fn prefer(&self, scheme: Scheme) -> impl Future<Output = Result<()>>;

    /// Resets the scheme, and the page's size.
    fn as_before(&self) -> impl Future<Output = Result<()>>;

    /// Writes a picture of the whole page, scrolled-away parts included, to a PNG file.
    fn screenshot(&self, path: &Path) -> impl Future<Output = Result<()>>;

    /// Waits until a JavaScript condition holds, awaited where it is a promise.
    fn wait_for(&self, what: &str, timeout: Duration, condition: &str) -> impl Future<Output = Result<()>> {
        let condition = format!("(async () => Boolean(await ({condition})))()");
        async move {
            let holds = async || Ok((self.evaluate(&condition).await? == Value::Bool(true)).then_some(()));
            wait::until(what, timeout, holds).await
        }
    }
}

impl WebPage for Attachment {
    async fn evaluate(&self, expression: &str) -> Result<Value> {
        self.evaluate(expression).await
    }

    async fn click(&self, selector: &str) -> Result<()> {
        self.click(selector).await
    }

    async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        self.fill(selector, text).await
    }

    async fn prefer(&self, scheme: Scheme) -> Result<()> {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme.name()}]);
        self.send("Emulation.setEmulatedMedia", json!({"features": features})).await.map(drop)
    }

    async fn as_before(&self) -> Result<()> {
        self.send("Emulation.setEmulatedMedia", json!({"features": []})).await?;
        // A popup only has its own size.
        let _ = self.send("Emulation.clearDeviceMetricsOverride", json!({})).await;
        Ok(())
    }

    async fn screenshot(&self, path: &Path) -> Result<()> {
        self.screenshot(path).await
    }
}

impl<P: WebPage> WebPage for &P {
    async fn evaluate(&self, expression: &str) -> Result<Value> {
        (**self).evaluate(expression).await
    }

    async fn click(&self, selector: &str) -> Result<()> {
        (**self).click(selector).await
    }

    async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        (**self).fill(selector, text).await
    }

    async fn prefer(&self, scheme: Scheme) -> Result<()> {
        (**self).prefer(scheme).await
    }

    async fn as_before(&self) -> Result<()> {
        (**self).as_before().await
    }

    async fn screenshot(&self, path: &Path) -> Result<()> {
        (**self).screenshot(path).await
    }
}
