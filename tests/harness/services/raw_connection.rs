//! A connection to a server at the level of bytes: what is sent, each answer with its head,
//! and whether the other side closes it.

use anyhow::{Context as _, Result, bail, ensure};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Long enough for anything here on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const MAX_HEADERS: usize = 64;

/// One connection, from which answers are read one by one.
#[derive(Debug)]
pub struct RawConnection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// Its status.
    pub status: u16,
    /// Its head in small letters.
    pub head: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl RawAnswer {
    /// Whether it announces that the connection closes after it.
    #[must_use]
    pub fn says_close(&self) -> bool {
        self.header("connection").is_some_and(|value| value.contains("close"))
    }

    /// A header's value, in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| *found == name).map(|(_, value)| value).next()
    }
}

impl RawConnection {
    /// Connects to a host and port.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn open(address: &str) -> Result<Self> {
        Ok(Self { stream: TcpStream::connect(address).await?, received: Vec::new() })
    }

    /// Sends bytes. The other side may answer, and stop reading, before all are sent.
    ///
    /// # Errors
    /// When the other side neither reads nor closes the connection.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes)).await.context("nobody reads")?;
        Ok(())
    }

    /// The next complete answer.
    ///
    /// # Errors
    /// When the connection ends before it.
    pub async fn answer(&mut self) -> Result<RawAnswer> {
        loop {
            if let Some(answer) = self.take_answer()? {
                return Ok(answer);
            }
            let read = self.read().await?;
            ensure!(read, "the connection ended before an answer");
        }
    }

    /// Whether the other side closes the connection without sending anything first.
    ///
    /// # Errors
    /// When it neither sends anything nor closes the connection.
    pub async fn ends(&mut self) -> Result<bool> {
        Ok(self.received.is_empty() && !self.read().await?)
    }

    /// Reads more; false at the end, also after a reset.
    async fn read(&mut self) -> Result<bool> {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.received)).await;
        Ok(read.context("nothing comes")?.is_ok_and(|count| count > 0))
    }

    fn take_answer(&mut self) -> Result<Option<RawAnswer>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head_bytes) = parsed.parse(&self.received)? else { return Ok(None) };
        let status = parsed.code.context("a status")?;
        let length = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let length = match length {
            Some(header) => std::str::from_utf8(header.value)?.parse::<usize>()?,
            None if status == 100 || status == 204 => 0,
            None => bail!("an answer without a length"),
        };
        let Some(body) = self.received.get(head_bytes..head_bytes + length) else { return Ok(None) };
        let head = String::from_utf8_lossy(&self.received[..head_bytes]).to_lowercase();
        let answer = RawAnswer { status, head, body: body.to_vec() };
        self.received.drain(..head_bytes + length);
        Ok(Some(answer))
    }
}
