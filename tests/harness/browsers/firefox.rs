//! Debian's Firefox (or another one on `PATH`) under geckodriver, with a
//! throw-away profile, our extension as its zip file, and the sample platform in place
//! of the real one.
//!
//! geckodriver may act with the browser's own rights (`--allow-system-access`), so the
//! popup is the toolbar's real one, over the tab in front.

mod cookies;
mod extension_page;

pub use cookies::{HeldCookie, NewCookie};
pub use extension_page::ExtensionPage;

use crate::browsers::webdriver::WebDriver;
use crate::platform::proxy::Proxy;
use crate::platform::{FRONT_URL, LOGIN_URL, Platform, Sample};
use crate::system::process::{on_path, profile_dir};
use crate::system::wait;
use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::process::Pid;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stagepass_core::host::FIREFOX_EXTENSION_ID;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// The names of Firefox's program, the preferred one first.
const NAMES: &[&str] = &["firefox-esr", "firefox"];
/// How long a page of the platform may take.
const STEP: Duration = Duration::from_secs(60);

/// Trusts one authority for web sites; certificates from others stay untrusted.
const TRUST: &str = r#"
const certificates = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
certificates.addCertFromBase64(arguments[0], "C,,");"#;

/// Opens a tab in a container (0: no container) and brings it to the front.
const OPEN_TAB: &str = r#"
gBrowser.selectedTab = gBrowser.addTrustedTab("about:blank", {userContextId: arguments[0]});"#;

/// The values of the cookies with this name on the page in front.
const COOKIES_IN_FRONT: &str = r#"
const {contentPrincipal: {host, originAttributes}} = gBrowser.selectedBrowser;
return Services.cookies.getCookiesFromHost(host, originAttributes)
  .filter(({name}) => name === arguments[0])
  .map(({value}) => value);"#;

/// Opens a private window and brings it to the front.
const OPEN_PRIVATE_WINDOW: &str = r#"
const {BrowserWindowTracker} = ChromeUtils.importESModule("resource:///modules/BrowserWindowTracker.sys.mjs");
return BrowserWindowTracker.promiseOpenWindow({private: true}).then(() => null);"#;

/// Allows an extension in private windows, as its page in the browser's settings does.
const ALLOW_IN_PRIVATE_WINDOWS: &str = r#"
const {AddonManager} = ChromeUtils.importESModule("resource://gre/modules/AddonManager.sys.mjs");
const {ExtensionPermissions} = ChromeUtils.importESModule("resource://gre/modules/ExtensionPermissions.sys.mjs");
const permissions = ["internal:privateBrowsingAllowed"];
return ExtensionPermissions.add(arguments[0], {permissions, origins: []})
  .then(() => AddonManager.getAddonByID(arguments[0]))
  .then((addon) => addon.reload())
  .then(() => null);"#;

/// The process of the page in front.
const PROCESS_IN_FRONT: &str = "return gBrowser.selectedBrowser.browsingContext.currentWindowGlobal.osPid";

/// Stops an extension's background page as the browser's idle timer does.
const STOP_RESTING: &str = r#"
const {extension} = WebExtensionPolicy.getByID(arguments[0]);
return extension.terminateBackground().then(() => extension.backgroundState);"#;

/// How to start a browser.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The server that answers under the platform's names.
    pub platform: &'a Platform,
    /// The only way out of the browser, which leads to that server.
    pub proxy: &'a Proxy,
    /// The home folder, also for the native host that the browser starts.
    pub home: &'a Path,
    /// More environment variables, which the native host inherits.
    pub environment: &'a [(&'a str, &'a str)],
    /// The extension's zip file.
    pub addon: &'a Path,
}

/// A running browser; dropping it kills it.
#[derive(Debug)]
pub struct Firefox {
    driver: WebDriver,
    // Gone after the browser.
    _profiles: tempfile::TempDir,
}

/// The zip file for Firefox's store that `cargo xtask extension` has written.
///
/// # Errors
/// When it is not there.
pub fn built_addon() -> Result<PathBuf> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the tests lie in a workspace")?;
    let dist = dist.join("dist");
    let missing = "dist/ has no build for Firefox: run `cargo xtask extension`";
    let manifest = std::fs::read(dist.join("firefox/manifest.json")).context(missing)?;
    let manifest: Value = serde_json::from_slice(&manifest)?;
    let version = manifest["version"].as_str().context("a manifest has a version")?;
    let addon = dist.join(format!("stagepass-firefox-{version}.zip"));
    ensure!(addon.is_file(), "{missing}");
    Ok(addon)
}

