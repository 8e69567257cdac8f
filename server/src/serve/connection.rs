//! Serves one connection: its handshake if the server speaks https, then its requests, one after
//! another. Limits how long a handshake and a request's head may take, and how long an answer may
//! wait.

use super::answer_body::AnswerBody;
use super::lingering::{Lingering, UnreadRequest};
use super::permits::Permit;
use super::request_body::RequestBody;
use super::tls::{Tls, Transport};
use crate::app::App;
use crate::request::{LocalAddress, OverTls, Peer};
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use axum::response::IntoResponse;
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// The largest request head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The longest time for a TLS handshake, unless the time for a request's head is shorter.
const MAX_HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long a connection without a request stays open after the listener closed: its client's
/// request may still be on its way. The rest of a head may take as long again.
pub(super) const LAST_REQUEST_TIME: Duration = Duration::from_secs(1);

/// What all connections share.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) app: Arc<App>,
    router: Router,
    /// Present if the server speaks https.
    tls: Option<Arc<Tls>>,
    /// Ends connections as soon as they have no request.
    pub(super) ending: CancellationToken,
}

/// Both ends of a connection, and whether it is a TLS connection.
#[derive(Clone, Copy)]
struct Ends {
    peer: SocketAddr,
    local: SocketAddr,
    is_tls: bool,
}

impl Connections {
    pub(super) fn new(app: Arc<App>, router: Router, tls: Option<Arc<Tls>>) -> Self {
        Self { app, router, tls, ending: CancellationToken::new() }
    }

    /// Serves a connection until it ends.
    pub(super) async fn serve(self, stream: TcpStream, peer: SocketAddr, permit: Permit) {
        // Without an address the connection is already gone.
        let Ok(local) = stream.local_addr() else { return };
        // Send an answer at once: it is one small packet and must not wait for the next.
        let _ = stream.set_nodelay(true);
        let begun = tokio::select! {
            begun = self.begin(stream) => begun,
            () = permit.dropped() => return log_drop(),
            () = self.last_request_is_overdue() => Err(io::ErrorKind::TimedOut.into()),
        };
        match begun {
            Ok(stream) => {
                let is_tls = matches!(stream, Either::Right(_));
                self.answer_all(stream, Ends { peer, local, is_tls }, permit).await;
            }
            Err(error) => tracing::debug!(%error, "a connection ended before its TLS handshake was complete"),
        }
    }

    async fn begin(&self, stream: TcpStream) -> io::Result<Transport> {
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.app.timeouts.request));
        let stream = Box::pin(stream);
        match &self.tls {
            None => Ok(Either::Left(stream)),
            Some(tls) => timeout(MAX_HANDSHAKE_TIME.min(self.app.timeouts.idle), tls.begin(stream)).await?,
        }
    }

    /// Returns when the server ends connections and this one has had time for its first request.
    async fn last_request_is_overdue(&self) {
        self.ending.cancelled().await;
        sleep(LAST_REQUEST_TIME).await;
    }

    async fn answer_all(self, stream: Transport, ends: Ends, permit: Permit) {
        let activity = Arc::clone(permit.activity());
        let stream = Lingering::new(stream, Arc::clone(&activity));
        let unread = stream.unread();
        let is_refused = self.tls.is_some() && !ends.is_tls;
        let router = if is_refused { Router::new().fallback(refuse_http) } else { self.router };
        let (app, serving) = (Arc::clone(&self.app), Arc::clone(&activity));
        let service = service_fn(move |request: Request<Incoming>| {
            let (router, app, activity) = (router.clone(), Arc::clone(&app), Arc::clone(&serving));
            let unread = unread.clone();
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
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = permit.dropped() => return log_drop(),
            () = self.ending.cancelled() => {
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
    }
}

fn log_drop() {
    tracing::debug!("closed a waiting connection to make room for another");
}

/// Answers a request that came without TLS although the server speaks https.
// Decision: docs/decisions/http.md#plain-http-on-a-tls-port-gets-an-answer
async fn refuse_http(Extension(Peer(peer)): Extension<Peer>) -> impl IntoResponse {
    tracing::info!(client = %peer.ip(), "refused a plain http request; this port speaks https");
    let close = [(header::CONNECTION, HeaderValue::from_static("close"))];
    (
        StatusCode::BAD_REQUEST,
        close,
        "This port speaks https: begin the URL with https:// instead of http://\n",
    )
}

/// Answers a request, and says whether the connection ends after it.
async fn answer(
    app: &App,
    router: Router,
    request: Request<Incoming>,
    unread: UnreadRequest,
    ends: Ends,
) -> Result<Response<Body>, Infallible> {
    let version = request.version();
    let is_expecting = request.headers().contains_key(header::EXPECT);
    let (parts, body) = request.into_parts();
    let body = RequestBody::new(body, unread.clone(), is_expecting);
    let (rest, awaited) = (body.rest(), body.awaited());
    let mut request = Request::from_parts(parts, Body::new(body));
    request.extensions_mut().insert(awaited);
    request.extensions_mut().insert(Peer(ends.peer));
    request.extensions_mut().insert(LocalAddress(ends.local));
    if ends.is_tls {
        request.extensions_mut().insert(OverTls);
    }
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
