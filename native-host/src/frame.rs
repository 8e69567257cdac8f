//! Frames of native messaging: a length of four bytes in native byte order, then that many bytes of
//! JSON. Knows nothing of the JSON's meaning.

mod bounded_value;

use crate::error::Error;
use serde::Serialize;
use serde_json::Value;
use serde_json::error::Category;
use stagepass_core::cookie::MAX_COOKIES;
use stagepass_core::host::MAX_REQUEST_BYTES;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

const HEADER_BYTES: usize = 4;
/// The most JSON values in one message: a hundred for each cookie of the largest session.
pub(crate) const MAX_VALUES: usize = 100 * MAX_COOKIES;

/// Reads one frame; `None` at the end of the input.
///
/// # Errors
/// - [`Error::BadJson`] and [`Error::TooManyValues`]: the frame was read to its end, and the next one
///   can be read.
/// - [`Error::RequestTooLarge`]: the content was not read, so no next frame can be found.
/// - [`Error::BrokenFrame`]: the input ended inside the frame, or can't be read.
pub fn read(mut input: impl Read) -> Result<Option<Value>, Error> {
    let Some(header) = read_header(&mut input).map_err(Error::BrokenFrame)? else {
        return Ok(None);
    };
    let content = read_content(input, u32::from_ne_bytes(header))?;
    // `chrome_native_messaging::read_input` limits neither a frame's length nor its JSON's memory,
    // so that crate is used only for writing.
    parse(&content).map(Some)
}

/// Parses a frame's content, with a limit on the number of JSON values.
pub(crate) fn parse(content: &[u8]) -> Result<Value, Error> {
    bounded_value::from_slice(content, MAX_VALUES).map_err(|fault| match fault.classify() {
        Category::Data => Error::TooManyValues(MAX_VALUES),
        _ => Error::BadJson { line: fault.line(), column: fault.column() },
    })
}

/// Reads the content of a frame whose header says `length`.
fn read_content(input: impl Read, length: u32) -> Result<Vec<u8>, Error> {
    let bytes = usize::try_from(length)
        .ok()
        .filter(|bytes| *bytes <= MAX_REQUEST_BYTES)
        .ok_or(Error::RequestTooLarge(length))?;
    let mut content = Vec::with_capacity(bytes);
    input.take(u64::from(length)).read_to_end(&mut content).map_err(Error::BrokenFrame)?;
    if content.len() < bytes {
        return Err(Error::BrokenFrame(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(content)
}

/// Reads the header; `None` if the input ends before it.
fn read_header(input: &mut impl Read) -> io::Result<Option<[u8; HEADER_BYTES]>> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    input.take(HEADER_BYTES as u64).read_to_end(&mut header)?;
    match <[u8; HEADER_BYTES]>::try_from(header) {
        Ok(header) => Ok(Some(header)),
        Err(rest) if rest.is_empty() => Ok(None),
        Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Writes one frame.
///
/// # Errors
/// - [`Error::AnswerTooLarge`]: nothing was written.
/// - [`Error::BrokenFrame`]: the output can't be written.
pub fn write(output: impl Write, message: &impl Serialize) -> Result<(), Error> {
    chrome_native_messaging::send_message(output, message).map_err(|fault| match fault {
        chrome_native_messaging::Error::MessageTooLarge { size } => Error::AnswerTooLarge(size),
        chrome_native_messaging::Error::Io(fault) => Error::BrokenFrame(fault),
        fault => Error::BrokenFrame(io::Error::other(fault.to_string())),
    })
}

/// The output to the browser, shared by all writers: a frame is complete before the next one begins.
#[derive(Clone)]
pub(crate) struct ToBrowser(Arc<Mutex<dyn Write + Send>>);

impl ToBrowser {
    pub(crate) fn new(output: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(output)))
    }

    /// Sends a frame; fails as [`write`] does.
    pub(crate) fn send(&self, message: &impl Serialize) -> Result<(), Error> {
        self.send_if(|| true, message)
    }

    /// Sends a frame if it is still wanted when its turn comes: a browser that doesn't read can
    /// block earlier frames for long.
    pub(crate) fn send_if(
        &self,
        is_wanted: impl FnOnce() -> bool,
        message: &impl Serialize,
    ) -> Result<(), Error> {
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_wanted() { write(&mut *output, message) } else { Ok(()) }
    }
}

impl fmt::Debug for ToBrowser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ToBrowser")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use stagepass_core::host::MAX_ANSWER_BYTES;

    fn frame(content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap();
        [&length.to_ne_bytes(), content].concat()
    }

    #[test]
    fn reads_one_frame_after_another() {
        let bytes = [frame(br#"{"a":1}"#), frame(b"[]")].concat();
        let mut input = bytes.as_slice();
        assert_eq!(read(&mut input).unwrap(), Some(json!({"a": 1})));
        assert_eq!(read(&mut input).unwrap(), Some(json!([])));
        assert_eq!(read(&mut input).unwrap(), None);
    }

    #[test]
    fn reads_the_next_frame_after_invalid_json() {
        for bad in [b"".as_slice(), b"{", b"{}x", b"\xff\xfe", b"\"\xc3\x28\"", &[b'['; 100_000]] {
            let bytes = [frame(bad), frame(b"7")].concat();
            let mut input = bytes.as_slice();
            assert!(matches!(read(&mut input), Err(Error::BadJson { .. })), "{bad:?}");
            assert_eq!(read(&mut input).unwrap(), Some(json!(7)));
        }
    }

    #[test]
    fn reports_a_cut_off_header_or_frame() {
        let whole = frame(br#"{"a":1}"#);
        for length in 1..whole.len() {
            assert!(matches!(read(&whole[..length]), Err(Error::BrokenFrame(_))), "{length}");
        }
    }

    #[test]
    fn refuses_a_frame_longer_than_64_mib() {
        let mut longest = frame(&vec![b' '; MAX_REQUEST_BYTES]);
        let end = longest.len();
        longest[end - 2..].copy_from_slice(b"[]");
        assert_eq!(read(longest.as_slice()).unwrap(), Some(json!([])));
        for length in [MAX_REQUEST_BYTES as u32 + 1, u32::MAX] {
            let header = length.to_ne_bytes();
            assert!(matches!(read(header.as_slice()), Err(Error::RequestTooLarge(n)) if n == length));
        }
    }

    #[test]
    fn refuses_more_than_100_000_values_and_reads_the_next_frame() {
        let array = |members: usize| format!("[{}0]", "0,".repeat(members - 1)).into_bytes();
        let bytes = [frame(&array(MAX_VALUES)), frame(&array(MAX_VALUES - 1)), frame(b"7")].concat();
        let mut input = bytes.as_slice();
        assert!(matches!(read(&mut input), Err(Error::TooManyValues(_))));
        assert_eq!(read(&mut input).unwrap().unwrap().as_array().unwrap().len(), 99_999);
        assert_eq!(read(&mut input).unwrap(), Some(json!(7)));
    }

    #[test]
    fn refuses_to_write_a_frame_longer_than_1_mib() {
        // JSON adds two quotes.
        let mut text = "x".repeat(MAX_ANSWER_BYTES - 2);
        let mut output = Vec::new();
        write(&mut output, &text).unwrap();
        assert_eq!(output.len(), HEADER_BYTES + MAX_ANSWER_BYTES);
        text.push('x');
        output.clear();
        assert!(matches!(write(&mut output, &text), Err(Error::AnswerTooLarge(_))));
        assert!(output.is_empty());
    }
}
