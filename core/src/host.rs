//! The messages between the extension and the native-messaging host.
//!
//! A request has an `id` and a `type`. Its answer repeats them and has `ok`, and after a
//! failure `error: {code, message}`.

use crate::cookie::Cookie;
use crate::origin_storage::OriginStorage;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The host's name in its manifests.
pub const HOST_NAME: &str = "app.stagepass.native_host";
/// The id of the Chromium extension's development build, derived from the `key` in its
/// manifest.
pub const CHROMIUM_EXTENSION_ID: &str = "keicialbdfcmikegihlaoogfmibkngef";
/// The add-on's id in Firefox.
pub const FIREFOX_EXTENSION_ID: &str = "stagepass@stagepass.app";
/// The longest message that a browser accepts from the host.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// The longest message that a browser sends to the host.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024 * 1024;
/// The longest label of an export, in characters.
pub const MAX_LABEL_CHARS: usize = 1024;
/// The longest user agent of an export or a hand-over, in characters.
pub const MAX_USER_AGENT_CHARS: usize = 1024;

/// An `export` request.
#[derive(Debug, Serialize)]
pub struct ExportRequest<'a> {
    /// The request's id, which the answer repeats.
    pub id: &'a str,
    /// Always `export`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The platform identifier.
    pub platform: &'a str,
    /// Distinguishes several accounts of one platform; may be empty.
    pub label: &'a str,
    /// The cookies to write.
    pub cookies: &'a [Cookie],
    /// The origin storage to write.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub origins: &'a [OriginStorage],
    /// The browser's user agent, which some platforms bind a session to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<&'a str>,
    /// When the session ends, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
}

/// The fields that every request has and every answer repeats.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Head {
    /// Null if the request has none.
    #[serde(default)]
    pub id: Value,
    /// Null if the request has none.
    #[serde(default, rename = "type")]
    pub kind: Value,
}

/// An answer of the host or the extension.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer<T = Map<String, Value>> {
    /// Repeats the request's `id` and `type`.
    #[serde(flatten)]
    pub head: Head,
    /// Whether the request succeeded.
    pub ok: bool,
    /// The fields of this kind of answer.
    #[serde(flatten)]
    pub fields: T,
    /// Why the request failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<AnswerError>,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerError {
    /// A stable code.
    pub code: String,
    /// A text for people.
    pub message: String,
}