impl Launch<'_> {
    /// Starts the browser without a window, with the extension.
    ///
    /// # Errors
    /// When Firefox or geckodriver is missing, or does not start.
    pub async fn start(&self) -> Result<Firefox> {
        let program =
            on_path(NAMES).context("no Firefox on PATH; on Debian: `apt-get install firefox-esr`")?;
        let profiles = tempfile::Builder::new().prefix("stagepass-firefox-").tempdir()?;
        let mut driver = Command::new(geckodriver()?);
        driver.args(["--port", "0", "--websocket-port", "0", "--allow-system-access"]);
        driver.arg("--profile-root").arg(profiles.path());
        for name in ["DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "XDG_CONFIG_HOME"] {
            driver.env_remove(name);
        }
        driver.env("HOME", self.home).envs(self.environment.iter().copied());
        let options = json!({"binary": program, "args": ["-headless"], "prefs": self.preferences()?});
        let driver = WebDriver::start(&mut driver, &json!({"moz:firefoxOptions": options})).await?;
        let firefox = Firefox { driver, _profiles: profiles };
        let addon = BASE64_STANDARD.encode(std::fs::read(self.addon)?);
        firefox.driver.post("/moz/addon/install", json!({"addon": addon, "temporary": true})).await?;
        let pem = std::fs::read_to_string(self.platform.authority_pem())?;
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        firefox.as_browser(TRUST, &[json!(base64)]).await?;
        Ok(firefox)
    }

    fn preferences(&self) -> Result<Value> {
        let proxy = self.proxy.address();
        Ok(json!({
            // Only loopback and the sample platform can be reached.
            "network.proxy.type": 1,
            "network.proxy.http": proxy.ip().to_string(),
            "network.proxy.http_port": proxy.port(),
            "network.proxy.ssl": proxy.ip().to_string(),
            "network.proxy.ssl_port": proxy.port(),
            // Questions that the browser would ask in a window nobody sees.
            "extensions.webextOptionalPermissionPrompts": false,
            "privacy.userContext.enabled": true,
            "signon.rememberSignons": false,
        }))
    }
}

/// The geckodriver that `cargo xtask test` installs.
fn geckodriver() -> Result<PathBuf> {
    let profile = profile_dir()?;
    let path = profile.parent().unwrap_or(&profile).join("tools/bin/geckodriver");
    ensure!(path.is_file(), "{} is not there: `cargo xtask test` installs it", path.display());
    Ok(path)
}

impl Firefox {
    /// Opens a tab in a container (0: no container) and signs in at the platform with its
    /// own form. The tab stays in front.
    ///
    /// # Errors
    /// When a step does not lead to the next.
    pub async fn sign_in_at_platform(&self, platform: &Platform, container: u32) -> Result<()> {
        self.go_to_new_tab(OPEN_TAB, &[json!(container)]).await?;
        self.sign_in_in_front(platform).await
    }

    /// Does the same in a private window, which stays in front.
    ///
    /// # Errors
    /// When a step does not lead to the next.
    pub async fn sign_in_at_platform_in_private(&self, platform: &Platform) -> Result<()> {
        self.go_to_new_tab(OPEN_PRIVATE_WINDOW, &[]).await?;
        self.sign_in_in_front(platform).await
    }

    /// Opens a tab in a container (0: no container) and signs in at a further sample platform. The
    /// tab stays in front.
    ///
    /// # Errors
    /// When a step does not lead to the next.
    pub async fn sign_in_at(&self, platform: &Platform, sample: &Sample, container: u32) -> Result<()> {
        self.go_to_new_tab(OPEN_TAB, &[json!(container)]).await?;
        self.sign_in_here_at(platform, sample).await
    }

    /// Does the same in the tab in front.
    ///
    /// # Errors
    /// When a step does not lead to the next.
    pub async fn sign_in_here_at(&self, platform: &Platform, sample: &Sample) -> Result<()> {
        self.fill_in_form(platform, sample.front_url).await?;
        wait::until("the signed-in account", STEP, async || {
            let status = self.driver.run("return document.querySelector('#status').textContent", &[]).await?;
            Ok(status.as_str().is_some_and(|status| status.starts_with("Signed in")).then_some(()))
        })
        .await
    }

    /// Opens a tab in a container (0: no container) with a page of the sample platforms, which stays in
    /// front.
    ///
    /// # Errors
    /// When it does not load.
    pub async fn open_tab(&self, url: &str, container: u32) -> Result<()> {
        self.go_to_new_tab(OPEN_TAB, &[json!(container)]).await?;
        wait::until("the page", STEP, async || {
            self.driver.navigate(url).await?;
            Ok((self.evaluate_in_page("location.href").await? == url).then_some(()))
        })
        .await
    }

    /// Opens a tab with the script and directs the following commands to it.
    async fn go_to_new_tab(&self, script: &str, arguments: &[Value]) -> Result<()> {
        let before = self.tabs().await?;
        self.as_browser(script, arguments).await?;
        let tab = wait::until("the new tab", STEP, async || {
            Ok(self.tabs().await?.into_iter().find(|tab| !before.contains(tab)))
        });
        self.driver.post("/window", json!({"handle": tab.await?})).await.map(drop)
    }

