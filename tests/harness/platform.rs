//! The sample platform: an HTTPS server on loopback that answers under a real
//! platform's names, has a login form, sets cookies as that platform does, and
//! shows a video only to people who are signed in.
//!
//! Further sample platforms answer beside it, whose login is more than cookies: each has a front page
//! with a login form, and shows the signed-in account there and at an address for programs.
//!
//! Tests read in Rust, never over HTTP, what it issued and which requests it got.
//! It knows nothing of Stagepass except core's cookie type.

use crate::system::certificate::Certificate;
use anyhow::Result;
use secrecy::{ExposeSecret as _, SecretString};
use stagepass_core::Cookie;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub mod echo;
mod fansly;
mod hanging;
mod onlyfans;
pub mod proxy;
mod session;
mod site;
mod x;

/// The platform's names: the certificate is for them, the proxy leads to them, and the
/// browser maps them to loopback.
const HOST_PATTERNS: &[&str] = &[
    "instagram.com",
    "*.instagram.com",
    "cdninstagram.com",
    "*.cdninstagram.com",
    SHORT_HOST,
    onlyfans::HOST,
    fansly::HOST,
    fansly::API_HOST,
    x::HOST,
];
/// The host of the platform's short links. It has no other pages.
pub const SHORT_HOST: &str = "instagr.am";
/// A short link that leads to [`VIDEO_URL`].
pub const SHORT_URL: &str = "https://instagr.am/backstage";
/// The front page.
pub const FRONT_URL: &str = "https://www.instagram.com/";
/// The page with the login form.
pub const LOGIN_URL: &str = "https://www.instagram.com/accounts/login/";
/// The video that only signed-in people may see.
pub const VIDEO_URL: &str = "https://www.instagram.com/video/backstage.mp4";

/// The same video at an address where every request replaces the session: afterwards only
/// the newest `sessionid` is signed in.
pub const ROTATING_VIDEO_URL: &str = "https://www.instagram.com/video/encore.mp4";
/// A cookie that such a request also sets, and that no login sets.
pub const ROTATION_COOKIE: &str = "ig_encore";
/// The same video at an address that sets odd cookies: one that lasts as
/// long as a date can be written, and one without `=`.
pub const ODD_VIDEO_URL: &str = "https://www.instagram.com/video/anthem.mp4";

/// A further sample platform.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Its identifier in the catalogue.
    pub id: &'static str,
    /// Its sites, as the extension requests access to them.
    pub origins: &'static [&'static str],
    /// The front page, with the login form.
    pub front_url: &'static str,
    /// Answers with the name of the signed-in account, if a request has all of the login.
    pub account_url: &'static str,
}

/// Ends a session unless cookie, the header `x-bc` (from localStorage) and user agent match.
pub const ONLYFANS: Sample = Sample {
    id: "onlyfans",
    origins: &["*://*.onlyfans.com/*"],
    front_url: "https://onlyfans.com/",
    account_url: "https://onlyfans.com/api2/v2/users/me",
};
/// Keeps its login in localStorage alone.
pub const FANSLY: Sample = Sample {
    id: "fansly",
    origins: &["*://*.fansly.com/*"],
    front_url: "https://fansly.com/",
    account_url: "https://apiv3.fansly.com/api/v1/account/me",
};
/// Wants the token of a cookie once more in a header.
pub const X: Sample = Sample {
    id: "x",
    origins: &["*://*.x.com/*", "*://*.twitter.com/*"],
    front_url: "https://x.com/",
    account_url: "https://x.com/i/api/1.1/account/settings.json",
};

/// The bytes of the video.
pub static VIDEO: &[u8] = include_bytes!("../fixtures/backstage.mp4");

/// The one account of the sample platform.
#[derive(Debug)]
pub struct Account {
    /// The name to sign in with.
    pub username: &'static str,
    /// Random at every start.
    pub password: SecretString,
}

/// A cookie as the platform set it and as a browser should hold it. Its expiry
/// counts from the moment the server made it, so a browser's is up to two seconds later.
#[derive(Clone, Debug)]
pub struct IssuedCookie {
    /// The cookie, even if it has expired on arrival.
    pub cookie: Cookie,
    /// Whether it was set `Partitioned` (CHIPS).
    pub is_partitioned: bool,
}

