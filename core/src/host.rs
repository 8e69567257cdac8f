//! The messages between the extension and the native-messaging host.
//!
//! A request has an `id` and a `type`, its answer the same `id` and `ok`, and
//! `error: {code, message}` where it failed.

use crate::cookie::Cookie;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The host's name, as its manifests carry it.
pub const HOST_NAME: &str = "app.stagepass.native_host";
/// The id of the development build of the Chromium extension, which follows
/// from the `key` in its manifest.
pub const CHROMIUM_EXTENSION_ID: &str = "keicialbdfcmikegihlaoogfmibkngef";
/// The add-on's id in Firefox.
pub const FIREFOX_EXTENSION_ID: &str = "stagepass@stagepass.app";
/// The longest message from the host that a browser takes.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// The longest message to the host that a browser sends.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024 * 1024;
/// The longest label of an export, in characters.
pub const MAX_LABEL_CHARS: usize = 1024;

/// What an `export` request asks for, beside its `id` and `type`.
#[derive(Debug, Serialize)]
pub struct ExportRequest<'a> {
    /// Repeated in the answer.
    pub id: &'a str,
    /// Always `export`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The platform identifier.
    pub platform: &'a str,
    /// Tells several accounts of one platform apart; may be empty.
    pub label: &'a str,
    /// The cookies to write.
    pub cookies: &'a [Cookie],
    /// When the session ends, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
}

/// What every request begins with, and its answer repeats.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Head {
    /// Null where there is none.
    #[serde(default)]
    pub id: Value,
    /// Null where there is none.
    #[serde(default, rename = "type")]
    pub kind: Value,
}

/// Every answer, the host's and the extension's.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer<T = Map<String, Value>> {
    /// The request's.
    #[serde(flatten)]
    pub head: Head,
    /// Whether it was done.
    pub ok: bool,
    /// The answer's own fields.
    #[serde(flatten)]
    pub fields: T,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<AnswerError>,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerError {
    /// A stable code.
    pub code: String,
    /// Words for people.
    pub message: String,
}
