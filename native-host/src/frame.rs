//! Frames of native messaging: a length of four bytes in native byte order,
//! then that many bytes of JSON. Knows nothing of what the JSON means.

use crate::error::Error;
use serde::Serialize;
use serde_json::Value;
use stagepass_core::host::MAX_REQUEST_BYTES;
use std::io::{self, Read, Write};

const HEADER_BYTES: usize = 4;

/// Reads one frame; `None` at the end of the input.
///
/// # Errors
/// - [`Error::BadJson`]: the frame is read to its end, and the next can follow.
/// - [`Error::RequestTooLarge`]: nothing is read of it, so no next one can be found.
/// - [`Error::BrokenFrame`]: the input ended inside of it, or can't be read.
pub fn read(mut input: impl Read) -> Result<Option<Value>, Error> {
    let Some(header) = read_header(&mut input).map_err(Error::BrokenFrame)? else {
        return Ok(None);
    };
    let length = u32::from_ne_bytes(header);
    // `read_input` takes as much memory as the frame claims to need, so the
    // claim is judged before it sees it.
    if usize::try_from(length).map_or(true, |length| length > MAX_REQUEST_BYTES) {
        return Err(Error::RequestTooLarge(length));
    }
    let frame = header.as_slice().chain(input.take(u64::from(length)));
    match chrome_native_messaging::read_input(frame) {
        Ok(value) => Ok(Some(value)),
        Err(chrome_native_messaging::Error::Serde(fault)) => {
            Err(Error::BadJson { line: fault.line(), column: fault.column() })
        }
        Err(chrome_native_messaging::Error::Io(fault)) => Err(Error::BrokenFrame(fault)),
        Err(fault) => Err(Error::BrokenFrame(io::Error::other(fault.to_string()))),
    }
}

/// The header; `None` where the input ends before it begins.
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
    fn text_that_is_no_json_does_not_disturb_the_next_frame() {
        for bad in [b"".as_slice(), b"{", b"{}x", b"\xff\xfe", b"\"\xc3\x28\"", &[b'['; 100_000]] {
            let bytes = [frame(bad), frame(b"7")].concat();
            let mut input = bytes.as_slice();
            assert!(matches!(read(&mut input), Err(Error::BadJson { .. })), "{bad:?}");
            assert_eq!(read(&mut input).unwrap(), Some(json!(7)));
        }
    }

    #[test]
    fn half_a_header_or_half_a_frame_is_broken() {
        let whole = frame(br#"{"a":1}"#);
        for length in 1..whole.len() {
            assert!(matches!(read(&whole[..length]), Err(Error::BrokenFrame(_))), "{length}");
        }
    }

    #[test]
    fn takes_64_mib_and_refuses_one_byte_more() {
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
    fn writes_1_mib_and_refuses_one_byte_more() {
        // Two bytes are the quotes.
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
