//! Debian's Chromium (or another one on `PATH`) with a throw-away profile, our
//! extension, and the sample platform in place of the real one.

use crate::browsers::cdp::{Attachment, Client};
use crate::platform::Platform;
use crate::system::process::{ProcessGroup, on_path};
use crate::system::wait;
use anyhow::{Context, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// The names of Chromium's program, the preferred one first.
const NAMES: &[&str] = &[
    "chromium",
    "chromium-browser",
    "google-chrome-for-testing",
    "chrome",
    "google-chrome",
    "google-chrome-stable",
];
/// Without these the browser covers the popup with a question about saving the password,
/// and does not reload an unpacked extension.
const FIRST_PREFERENCES: &str = r#"{"credentials_enable_service": false,
    "profile": {"password_manager_enabled": false}, "extensions": {"ui": {"developer_mode": true}}}"#;
/// How long the browser may take to start and to end.
const START_TIMEOUT: Duration = Duration::from_secs(45);
const END_TIMEOUT: Duration = Duration::from_secs(20);

/// A browser profile in a temporary folder, gone when it is dropped.
#[derive(Debug)]
pub struct Profile(tempfile::TempDir);

impl Profile {
    /// Makes an empty one.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("stagepass-profile-").tempdir()?;
        std::fs::create_dir(folder.path().join("Default"))?;
        std::fs::write(folder.path().join("Default/Preferences"), FIRST_PREFERENCES)?;
        Ok(Self(folder))
    }

    /// The `--user-data-dir`.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where this profile's browser looks for the manifests of native hosts.
    #[must_use]
    pub fn native_messaging_hosts(&self) -> PathBuf {
        self.path().join("NativeMessagingHosts")
    }
}

/// The program on `PATH`.
///
/// # Errors
/// When there is none.
pub fn program() -> Result<PathBuf> {
    on_path(NAMES).with_context(|| {
        format!(
            "no Chromium on PATH (looked for {}); on Debian: `apt-get install chromium`",
            NAMES.join(", ")
        )
    })
}

/// The argument for root, for whom Chromium refuses to run with its sandbox.
pub(crate) fn without_sandbox() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--no-sandbox")
}

/// The hosts that a browser reaches besides loopback: a server in their place.
#[derive(Clone, Debug, Default)]
pub struct Hosts<'a> {
    patterns: &'a [&'a str],
    address: String,
    spki_sha256_base64: &'a str,
}

impl<'a> Hosts<'a> {
    /// The sample platform's.
    #[must_use]
    pub fn of_platform(platform: &'a Platform) -> Self {
        Self::new(platform.host_patterns(), platform.address(), platform.spki_sha256_base64())
    }

    /// The hosts that match the patterns, at the server with this address and certificate.
    #[must_use]
    pub fn new(patterns: &'a [&'a str], address: SocketAddr, spki_sha256_base64: &'a str) -> Self {
        Self { patterns, address: address.to_string(), spki_sha256_base64 }
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut rules: Vec<_> =
            self.patterns.iter().map(|host| format!("MAP {host} {}", self.address)).collect();
        rules.extend(["MAP * ^NOTFOUND", "EXCLUDE 127.0.0.1", "EXCLUDE localhost"].map(str::to_owned));
        let mut arguments = vec![format!("--host-resolver-rules={}", rules.join(","))];
        if !self.patterns.is_empty() {
            arguments.push(format!("--ignore-certificate-errors-spki-list={}", self.spki_sha256_base64));
        }
        arguments
    }
}

/// How to start a browser.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// Where it keeps everything.
    pub profile: &'a Profile,
    /// The folder of the unpacked extension to load.
    pub extension: Option<&'a Path>,
    /// The server that answers under the platform's names.
    pub platform: Option<&'a Platform>,
    /// The `DISPLAY` for its window; headless without one.
    pub display: Option<&'a str>,
    /// The home folder of the browser and of the native host that it starts.
    pub home: Option<&'a Path>,
    /// More environment variables, which the native host inherits.
    pub environment: &'a [(&'a str, &'a str)],
}

impl<'a> Launch<'a> {
    /// A headless browser with only a profile.
    #[must_use]
    pub fn new(profile: &'a Profile) -> Self {
        Self { profile, extension: None, platform: None, display: None, home: None, environment: &[] }
    }

