//! A Stagepass server in place of a browser: it serves the sessions of some platforms, and takes
//! rotated cookies back. Knows neither browsers nor exports.
//!
//! The server is untrusted: its answers are checked and bounded, and waits time out.

mod answers;
mod fault;
mod kept;
mod settings;
mod token_file;
mod transport;
mod unsent;

pub(crate) use fault::ServerFault;
pub(crate) use kept::{remove, write};
pub(crate) use settings::{SERVER, Settings, Written, parse_address, plain_http_host};
pub(crate) use token_file::{check as check_token, read as read_token};
pub(crate) use unsent::Unsent;

use crate::utc_time::UtcTime;
use answers::Asked;
use fault::AskFault;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use stagepass_core::api::{GetPlatformSessionRequest, UpdatePlatformSessionRequest};
use stagepass_core::cookie::Cookie;
use stagepass_core::origin_storage::OriginStorage;
use std::time::{Duration, Instant};
use transport::{Answer, Call};
use zeroize::Zeroizing;

/// How long all questions of a command together may take: with its start less than the five seconds
/// that the plugin for yt-dlp waits.
pub(crate) const PATIENCE: Duration = Duration::from_millis(4500);

const GET: &str = "get-platform-session";
const UPDATE: &str = "update-platform-session";

/// A server that can be asked.
#[derive(Debug)]
pub(crate) struct Server {
    settings: Settings,
    token: SecretString,
}

/// A session as the server serves it, checked.
#[derive(Debug)]
pub(crate) struct ServedSession {
    pub(crate) handed_out: HandedOut,
    pub(crate) cookies: Vec<Cookie>,
    pub(crate) origins: Vec<OriginStorage>,
    pub(crate) user_agent: Option<String>,
    pub(crate) expires_at: Option<UtcTime>,
}

/// Which session was handed out, for the way back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HandedOut {
    pub(crate) platform: String,
    connection: String,
    id: String,
}

/// Fails on a system where no server can be asked.
pub(crate) fn check_supported() -> Result<(), ServerFault> {
    transport::check_supported()
}

impl Server {
    /// The configured server with its token: that of the environment or else that of `login`. `None` if
    /// no server is configured.
    pub(crate) fn configured() -> Result<Option<Self>, ServerFault> {
        // A kept token never goes to a server that only the environment names.
        let found = match settings::from_environment()? {
            Some(settings) => Some(settings),
            None => kept::read()?,
        };
        let Some(settings) = found else { return Ok(None) };
        check_supported()?;
        let token = read_token(&settings.token_file)?;
        Ok(Some(Self::new(settings, token)))
    }

    /// A server with these settings and this token. Doesn't ask it yet.
    pub(crate) fn new(settings: Settings, token: SecretString) -> Self {
        Self { settings, token }
    }

    /// Its address, as people write it.
    pub(crate) fn address(&self) -> &str {
        self.settings.address.as_str().trim_end_matches('/')
    }

    /// Where its settings were found.
    pub(crate) fn origin(&self) -> &str {
        &self.settings.origin
    }

    /// The platforms that it serves, sorted.
    pub(crate) fn platforms(&self) -> impl Iterator<Item = &str> {
        self.settings.connections.keys().map(String::as_str)
    }

    /// The newest session of one of its platforms.
    pub(crate) fn session(&self, platform: &str, deadline: Instant) -> Result<ServedSession, ServerFault> {
        let connection = self.settings.connections.get(platform).map_or("", String::as_str);
        let asked = Asked { verb: GET, platform, connection };
        let request =
            GetPlatformSessionRequest { creator_profile_id: connection, platform, drop_expired: true };
        let answer = self.post(GET, &request, deadline);
        answer.and_then(|answer| answers::session(&answer, &asked)).map_err(|fault| self.fault(fault))
    }

    /// Gives back the cookies of a session as they are now.
    pub(crate) fn write_back(
        &self,
        handed_out: &HandedOut,
        cookies: &[Cookie],
        deadline: Instant,
    ) -> Result<(), ServerFault> {
        let HandedOut { platform, connection, id } = handed_out;
        let asked = Asked { verb: UPDATE, platform, connection };
        let request = UpdatePlatformSessionRequest { id, creator_profile_id: connection, platform, cookies };
        let answer = self.post(UPDATE, &request, deadline);
        answer.and_then(|answer| answers::written_back(&answer, &asked)).map_err(|fault| self.fault(fault))
    }

    fn post(&self, verb: &str, request: &impl Serialize, deadline: Instant) -> Result<Answer, AskFault> {
        let body = serde_json::to_vec(request).map_err(|_| AskFault::UnknownForm)?;
        transport::post(&Call {
            address: &self.settings.address,
            path: &format!("/api/credentials/{verb}"),
            token: &self.token,
            body: Zeroizing::new(body),
            deadline,
        })
    }

    fn fault(&self, fault: AskFault) -> ServerFault {
        ServerFault::Asking { server: self.address().to_owned(), fault }
    }
}
