//! What can go wrong, as the extension learns of it: a stable code, under
//! which it finds its own words, and what a person needs to go on.

use crate::js::{Unexpected, to_js};
use serde::Serialize;
use stagepass_core::Report;
use thiserror::Error;
use wasm_bindgen::JsValue;

/// A failure. Its text never holds a cookie's value, a token or a password.
#[derive(Clone, Debug, Error, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Failure {
    /// The address or identifier can't stand for a platform.
    #[error("this address can't stand for a platform")]
    UnknownPlatform,
    /// The browser has not given the extension access to the site.
    #[error("access to {} has not been given", origins.join(", "))]
    PermissionMissing {
        /// The match patterns to ask for.
        origins: Vec<String>,
    },
    /// The cookie store is gone with its last private window, or the extension
    /// may no longer see it.
    #[error("the private window is gone, or the extension may not see it")]
    StoreGone,
    /// The cookies do not prove a login.
    #[error("not signed in: {} not found", missing.join(", "))]
    NotSignedIn {
        /// The names of the cookies that are not there.
        missing: Vec<&'static str>,
        /// Where to sign in.
        login_url: String,
        /// What became of the cookies that are there.
        report: Box<Report>,
    },
    /// Somebody is signed in, but not as the account that it must be.
    #[error("another account is signed in than the one that was chosen")]
    OtherAccount,
    /// None of the site's cookies can be kept.
    #[error("the site has no cookies that can be kept")]
    NoCookies {
        /// What became of the cookies that are there.
        report: Box<Report>,
    },
    /// Something answers, and has not proved that it is the server.
    #[error("something else answers in place of the server")]
    ServerUnproven,
    /// The server no longer takes the access token.
    #[error("the server does not accept the sign-in")]
    Unauthorized,
    /// The server can't be reached or took too long.
    #[error("the server can't be reached")]
    ServerAway,
    /// The server answered with an error.
    #[error("the server refused: {reason}")]
    ServerRefused {
        /// The HTTP status. Not called `status`: a task's outcome holds this
        /// failure's fields beside a `status` of its own.
        http_status: u16,
        /// The server's own words.
        reason: String,
        /// How long to wait, in seconds, where the server said so.
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
        /// The browser's words.
        reason: String,
    },
    /// The native host answered with an error.
    #[error("the native host refused: {reason}")]
    HostRefused {
        /// The host's code.
        host_code: String,
        /// The host's words.
        reason: String,
    },
    /// The person has not allowed it.
    #[error("this has not been allowed in the extension's popup")]
    NotAllowed,
    /// The browser refused a call, or something is wrong on our side.
    #[error("unexpected: {detail}")]
    Internal {
        /// For a bug report.
        detail: String,
    },
}

impl Failure {
    /// What a browser call was rejected with. Browsers name the fault and the
    /// arguments' names there, never their values.
    pub(crate) fn of_browser(rejection: &JsValue) -> Self {
        Self::of_browsers_words(browser_message(rejection))
    }

    /// The words are all that tells these cases apart; they have been the same for
    /// years in both browsers.
    fn of_browsers_words(words: String) -> Self {
        let is_store_gone = says(&words, "cookie store id") || says(&words, "private cookies");
        if is_store_gone { Self::StoreGone } else { Self::Internal { detail: words } }
    }
}

/// Whether the words are among what a browser says. The standard library's search is
/// quick in long texts, and three times as large.
pub(crate) fn says(text: &str, words: &str) -> bool {
    text.as_bytes().windows(words.len()).any(|part| part == words.as_bytes())
}

/// The `message` of a JavaScript error.
pub(crate) fn browser_message(rejection: &JsValue) -> String {
    let message = js_sys::Reflect::get(rejection, &"message".into()).ok();
    message.and_then(|message| message.as_string()).unwrap_or_else(|| "no reason given".to_owned())
}

impl From<Unexpected> for Failure {
    fn from(_: Unexpected) -> Self {
        Self::Internal { detail: "a value of another form than expected".to_owned() }
    }
}

impl From<Unexpected> for JsValue {
    fn from(unexpected: Unexpected) -> Self {
        Failure::from(unexpected).into()
    }
}

/// The thrown object has the failure's fields, and beside them its text.
impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        let thrown = to_js(&failure).unwrap_or_else(|_| js_sys::Object::new().into());
        // An object that was just made takes every property.
        let _ = js_sys::Reflect::set(&thrown, &"message".into(), &failure.to_string().into());
        thrown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_store_that_is_gone_or_hidden_is_known_by_the_browsers_words() {
        let code = |words: &str| {
            serde_json::to_value(Failure::of_browsers_words(words.to_owned())).unwrap()["code"].clone()
        };
        for words in
            ["Invalid cookie store id: \"1\".", "Extension disallowed access to the private cookies storeId."]
        {
            assert_eq!(code(words), "store_gone");
        }
        assert_eq!(code("No host permissions for cookies at url"), "internal");
    }

    #[test]
    fn a_failure_has_its_code_its_fields_and_a_text() {
        let failure =
            Failure::ServerRefused { http_status: 429, reason: "Slow down".into(), retry_after: Some(30) };
        assert_eq!(
            serde_json::to_value(&failure).unwrap(),
            json!({"code": "server_refused", "http_status": 429, "reason": "Slow down", "retry_after": 30})
        );
        assert_eq!(failure.to_string(), "the server refused: Slow down");
    }
}
