//! Why no session can be got from a server, or nothing can go back to it, and what to do about it.
//! No message has a secret, or words of the server, which could repeat one.

use crate::error::Error;
use std::path::PathBuf;
use thiserror::Error;

/// Why a server can't be used.
#[derive(Debug, Error)]
pub(crate) enum ServerFault {
    /// A setting is not valid; the text says what it must be.
    #[error("{name} {fault}")]
    Setting { name: String, fault: &'static str },
    /// A variable that belongs to another one, which is not set.
    #[error("{variable} is set, but not {missing}; set both, or unset {variable}")]
    Missing { variable: &'static str, missing: &'static str },
    /// The file with the token can't be used.
    #[error("the token file {}: {fault}", .path.display())]
    TokenFile { path: PathBuf, fault: String },
    #[error("the token must be one word of visible ASCII characters, such as sp_svc_…")]
    Token,
    #[error("your folder for settings is not known; set HOME or XDG_CONFIG_HOME")]
    NoConfigFolder,
    #[error(transparent)]
    File(#[from] Error),
    #[error("the Stagepass server {server} {fault}")]
    Asking { server: String, fault: AskFault },
    #[cfg(not(target_os = "linux"))]
    #[error("only on Linux can sessions come from a Stagepass server")]
    OnlyOnLinux,
}

/// Why a server has not done what it was asked for. Each message follows the server's address. Only on
/// Linux is a server asked.
#[derive(Debug, Error)]
pub(crate) enum AskFault {
    #[error("can't be asked: {0}")]
    NoClient(String),
    #[cfg(target_os = "linux")]
    #[error("can't be reached: {0}")]
    Away(String),
    #[cfg(target_os = "linux")]
    #[error("did not answer in time")]
    Slow,
    #[cfg(target_os = "linux")]
    #[error(
        "has a certificate that this system doesn't trust: {0}. Add its authority to the system's, or name \
         its file in SSL_CERT_FILE"
    )]
    Untrusted(String),
    #[cfg(target_os = "linux")]
    #[error("answers with too much")]
    TooMuch,
    #[error(
        "answers with a redirect, which is not followed, so that the token goes nowhere else. Use the address \
         that it leads to"
    )]
    Redirect,
    #[error("answers without JSON (status {0}): is this its address?")]
    NotJson(u16),
    #[error("answers in a form that this version doesn't know")]
    UnknownForm,
    #[error("doesn't answer to this host name; allow it there with STAGEPASS_ALLOWED_HOSTS")]
    HostName,
    #[error("doesn't know the token: it is wrong, or was revoked")]
    UnknownToken,
    #[error("doesn't let this token use {verb} for {platform}: the token needs this verb and this platform")]
    NoRight { verb: &'static str, platform: String },
    #[error("has no connection {connection} of {platform}")]
    NoConnection { connection: String, platform: String },
    #[error("has no session of {0}; its owner must capture one")]
    NoSession(String),
    #[error("has only an expired session of {0}; its owner must capture a new one")]
    Expired(String),
    #[error("served a session that is not one of {platform}: {fault}")]
    BadSession { platform: String, fault: String },
    #[error(
        "takes no replaced cookies of {0} from services, because its owner has not allowed that (write-back, \
         in the extension under Keep up to date)"
    )]
    WriteBackNotAllowed(String),
    #[error("has a newer session of {0} by now, which stays")]
    Superseded(String),
    #[error("finds that the replaced cookies of {0} are not of the same login")]
    DifferentAccount(String),
    #[error("was given replaced cookies of {0} less than a minute ago{1}")]
    TooOften(String, String),
    #[error("takes no session of {0} that is as large as this one")]
    TooLarge(String),
    #[error("can't answer now (status {0}); try again later")]
    Busy(u16),
    #[error("refuses the request (status {0})")]
    Refused(u16),
}

impl ServerFault {
    /// Whether the server may still serve other platforms.
    pub(crate) fn is_about_one_platform(&self) -> bool {
        let Self::Asking { fault, .. } = self else { return false };
        let is_of_connection = matches!(fault, AskFault::NoRight { .. } | AskFault::NoConnection { .. });
        is_of_connection || matches!(fault, AskFault::BadSession { .. }) || self.is_missing_session()
    }

    /// Whether the server never takes what it has not taken now. A proxy in front of it may say much
    /// else while it is away.
    pub(crate) fn is_final(&self) -> bool {
        let Self::Asking { fault, .. } = self else { return false };
        let is_of_cookies = matches!(fault, AskFault::Superseded(_) | AskFault::DifferentAccount(_));
        is_of_cookies || matches!(fault, AskFault::TooLarge(_) | AskFault::WriteBackNotAllowed(_))
    }

    /// Whether the token and the connection are right, and only a live session is missing.
    pub(crate) fn is_missing_session(&self) -> bool {
        matches!(self, Self::Asking { fault: AskFault::NoSession(_) | AskFault::Expired(_), .. })
    }
}
