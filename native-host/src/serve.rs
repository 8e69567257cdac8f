//! The conversation with a browser: one answer to each message, until it ends.
//! Knows neither how frames are written nor how exports are stored.

use crate::bridge::Bridge;
use crate::error::Error;
use crate::exports::{Exports, Written};
use crate::frame::{self, ToBrowser};
use crate::request::{Action, Request, TYPES};
use crate::shell::quoted;
use serde_json::{Map, Value, json};
use stagepass_core::host::{Answer, AnswerError, Head};
use std::io::{Read, Write};
use std::path::Path;

/// The most lines of a file that an answer names.
const MAX_LEFT_OUT: usize = 20;

/// Answers every message of `input` on `output`. A fault in one message is its
/// answer, and the next one is read. Files are kept in `host_dir`.
///
/// # Errors
/// [`Error::BrokenFrame`] where the browser broke off. After a frame that is too
/// long nothing more can be read, which ends the conversation like its end.
pub fn serve(
    mut input: impl Read,
    output: impl Write + Send + 'static,
    host_dir: &Path,
) -> Result<(), Error> {
    let to_browser = ToBrowser::new(output);
    let bridge = Bridge::new(host_dir, to_browser.clone());
    let mut host = Host { exports: Exports::new(host_dir), bridge };
    loop {
        let request = match frame::read(&mut input) {
            Ok(None) => return Ok(()),
            Ok(Some(message)) if is_answer(&message) => {
                host.take_answer(message);
                continue;
            }
            Ok(Some(message)) => Request::parse(message),
            Err(fault @ (Error::BadJson { .. } | Error::TooManyValues(_))) => Request::unreadable(fault),
            Err(fault @ Error::RequestTooLarge(_)) => {
                return send(&to_browser, &host.answer(Request::unreadable(fault)));
            }
            Err(fault) => return Err(fault),
        };
        send(&to_browser, &host.answer(request))?;
    }
}

/// Answers every message with what keeps this program from serving at all.
///
/// # Errors
/// [`Error::BrokenFrame`] where the browser broke off, and those of a bad frame.
pub fn refuse(mut input: impl Read, output: impl Write + Send + 'static, fault: &Error) -> Result<(), Error> {
    let to_browser = ToBrowser::new(output);
    while let Some(message) = frame::read(&mut input)? {
        send(&to_browser, &failure(Request::parse(message).head, fault))?;
    }
    Ok(())
}

/// Sends the answer, or where it is too large for a browser, the news of that.
fn send(to_browser: &ToBrowser, answer: &Answer) -> Result<(), Error> {
    match to_browser.send(answer) {
        Err(fault @ Error::AnswerTooLarge(_)) => to_browser.send(&failure(answer.head.clone(), &fault)),
        outcome => outcome,
    }
}

/// Whether the message answers a question of the bridge's.
fn is_answer(message: &Value) -> bool {
    message.get("ok").is_some_and(Value::is_boolean)
}

/// All that a message can be about.
struct Host {
    exports: Exports,
    bridge: Bridge,
}

impl Host {
    /// A malformed answer is none: who waits for it stops waiting in time.
    fn take_answer(&self, message: Value) {
        if let Ok(answer) = serde_json::from_value(message) {
            self.bridge.deliver(answer);
        }
    }

    fn answer(&mut self, request: Request) -> Answer {
        let Request { head, action } = request;
        match action.and_then(|action| self.act(action)) {
            Ok(fields) => Answer { head, ok: true, fields, error: None },
            Err(fault) => failure(head, &fault),
        }
    }

    /// Does what is asked and tells the answer's own fields.
    fn act(&mut self, action: Action) -> Result<Map<String, Value>, Error> {
        let exports = &self.exports;
        let fields = match action {
            Action::Hello => json!({"version": env!("CARGO_PKG_VERSION"), "capabilities": TYPES}),
            Action::Export(export) => written_fields(&exports.write(&export)?),
            Action::List => json!({"exports": exports.list()?}),
            Action::Delete(key) => json!({"deleted": exports.delete(&key)?}),
            Action::Verify(key) => {
                let file = exports.verify(&key)?;
                let left_out: Vec<_> =
                    file.left_out.iter().take(MAX_LEFT_OUT).map(ToString::to_string).collect();
                json!({"path": exports.path(&key).to_string_lossy(), "cookie_count": file.cookies.len(),
                    "left_out": left_out})
            }
            Action::Listen(announcement) => {
                self.bridge.listen(announcement)?;
                json!({})
            }
        };
        match fields {
            Value::Object(fields) => Ok(fields),
            _ => Ok(Map::new()),
        }
    }
}

fn failure(head: Head, fault: &Error) -> Answer {
    let error = AnswerError { code: fault.code().to_owned(), message: fault.to_string() };
    Answer { head, ok: false, fields: Map::new(), error: Some(error) }
}

fn written_fields(written: &Written) -> Value {
    json!({
        "path": written.path.to_string_lossy(),
        "cookie_count": written.cookie_count,
        "expires_at": written.expires_at,
        "command": format!("yt-dlp --cookies {}", quoted(&written.path)),
        "losses": written.losses,
    })
}
