//! Fresh cookies from the running browser: switching hand-over on in the popup as a person
//! does, and asking for cookies as a program does.

use crate::browsers::cdp::Attachment;
use crate::browsers::chromium::{Chromium, Profile};
use crate::browsers::firefox::{Firefox, built_addon};
use crate::browsers::page::WebPage;
use crate::browsers::popup;
use crate::stage::cookie_file::whole_file;
use crate::stage::main_job::{
    PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server, wait_for_view,
};
use crate::system::process::clean_environment;
use crate::system::wait;
use crate::tools::python::{Outcome, run};
use crate::tools::yt_dlp::{RUN_TIMEOUT, YtDlp};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stagepass_core::Cookie;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// How long switching on may take, until the host listens.
const SOON: Duration = Duration::from_secs(60);
/// The limit for every command, whatever the browser does.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A browser that is signed in at the platform, with the popup open over its page.
pub trait Bridged {
    /// The popup.
    fn popup(&self) -> impl WebPage;

    /// The value of a JavaScript expression in the platform's page, awaited where
    /// it is a promise.
    fn evaluate_in_page(&self, expression: &str) -> impl Future<Output = Result<Value>>;

    /// The platform's cookies that the browser itself reports.
    fn held(&self) -> impl Future<Output = Result<Vec<Cookie>>>;
}

/// A Chromium that is signed in at the platform, its native host installed, and
/// the popup over the platform's page.
#[derive(Debug)]
pub struct BridgeStage {
    /// All other components.
    pub stage: Stage,
    /// The browser.
    pub browser: Chromium,
    /// The platform's page.
    pub tab: Attachment,
    /// The popup.
    pub popup: Attachment,
}

impl BridgeStage {
    /// Sets everything up; hand-over is still off.
    ///
    /// # Errors
    /// When something can't be started.
    pub async fn set_up() -> Result<Self> {
        let stage = Stage::set_up(&built_extension()?).await?;
        stage.install_native_host().await?;
        Self::on(stage).await
    }

    /// Does the same on a stage with another native host, or without one.
    ///
    /// # Errors
    /// When something can't be started.
    pub async fn on(stage: Stage) -> Result<Self> {
        let (browser, tab, popup) = open_chromium(&stage, &stage.profile).await?;
        Ok(Self { stage, browser, tab, popup })
    }

    /// Switches hand-over on, and waits until programs can ask.
    ///
    /// # Errors
    /// When they can't.
    pub async fn switch_on(&self) -> Result<()> {
        switch_on(&self.popup).await
    }

    /// Waits until the popup shows this status of the bridge.
    ///
    /// # Errors
    /// When it does not.
    pub async fn wait_for_status(&self, code: &str) -> Result<()> {
        wait_for_status(&self.popup, code).await
    }
}

impl Bridged for BridgeStage {
    fn popup(&self) -> impl WebPage {
        &self.popup
    }

    async fn evaluate_in_page(&self, expression: &str) -> Result<Value> {
        self.tab.evaluate(expression).await
    }

    async fn held(&self) -> Result<Vec<Cookie>> {
        held_by_chromium(&self.browser).await
    }
}

/// Starts a Chromium with the given profile, signs in at the platform and, in the popup,
/// to the server. Returns the browser, the platform's page and the popup.
///
/// # Errors
/// When a step fails.
pub async fn open_chromium(stage: &Stage, profile: &Profile) -> Result<(Chromium, Attachment, Attachment)> {
    stage.grant_in(profile, &[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
    let browser = stage.open_browser_in(profile).await?;
    let tab = stage.sign_in_at_platform(&browser).await?;
    let popup = popup::open(&browser).await?;
    sign_in_to_server(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "ready").await?;
    popup.click("#bridge > summary").await?;
    Ok((browser, tab, popup))
}

/// The platform's cookies that Chromium itself reports.
///
/// # Errors
/// When it does not answer.
pub async fn held_by_chromium(browser: &Chromium) -> Result<Vec<Cookie>> {
    let held = browser.client().send("Storage.getCookies", json!({})).await?;
    let cookies = held["cookies"].as_array().context("no cookies")?.iter();
    let ours = cookies.filter(|cookie| is_the_platforms(cookie));
    ours.map(|cookie| {
        let expires = if cookie["session"] == true { Value::Null } else { cookie["expires"].clone() };
        let given = json!({"name": cookie["name"], "value": cookie["value"], "domain": cookie["domain"],
            "path": cookie["path"], "expires": expires, "httpOnly": cookie["httpOnly"],
            "secure": cookie["secure"]});
        Ok(Cookie::from_json(given)?)
    })
    .collect()
}

fn is_the_platforms(cookie: &Value) -> bool {
    cookie["domain"].as_str().is_some_and(|domain| domain.ends_with("instagram.com"))
}

/// A Firefox that is signed in at the platform in one container, with the popup over
/// the platform's page. It needs no server.
#[derive(Debug)]
pub struct FirefoxBridge {
    /// The browser.
    pub firefox: Firefox,
    /// The container; 0 for no container.
    container: u32,
}

impl FirefoxBridge {
    /// Starts the browser, and signs in.
    ///
    /// # Errors
    /// When it can't be started.
    pub async fn open(stage: &Stage, container: u32) -> Result<Self> {
        stage.install_native_host_for_firefox().await?;
        let bridge = Self { firefox: stage.open_firefox(&built_addon()?).await?, container };
        bridge.firefox.sign_in_at_platform(&stage.platform, container).await?;
        bridge.open_popup().await?;
        Ok(bridge)
    }

    /// Opens the popup over the tab in front, at the section about fresh cookies.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn open_popup(&self) -> Result<()> {
        let popup = self.firefox.open_popup().await?;
        wait_for_view(&popup, "server").await?;
        wait::until("the section about fresh cookies", SOON, async || {
            popup.click("#bridge > summary").await?;
            let is_open = popup.evaluate("document.querySelector('#bridge').open").await?;
            Ok((is_open == true).then_some(()))
        })
        .await
    }

    /// The platform's cookies in a container that Firefox itself reports.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn held_in(&self, container: u32) -> Result<Vec<Cookie>> {
        let held = self.firefox.cookies(container).await?.into_iter().map(|held| held.cookie);
        held.filter(is_the_platforms).map(|cookie| Ok(Cookie::from_json(cookie)?)).collect()
    }
}