    /// Starts the browser.
    ///
    /// # Errors
    /// When no Chromium is on `PATH`, or it does not start.
    pub async fn start(&self) -> Result<Chromium> {
        let program = program()?;
        let extension_id = self.extension.map(extension_id).transpose()?;
        let port_file = self.profile.path().join("DevToolsActivePort");
        // A file from an earlier run would name another browser's port.
        let _ = std::fs::remove_file(&port_file);
        let mut command = Command::new(program);
        command.args(self.arguments()).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(std::fs::File::create(self.profile.path().join("browser.log"))?);
        self.set_environment(&mut command);
        let mut group = ProcessGroup::spawn(&mut command)?;
        let url = wait::until("Chromium to name its debugging port", START_TIMEOUT, async || {
            if let Some(status) = group.child().try_wait()? {
                let log =
                    std::fs::read_to_string(self.profile.path().join("browser.log")).unwrap_or_default();
                anyhow::bail!("Chromium ended at once ({status}): {log}");
            }
            // The file may exist before its second line is written.
            let text = std::fs::read_to_string(&port_file).unwrap_or_default();
            Ok(text.split_once('\n').filter(|(_, path)| !path.is_empty()).map(devtools_url))
        })
        .await?;
        let client = Client::open(&url).await?;
        Ok(Chromium { client, extension_id, group })
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = [
            "--no-first-run",
            "--no-default-browser-check",
            "--disable-gpu",
            "--disable-quic",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-default-apps",
            "--disable-sync",
            "--disable-breakpad",
            "--disable-search-engine-choice-screen",
            "--disable-dev-shm-usage",
            // The last two load pages for the address bar, which take a third of the work of a start.
            "--disable-features=DisableLoadExtensionCommandLineSwitch,Translate,MediaRouter,OptimizationHints,\
             WebUIOmniboxPopup,WebUIOmniboxAimPopup",
            "--password-store=basic",
            "--use-mock-keychain",
            "--window-size=1100,800",
            "--remote-debugging-port=0",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!("--user-data-dir={}", self.profile.path().display()));
        arguments.extend(without_sandbox().map(str::to_owned));
        if self.display.is_none() {
            arguments.push("--headless=new".to_owned());
        }
        if let Some(extension) = self.extension {
            arguments.push(format!("--disable-extensions-except={}", extension.display()));
            arguments.push(format!("--load-extension={}", extension.display()));
        }
        let hosts = self.platform.map(Hosts::of_platform).unwrap_or_default();
        arguments.extend(hosts.arguments());
        arguments.push("about:blank".to_owned());
        arguments
    }

    fn set_environment(&self, command: &mut Command) {
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("DBUS_SESSION_BUS_ADDRESS");
        if let Some(display) = self.display {
            command.env("DISPLAY", display);
        }
        if let Some(home) = self.home {
            // A person's display needs the key file in that person's home.
            let authority =
                std::env::home_dir().map(|home| home.join(".Xauthority")).filter(|path| path.is_file());
            if let (Some(authority), None) = (authority, std::env::var_os("XAUTHORITY")) {
                command.env("XAUTHORITY", authority);
            }
            command.env("HOME", home);
            for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"] {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().copied());
    }
}

/// A running browser; dropping it kills it with all its children.
#[derive(Debug)]
pub struct Chromium {
    client: Client,
    extension_id: Option<String>,
    group: ProcessGroup,
}

impl Chromium {
    /// The client to it.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The id of the extension that it was started with.
    ///
    /// # Errors
    /// When it was started without one.
    pub fn extension_id(&self) -> Result<&str> {
        self.extension_id.as_deref().context("the browser was started without an extension")
    }

    /// Its process id, for looking at the process list; `None` once it has ended.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.group.id()
    }

    /// Opens a tab and waits until its page has loaded.
    ///
    /// # Errors
    /// When the page can't be loaded.
    pub async fn open_tab(&self, url: &str) -> Result<Attachment> {
        self.client.open_tab(url).await
    }

    /// Closes the browser as a person would, so that it saves everything it knows.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn close(mut self) -> Result<()> {
        // The browser may be gone before it answers; all that counts is that it ends.
        let _ = self.client.send("Browser.close", json!({})).await;
        self.group.wait(END_TIMEOUT).await.map(drop)
    }
}

fn devtools_url((port, path): (&str, &str)) -> String {
    format!("ws://127.0.0.1:{}{}", port.trim(), path.trim())
}

/// The id of an unpacked extension, derived from the `key` in its manifest.
///
/// # Errors
/// When there is no readable manifest with a key.
pub fn extension_id(folder: &Path) -> Result<String> {
    let manifest = read_manifest(folder)?;
    let key = manifest["key"].as_str().with_context(|| format!("{} has no key", folder.display()))?;
    let digest = Sha256::digest(BASE64_STANDARD.decode(key).context("the manifest's key is base64")?);
    // Each half byte is a letter from a to p.
    let letter = |half: u8| char::from(b'a' + half);
    Ok(digest.iter().take(16).flat_map(|byte| [letter(byte >> 4), letter(byte & 15)]).collect())
}

pub(super) fn read_manifest(folder: &Path) -> Result<Value> {
    let path = folder.join("manifest.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}
