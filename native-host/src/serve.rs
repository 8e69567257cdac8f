//! The conversation with a browser: answers each message until the browser disconnects. Knows neither
//! how frames are written nor how exports are stored.

use crate::bridge::Bridge;
use crate::error::Error;
use crate::exports::{Exports, Held, StorageFile, Written};
use crate::frame::{self, ToBrowser};
use crate::request::{Action, Request, TYPES};
use crate::shell::quoted;
use serde_json::{Map, Value, json};
use stagepass_core::host::{Answer, AnswerError, Head};
use std::io::{Read, Write};
use std::path::Path;

/// How many bad lines of a file an answer names.
const MAX_LEFT_OUT: usize = 20;

/// Answers every message of `input` on `output`. A bad message gets an error as its answer, and the
/// next one is read. Files are kept in `host_dir`.
///
/// # Errors
/// [`Error::BrokenFrame`] if the browser disconnects inside a frame. A frame that is too long ends the
/// conversation without an error, because no next one can be found.
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

/// Answers every message with the fault that keeps this program from serving.
///
/// # Errors
/// [`Error::BrokenFrame`] if the browser disconnects inside a frame, and those of a bad frame.
pub fn refuse(mut input: impl Read, output: impl Write + Send + 'static, fault: &Error) -> Result<(), Error> {
    let to_browser = ToBrowser::new(output);
    while let Some(message) = frame::read(&mut input)? {
        send(&to_browser, &failure(Request::parse(message).head, fault))?;
    }
    Ok(())
}

/// Sends the answer, or an error if it is too large for a browser.
fn send(to_browser: &ToBrowser, answer: &Answer) -> Result<(), Error> {
    match to_browser.send(answer) {
        Err(fault @ Error::AnswerTooLarge(_)) => to_browser.send(&failure(answer.head.clone(), &fault)),
        outcome => outcome,
    }
}

/// Whether the message answers a question of the bridge.
fn is_answer(message: &Value) -> bool {
    message.get("ok").is_some_and(Value::is_boolean)
}

/// Carries out the requests.
struct Host {
    exports: Exports,
    bridge: Bridge,
}

impl Host {
    /// Delivers an answer. A malformed one is ignored; the program that waits for it times out.
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

    /// Carries out an action, and returns the fields of its answer.
    fn act(&mut self, action: Action) -> Result<Map<String, Value>, Error> {
        let exports = &self.exports;
        let fields = match action {
            Action::Hello => json!({"version": env!("CARGO_PKG_VERSION"), "capabilities": TYPES}),
            Action::Export(export) => written_fields(&exports.write(&export)?),
            Action::List => json!({"exports": exports.list()?}),
            Action::Delete(key) => json!({"deleted": exports.delete(&key)?}),
            Action::Verify(key) => {
                let Held { file, storage, .. } = exports.verify(&key)?;
                let left_out: Vec<_> =
                    file.left_out.iter().take(MAX_LEFT_OUT).map(ToString::to_string).collect();
                let fields = json!({"path": exports.path(&key).to_string_lossy(),
                    "cookie_count": file.cookies.len(), "left_out": left_out});
                let storage_file =
                    |entry_count| StorageFile { path: exports.storage_path(&key), entry_count };
                with_storage(fields, storage.map(|stored| storage_file(stored.entry_count())).as_ref())
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
    let mut fields = json!({
        "path": written.path.to_string_lossy(),
        "cookie_count": written.cookie_count,
        "expires_at": written.expires_at,
        "losses": written.losses,
    });
    // yt-dlp can't use a login that is in origin storage alone.
    if written.cookie_count > 0 {
        fields["command"] = format!("yt-dlp --cookies {}", quoted(&written.path)).into();
    }
    with_storage(fields, written.storage.as_ref())
}

/// Adds the fields that an answer has only if there is a storage file.
fn with_storage(mut fields: Value, storage: Option<&StorageFile>) -> Value {
    if let Some(StorageFile { path, entry_count }) = storage {
        fields["storage_path"] = path.to_string_lossy().into();
        fields["entry_count"] = (*entry_count).into();
    }
    fields
}