    async fn tabs(&self) -> Result<Vec<Value>> {
        let handles = self.driver.command(reqwest::Method::GET, "/window/handles", Value::Null).await?;
        Ok(handles.as_array().context("no list of tabs")?.clone())
    }

    async fn sign_in_in_front(&self, platform: &Platform) -> Result<()> {
        self.fill_in_form(platform, LOGIN_URL).await?;
        wait::until("the platform's front page", STEP, async || {
            let url = self.driver.run("return location.href", &[]).await?;
            Ok((url == FRONT_URL).then_some(()))
        })
        .await
    }

    async fn fill_in_form(&self, platform: &Platform, url: &str) -> Result<()> {
        // A new tab's own blank page may replace the first attempt.
        wait::until("the platform's form", STEP, async || {
            self.driver.navigate(url).await?;
            let is_there = self.driver.run("return document.querySelector('#submit') !== null", &[]).await?;
            Ok((is_there == true).then_some(()))
        })
        .await?;
        let account = platform.account();
        self.driver.type_into("[name=username]", account.username).await?;
        self.driver.type_into("[name=password]", account.password.expose_secret()).await?;
        self.driver.click("#submit").await
    }

    /// Does what the browser does once the extension's background page has been idle for
    /// half a minute: stops it, unless it is still needed. Returns whether it was stopped.
    ///
    /// # Errors
    /// When the browser does not say.
    pub async fn stop_resting_background(&self) -> Result<bool> {
        let state = self.as_browser(STOP_RESTING, &[json!(FIREFOX_EXTENSION_ID)]).await?;
        Ok(state == "stopped")
    }

    /// The browser's profile folder.
    ///
    /// # Errors
    /// When it does not say.
    pub async fn profile(&self) -> Result<PathBuf> {
        let folder = self.as_browser("return PathUtils.profileDir", &[]).await?;
        Ok(folder.as_str().context("a profile has a folder")?.into())
    }

    /// The process that has the page of the tab in front, but not the popup.
    ///
    /// # Errors
    /// When the browser does not say.
    pub async fn process_in_front(&self) -> Result<Pid> {
        let process = self.as_browser(PROCESS_IN_FRONT, &[]).await?;
        let process = i32::try_from(process.as_i64().context("no process")?)?;
        Pid::from_raw(process).context("a process id is not 0")
    }

    /// The value of a cookie that the page in front has, in its own container or
    /// private window.
    ///
    /// # Errors
    /// When it does not have exactly one cookie with this name.
    pub async fn cookie_in_front(&self, name: &str) -> Result<Value> {
        let values = self.as_browser(COOKIES_IN_FRONT, &[json!(name)]).await?;
        let [value] = &values.as_array().context("no list")?[..] else {
            bail!("not one cookie {name}, but {}", values.as_array().map_or(0, Vec::len))
        };
        Ok(value.clone())
    }

    /// What the browser has printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.driver.log()
    }

    /// Allows the extension in private windows, as a person does in the settings.
    ///
    /// # Errors
    /// When the browser does not accept it.
    pub async fn allow_in_private_windows(&self) -> Result<()> {
        self.as_browser(ALLOW_IN_PRIVATE_WINDOWS, &[json!(FIREFOX_EXTENSION_ID)]).await.map(drop)
    }

    /// Opens the extension's popup over the tab in front, as its button does.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn open_popup(&self) -> Result<ExtensionPage<'_>> {
        ExtensionPage::open(self, FIREFOX_EXTENSION_ID).await
    }

    /// The popup that is open.
    #[must_use]
    pub fn popup(&self) -> ExtensionPage<'_> {
        ExtensionPage::of_popup(self)
    }

    /// The value of a JavaScript expression in the page of the tab in front, awaited
    /// where it is a promise.
    ///
    /// # Errors
    /// When it throws.
    pub async fn evaluate_in_page(&self, expression: &str) -> Result<Value> {
        self.driver.run(&format!("return ({expression})"), &[]).await
    }

    /// Runs a script with the browser's own rights.
    async fn as_browser(&self, script: &str, arguments: &[Value]) -> Result<Value> {
        self.in_window(self.driver.run(script, arguments)).await
    }

    /// Clicks something in the browser's own window.
    async fn click_in_window(&self, selector: &str) -> Result<()> {
        self.in_window(self.driver.click(selector)).await
    }

    /// Directs commands to the browser's own window instead of the page in it.
    async fn in_window<T>(&self, commands: impl Future<Output = Result<T>>) -> Result<T> {
        self.driver.post("/moz/context", json!({"context": "chrome"})).await?;
        let outcome = commands.await;
        self.driver.post("/moz/context", json!({"context": "content"})).await?;
        outcome
    }

    /// Closes the browser.
    ///
    /// # Errors
    /// When that fails.
    pub async fn close(self) -> Result<()> {
        self.driver.close().await
    }
}
