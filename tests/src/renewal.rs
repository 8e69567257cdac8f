//! Sessions that are to be renewed: a browser that has captured one, its worker's
//! alarms and badge, and what the server has.

use crate::cdp::Session;
use crate::chromium::Chromium;
use crate::main_job::{
    self, PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server, wait_for_view,
};
use crate::page::Page;
use crate::popup;
use crate::wait;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

/// How long anything here may take.
pub const SOON: Duration = Duration::from_secs(20);
/// The account whose session is captured.
pub const ACCOUNT: &str = "stage.artist";

/// A browser that has captured a session, with no popup open.
#[derive(Debug)]
pub struct RenewalStage {
    /// All that takes part.
    pub stage: Stage,
    /// The browser.
    pub browser: Chromium,
    /// The platform's page.
    pub tab: Session,
}

impl RenewalStage {
    /// Signs in to both, captures and closes the popup.
    ///
    /// # Errors
    /// When a step fails.
    pub async fn set_up() -> Result<Self> {
        let stage = Stage::set_up(&built_extension()?).await?;
        stage.grant(&[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
        let browser = stage.open_browser().await?;
        let tab = stage.sign_in_at_platform(&browser).await?;
        let popup = popup::open(&browser).await?;
        sign_in_to_server(&popup, stage.server.url()).await?;
        ensure!(main_job::capture(&popup, ACCOUNT).await? == "captured");
        close(popup).await?;
        Ok(Self { stage, browser, tab })
    }

    /// Likewise, and switches on that what the platform replaces is sent on.
    ///
    /// # Errors
    /// When a step fails.
    pub async fn sending_on() -> Result<Self> {
        let renewal = Self::set_up().await?;
        let popup = renewal.popup().await?;
        popup.click("#renewal > summary").await?;
        popup.click("#send-on").await?;
        wait_for_send_on(&popup, "on").await?;
        close(popup).await?;
        Ok(renewal)
    }

    /// Opens the popup over the platform's page.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn popup(&self) -> Result<Session> {
        let popup = popup::open(&self.browser).await?;
        wait_for_view(&popup, "ready").await?;
        Ok(popup)
    }

    /// The extension's worker, awake.
    ///
    /// # Errors
    /// When it does not wake.
    pub async fn worker(&self) -> Result<Session> {
        popup::service_worker(&self.browser).await
    }

    /// Has the platform replace the session, as it does once in a while.
    ///
    /// # Errors
    /// When the page is not signed in.
    pub async fn rotate(&self) -> Result<()> {
        let status = self
            .tab
            .evaluate("fetch('/video/encore.mp4', {cache: 'no-store'}).then(({ status }) => status)")
            .await?;
        ensure!(status == 200, "{status}");
        Ok(())
    }

    /// How many sessions the server was ever given, the newest with its state.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn sessions(&self) -> Result<(u64, String)> {
        let body = self.stage.server.user().await?.get("/api/platform-sessions").await?.body;
        let state = body["data"][0]["status"].as_str().unwrap_or("none").to_owned();
        Ok((body["total"].as_u64().context("no total")?, state))
    }

    /// Waits until the server has been given so many sessions.
    ///
    /// # Errors
    /// When it was not.
    pub async fn wait_for_sessions(&self, total: u64) -> Result<()> {
        let what = format!("{total} sessions");
        wait::until(&what, SOON, async || Ok((self.sessions().await?.0 == total).then_some(()))).await
    }

    /// The connection that was captured for.
    ///
    /// # Errors
    /// When there is none.
    pub async fn connection_id(&self) -> Result<Value> {
        let body = self.stage.server.user().await?.get("/api/platform-connections").await?.body;
        Ok(body["data"][0]["id"].clone())
    }

    /// Has a service ask for a capture; gives the request's id.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn request_capture(&self, reason: &str) -> Result<String> {
        let ask = json!({"creator_profile_id": self.connection_id().await?, "platform": "instagram",
            "reason": reason});
        let answer = self.stage.server.service()?.post("/api/credentials/request-capture", &ask).await?;
        Ok(answer.body["id"].as_str().with_context(|| answer.body.to_string())?.to_owned())
    }

    /// What the extension keeps of the platform's latest capture.
    ///
    /// # Errors
    /// When the worker does not answer.
    pub async fn kept(&self, worker: &Session) -> Result<Value> {
        let kept = worker.evaluate("chrome.storage.local.get('lastCaptures')").await?;
        Ok(kept["lastCaptures"]["instagram"].clone())
    }

    /// Waits until something holds of `kept`, what the extension keeps of the capture.
    ///
    /// # Errors
    /// When it does not, with what it keeps instead.
    pub async fn wait_for_kept(&self, worker: &Session, condition: &str) -> Result<()> {
        let holds = format!(
            "chrome.storage.local.get('lastCaptures').then(({{lastCaptures: {{instagram: kept}}}}) => {condition})"
        );
        let waited = worker.wait_for(condition, SOON, &holds).await;
        let kept = self.kept(worker).await?;
        waited.with_context(|| kept.to_string())
    }
}

/// Waits until the popup says so of sending on.
///
/// # Errors
/// When it does not, with what it says instead.
pub async fn wait_for_send_on(popup: &impl Page, code: &str) -> Result<()> {
    let says = format!("document.querySelector('#send-on-status').dataset.code === {}", json!(code));
    let waited = popup.wait_for(&format!("sending on to be {code}"), SOON, &says).await;
    let words = popup.evaluate("document.body.innerText").await?;
    waited.with_context(|| format!("the popup shows {words}"))
}

/// Waits for the badge on the extension's icon.
///
/// # Errors
/// When it does not come, with the one that is there.
pub async fn wait_for_badge(worker: &Session, badge: &str) -> Result<()> {
    let shows = format!("chrome.action.getBadgeText({{}}).then((text) => text === {})", json!(badge));
    let waited = worker.wait_for(&format!("the badge {badge:?}"), SOON, &shows).await;
    let shown = worker.evaluate("chrome.action.getBadgeText({})").await?;
    waited.with_context(|| format!("the badge is {shown}"))
}

/// An alarm of the extension's; null where it is not set.
///
/// # Errors
/// When the worker does not answer.
pub async fn alarm(worker: &Session, name: &str) -> Result<Value> {
    worker.evaluate(&format!("chrome.alarms.get({}).then((alarm) => alarm ?? null)", json!(name))).await
}

/// Has an alarm ring after `delay_ms`, and then as often as it did.
///
/// # Errors
/// When it is not set.
pub async fn ring(worker: &Session, name: &str, delay_ms: u32) -> Result<()> {
    let script = format!(
        "(async (name) => {{ const {{periodInMinutes}} = await chrome.alarms.get(name); \
         await chrome.alarms.create(name, {{when: Date.now() + {delay_ms}, periodInMinutes}}); }})({})",
        json!(name)
    );
    worker.evaluate(&script).await.with_context(|| format!("the alarm {name}"))?;
    Ok(())
}

/// Closes the popup as a click beside it does.
///
/// # Errors
/// When it stays.
pub async fn close(popup: Session) -> Result<()> {
    popup.evaluate("setTimeout(() => window.close(), 50); 0").await?;
    popup.wait_until_gone(SOON).await
}
