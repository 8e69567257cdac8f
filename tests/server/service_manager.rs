//! What a service manager does with the server, by systemd's documented protocols: it is told what
//! the server does (`sd_notify(3)`), and passes a listening socket (`sd_listen_fds(3)`).

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::time::{ClockId, clock_gettime};
use stagepass_tests::services::raw_connection::RawConnection;
use stagepass_tests::services::server::{self, Server};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::UnixDatagram;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

const TIMEOUT: Duration = Duration::from_secs(60);
const ALIVE: &str = "WATCHDOG=1\n";
/// Gives the socket the descriptors 3 and 4, and becomes the server.
const PASS: &str = r#"exec 3<&"$0" 4<&"$0"; export LISTEN_FDS="$1" LISTEN_PID=$$; shift; exec "$@""#;

/// The next message, which may be that the server is still alive.
async fn message(socket: &UnixDatagram) -> Result<String> {
    let mut space = [0; 4096];
    let length = timeout(TIMEOUT, socket.recv(&mut space)).await.context("no message")??;
    Ok(std::str::from_utf8(&space[..length])?.to_owned())
}

/// The next other message.
async fn news(socket: &UnixDatagram) -> Result<String> {
    loop {
        let message = message(socket).await?;
        if message != ALIVE {
            return Ok(message);
        }
    }
}

fn monotonic_usec() -> Result<u64> {
    let now = clock_gettime(ClockId::Monotonic);
    Ok(u64::try_from(now.tv_sec)? * 1_000_000 + u64::try_from(now.tv_nsec)? / 1000)
}

#[tokio::test]
async fn says_when_it_is_ready_reloads_its_files_stops_and_still_runs() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path)?;
    let mut command = server::serve_command(directory.path(), "127.0.0.1:0")?;
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
    let server = Server::start_command(directory.path(), &mut command).await?;
    assert_eq!(news(&socket).await?, "READY=1\n");
    for _ in 0..2 {
        let before = monotonic_usec()?;
        server.program().hang_up()?;
        let reloading = news(&socket).await?;
        let at = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").with_context(|| reloading.clone())?;
        let at: u64 = at.trim_end().parse()?;
        // Otherwise systemd would take it for an earlier reload.
        ensure!((before..=monotonic_usec()?).contains(&at), "{before} {reloading}");
        assert_eq!(news(&socket).await?, "READY=1\n");
    }
    for _ in 0..3 {
        assert_eq!(message(&socket).await?, ALIVE);
    }
    server.program().terminate()?;
    assert_eq!(news(&socket).await?, "STOPPING=1\n");
    server.stopped().await.map(drop)
}

/// A command that passes this socket to the server `count` times.
fn passing(socket: &TcpListener, count: &str, server: &Command) -> Result<Command> {
    fcntl_setfd(socket, FdFlags::empty())?;
    let server = server.as_std();
    let mut command = Command::new("bash");
    command.env_clear();
    command.envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(["-c", PASS, &socket.as_raw_fd().to_string(), count]);
    command.arg(server.get_program()).args(server.get_args());
    Ok(command)
}

/// A server that takes a passed socket. The address among its settings is not used.
fn serve(directory: &Path) -> Result<Command> {
    let mut command = server::command(directory)?;
    command.args(["serve", "--listen", "127.0.0.1:1", "--log", "warn,stagepass_server::serve=info"]);
    Ok(command)
}

/// Calls on a new connection each time, and returns the number of answered calls, all of them.
async fn call_until(is_over: Arc<AtomicBool>, address: SocketAddr) -> Result<u32> {
    let mut answered = 0;
    while !is_over.load(Ordering::Relaxed) {
        let mut connection = RawConnection::open(&address.to_string()).await?;
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let answer = connection.answer().await.with_context(|| format!("call {answered}"))?;
        ensure!(answer.status == 200, "{}", answer.head);
        answered += 1;
    }
    Ok(answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passed_socket_takes_connections_while_a_server_follows_another() -> Result<()> {
    const CLIENTS: usize = 8;
    const RESTARTS: usize = 4;
    let directory = server::new_data_dir().await?;
    let socket = TcpListener::bind("127.0.0.1:0")?;
    let address = socket.local_addr()?;
    let start = async || {
        let mut command = passing(&socket, "1", &serve(directory.path())?)?;
        Server::start_command(directory.path(), &mut command).await
    };
    let mut server = start().await?;
    assert_eq!(server.address(), address.to_string());
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        (0..CLIENTS).map(|_| tokio::spawn(call_until(Arc::clone(&is_over), address))).collect();
    for number in 0..RESTARTS {
        sleep(Duration::from_millis(300)).await;
        server.program().terminate()?;
        let log = server.stopped().await.with_context(|| format!("stop {number}"))?;
        ensure!(!log.contains("gave up waiting"), "{log}");
        server = start().await?;
    }
    sleep(Duration::from_millis(300)).await;
    is_over.store(true, Ordering::Relaxed);
    for answered in try_join_all(clients).await? {
        ensure!(answered? > 0, "a client was never answered");
    }
    Ok(())
}

#[tokio::test]
async fn several_passed_sockets_are_refused() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let socket = TcpListener::bind("127.0.0.1:0")?;
    let output = passing(&socket, "2", &serve(directory.path())?)?.output().await?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(!output.status.success() && said.contains("exactly one listening TCP socket"), "{said}");
    Ok(())
}
