//! What passes through the socket: one request and one reply for each
//! connection, each a length in native byte order and then JSON.

use crate::error::Error;
use crate::frame;
use crate::utc_time::UtcTime;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stagepass_core::bridge::{Announcement, Question};
use stagepass_core::host::{AnswerError, MAX_ANSWER_BYTES, MAX_REQUEST_BYTES};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

/// The longest request: it goes on to a browser, which takes no more.
pub(super) const MAX_QUESTION_BYTES: usize = MAX_ANSWER_BYTES;
/// The longest reply to who asks who is there: more than the largest announcement.
pub(super) const MAX_HELLO_BYTES: usize = 4 * 1024 * 1024;
/// The longest reply: it came from a browser, which sends no more.
pub(super) const MAX_REPLY_BYTES: usize = MAX_REQUEST_BYTES;

/// What a command sends.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// None asks who is there.
    pub(super) question: Option<Question>,
}

/// The reply to a request without a question.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) announcement: Announcement,
    /// Since when the browser is connected.
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

/// Receives one message of at most `most` bytes. Memory is taken as they come.
pub(super) async fn receive<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    most: usize,
) -> Result<T, Error> {
    let mut header = [0; 4];
    stream.read_exact(&mut header).await.map_err(Error::BrokenFrame)?;
    let length = u32::from_ne_bytes(header);
    let bytes = usize::try_from(length).ok().filter(|bytes| *bytes <= most);
    let bytes = bytes.ok_or(Error::RequestTooLarge(length))?;
    let mut content = Zeroizing::new(Vec::new());
    stream.take(u64::from(length)).read_to_end(&mut content).await.map_err(Error::BrokenFrame)?;
    if content.len() < bytes {
        return Err(Error::BrokenFrame(std::io::ErrorKind::UnexpectedEof.into()));
    }
    // What a library says of a value that does not fit may quote it.
    serde_json::from_value(frame::parse(&content)?)
        .map_err(|_| Error::BadRequest("this is no message of this version's".to_owned()))
}
