//! What can go wrong with a call of Directus, in words that may go to a caller.

use crate::masking::{Mask, hide_with};
use serde::Deserialize;
use serde_json::json;
use std::fmt;

/// The longest text of an error, in characters.
const MAX_CHARS: usize = 500;
/// How many faults of one answer are passed on.
const MAX_MESSAGES: usize = 10;

/// Why Directus did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DirectusError {
    /// It answered with an error, or with what is no answer of Directus.
    Status {
        status: u16,
        /// The path that was called.
        path: String,
        /// Its words, without values of ours.
        messages: Vec<String>,
        /// Its code for the first fault, such as `RECORD_NOT_UNIQUE`.
        code: Option<String>,
    },
    /// It did not look at the call: one of its limiters, or a proxy before it, says that
    /// there are too many.
    Busy { retry_after_s: u64 },
    /// It took too long.
    TimedOut,
    /// It can't be reached.
    Unavailable,
}

impl std::error::Error for DirectusError {}

impl DirectusError {
    /// Reads the body of an error answer. `texts` are values that were sent, the
    /// bearer's token among them, which Directus likes to quote.
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
        // Hidden first: of what is cut in two no part would be found.
        let shorten = |message: String| hide_with(&message, mask.as_ref()).chars().take(MAX_CHARS).collect();
        let messages = errors.into_iter().take(MAX_MESSAGES).map(|fault| shorten(fault.message)).collect();
        Self::Status { status, path: path.to_owned(), messages, code }
    }

    /// An answer that Directus does not give.
    pub(crate) fn garbage(status: u16, path: &str) -> Self {
        let messages = vec!["the answer is not one of Directus".to_owned()];
        Self::Status { status, path: path.to_owned(), messages, code: None }
    }

    /// Whether Directus gave this code.
    pub(crate) fn has_code(&self, wanted: &str) -> bool {
        matches!(self, Self::Status { code: Some(code), .. } if code == wanted)
    }

    /// Whether the bearer is nobody, or may not do what was asked.
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
        // Cut from the end, so that what is left is still JSON.
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
    fn is_cut_down_to_the_messages() {
        let extensions = json!({"code": "INVALID_PAYLOAD", "stack": "at /srv/x.js"});
        let error = read(&json!({"errors": [{"message": "Invalid UUID", "extensions": extensions}]}), &[]);
        assert_eq!(error.to_string(), r#"Directus 400 /items/x: {"errors":[{"message":"Invalid UUID"}]}"#);
        assert!(error.has_code("INVALID_PAYLOAD") && !error.has_code("FORBIDDEN"));
    }

    #[test]
    fn quotes_no_value_of_ours() {
        let message = r#"Value "some-one" for field "username" has to be unique."#;
        let error = read(&json!({"errors": [{"message": message}]}), &["some-one", "some"]);
        let text = error.to_string();
        assert!(text.contains(r#"Value \"…\" for field \"username\""#) && !text.contains("some"), "{text}");
        let error = read(&json!({"errors": [{"message": r#"Value "x" is no example"#}]}), &["x"]);
        assert!(error.to_string().contains(r#"Value \"…\" is no example"#), "{error}");
    }

    #[test]
    fn quotes_no_part_of_a_value_that_is_escaped() {
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
    fn a_secret_that_stands_where_a_message_is_cut_is_hidden_whole() {
        let secret = "a-planted-token-of-the-caller";
        let message = format!("{}{secret}", "x".repeat(MAX_CHARS - 10));
        let text = read(&json!({"errors": [{"message": message}]}), &[secret]).to_string();
        assert!(!text.contains("a-plan"), "{text}");
    }

    #[test]
    fn has_500_characters_at_most_and_stays_json() {
        let long = json!({"message": "\"ä".repeat(300)});
        for faults in [vec![long.clone()], vec![json!({"message": "short"}), long.clone(), long]] {
            let text = read(&json!({ "errors": faults }), &[]).to_string();
            assert!(text.chars().count() <= MAX_CHARS && text.chars().count() > MAX_CHARS - 20, "{text}");
            let (_, body) = text.split_once(": ").unwrap();
            assert!(serde_json::from_str::<serde_json::Value>(body).is_ok(), "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_apart_and_not_repeated() {
        for body in [&b"<html>secret</html>"[..], b"", b"{}", b"{\"errors\":\"secret\"}", b"\xff"] {
            let error = DirectusError::read(500, "/items/x", body, &[]);
            assert_eq!(error, DirectusError::garbage(500, "/items/x"));
            assert!(!error.to_string().contains("secret"));
        }
    }
}
