//! Renewal of sessions: a browser that has captured one, its worker's alarms and badge,
//! and what the server stores.

use crate::browsers::cdp::Attachment;
use crate::browsers::chromium::Chromium;
use crate::browsers::page::WebPage;
use crate::browsers::popup;
use crate::stage::main_job::{
    self, PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server, wait_for_view,
};
use crate::system::wait;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

/// The limit for every step here.
pub const SOON: Duration = Duration::from_secs(60);
/// The account whose session is captured.
pub const ACCOUNT: &str = "stage.artist";

/// A browser that has captured a session, with no popup open.
#[derive(Debug)]
pub struct RenewalStage {
    /// All other components.
    pub stage: Stage,
    /// The browser.
    pub browser: Chromium,
    /// The platform's page.
    pub tab: Attachment,
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

    /// Does the same, and switches renewal on.
    ///
    /// # Errors
    /// When a step fails.
    pub async fn set_up_with_renewal() -> Result<Self> {
        let renewal = Self::set_up().await?;
        let popup = renewal.popup().await?;
        popup.click("#renewal > summary").await?;
        popup.click("#renewal-switch").await?;
        wait_for_renewal(&popup, "on").await?;
        close(popup).await?;
        Ok(renewal)
    }

    /// Opens the popup over the platform's page.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn popup(&self) -> Result<Attachment> {
        let popup = popup::open(&self.browser).await?;
        wait_for_view(&popup, "ready").await?;
        Ok(popup)
    }

    /// The extension's worker, awake.
    ///
    /// # Errors
    /// When it does not wake.
    pub async fn worker(&self) -> Result<Attachment> {
        popup::service_worker(&self.browser).await
    }

    /// Makes the platform replace the session, as it does once in a while.
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

    /// How many sessions the server has ever received, and the newest one's state.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn sessions(&self) -> Result<(u64, String)> {
        let body = self.stage.server.user().await?.get("/api/platform-sessions").await?.body;
        let state = body["data"][0]["status"].as_str().unwrap_or("none").to_owned();
        Ok((body["total"].as_u64().context("no total")?, state))
    }

    /// Waits until the server has received `total` sessions in all.
    ///
    /// # Errors
    /// When it does not.
    pub async fn wait_for_sessions(&self, total: u64) -> Result<()> {
        let what = format!("{total} sessions");
        wait::until(&what, SOON, async || Ok((self.sessions().await?.0 == total).then_some(()))).await
    }

    /// The connection of the captured session.
    ///
    /// # Errors
    /// When there is none.
    pub async fn connection_id(&self) -> Result<Value> {
        let body = self.stage.server.user().await?.get("/api/platform-connections").await?.body;
        Ok(body["data"][0]["id"].clone())
    }

    /// Requests a capture as a service; returns the request's id.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn request_capture(&self, reason: &str) -> Result<String> {
        let ask = json!({"creator_profile_id": self.connection_id().await?, "platform": "instagram",
            "reason": reason});
        let answer = self.stage.server.service()?.post("/api/credentials/request-capture", &ask).await?;
        Ok(answer.body["id"].as_str().with_context(|| answer.body.to_string())?.to_owned())
    }

    /// What the extension keeps about the platform's latest capture.
    ///
    /// # Errors
    /// When the worker does not answer.
    pub async fn kept(&self, worker: &Attachment) -> Result<Value> {
        let kept = worker.evaluate("chrome.storage.local.get('lastCaptures')").await?;
        Ok(kept["lastCaptures"]["instagram"].clone())
    }

    /// Waits until a condition holds for `kept`, what the extension keeps about the capture.
    ///
    /// # Errors
    /// When it does not, with what it keeps instead.
    pub async fn wait_for_kept(&self, worker: &Attachment, condition: &str) -> Result<()> {
        let holds = format!(
            "chrome.storage.local.get('lastCaptures').then(({{lastCaptures: {{instagram: kept}}}}) => {condition})"
        );
        let waited = worker.wait_for(condition, SOON, &holds).await;
        let kept = self.kept(worker).await?;
        waited.with_context(|| kept.to_string())
    }
}

/// Waits until the popup shows this status of renewal.
///
/// # Errors
/// When it does not, with what it shows instead.
pub async fn wait_for_renewal(popup: &impl WebPage, code: &str) -> Result<()> {
    let says = format!("document.querySelector('#renewal-status').dataset.code === {}", json!(code));
    let waited = popup.wait_for(&format!("renewal to be {code}"), SOON, &says).await;
    let words = popup.evaluate("document.body.innerText").await?;
    waited.with_context(|| format!("the popup shows {words}"))
}

/// Waits for the badge on the extension's icon.
///
/// # Errors
/// When it does not appear, with the badge that is there instead.
pub async fn wait_for_badge(worker: &Attachment, badge: &str) -> Result<()> {
    let shows = format!("chrome.action.getBadgeText({{}}).then((text) => text === {})", json!(badge));
    let waited = worker.wait_for(&format!("the badge {badge:?}"), SOON, &shows).await;
    let shown = worker.evaluate("chrome.action.getBadgeText({})").await?;
    waited.with_context(|| format!("the badge is {shown}"))
}

/// One of the extension's alarms; null if it is not set.
///
/// # Errors
/// When the worker does not answer.
pub async fn alarm(worker: &Attachment, name: &str) -> Result<Value> {
    worker.evaluate(&format!("chrome.alarms.get({}).then((alarm) => alarm ?? null)", json!(name))).await
}

/// Makes an alarm ring after `delay_ms`, and then at its usual interval.
///
/// # Errors
/// When it is not set.
pub async fn ring(worker: &Attachment, name: &str, delay_ms: u32) -> Result<()> {
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
/// When it stays open.
pub async fn close(popup: Attachment) -> Result<()> {
    popup.evaluate("setTimeout(() => window.close(), 50); 0").await?;
    popup.wait_until_gone(SOON).await
}