impl Bridged for FirefoxBridge {
    fn popup(&self) -> impl WebPage {
        self.firefox.popup()
    }

    async fn evaluate_in_page(&self, expression: &str) -> Result<Value> {
        self.firefox.evaluate_in_page(expression).await
    }

    async fn held(&self) -> Result<Vec<Cookie>> {
        self.held_in(self.container).await
    }
}

/// Switches hand-over on, and waits until programs can ask.
///
/// # Errors
/// When they can't.
pub async fn switch_on(popup: &impl WebPage) -> Result<()> {
    popup.click("#bridge-allow").await?;
    wait_for_status(popup, "connected").await
}

/// The list of hand-overs, in the popup's words.
///
/// # Errors
/// When the popup is gone.
pub async fn hand_overs(popup: &impl WebPage) -> Result<Vec<String>> {
    let script = "[...document.querySelectorAll('#hand-overs li')].map((entry) => entry.innerText)";
    Ok(serde_json::from_value(popup.evaluate(script).await?)?)
}

/// Waits until the popup shows this status of the bridge.
///
/// # Errors
/// When it does not, with what it shows instead.
pub async fn wait_for_status(popup: &impl WebPage, code: &str) -> Result<()> {
    let says = format!("document.querySelector('#bridge-status').dataset.code === {}", json!(code));
    let waited = popup.wait_for(&format!("the bridge to be {code}"), SOON, &says).await;
    let words = popup.evaluate("document.querySelector('#bridge').innerText").await?;
    waited.with_context(|| format!("the popup shows {words}"))
}

/// The cookies that a command has printed.
///
/// # Errors
/// When it has failed, or printed something else.
pub fn printed_cookies(outcome: &Outcome) -> Result<Vec<Cookie>> {
    ensure!(outcome.status.success(), "{outcome:?}");
    let cookies = whole_file(&outcome.stdout)?;
    ensure!(!cookies.is_empty(), "{outcome:?}");
    Ok(cookies)
}

impl Stage {
    /// Runs one of the native host's commands, which must answer soon.
    ///
    /// # Errors
    /// When it takes longer than [`PATIENCE`].
    pub async fn ask_host(&self, arguments: &[&str]) -> Result<Outcome> {
        run(&mut self.host_command(arguments)?, PATIENCE).await
    }

    /// Downloads with the host's own command; `options` are the host's.
    ///
    /// # Errors
    /// When it can't be run.
    pub async fn host_yt_dlp(
        &self,
        yt_dlp: &YtDlp,
        options: &[&str],
        url: &str,
        folder: &Path,
    ) -> Result<Outcome> {
        let mut command = self.host_yt_dlp_command(yt_dlp, options, url, folder)?;
        run(&mut command, RUN_TIMEOUT).await
    }

    /// The command of [`Self::host_yt_dlp`].
    ///
    /// # Errors
    /// When the host has not been built.
    pub fn host_yt_dlp_command(
        &self,
        yt_dlp: &YtDlp,
        options: &[&str],
        url: &str,
        folder: &Path,
    ) -> Result<tokio::process::Command> {
        let mut command = self.host_command(&["yt-dlp"])?;
        command.args(options).env("STAGEPASS_YT_DLP", yt_dlp.program());
        self.complete(&mut command, url, folder);
        Ok(command)
    }

    /// Plain yt-dlp, which finds an installed plugin.
    #[must_use]
    pub fn plain_yt_dlp_command(
        &self,
        yt_dlp: &YtDlp,
        options: &[&str],
        url: &str,
        folder: &Path,
    ) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(yt_dlp.program());
        command.env_clear().envs(clean_environment(self.home())).args(options).stdin(Stdio::null());
        self.complete(&mut command, url, folder);
        command
    }

    /// Adds what each run of yt-dlp needs here.
    fn complete(&self, command: &mut tokio::process::Command, url: &str, folder: &Path) {
        command.args(["--ignore-config", "--no-cache-dir", "--retries", "0"]);
        command.args(["--compat-options", "no-certifi", "--proxy", &self.proxy.url()]);
        command.args(["--output", "%(id)s.%(ext)s", "--paths"]).arg(folder).args(["--", url]);
        command.env("SSL_CERT_FILE", self.platform.authority_pem()).env("PYTHONUTF8", "1");
    }

    /// Waits until a program can see a connected browser.
    ///
    /// # Errors
    /// When no browser connects.
    pub async fn wait_until_connected(&self) -> Result<()> {
        wait::until("a browser to be connected", SOON, async || {
            let gave = self.ask_host(&["browsers"]).await?;
            Ok(gave.stdout.contains("HANDS OVER").then_some(()))
        })
        .await
    }
}
