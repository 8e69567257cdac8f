//! The failures that the extension gets: a stable code, for which it has a text, and the
//! details that a person needs.

use crate::js::{Unexpected, to_js};
use serde::Serialize;
use stagepass_core::Report;
use thiserror::Error;
use wasm_bindgen::JsValue;

/// A failure. Its text never contains a cookie's value, a token or a password.
#[derive(Clone, Debug, Error, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Failure {
    /// The address or identifier doesn't belong to a platform.
    #[error("this address doesn't belong to a platform")]
    UnknownPlatform,
    /// The extension has no access to the site.
    #[error("Stagepass has no access to {}", origins.join(", "))]
    PermissionMissing {
        /// The match patterns to request.
        origins: Vec<String>,
    },
    /// The cookie store disappeared with its last private window, or the extension may no
    /// longer see it.
    #[error("the private window is closed or hidden from Stagepass")]
    StoreGone,
    /// The cookies do not prove a login.
    #[error("not signed in: {} not found", missing.join(", "))]
    NotSignedIn {
        /// The names of the missing cookies and storage entries.
        missing: Vec<&'static str>,
        /// Where to sign in.
        login_url: String,
        /// The report on the site's cookies.
        report: Box<Report>,
    },
    /// No tab shows a page of an origin whose storage belongs to the session.
    #[error("no tab shows a page of {origin}")]
    NoTab {
        /// The origin.
        origin: String,
        /// A page to open there.
        url: String,
        /// Whether a tab is there that the browser has unloaded.
        asleep: bool,
    },
    /// The tab closed or went elsewhere while it was read.
    #[error("the tab at {origin} has changed")]
    TabChanged {
        /// The origin.
        origin: String,
    },
    /// The tab did not answer in time.
    #[error("the tab at {origin} does not answer")]
    TabSilent {
        /// The origin.
        origin: String,
    },
    /// The page does not hold an entry that the login needs or the person has chosen, or not yet.
    #[error("{origin} lacks {entry}")]
    EntryMissing {
        /// The origin.
        origin: String,
        /// The entry's name.
        entry: String,
    },
    /// A wanted entry holds text that is not well-formed Unicode.
    #[error("{entry} of {origin} is not well-formed text")]
    StorageIllFormed {
        /// The origin.
        origin: String,
        /// The entry's name.
        entry: String,
    },
    /// The wanted entries are too many or too large.
    #[error("{origin} stores too much")]
    StorageTooLarge {
        /// The origin.
        origin: String,
    },
    /// The browser lets pages of this origin store nothing.
    #[error("{origin} may store nothing in this browser")]
    StorageBlocked {
        /// The origin.
        origin: String,
    },
    /// A different account is signed in than the required one.
    #[error("another account is signed in")]
    OtherAccount,
    /// None of the site's cookies is usable.
    #[error("the site has no usable cookies")]
    NoCookies {
        /// The report on the site's cookies.
        report: Box<Report>,
    },
    /// Whatever answers has not proved the server's key.
    #[error("something else answers in place of the server")]
    ServerUnproven,
    /// The server no longer accepts the access token.
    #[error("the server doesn't accept the sign-in")]
    Unauthorized,
    /// The server can't be reached or took too long.
    #[error("the server can't be reached")]
    ServerAway,
    /// The server answered with an error.
    #[error("the server refused: {reason}")]
    ServerRefused {
        /// The HTTP status. Not called `status`, because a task's outcome has this failure's
        /// fields and a `status` of its own.
        http_status: u16,
        /// The server's message.
        reason: String,
        /// How many seconds to wait, if the server said so.
        retry_after: Option<u32>,
    },
    /// The native host is not installed.
    #[error("the native host is not installed")]
    NoHost,
    /// The native host is installed, but not for this extension.
    #[error("the native host does not allow this extension")]
    HostForbidden,
    /// The native host ended without an answer.
    #[error("the native host ended without an answer: {reason}")]
    HostFailed {
        /// The browser's message.
        reason: String,
    },
    /// The native host exports cookies alone, and this login is in storage alone.
    #[error("the native host is too old for what the site stores")]
    OldHost,
    /// The native host answered with an error.
    #[error("the native host refused: {reason}")]
    HostRefused {
        /// The host's code.
        host_code: String,
        /// The host's message.
        reason: String,
    },
    /// The person has not allowed this hand-over.
    #[error("this is not allowed in Stagepass's popup")]
    NotAllowed,
    /// The person switched this hand-over off while the login was read.
    #[error("this was switched off in Stagepass's popup while the login was read")]
    SwitchedOff,
    /// The browser refused a call, or there is a bug.
    #[error("unexpected: {detail}")]
    Internal {
        /// The text for a bug report.
        detail: String,
    },
}

impl Failure {
    /// Converts the error of a rejected browser call. Browsers name the fault and the arguments
    /// there, but never values.
    pub(crate) fn of_browser(rejection: &JsValue) -> Self {
        Self::of_browser_message(browser_message(rejection))
    }

    /// Only the message distinguishes these cases; both browsers have kept it for years.
    fn of_browser_message(message: String) -> Self {
        let is_store_gone = contains(&message, "cookie store id") || contains(&message, "private cookies");
        if is_store_gone { Self::StoreGone } else { Self::Internal { detail: message } }
    }
}

/// Whether `text` contains `part`. The standard library's search is faster in long texts, but
/// would add three times as much code to the module.
pub(crate) fn contains(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window == part.as_bytes())
}

/// The `message` of a JavaScript error.
pub(crate) fn browser_message(rejection: &JsValue) -> String {
    let message = js_sys::Reflect::get(rejection, &"message".into()).ok();
    message.and_then(|message| message.as_string()).unwrap_or_else(|| "no reason given".to_owned())
}

impl From<Unexpected> for Failure {
    fn from(_: Unexpected) -> Self {
        Self::Internal { detail: "a value has an unexpected form".to_owned() }
    }
}

impl From<Unexpected> for JsValue {
    fn from(unexpected: Unexpected) -> Self {
        Failure::from(unexpected).into()
    }
}

/// The thrown object has the failure's fields and its text as `message`.
impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        let thrown = to_js(&failure).unwrap_or_else(|_| js_sys::Object::new().into());
        // Never fails: the object is new.
        let _ = js_sys::Reflect::set(&thrown, &"message".into(), &failure.to_string().into());
        thrown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn recognises_a_closed_or_hidden_store_by_the_browsers_message() {
        let code = |message: &str| {
            serde_json::to_value(Failure::of_browser_message(message.to_owned())).unwrap()["code"].clone()
        };
        for message in
            ["Invalid cookie store id: \"1\".", "Extension disallowed access to the private cookies storeId."]
        {
            assert_eq!(code(message), "store_gone");
        }
        assert_eq!(code("No host permissions for cookies at url"), "internal");
    }

    #[test]
    fn serialises_a_failure_with_its_code_and_fields() {
        let failure =
            Failure::ServerRefused { http_status: 429, reason: "Slow down".into(), retry_after: Some(30) };
        assert_eq!(
            serde_json::to_value(&failure).unwrap(),
            json!({"code": "server_refused", "http_status": 429, "reason": "Slow down", "retry_after": 30})
        );
        assert_eq!(failure.to_string(), "the server refused: Slow down");
    }
}
