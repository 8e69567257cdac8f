//! Accepting connections: so many at once, each with a bound on how long its
//! request head may take and its answer may wait, and all of them finished
//! before the server stops.

use super::answer_body::AnswerBody;
use super::lingering::{Lingering, NotingBody};
use super::permits::{Permit, Permits, Share};
use super::signals::StopSignals;
use crate::app::App;
use crate::request::{LocalAddress, Peer};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
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
        let mut request = request.map(|body| Body::new(NotingBody::new(body, unread.clone())));
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(LocalAddress(local));
        let (router, activity) = (router.clone(), Arc::clone(&activity));
        async move {
            activity.serve().await;
            let response = router.oneshot(request).await;
            response.map(|response| response.map(|body| AnswerBody::new(body, activity)))
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
