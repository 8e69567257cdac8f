//! Accepting connections: so many at once, each with a bound on how long its
//! request head may take and its answer may wait, and all of them finished
//! before the server stops.

use super::answer_body::AnswerBody;
use super::lingering::{Lingering, UnreadRequest};
use super::permits::{Permit, Permits, Share};
use super::request_body::RequestBody;
use super::signals::StopSignals;
use crate::app::App;
use crate::request::{LocalAddress, Peer};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutWriter;
use tower::ServiceExt as _;

/// The largest request head.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How much longer than a request may take the server waits for open ones once
/// it is to stop.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);
/// What is waited after a connection could not be accepted, as when all file
/// descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until a signal, and then finishes what was accepted, unless there is
/// another signal before.
pub(super) async fn serve(
    listener: TcpListener,
    permits: Permits,
    app: Arc<App>,
    router: Router,
    mut signals: StopSignals,
) {
    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            () = signals.next() => break,
            accepted = accept(&listener, &permits, &app) => {
                serve_connection(&connections, &app, router.clone(), accepted);
            }
        }
    }
    drop(listener);
    tracing::info!("stopping: finishing what was accepted; another signal stops at once");
    tokio::select! {
        () = async { connections.shutdown().await; app.records.finish_operations().await } => {}
        () = tokio::time::sleep(app.timeouts.request + DRAIN_MARGIN) => tracing::warn!("gave up waiting for open requests"),
        () = signals.next() => tracing::warn!("stopped before open requests were answered"),
    }
}

/// A connection, where it comes from, and what lets it be.
type Accepted = (TcpStream, SocketAddr, (Permit, Share));

async fn accept(listener: &TcpListener, permits: &Permits, app: &App) -> Accepted {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match permits.share(peer.ip(), &app.trusted_proxies) {
                Some(share) => {
                    let permit = permits.take(|| app.metrics.count_dropped_connection()).await;
                    return (stream, peer, (permit, share));
                }
                None => app.metrics.count_refused_connection(),
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn serve_connection(
    connections: &GracefulShutdown,
    app: &App,
    router: Router,
    (stream, peer, (permit, share)): Accepted,
) {
    // Without an address the connection is gone already.
    let Ok(local) = stream.local_addr() else { return };
    // An answer is one small packet: it must not wait for the next one.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(app.timeouts.request));
    let activity = Arc::clone(permit.activity());
    let stream = Lingering::new(Box::pin(stream), Arc::clone(&activity));
    let unread = stream.unread();
    let service = service_fn(move |request: Request<Incoming>| {
        let (router, activity) = (router.clone(), Arc::clone(&activity));
        let (unread, ends) = (unread.clone(), (peer, local));
        async move {
            activity.serve().await;
            let response = answer(router, request, unread, ends).await?;
            Ok::<_, Infallible>(response.map(|body| AnswerBody::new(body, activity)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.timeouts.idle)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    let counted = app.metrics.open_connection();
    tokio::spawn(async move {
        let _held = (share, counted);
        tokio::select! {
            ended = connection => if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            },
            () = permit.dropped() => tracing::debug!("a connection that waited made room for another"),
        }
    });
}

/// Answers a request, and says so where the connection ends with that.
async fn answer(
    router: Router,
    request: Request<Incoming>,
    unread: UnreadRequest,
    (peer, local): (SocketAddr, SocketAddr),
) -> Result<Response<Body>, Infallible> {
    let version = request.version();
    let is_expecting = request.headers().contains_key(header::EXPECT);
    let (parts, body) = request.into_parts();
    let body = RequestBody::new(body, unread.clone(), is_expecting);
    let rest = body.rest();
    let mut request = Request::from_parts(parts, Body::new(body));
    request.extensions_mut().insert(Peer(peer));
    request.extensions_mut().insert(LocalAddress(local));
    let mut response = router.oneshot(request).await?;
    let is_ending = response.headers().contains_key(header::CONNECTION);
    if is_ending || !rest.read(&unread).await {
        announce_end(&mut response, version);
    }
    Ok(response)
}

/// Says that the connection ends after this answer.
fn announce_end(response: &mut Response<Body>, version: Version) {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    if version == Version::HTTP_10 {
        // To an answer of HTTP/1.1 hyper would add that the connection is kept.
        *response.version_mut() = Version::HTTP_10;
    }
}
