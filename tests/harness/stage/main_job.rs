//! The main job, step by step, as a person does it: a [`Stage`] sets up all components, and
//! the steps are taken in the real popup.

use crate::browsers::cdp::Attachment;
use crate::browsers::chromium::{Chromium, Launch, Profile};
use crate::browsers::firefox::{self, Firefox};
use crate::browsers::granted::grant_origins;
use crate::browsers::page::WebPage;
use crate::platform::proxy::Proxy;
use crate::platform::{FRONT_URL, LOGIN_URL, Platform, Sample, VIDEO_URL};
use crate::services::server::{self, EMAIL, PASSWORD, Server};
use crate::system::process::{clean_environment, our_program};
use crate::system::secret_search::SecretSearch;
use crate::system::wait;
use crate::tools::python::Outcome;
use crate::tools::yt_dlp::{Download, YtDlp};
use anyhow::{Context as _, Result, ensure};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

/// The sample platform's sites, as the extension requests access to them.
pub const PLATFORM_ORIGINS: &str = "*://*.instagram.com/*";
/// The server's origin, as the extension requests access to it.
pub const SERVER_ORIGINS: &str = "http://127.0.0.1/*";
/// How long a step in the popup may take.
const STEP: Duration = Duration::from_secs(60);

/// All components, each a real one and in its own folders.
#[derive(Debug)]
pub struct Stage {
    /// The sample platform, under a real platform's name.
    pub platform: Arc<Platform>,
    /// The proxy to it for programs other than browsers.
    pub proxy: Proxy,
    /// The Stagepass server.
    pub server: Server,
    /// The browser's profile.
    pub profile: Profile,
    /// The `DISPLAY` of the browser; headless without one.
    display: Option<String>,
    extension: PathBuf,
    host_dir: String,
    /// For the temporary files of browser, native host and server.
    temporary: String,
    home: TempDir,
    _data: TempDir,
}

/// The extension that `cargo xtask extension` has built.
///
/// # Errors
/// When it has not been built.
pub fn built_extension() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the tests lie in a workspace")?;
    let extension = root.join("dist/chromium");
    ensure!(
        extension.join("manifest.json").is_file(),
        "dist/chromium is not there: run `cargo xtask extension`"
    );
    Ok(extension)
}

impl Stage {
    /// Sets everything up for a browser without a window.
    ///
    /// # Errors
    /// When something can't be started.
    pub async fn set_up(extension: &Path) -> Result<Self> {
        Self::set_up_on(extension, None).await
    }

    /// Sets everything up for a browser on a display.
    ///
    /// # Errors
    /// When something can't be started.
    pub async fn set_up_on(extension: &Path, display: Option<&str>) -> Result<Self> {
        let platform = Arc::new(Platform::start().await?);
        let data = server::new_data_dir().await?;
        let home = tempfile::tempdir()?;
        let temporary = home.path().join("tmp");
        std::fs::create_dir(&temporary)?;
        let mut serve = server::serve_command(data.path(), "127.0.0.1:0")?;
        Ok(Self {
            proxy: Proxy::start(&platform).await?,
            platform,
            server: Server::start_command(data.path(), serve.env("TMPDIR", &temporary)).await?,
            profile: Profile::new()?,
            display: display.map(str::to_owned),
            extension: extension.to_owned(),
            host_dir: home.path().join("host").display().to_string(),
            temporary: temporary.display().to_string(),
            home,
            _data: data,
        })
    }

    /// Registers the native host with the browser profile, by the host's own command.
    ///
    /// # Errors
    /// When that fails.
    pub async fn install_native_host(&self) -> Result<()> {
        self.install_native_host_in(&self.profile).await
    }

    /// Registers the same native host with another browser profile.
    ///
    /// # Errors
    /// When that fails.
    pub async fn install_native_host_in(&self, profile: &Profile) -> Result<()> {
        let manifests = profile.native_messaging_hosts();
        let mut command = Command::new(our_program("stagepass")?);
        command.arg("install").arg("--manifest-dir").arg(manifests).env("STAGEPASS_HOST_DIR", &self.host_dir);
        let output = command.stdin(Stdio::null()).output().await?;
        ensure!(output.status.success(), "install: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Grants the extension access to the platform's site and the server, as if a person had
    /// done so before.
    ///
    /// # Errors
    /// When the browser does not accept it.
    pub async fn grant(&self, origins: &[&str]) -> Result<()> {
        self.grant_in(&self.profile, origins).await
    }

    /// Does the same in another browser profile.
    ///
    /// # Errors
    /// When the browser does not accept it.
    pub async fn grant_in(&self, profile: &Profile, origins: &[&str]) -> Result<()> {
        let environment = self.environment();
        grant_origins(&self.launch(profile, &environment), origins).await
    }

    /// Starts the browser with the extension.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn open_browser(&self) -> Result<Chromium> {
        self.open_browser_in(&self.profile).await
    }

    /// Does the same with another browser profile.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn open_browser_in(&self, profile: &Profile) -> Result<Chromium> {
        let environment = self.environment();
        self.launch(profile, &environment).start().await
    }

