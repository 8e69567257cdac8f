//! The conversation with a browser: one answer to each message, until it ends.
//! Knows neither how frames are written nor how exports are stored.

use crate::error::Error;
use crate::exports::{Exports, Written};
use crate::frame;
use crate::request::{Action, Request, TYPES};
use serde_json::{Map, Value, json};
use stagepass_core::host::{Answer, AnswerError};
use std::io::{Read, Write};

/// Answers every message of `input` on `output`. A fault in one message is its
/// answer, and the next one is read.
///
/// # Errors
/// [`Error::BrokenFrame`] where the browser broke off. After a frame that is too
/// long nothing more can be read, which ends the conversation like its end.
pub fn serve(mut input: impl Read, mut output: impl Write, exports: &Exports) -> Result<(), Error> {
    loop {
        let request = match frame::read(&mut input) {
            Ok(None) => return Ok(()),
            Ok(Some(message)) => Request::parse(message),
            Err(fault @ (Error::BadJson { .. } | Error::TooManyValues)) => Request::unreadable(fault),
            Err(fault @ Error::RequestTooLarge(_)) => {
                return send(&mut output, &answer(Request::unreadable(fault), exports));
            }
            Err(fault) => return Err(fault),
        };
        send(&mut output, &answer(request, exports))?;
    }
}

/// Sends the answer, or where it is too large for a browser, the news of that.
fn send(mut output: impl Write, answer: &Answer) -> Result<(), Error> {
    match frame::write(&mut output, answer) {
        Err(fault @ Error::AnswerTooLarge(_)) => {
            frame::write(&mut output, &failure(answer.id.clone(), answer.kind.clone(), &fault))
        }
        outcome => outcome,
    }
}

fn answer(request: Request, exports: &Exports) -> Answer {
    let Request { id, kind, action } = request;
    match action.and_then(|action| act(action, exports)) {
        Ok(fields) => Answer { id, kind, ok: true, fields, error: None },
        Err(fault) => failure(id, kind, &fault),
    }
}

fn failure(id: Value, kind: Value, fault: &Error) -> Answer {
    let error = AnswerError { code: fault.code().to_owned(), message: fault.to_string() };
    Answer { id, kind, ok: false, fields: Map::new(), error: Some(error) }
}

/// Does what is asked and tells the answer's own fields.
fn act(action: Action, exports: &Exports) -> Result<Map<String, Value>, Error> {
    let fields = match action {
        Action::Hello => json!({"version": env!("CARGO_PKG_VERSION"), "capabilities": TYPES}),
        Action::Export(export) => written_fields(&exports.write(&export)?),
        Action::List => json!({"exports": exports.list()?}),
        Action::Delete(key) => json!({"deleted": exports.delete(&key)?}),
        Action::Verify(key) => {
            let path = exports.path(&key);
            json!({"path": path.to_string_lossy(), "cookie_count": exports.verify(&key)?})
        }
    };
    match fields {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}

fn written_fields(written: &Written) -> Value {
    let path = written.path.to_string_lossy();
    json!({
        "path": path,
        "cookie_count": written.cookie_count,
        "expires_at": written.expires_at,
        "command": format!("yt-dlp --cookies {}", quote(&path)),
        "losses": written.losses,
    })
}

#[cfg(unix)]
fn quote(path: &str) -> String {
    // Only a zero byte can't be quoted, which no path holds.
    shlex::try_quote(path).map_or_else(|_| path.to_owned(), std::borrow::Cow::into_owned)
}

/// A path on Windows holds no quotation mark.
#[cfg(not(unix))]
fn quote(path: &str) -> String {
    format!("\"{path}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn quotes_a_path_for_the_shell() {
        for path in ["/plain/path.txt", "/home/o'neill/a b/$(id)/c.txt"] {
            assert_eq!(shlex::split(&quote(path)).unwrap(), [path]);
        }
        assert_eq!(quote("/plain/path.txt"), "/plain/path.txt");
    }
}
