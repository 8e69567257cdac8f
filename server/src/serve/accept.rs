//! Accepts connections: limits their number, how long a request head may take and how long an
//! answer may wait, and finishes all of them before the server stops.

use super::answer_body::AnswerBody;
use super::closing::{self, HANDSHAKE_TIME};
use super::lingering::{Lingering, UnreadRequest};
use super::permits::{Permit, Permits, Share};
use super::request_body::RequestBody;
use super::signals::{Stop, StopSignals};
use crate::app::App;
use crate::request::{LocalAddress, Peer};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// The largest request head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How long the server, while stopping, waits for open requests beyond the request timeout.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);
/// How long a connection without a request stays open after the listener closed: its client's
/// request may still be on its way. The rest of a head may take as long again.
const LAST_REQUEST_TIME: Duration = Duration::from_secs(1);
/// The pause after a failure to accept a connection, for instance when all file descriptors are in
/// use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections and tracks the open ones.
pub(super) struct Acceptor {
    permits: Permits,
    app: Arc<App>,
    router: Router,
    /// An accepted connection that waits for a permit.
    held: Option<Accepted>,
    open: TaskTracker,
    /// Ends connections as soon as they have no request.
    ending: CancellationToken,
}

/// A connection, its peer, and its network's share of the permits.
type Accepted = (TcpStream, SocketAddr, Share);

/// Serves until a signal, and then finishes accepted requests unless a second signal comes first.
/// Unless someone waits at a terminal, the listener stays open for `draining`.
// Decision: docs/decisions/http.md#the-server-has-its-own-accept-loop
pub(super) async fn serve(
    listener: TcpListener,
    mut acceptor: Acceptor,
    mut signals: StopSignals,
    draining: Duration,
) {
    let stop = tokio::select! {
        stop = signals.next() => stop,
        () = acceptor.accept_all(&listener) => return,
    };
    acceptor.app.readiness.begin_draining();
    let stopping = async {
        if stop == Stop::Terminate && !draining.is_zero() {
            let seconds = draining.as_secs();
            tracing::info!(seconds, "draining, as /readyz reports; another signal stops at once");
            let _ = timeout(draining, acceptor.accept_all(&listener)).await;
        }
        tracing::info!("stopping after open requests are finished; another signal stops at once");
        acceptor.finish(listener).await;
    };
    tokio::select! {
        () = stopping => {}
        _ = signals.next() => tracing::warn!("stopped before open requests were answered"),
    }
}

impl Acceptor {
    pub(super) fn new(permits: Permits, app: Arc<App>, router: Router) -> Self {
        let (open, ending) = (TaskTracker::new(), CancellationToken::new());
        Self { permits, app, router, held: None, open, ending }
    }

    /// Accepts and serves forever. Cancelling it loses no connection: one that waits for a permit
    /// is held.
    async fn accept_all(&mut self, listener: &TcpListener) {
        loop {
            self.serve_held().await;
            match listener.accept().await {
                Ok((stream, peer)) => self.hold(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn hold(&mut self, stream: TcpStream, peer: SocketAddr) {
        match self.permits.share(peer.ip(), &self.app.trusted_proxies) {
            Some(share) => self.held = Some((stream, peer, share)),
            None => self.app.metrics.count_refused_connection(),
        }
    }

    async fn serve_held(&mut self) {
        if self.held.is_some() {
            let permit = self.permits.take(|| self.app.metrics.count_dropped_connection()).await;
            if let Some(accepted) = self.held.take() {
                self.serve_connection(accepted, permit);
            }
        }
    }

    /// Stops accepting, and serves all accepted connections.
    // Decision: docs/decisions/http.md#a-stop-takes-several-steps
    async fn finish(&mut self, listener: TcpListener) {
        if let Err(error) = closing::refuse_new(&listener) {
            tracing::debug!(%error, "can't stop new connections before closing the listener");
        }
        let _ = timeout(HANDSHAKE_TIME, self.accept_all(&listener)).await;
        let limit = self.app.timeouts.request + DRAIN_MARGIN;
        let finishing = async {
            for (stream, peer) in closing::close(listener) {
                self.serve_held().await;
                self.hold(stream, peer);
            }
            self.serve_held().await;
            self.open.close();
            let _ = timeout(LAST_REQUEST_TIME, self.open.wait()).await;
            self.ending.cancel();
            self.open.wait().await;
            self.app.records.finish_operations().await;
        };
        if timeout(limit, finishing).await.is_err() {
            tracing::warn!("gave up waiting for open requests");
        }
    }

    fn serve_connection(&self, (stream, peer, share): Accepted, permit: Permit) {
        // Without an address the connection is already gone.
        let Ok(local) = stream.local_addr() else { return };
        // Send an answer at once: it is one small packet and must not wait for the next.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.app.timeouts.request));
        let activity = Arc::clone(permit.activity());
        let stream = Lingering::new(Box::pin(stream), Arc::clone(&activity));
        let unread = stream.unread();
        let (router, app) = (self.router.clone(), Arc::clone(&self.app));
        let service = service_fn(move |request: Request<Incoming>| {
            let (router, app, activity) = (router.clone(), Arc::clone(&app), Arc::clone(&activity));
            let (unread, ends) = (unread.clone(), (peer, local));
            async move {
                activity.serve().await;
                let response = answer(&app, router, request, unread, ends).await?;
                Ok::<_, Infallible>(response.map(|body| AnswerBody::new(body, activity)))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.app.timeouts.idle)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_header_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let counted = self.app.metrics.open_connection();
        let (ending, activity) = (self.ending.clone(), Arc::clone(permit.activity()));
        self.open.spawn(async move {
            let _held = (share, counted);
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = permit.dropped() => {
                    tracing::debug!("closed a waiting connection to make room for another");
                    return;
                }
                () = ending.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    match timeout(LAST_REQUEST_TIME, &mut connection).await {
                        Ok(ended) => ended,
                        Err(_) if activity.is_serving() => connection.await,
                        Err(_) => {
                            tracing::debug!("closed a connection because the request head took too long");
                            return;
                        }
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
}

/// Answers a request, and says whether the connection ends after it.
async fn answer(
    app: &App,
    router: Router,
    request: Request<Incoming>,
    unread: UnreadRequest,
    (peer, local): (SocketAddr, SocketAddr),
) -> Result<Response<Body>, Infallible> {
    let version = request.version();
    let is_expecting = request.headers().contains_key(header::EXPECT);
    let (parts, body) = request.into_parts();
    let body = RequestBody::new(body, unread.clone(), is_expecting);
    let (rest, awaited) = (body.rest(), body.awaited());
    let mut request = Request::from_parts(parts, Body::new(body));
    request.extensions_mut().insert(awaited);
    request.extensions_mut().insert(Peer(peer));
    request.extensions_mut().insert(LocalAddress(local));
    let mut response = router.oneshot(request).await?;
    let is_ending = app.readiness.is_draining() || response.headers().contains_key(header::CONNECTION);
    if is_ending || !rest.read(&unread).await {
        announce_end(&mut response, version);
    }
    Ok(response)
}

/// Announces that the connection ends after this answer.
fn announce_end(response: &mut Response<Body>, version: Version) {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    if version == Version::HTTP_10 {
        // Hyper would announce a kept connection to HTTP/1.1.
        *response.version_mut() = Version::HTTP_10;
    }
}
