//! Closes the listener. The kernel resets connections that it has accepted for a listener when that
//! closes, although their clients may already have sent a request. So new connections are refused
//! first, then the waiting ones are accepted, and then the listener closes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How long a connection's handshake may still take.
pub(super) const HANDSHAKE_TIME: Duration = Duration::from_millis(200);

/// Refuses new connections. Their clients get no reply and retry a second later, when there is no
/// listener or that of another process.
#[cfg(target_os = "linux")]
pub(super) fn refuse_new(listener: &TcpListener) -> io::Result<()> {
    use socket2::{SockFilter, SockRef};
    // A packet filter (BPF) over the TCP header: in the flags at byte 13, SYN without ACK starts a
    // connection. All other packets pass.
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const FLAGS_AT: u32 = 13;
    const SYN: u32 = 0x02;
    const SYN_OR_ACK: u32 = 0x12;
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS_AT),
        SockFilter::new(AND, 0, 0, SYN_OR_ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

/// Does nothing: other systems have no such filter, so a client that connects in the last moment is
/// lost.
#[cfg(not(target_os = "linux"))]
pub(super) fn refuse_new(_: &TcpListener) -> io::Result<()> {
    Ok(())
}

/// Closes the listener and returns the connections that waited to be accepted.
pub(super) fn close(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let mut waiting = Vec::new();
    // The listener does not block: an error means that no more connections wait.
    while let Ok((stream, peer)) = listener.accept() {
        let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
        waiting.extend(stream.map(|stream| (stream, peer)));
    }
    waiting
}