/// A request that the platform has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// The method.
    pub method: String,
    /// The host name in the request.
    pub host: String,
    /// The path, without its query.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// Whether it came with a cookie.
    pub has_cookies: bool,
}

/// What the server remembers.
#[derive(Debug)]
struct State {
    account: Account,
    ledger: Mutex<session::Ledger>,
    samples: Mutex<Samples>,
    requests: Mutex<Vec<RequestRecord>>,
    hanging: hanging::Hanging,
}

/// Who is signed in at the further platforms.
#[derive(Debug, Default)]
struct Samples {
    onlyfans: Vec<onlyfans::Login>,
    fansly: Vec<SecretString>,
    x: Vec<x::Login>,
}

impl State {
    fn ledger(&self) -> MutexGuard<'_, session::Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn samples(&self) -> MutexGuard<'_, Samples> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A random value that counts as one of the platform's secrets.
    fn generate_secret(&self) -> Result<String> {
        let value = session::generate_value()?;
        self.ledger().secrets.push(value.as_str().into());
        Ok(value)
    }

    fn requests(&self) -> MutexGuard<'_, Vec<RequestRecord>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running sample platform; it ends when it is dropped.
#[derive(Debug)]
pub struct Platform {
    state: Arc<State>,
    address: SocketAddr,
    certificate: Certificate,
    folder: tempfile::TempDir,
    server: axum_server::Handle<SocketAddr>,
}

impl Platform {
    /// Starts it on a free port of loopback, with a certificate authority of its own.
    ///
    /// # Errors
    /// When it can't listen.
    pub async fn start() -> Result<Self> {
        let certificate = Certificate::generate(HOST_PATTERNS)?;
        let folder = tempfile::Builder::new().prefix("stagepass-platform-").tempdir()?;
        std::fs::write(folder.path().join("ca.pem"), &certificate.authority_pem)?;
        let account = Account { username: "stage.artist", password: session::generate_value()?.into() };
        let state = Arc::new(State {
            account,
            ledger: Mutex::default(),
            samples: Mutex::default(),
            requests: Mutex::default(),
            hanging: hanging::Hanging::default(),
        });
        let (address, server) = certificate.serve(site::router(Arc::clone(&state))).await?;
        Ok(Self { state, address, certificate, folder, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The names that it answers under; `*.` stands for all subdomains.
    #[must_use]
    pub fn host_patterns(&self) -> &'static [&'static str] {
        HOST_PATTERNS
    }

    /// Whether it answers under `host`.
    #[must_use]
    pub fn is_own_host(&self, host: &str) -> bool {
        HOST_PATTERNS.iter().any(|pattern| match pattern.strip_prefix('*') {
            Some(ending) => host.ends_with(ending),
            None => host == *pattern,
        })
    }

    /// The PEM file of its certificate authority.
    #[must_use]
    pub fn authority_pem(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The hash of its certificate's public key, with which a browser can be told to accept
    /// this certificate and no other.
    #[must_use]
    pub fn spki_sha256_base64(&self) -> &str {
        &self.certificate.spki_sha256_base64
    }

    /// The account that can sign in.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.state.account
    }

    /// The cookies of the latest login.
    #[must_use]
    pub fn issued_cookies(&self) -> Vec<IssuedCookie> {
        self.state.ledger().latest.clone()
    }

    /// Every value of a cookie or of storage that belonged to a login and is long enough not to turn
    /// up elsewhere by chance, and the password.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        let mut secrets = self.state.ledger().secrets.clone();
        secrets.push(self.state.account.password.clone());
        secrets
    }

    /// The requests it got, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.state.requests().clone()
    }

    /// Signs in without a browser and writes that session's cookie file, for tests that
    /// start from a file.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn sign_in_to_file(&self, path: &Path) -> Result<()> {
        let login = self.state.ledger().sign_in()?;
        let now = jiff::Timestamp::now().as_second();
        let live =
            login.cookies.into_iter().map(|issued| issued.cookie).filter(|cookie| !cookie.is_expired(now));
        let cookies: Vec<Cookie> = live.collect();
        let file =
            stagepass_core::netscape::render(&cookies, stagepass_core::netscape::Dialect::HttpOnlyPrefix);
        let mut options = std::fs::OpenOptions::new();
        let mut writer = options.create(true).truncate(true).write(true).mode(0o600).open(path)?;
        Ok(writer.write_all(file.text.expose_secret().as_bytes())?)
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.server.shutdown();
    }
}