    /// Registers the native host with Firefox, by the host's own command.
    ///
    /// # Errors
    /// When that fails.
    pub async fn install_native_host_for_firefox(&self) -> Result<()> {
        let mut command = Command::new(our_program("stagepass")?);
        command.args(["install", "--browser", "firefox"]);
        command.env_clear().envs(clean_environment(self.home.path()));
        let output = command.env("STAGEPASS_HOST_DIR", &self.host_dir).stdin(Stdio::null()).output().await?;
        ensure!(output.status.success(), "install: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Starts Firefox with the extension's zip file and all permissions that it asks for.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn open_firefox(&self, addon: &Path) -> Result<Firefox> {
        let environment = self.environment();
        let launch = firefox::Launch {
            platform: &self.platform,
            proxy: &self.proxy,
            home: self.home.path(),
            environment: &environment,
            addon,
        };
        launch.start().await
    }

    fn environment(&self) -> [(&'static str, &str); 2] {
        [("STAGEPASS_HOST_DIR", &self.host_dir), ("TMPDIR", &self.temporary)]
    }

    fn launch<'a>(&'a self, profile: &'a Profile, environment: &'a [(&'a str, &'a str)]) -> Launch<'a> {
        Launch {
            extension: Some(&self.extension),
            platform: Some(&self.platform),
            display: self.display.as_deref(),
            home: Some(self.home.path()),
            environment,
            ..Launch::new(profile)
        }
    }

    /// One of the native host's commands, in the stage's own home.
    ///
    /// # Errors
    /// When the host has not been built.
    pub fn host_command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(our_program("stagepass")?);
        command.env_clear().envs(clean_environment(self.home.path()));
        command.envs(self.environment()).args(arguments).stdin(Stdio::null());
        Ok(command)
    }

    /// The home folder of browser and native host, which also has the native host's folder and the
    /// temporary files of both and of the server.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The folder where the native host keeps its files.
    #[must_use]
    pub fn host_dir(&self) -> &Path {
        Path::new(&self.host_dir)
    }

    /// Opens a further sample platform's page and signs in with its form.
    ///
    /// # Errors
    /// When that fails.
    pub async fn sign_in_at(&self, browser: &Chromium, sample: &Sample) -> Result<Attachment> {
        let tab = browser.open_tab(sample.front_url).await?;
        self.sign_in_on_sample(&tab).await?;
        Ok(tab)
    }

    /// Signs in with the form of the further sample platform's page that the tab shows.
    ///
    /// # Errors
    /// When that fails.
    pub async fn sign_in_on_sample(&self, tab: &Attachment) -> Result<()> {
        self.fill_in_form(tab).await?;
        let is_signed_in = "document.querySelector('#status').textContent.startsWith('Signed in')";
        tab.wait_for("the signed-in account", STEP, is_signed_in).await
    }

    async fn fill_in_form(&self, tab: &Attachment) -> Result<()> {
        let account = self.platform.account();
        tab.fill("[name=username]", account.username).await?;
        tab.fill("[name=password]", account.password.expose_secret()).await?;
        tab.click("#submit").await
    }

    /// Opens the platform's page and signs in with its form.
    ///
    /// # Errors
    /// When that fails.
    pub async fn sign_in_at_platform(&self, browser: &Chromium) -> Result<Attachment> {
        let tab = browser.open_tab(LOGIN_URL).await?;
        self.sign_in_on(&tab).await?;
        Ok(tab)
    }

    /// Signs in with the form of the platform's page that the tab shows.
    ///
    /// # Errors
    /// When that fails.
    pub async fn sign_in_on(&self, tab: &Attachment) -> Result<()> {
        self.fill_in_form(tab).await?;
        let arrived = format!("location.href === {} && document.readyState === 'complete'", json!(FRONT_URL));
        tab.wait_for("the platform's front page", STEP, &arrived).await
    }

    /// What the server gives a backend for the newest captured session.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn served_session(&self, format: &str) -> Result<Value> {
        let connections = self.server.user().await?.get("/api/platform-connections").await?;
        let wanted = json!({"creator_profile_id": connections.body["data"][0]["id"], "platform": "instagram",
            "format": format});
        let answer = self.server.service()?.post("/api/credentials/get-platform-session", &wanted).await?;
        ensure!(answer.status == 200, "{}", answer.body);
        Ok(answer.body)
    }

    /// Looks for the platform's secrets in what the extension keeps about it, in its
    /// worker's console and in the browser's log.
    ///
    /// # Errors
    /// With the place that has a secret, or when the extension keeps nothing at all.
    pub async fn ensure_no_trace(&self, worker: &Attachment) -> Result<()> {
        let secrets = SecretSearch::new(&self.platform.secrets())?;
        for area in ["session", "local"] {
            let held = worker.evaluate(&format!("chrome.storage.{area}.get()")).await?.to_string();
            ensure!(held.contains("instagram"), "storage.{area} holds nothing of it: {held}");
            ensure!(!secrets.is_in(held.as_bytes()), "a secret is in storage.{area}");
        }
        let console: String = worker.console().iter().map(|entry| entry.text.as_str()).collect();
        ensure!(!secrets.is_in(console.as_bytes()), "a secret is in the worker's console");
        let log = self.profile.path().join("browser.log");
        ensure!(secrets.files_in(&log)?.is_empty(), "a secret is in {}", log.display());
        Ok(())
    }

    /// Downloads the platform's video with yt-dlp.
    ///
    /// # Errors
    /// When yt-dlp can't be run.
    pub async fn download(&self, yt_dlp: &YtDlp, cookies: Option<&Path>, folder: &Path) -> Result<Outcome> {
        let authority_pem = self.platform.authority_pem();
        let proxy = self.proxy.url();
        let download =
            Download { url: VIDEO_URL, cookies, proxy: &proxy, authority_pem: &authority_pem, folder };
        yt_dlp.download(&download).await
    }
}

