//! The sample platform: an HTTPS server on loopback that answers under a real
//! platform's names, has a login form, sets cookies as that platform does, and
//! shows a video to signed-in people alone.
//!
//! What it issued and what it was asked can be read in Rust, never over HTTP.
//! It knows nothing of Stagepass beyond core's notion of a cookie.

use anyhow::{Context, Result};
use axum_server::tls_rustls::RustlsConfig;
use secrecy::{ExposeSecret as _, SecretString};
use stagepass_core::Cookie;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod certificate;
mod session;
mod site;

use certificate::Certificate;

/// The platform's names: those for whom the certificate is, the proxy's
/// destinations, and what the browser maps to loopback.
const HOST_PATTERNS: &[&str] =
    &["instagram.com", "*.instagram.com", "cdninstagram.com", "*.cdninstagram.com", SHORT_HOST];
/// The host of the platform's short links, which is no site of its own.
pub const SHORT_HOST: &str = "instagr.am";
/// A short link that leads to [`VIDEO_URL`].
pub const SHORT_URL: &str = "https://instagr.am/backstage";
/// The front page.
pub const FRONT_URL: &str = "https://www.instagram.com/";
/// The page with the login form.
pub const LOGIN_URL: &str = "https://www.instagram.com/accounts/login/";
/// The video that only signed-in people may see.
pub const VIDEO_URL: &str = "https://www.instagram.com/video/backstage.mp4";

/// The same video at an address where every request replaces the session: only
/// whoever has the newest `sessionid` is signed in afterwards.
pub const ROTATING_VIDEO_URL: &str = "https://www.instagram.com/video/encore.mp4";
/// What such a request sets besides, which no login does.
pub const ROTATION_COOKIE: &str = "ig_encore";
/// The same video at an address that sets cookies of odd forms: one that lasts as
/// long as a date can be written, and one without `=`.
pub const ODD_VIDEO_URL: &str = "https://www.instagram.com/video/anthem.mp4";

/// The bytes of the video.
pub static VIDEO: &[u8] = include_bytes!("../assets/backstage.mp4");

/// The one account of the sample platform.
#[derive(Debug)]
pub struct Account {
    /// The name to sign in with.
    pub username: &'static str,
    /// Made up at every start.
    pub password: SecretString,
}

/// A cookie as the platform set it and as a browser is to hold it. Its expiry
/// counts from when the server made it, so a browser's is up to two seconds later.
#[derive(Clone, Debug)]
pub struct IssuedCookie {
    /// The cookie; one that is expired on arrival is among them.
    pub cookie: Cookie,
    /// Whether it was set `Partitioned` (CHIPS).
    pub is_partitioned: bool,
}

/// A request that the platform has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// The method.
    pub method: String,
    /// The name it was asked under.
    pub host: String,
    /// The path, without its query.
    pub path: String,
    /// The status of the answer.
    pub status: u16,
    /// Whether it came with a cookie.
    pub has_cookies: bool,
}

/// What the server keeps.
#[derive(Debug)]
struct State {
    account: Account,
    ledger: Mutex<session::Ledger>,
    requests: Mutex<Vec<RequestRecord>>,
}

impl State {
    fn ledger(&self) -> MutexGuard<'_, session::Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
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
        let state = Arc::new(State { account, ledger: Mutex::default(), requests: Mutex::default() });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on loopback")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let handle = axum_server::Handle::new();
        let tls = RustlsConfig::from_config(Arc::clone(&certificate.server_config));
        let server = axum_server::from_tcp_rustls(listener, tls)?.handle(handle.clone());
        tokio::spawn(server.serve(site::router(Arc::clone(&state)).into_make_service()));
        handle.listening().await.context("the sample platform does not listen")?;
        Ok(Self { state, address, certificate, folder, server: handle })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The names that it answers under, `*.` for all below.
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

    /// The PEM file of the authority that vouches for it.
    #[must_use]
    pub fn authority_pem(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The hash of its certificate's public key, by which a browser can be told
    /// to accept this certificate and no other.
    #[must_use]
    pub fn spki_sha256_base64(&self) -> &str {
        &self.certificate.spki_sha256_base64
    }

    /// Who can sign in.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.state.account
    }

    /// The cookies of the latest login.
    #[must_use]
    pub fn issued_cookies(&self) -> Vec<IssuedCookie> {
        self.state.ledger().latest.clone()
    }

    /// Every value that was ever put into a cookie and is long enough that it
    /// can't be found elsewhere by chance, and the password.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        let mut secrets = self.state.ledger().secrets.clone();
        secrets.push(self.state.account.password.clone());
        secrets
    }

    /// What it was asked, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.state.requests().clone()
    }

    /// Signs in as a browser would, without one, and writes the cookie file of
    /// that session: for tests that start from a file.
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
