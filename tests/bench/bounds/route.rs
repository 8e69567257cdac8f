//! A bare axum route that always answers with the same bytes, in a process of its own.

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use stagepass_tests::system::process::Program;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;

const START_TIMEOUT: Duration = Duration::from_secs(30);
/// The process prints this before its address.
const SAID: &str = "listening at ";

/// The process; dropping this ends it.
#[derive(Debug)]
pub(crate) struct Route {
    _program: Program,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Route {
    /// Starts one that answers every path with `body`.
    pub(crate) async fn start(path: &str, body: &[u8]) -> Result<Self> {
        let mut program =
            Program::spawn(Command::new(std::env::current_exe()?).args(["answer-posts", path]))?;
        let mut stdin = program.take_stdin().context("stdin is piped")?;
        stdin.write_all(body).await?;
        drop(stdin);
        let line = program.wait_for_line("its address", START_TIMEOUT, |line| line.contains(SAID)).await?;
        let address = line.trim_start_matches(SAID).parse()?;
        Ok(Self { _program: program, address })
    }
}

/// The process itself: answers with the bytes from standard input.
#[expect(clippy::print_stdout, reason = "the parent process waits for its address")]
pub(crate) async fn serve(path: &str) -> Result<()> {
    let mut body = Vec::new();
    std::io::stdin().lock().read_to_end(&mut body)?;
    let body = Bytes::from(body);
    let answer = async move || ([(header::CONTENT_TYPE, "application/json")], body);
    let router = Router::new().route(path, post(answer));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{SAID}{}", listener.local_addr()?);
    // The server does the same.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, router).await?)
}
