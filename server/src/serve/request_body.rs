//! A request's body that can be read further after the handler answered without reading it. So a
//! refusal does not cost the connection; if it does, the answer says so. Otherwise a client or
//! proxy would send its next request into a connection that is closing.

use super::lingering::UnreadRequest;
use crate::request::AwaitedBody;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::timeout;

/// The most bytes to read to keep the connection: about two round trips' worth, and no more costly
/// than a new connection.
const MAX_REST_BYTES: usize = 64 * 1024;
/// The longest time for reading them, which delays the answer.
const MAX_REST_TIME: Duration = Duration::from_secs(1);

/// A request's body that notes its end and leaves the unread rest behind.
#[derive(Debug)]
pub(super) struct RequestBody {
    /// Present until the drop.
    body: Option<Incoming>,
    unread: UnreadRequest,
    /// Whether the client waits for the server to start reading before it sends the body.
    is_expecting: bool,
    awaited: AwaitedBody,
    rest: Rest,
}

/// The rest of a body after its drop.
// Decision: docs/decisions/http.md#an-early-answer-keeps-the-connection-if-the-body-is-small
#[derive(Clone, Debug, Default)]
pub(super) struct Rest {
    /// About this request only, whatever the connection reads after it.
    is_unread: UnreadRequest,
    left: Arc<Mutex<Option<Incoming>>>,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, unread: UnreadRequest, is_expecting: bool) -> Self {
        let (rest, is_unread) = (Rest::default(), !body.is_end_stream());
        rest.is_unread.set(is_unread);
        unread.set(is_unread);
        Self { body: Some(body), unread, is_expecting, awaited: AwaitedBody::default(), rest }
    }

    /// Where the body notes whether more is expected.
    pub(super) fn awaited(&self) -> AwaitedBody {
        self.awaited.clone()
    }

    /// Where the body leaves its unread rest.
    pub(super) fn rest(&self) -> Rest {
        self.rest.clone()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if self.rest.is_unread.is_set() && !self.is_expecting {
            *self.rest.left.lock().unwrap_or_else(PoisonError::into_inner) = self.body.take();
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        this.is_expecting = false;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let frame = Pin::new(&mut *body).poll_frame(context);
        this.awaited.set(frame.is_pending());
        let frame = ready!(frame);
        if frame.is_none() || body.is_end_stream() {
            this.unread.set(false);
            this.rest.is_unread.set(false);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Incoming::size_hint)
    }
}

impl Rest {
    /// Reads the rest if it is short, and says whether the whole request was read.
    pub(super) async fn read(&self, unread: &UnreadRequest) -> bool {
        let rest = self.left.lock().unwrap_or_else(PoisonError::into_inner).take();
        let is_little = |rest: &Incoming| rest.size_hint().lower() <= MAX_REST_BYTES as u64;
        if let Some(rest) = rest.filter(is_little)
            && let Ok(Some(())) = timeout(MAX_REST_TIME, read_to_end(rest)).await
        {
            unread.set(false);
            self.is_unread.set(false);
        }
        !self.is_unread.is_set()
    }
}

/// `None` if it is too long or breaks off.
async fn read_to_end(mut rest: Incoming) -> Option<()> {
    let mut left = MAX_REST_BYTES;
    while let Some(frame) = rest.frame().await {
        let bytes = frame.ok()?.data_ref().map_or(0, Bytes::len);
        left = left.checked_sub(bytes)?;
    }
    Some(())
}
