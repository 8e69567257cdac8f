//! TLS: the handshake of a connection, and the certificate, which changes while the server serves.

use crate::config::{TlsFiles, TlsPair};
use crate::replaceable::Replaceable;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_io_timeout::TimeoutWriter;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

/// The time between two searches for a changed certificate.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How each TLS connection begins: a record with a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// A connection that ends if its client does not read.
pub(super) type Plain = Pin<Box<TimeoutWriter<TcpStream>>>;
/// The same with TLS, or without.
pub(super) type Transport = Either<Plain, TlsStream<Plain>>;

/// The certificate in use, and its files.
#[derive(Debug)]
pub(super) struct Tls {
    files: TlsFiles,
    pair: Replaceable<TlsPair>,
}

impl Tls {
    pub(super) fn new((files, pair): (TlsFiles, TlsPair)) -> Self {
        Self { files, pair: Replaceable::new(pair) }
    }

    /// Uses another certificate for connections that begin from now on.
    pub(super) fn replace(&self, pair: TlsPair) {
        self.pair.replace(pair);
    }

    /// The connection after its handshake, or without TLS if its client does not begin one.
    pub(super) async fn begin(&self, stream: Plain) -> io::Result<Transport> {
        let mut first = [0];
        if stream.get_ref().peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first != [HANDSHAKE] {
            return Ok(Either::Left(stream));
        }
        let acceptor = TlsAcceptor::from(Arc::clone(&self.pair.get().config));
        acceptor.accept(stream).await.map(Either::Right)
    }

    /// Replaces the certificate whenever its file changes. While its files are invalid or don't fit
    /// together, the former one stays in use, and the log says so once for each fault.
    pub(super) async fn follow_files(self: Arc<Self>) {
        let mut logged = None;
        loop {
            sleep(LOOK_INTERVAL).await;
            let tls = Arc::clone(&self);
            // The disk of a file may not respond.
            let looking = spawn_blocking(move || tls.files.read_if_changed(&tls.pair.get()));
            let fault = match looking.await {
                Ok(Ok(None)) | Err(_) => None,
                Ok(Ok(Some(pair))) => {
                    self.replace(pair);
                    tracing::info!("the certificate for https has changed; the new one is in use");
                    None
                }
                Ok(Err(fault)) => Some(fault),
            };
            if let Some(fault) = fault.as_ref().filter(|fault| logged.as_ref() != Some(*fault)) {
                tracing::warn!(
                    fault,
                    "the certificate for https has changed but can't be used; the former one stays in use"
                );
            }
            logged = fault;
        }
    }
}
