//! A page as a person uses it, whichever browser shows it.

use crate::cdp::Session;
use crate::wait;
use anyhow::Result;
use serde_json::Value;
use std::future::Future;
use std::time::Duration;

/// A page that can be looked at and used with mouse and keyboard.
pub trait Page {
    /// The value of a JavaScript expression, awaited where it is a promise.
    fn evaluate(&self, expression: &str) -> impl Future<Output = Result<Value>>;

    /// Clicks an element with the mouse.
    fn click(&self, selector: &str) -> impl Future<Output = Result<()>>;

    /// Empties a field and types into it.
    fn fill(&self, selector: &str, text: &str) -> impl Future<Output = Result<()>>;

    /// Waits until a JavaScript condition holds, awaited where it is a promise.
    fn wait_for(&self, what: &str, timeout: Duration, condition: &str) -> impl Future<Output = Result<()>> {
        let condition = format!("(async () => Boolean(await ({condition})))()");
        async move {
            let holds = async || Ok((self.evaluate(&condition).await? == Value::Bool(true)).then_some(()));
            wait::until(what, timeout, holds).await
        }
    }
}

impl Page for Session {
    async fn evaluate(&self, expression: &str) -> Result<Value> {
        self.evaluate(expression).await
    }

    async fn click(&self, selector: &str) -> Result<()> {
        self.click(selector).await
    }

    async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        self.fill(selector, text).await
    }
}
