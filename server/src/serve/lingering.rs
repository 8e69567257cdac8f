//! Ends a connection whose last request was answered before its body had fully arrived. If it
//! closed at once, the operating system would reset the connection, and a client that is still
//! sending could lose the answer. So the rest is read for a while and dropped (RFC 9112, section
//! 9.6).

use super::permits::Activity;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The most bytes to read and drop.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The longest time for reading them.
const MAX_TIME: Duration = Duration::from_secs(2);

/// Whether the last bytes read belong to a request that has not ended.
#[derive(Clone, Debug, Default)]
pub(super) struct UnreadRequest(Arc<AtomicBool>);

impl UnreadRequest {
    pub(super) fn set(&self, is_unread: bool) {
        self.0.store(is_unread, Ordering::Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection's stream that delays its closing if necessary.
// Decision: docs/decisions/http.md#a-connection-lingers-when-its-request-was-refused-early
#[derive(Debug)]
pub(super) struct Lingering<S> {
    stream: S,
    unread: UnreadRequest,
    activity: Arc<Activity>,
    /// How many bytes may still be read, and until when, after our side closed.
    ending: Option<(usize, Pin<Box<Sleep>>)>,
}

impl<S> Lingering<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, unread: UnreadRequest::default(), activity, ending: None }
    }

    /// Where each request's body notes its end.
    pub(super) fn unread(&self) -> UnreadRequest {
        self.unread.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.unread.set(true);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.activity.note_written();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, unread, ending, .. } = &mut *self;
        if ending.is_none() {
            ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
        }
        if !unread.is_set() {
            return Poll::Ready(Ok(()));
        }
        let (left, timer) = ending.get_or_insert_with(|| (MAX_BYTES, Box::pin(tokio::time::sleep(MAX_TIME))));
        while timer.as_mut().poll(context).is_pending() {
            let mut space = [0; 8 * 1024];
            let mut buffer = ReadBuf::new(&mut space);
            let read = ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer));
            *left = left.saturating_sub(buffer.filled().len());
            // A fault ends it as well: no one is left to tell.
            if read.is_err() || buffer.filled().is_empty() || *left == 0 {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}