/// Waits until the popup shows a view, such as `sign-in`.
///
/// # Errors
/// When it does not, with what it shows instead.
pub async fn wait_for_view(popup: &impl WebPage, view: &str) -> Result<()> {
    let shown = format!("document.querySelector('main').dataset.state === {}", json!(view));
    let waited = popup.wait_for(&format!("the view {view}"), STEP, &shown).await;
    if waited.is_err() {
        let text = popup.evaluate("document.body.innerText").await?;
        return waited.with_context(|| format!("the popup shows {text}"));
    }
    Ok(())
}

/// Chooses the server and signs in to it, as [`EMAIL`].
///
/// # Errors
/// When a step does not lead to the next.
pub async fn sign_in_to_server(popup: &impl WebPage, url: &str) -> Result<()> {
    wait_for_view(popup, "server").await?;
    popup.fill("#server-url", url).await?;
    popup.click("#connect").await?;
    wait_for_view(popup, "sign-in").await?;
    sign_in(popup, PASSWORD).await
}

/// Fills in and sends the popup's sign-in form.
///
/// # Errors
/// When the form is not there.
pub async fn sign_in(popup: &impl WebPage, password: &str) -> Result<()> {
    popup.fill("#email", EMAIL).await?;
    popup.fill("#password", password).await?;
    popup.click("#sign-in").await
}

/// Clicks **Capture session** for a new connection and returns the outcome's code.
///
/// # Errors
/// When there is no outcome.
pub async fn capture(popup: &impl WebPage, account_name: &str) -> Result<String> {
    begin_capture(popup, account_name).await?;
    outcome(popup, "#outcome").await
}

/// Clicks **Capture session** for a new connection; [`outcome`] waits for what comes of it.
///
/// # Errors
/// When the button can't be clicked.
pub async fn begin_capture(popup: &impl WebPage, account_name: &str) -> Result<()> {
    wait_for_view(popup, "ready").await?;
    if popup.evaluate("!document.querySelector('#new-connection').hidden").await? == json!(true) {
        popup.fill("#account-name", account_name).await?;
    }
    click(popup, "#capture", "#outcome").await
}

/// Clicks **Export for yt-dlp** and returns the outcome's code.
///
/// # Errors
/// When there is no outcome.
pub async fn export(popup: &impl WebPage) -> Result<String> {
    wait_for_view(popup, "ready").await?;
    click(popup, "#export", "#export-result").await?;
    outcome(popup, "#export-result").await
}

/// The path that an export shows.
///
/// # Errors
/// When there is none.
pub async fn exported_path(popup: &impl WebPage) -> Result<PathBuf> {
    let path = popup.evaluate("document.querySelector('#export-path').textContent").await?;
    Ok(path.as_str().context("no path is shown")?.into())
}

/// Clicks a button, and has the page remember the outcome that an earlier click has left.
async fn click(popup: &impl WebPage, button: &str, place: &str) -> Result<()> {
    let remember =
        format!("void (window.shownBefore = document.querySelector({}).firstElementChild)", json!(place));
    popup.evaluate(&remember).await?;
    popup.click(button).await
}

/// Waits for the outcome of the latest click and returns its code.
///
/// # Errors
/// When there is no outcome.
pub async fn outcome(popup: &impl WebPage, place: &str) -> Result<String> {
    let code = format!(
        "(() => {{ const place = document.querySelector({}); \
         const isNew = place.dataset.outcome && place.firstElementChild !== window.shownBefore; \
         return isNew ? place.dataset.code : null; }})()",
        json!(place)
    );
    wait::until(&format!("an outcome in {place}"), STEP, async || {
        Ok(popup.evaluate(&code).await?.as_str().map(str::to_owned))
    })
    .await
}
