//! The errors of calls to Directus, in words that may go to a caller.

use crate::masking::{Mask, hide_with};
use serde::Deserialize;
use serde_json::json;
use std::fmt;

/// The longest text of an error, in characters.
const MAX_CHARS: usize = 500;
/// The most faults of one answer to pass on.
const MAX_MESSAGES: usize = 10;

/// Why a call to Directus failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DirectusError {
    /// The answer is an error, or not in the form of Directus.
    Status {
        status: u16,
        /// The path that was called.
        path: String,
        /// The messages of Directus, without values that Stagepass sent.
        messages: Vec<String>,
        /// The code of Directus for the first fault, such as `RECORD_NOT_UNIQUE`.
        code: Option<String>,
    },
    /// Directus refused the call unread: one of its limiters, or a proxy before it, reports too
    /// many calls.
    // Decision: docs/decisions/storage.md#a-busy-directus-gives-503
    Busy { retry_after_s: u64 },
    /// The call took too long.
    TimedOut,
    /// Directus can't be reached.
    Unavailable,
}

impl std::error::Error for DirectusError {}

impl DirectusError {
    /// Reads the body of an error answer. `texts` are values that were sent, including the bearer
    /// token, which Directus may quote.
    pub(super) fn read(status: u16, path: &str, body: &[u8], texts: &[&str]) -> Self {
        #[derive(Deserialize)]
        struct Body {
            errors: Vec<Fault>,
        }
        #[derive(Deserialize)]
        struct Fault {
            message: String,
            #[serde(default)]
            extensions: Extensions,
        }
        #[derive(Default, Deserialize)]
        struct Extensions {
            code: Option<String>,
        }
        let Ok(Body { errors }) = serde_json::from_slice(body) else { return Self::garbage(status, path) };
        let code = errors.first().and_then(|fault| fault.extensions.code.clone());
        let mask = Mask::of(texts.iter().copied(), body.len());
        // Hide first: a secret cut in two would not be found.
        let shorten = |message: String| hide_with(&message, mask.as_ref()).chars().take(MAX_CHARS).collect();
        let messages = errors.into_iter().take(MAX_MESSAGES).map(|fault| shorten(fault.message)).collect();
        Self::Status { status, path: path.to_owned(), messages, code }
    }

    /// An answer that is not in Directus's form.
    pub(crate) fn garbage(status: u16, path: &str) -> Self {
        let messages = vec!["the answer is not from Directus".to_owned()];
        Self::Status { status, path: path.to_owned(), messages, code: None }
    }

    pub(crate) fn has_code(&self, wanted: &str) -> bool {
        matches!(self, Self::Status { code: Some(code), .. } if code == wanted)
    }

    /// Whether the token is invalid or lacks the permission.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { status: 401 | 403, code: Some(_), .. })
    }
}

impl fmt::Display for DirectusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (status, path, messages) = match self {
            Self::Status { status, path, messages, .. } => (status, path, messages),
            Self::Busy { .. } => return f.write_str("Directus busy"),
            Self::TimedOut => return f.write_str("Directus took too long"),
            Self::Unavailable => return f.write_str("Directus unavailable"),
        };
        let render = |messages: &[String]| {
            let errors: Vec<_> = messages.iter().map(|message| json!({ "message": message })).collect();
            format!("Directus {status} {path}: {}", json!({ "errors": errors }))
        };
        // Shorten from the end, so that the rest is still JSON.
        let mut messages = messages.clone();
        let mut text = render(&messages);
        while text.chars().count() > MAX_CHARS {
            let Some(last) = messages.last_mut() else { break };
            if last.pop().is_none() {
                messages.pop();
            }
            text = render(&messages);
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &serde_json::Value, texts: &[&str]) -> DirectusError {
        DirectusError::read(400, "/items/x", body.to_string().as_bytes(), texts)
    }

    #[test]
    fn keeps_only_the_messages() {
        let extensions = json!({"code": "INVALID_PAYLOAD", "stack": "at /srv/x.js"});
        let error = read(&json!({"errors": [{"message": "Invalid UUID", "extensions": extensions}]}), &[]);
        assert_eq!(error.to_string(), r#"Directus 400 /items/x: {"errors":[{"message":"Invalid UUID"}]}"#);
        assert!(error.has_code("INVALID_PAYLOAD") && !error.has_code("FORBIDDEN"));
    }

    #[test]
    fn hides_values_that_were_sent() {
        let message = r#"Value "some-one" for field "username" has to be unique."#;
        let error = read(&json!({"errors": [{"message": message}]}), &["some-one", "some"]);
        let text = error.to_string();
        assert!(text.contains(r#"Value \"…\" for field \"username\""#) && !text.contains("some"), "{text}");
        let error = read(&json!({"errors": [{"message": r#"Value "x" is no example"#}]}), &["x"]);
        assert!(error.to_string().contains(r#"Value \"…\" is no example"#), "{error}");
    }

    #[test]
    fn hides_every_part_of_an_escaped_value() {
        let value = r#"se"cr'et\with secret ends"#;
        for quoted in [
            r#"se"cr'et\with secret ends"#,
            r#"se\"cr'et\\with secret ends"#,
            r#"se"cr\'et\\with secret ends"#,
            r#"se"cr''et\with secret ends"#,
            r#"se"cr''et\\with secret ends"#,
            r#"se""cr'et\with secret ends"#,
        ] {
            let message = format!("Value \"{quoted}\" for field \"a\" is too long");
            let text = read(&json!({"errors": [{"message": message}]}), &[value]).to_string();
            assert!(text.contains(r#"Value \"…\" for field \"a\" is too long"#), "{text}");
        }
        let error =
            read(&json!({"errors": [{"message": r#"Value "a\"b" or 'a"b' or "\n""#}]}), &["a\"b", "\n"]);
        assert!(error.to_string().contains(r#"Value \"…\" or '…' or \"…\""#), "{error}");
    }

    #[test]
    fn hides_a_whole_secret_at_the_end_of_a_shortened_message() {
        let secret = "a-planted-token-of-the-caller";
        let message = format!("{}{secret}", "x".repeat(MAX_CHARS - 10));
        let text = read(&json!({"errors": [{"message": message}]}), &[secret]).to_string();
        assert!(!text.contains("a-plan"), "{text}");
    }

    #[test]
    fn has_at_most_500_characters_and_stays_json() {
        let long = json!({"message": "\"ä".repeat(300)});
        for faults in [vec![long.clone()], vec![json!({"message": "short"}), long.clone(), long]] {
            let text = read(&json!({ "errors": faults }), &[]).to_string();
            assert!(text.chars().count() <= MAX_CHARS && text.chars().count() > MAX_CHARS - 20, "{text}");
            let (_, body) = text.split_once(": ").unwrap();
            assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{body}");
        }
    }

    #[test]
    fn reports_an_answer_that_is_not_json_without_repeating_it() {
        for body in [&b"<html>secret</html>"[..], b"", b"{}", b"{\"errors\":\"secret\"}", b"\xff"] {
            let error = DirectusError::read(500, "/items/x", body, &[]);
            assert_eq!(error, DirectusError::garbage(500, "/items/x"));
            assert!(!error.to_string().contains("secret"));
        }
    }
}
