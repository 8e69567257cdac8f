//! The messages over the socket: one request and one reply for each connection, each a length in
//! native byte order followed by JSON.

use crate::error::Error;
use crate::frame;
use crate::utc_time::UtcTime;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stagepass_core::bridge::{Announcement, Question};
use stagepass_core::host::{AnswerError, MAX_ANSWER_BYTES, MAX_REQUEST_BYTES};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

/// The longest request: it is relayed to a browser, which accepts no more.
pub(super) const MAX_QUESTION_BYTES: usize = MAX_ANSWER_BYTES;
/// The longest [`Hello`]: more than the largest announcement.
pub(super) const MAX_HELLO_BYTES: usize = 4 * 1024 * 1024;
/// The longest other reply: it comes from a browser, which sends no more.
pub(super) const MAX_REPLY_BYTES: usize = MAX_REQUEST_BYTES;

/// A command's request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// `None` asks for a [`Hello`].
    pub(super) question: Option<Question>,
}

/// The reply to a request without a question.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) announcement: Announcement,
    /// When the browser connected.
    pub(super) since: UtcTime,
}

/// A reply.
pub(super) type Reply<T> = Result<T, AnswerError>;

/// Sends one message.
pub(super) async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &impl Serialize,
) -> Result<(), Error> {
    let failed = |fault: std::io::Error| Error::BrokenFrame(fault);
    let content = Zeroizing::new(serde_json::to_vec(message).map_err(|fault| failed(fault.into()))?);
    let length = u32::try_from(content.len()).map_err(|_| Error::AnswerTooLarge(content.len()))?;
    stream.write_all(&length.to_ne_bytes()).await.map_err(failed)?;
    stream.write_all(&content).await.map_err(failed)
}

/// Receives one message of at most `max_bytes`. Memory grows only with the bytes that arrive.
pub(super) async fn receive<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    max_bytes: usize,
) -> Result<T, Error> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await.map_err(Error::BrokenFrame)?;
    let length = u32::from_ne_bytes(header);
    let bytes = usize::try_from(length).ok().filter(|bytes| *bytes <= max_bytes);
    let bytes = bytes.ok_or(Error::RequestTooLarge(length))?;
    let mut content = Zeroizing::new(Vec::new());
    stream.take(u64::from(length)).read_to_end(&mut content).await.map_err(Error::BrokenFrame)?;
    if content.len() < bytes {
        return Err(Error::BrokenFrame(std::io::ErrorKind::UnexpectedEof.into()));
    }
    // The library's error is dropped, because it may quote a value.
    serde_json::from_value(frame::parse(&content)?)
        .map_err(|_| Error::BadRequest("this message doesn't match this version".to_owned()))
}
