//! An HTTP/1.1 client that does as little as possible: it keeps its connection, its
//! requests are prepared bytes, and it only reads answers with a `Content-Length`.

use anyhow::{Context as _, Result, ensure};
use std::net::SocketAddr;
use std::ops::Range;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const MAX_HEADERS: usize = 16;
/// Room for the largest expected answer.
const BUFFER_BYTES: usize = 64 * 1024;

/// A connection.
#[derive(Debug)]
pub(crate) struct Exchange {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Exchange {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(BUFFER_BYTES) })
    }

    /// Sends a request and returns the answer's body.
    ///
    /// # Errors
    /// When the connection fails, or the answer is not 200.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<&[u8]> {
        let (status, body) = self.send(request).await?;
        ensure!(status == 200, "answered with {status}");
        Ok(body)
    }

    /// Sends a request and returns the answer's status and body.
    ///
    /// # Errors
    /// When the connection fails, or the answer can't be read.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let (status, body_at) = loop {
            self.receive().await?;
            if let Some(head) = parse_head(&self.received)? {
                break head;
            }
        };
        while self.received.len() < body_at.end {
            self.receive().await?;
        }
        Ok((status, &self.received[body_at]))
    }

    async fn receive(&mut self) -> Result<()> {
        ensure!(self.stream.read_buf(&mut self.received).await? > 0, "a connection was closed");
        Ok(())
    }
}

/// The status, and the range of the body; `None` while the head is incomplete.
fn parse_head(received: &[u8]) -> Result<Option<(u16, Range<usize>)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head_bytes) = answer.parse(received)? else { return Ok(None) };
    let length = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.context("an answer without Content-Length")?.value;
    let length: usize = std::str::from_utf8(length)?.parse()?;
    Ok(Some((answer.code.context("an answer without a status")?, head_bytes..head_bytes + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_status_and_the_body() {
        let head = b"HTTP/1.1 429 No\r\ncontent-type: text/plain\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(parse_head(head).unwrap(), Some((429, head.len()..head.len() + 5)));
        assert_eq!(parse_head(&head[..30]).unwrap(), None);
        for refused in ["HTTP/1.1 200 OK\r\n\r\n", "garbage\r\n"] {
            assert!(parse_head(refused.as_bytes()).is_err(), "{refused}");
        }
    }
}
