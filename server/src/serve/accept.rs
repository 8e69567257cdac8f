//! Accepts connections: limits their number, and finishes all of them before the server stops.

use super::closing::{self, HANDSHAKE_TIME};
use super::connection::{Connections, LAST_REQUEST_TIME};
use super::listener::Listener;
use super::permits::{Permit, Permits, Share};
use super::service_manager::{self, State};
use super::signals::{Stop, StopSignals};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

/// How long the server, while stopping, waits for open requests beyond the request timeout.
const DRAIN_MARGIN: Duration = Duration::from_secs(5);
/// The pause after a failure to accept a connection, for instance when all file descriptors are in
/// use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections and tracks the open ones.
pub(super) struct Acceptor {
    permits: Permits,
    connections: Connections,
    /// An accepted connection that waits for a permit.
    held: Option<Accepted>,
    open: TaskTracker,
}

/// A connection, its peer, and its network's share of the permits.
type Accepted = (TcpStream, SocketAddr, Share);

/// Serves until a signal, and then finishes accepted requests unless a second signal comes first.
/// Unless someone waits at a terminal, the listener stays open for `draining`.
// Decision: docs/decisions/http.md#the-server-has-its-own-accept-loop
pub(super) async fn serve(
    listener: Listener,
    mut acceptor: Acceptor,
    mut signals: StopSignals,
    draining: Duration,
) {
    let stop = tokio::select! {
        stop = signals.next() => stop,
        () = acceptor.accept_all(&listener.socket) => return,
    };
    service_manager::tell(State::Stopping);
    acceptor.connections.app.readiness.begin_draining();
    let stopping = async {
        if stop == Stop::Terminate && !draining.is_zero() {
            let seconds = draining.as_secs();
            tracing::info!(seconds, "draining, as /readyz reports; another signal stops at once");
            let _ = timeout(draining, acceptor.accept_all(&listener.socket)).await;
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
    pub(super) fn new(permits: Permits, connections: Connections) -> Self {
        Self { permits, connections, held: None, open: TaskTracker::new() }
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
        let app = &self.connections.app;
        match self.permits.share(peer.ip(), &app.trusted_proxies) {
            Some(share) => self.held = Some((stream, peer, share)),
            None => app.metrics.count_refused_connection(),
        }
    }

    async fn serve_held(&mut self) {
        if self.held.is_some() {
            let metrics = &self.connections.app.metrics;
            let permit = self.permits.take(|| metrics.count_dropped_connection()).await;
            if let Some(accepted) = self.held.take() {
                self.serve_connection(accepted, permit);
            }
        }
    }

    /// Stops accepting, and serves all accepted connections.
    // Decision: docs/decisions/http.md#a-stop-takes-several-steps
    async fn finish(&mut self, listener: Listener) {
        // Decision: docs/decisions/http.md#a-passed-socket-is-left-as-it-is
        if !listener.is_passed {
            if let Err(error) = closing::refuse_new(&listener.socket) {
                tracing::debug!(%error, "can't stop new connections before closing the listener");
            }
            let _ = timeout(HANDSHAKE_TIME, self.accept_all(&listener.socket)).await;
        }
        let limit = self.connections.app.timeouts.request + DRAIN_MARGIN;
        let finishing = async {
            for (stream, peer) in closing::close(listener.socket) {
                self.serve_held().await;
                self.hold(stream, peer);
            }
            self.serve_held().await;
            self.open.close();
            let _ = timeout(LAST_REQUEST_TIME, self.open.wait()).await;
            self.connections.ending.cancel();
            self.open.wait().await;
            self.connections.app.records.finish_operations().await;
        };
        if timeout(limit, finishing).await.is_err() {
            tracing::warn!("gave up waiting for open requests");
        }
    }

    fn serve_connection(&self, (stream, peer, share): Accepted, permit: Permit) {
        let counted = self.connections.app.metrics.open_connection();
        let serving = self.connections.clone().serve(stream, peer, permit);
        self.open.spawn(async move {
            let _held = (share, counted);
            serving.await;
        });
    }
}
