//! The socket that the server listens on: its own, or one that a service manager has opened and
//! keeps open between two servers (`sd_listen_fds(3)`).

use super::ServeError;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// A socket that accepts connections.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: TcpListener,
    /// Whether it belongs to a service manager.
    pub(super) is_passed: bool,
}

impl Listener {
    /// Opens a socket.
    pub(super) async fn open(address: SocketAddr) -> Result<Self, ServeError> {
        let socket = TcpListener::bind(address).await;
        let socket = socket.map_err(|error| ServeError::Listen { address, error })?;
        Ok(Self { socket, is_passed: false })
    }

    /// The socket that a service manager has passed, if it has. Only the first call finds it.
    pub(super) fn passed() -> Result<Option<Self>, ServeError> {
        #[cfg(unix)]
        return passed_socket().map_err(ServeError::Passed);
        #[cfg(not(unix))]
        Ok(None)
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

#[cfg(unix)]
fn passed_socket() -> io::Result<Option<Listener>> {
    let mut passed = listenfd::ListenFd::from_env();
    if passed.len() > 1 {
        return Err(io::Error::other(format!("there are {}", passed.len())));
    }
    let Some(socket) = passed.take_tcp_listener(0)? else { return Ok(None) };
    socket.set_nonblocking(true)?;
    Ok(Some(Listener { socket: TcpListener::from_std(socket)?, is_passed: true }))
}
