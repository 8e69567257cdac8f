//! What happens to a connection after an answer: it stays open, or the answer announces that it
//! closes. With raw sockets, since a client would hide it, and with a client that keeps its
//! connections.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use stagepass_tests::services::nginx::Nginx;
use stagepass_tests::services::raw_connection::RawConnection;
use stagepass_tests::services::server::{self, Server};
use tempfile::TempDir;

const REVEAL: &str = "/api/credentials/reveal";
const KIB: usize = 1024;
/// The most that the server reads just to keep the connection.
const SMALL: usize = 64 * KIB;

async fn start(flags: &[&str]) -> Result<(Server, TempDir)> {
    let directory = server::new_data_dir().await?;
    let mut command = server::command(directory.path())?;
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags);
    Ok((Server::start_command(directory.path(), &mut command).await?, directory))
}

/// How a request's body is sent.
#[derive(Clone, Copy, Debug)]
enum Sending {
    /// The whole body, with its length declared.
    Declared,
    /// The whole body in chunks.
    Chunked,
    /// Its declared length, and then nothing.
    Withheld,
    /// After the answer, like a client that expects to be told to continue.
    Expecting,
}

/// The head of a request with a body of `bytes` bytes, and what is sent at once after it.
fn request(line: &str, headers: &str, bytes: usize, sending: Sending) -> Vec<u8> {
    let (framing, body) = match sending {
        Sending::Declared => (format!("Content-Length: {bytes}"), vec![b' '; bytes]),
        Sending::Chunked => {
            let chunk = [format!("{bytes:x}\r\n").into_bytes(), vec![b' '; bytes], b"\r\n0\r\n\r\n".to_vec()];
            ("Transfer-Encoding: chunked".to_owned(), chunk.concat())
        }
        Sending::Withheld => (format!("Content-Length: {bytes}"), Vec::new()),
        Sending::Expecting => (format!("Content-Length: {bytes}\r\nExpect: 100-continue"), Vec::new()),
    };
    let head = format!("{line}\r\nHost: localhost\r\n{headers}{framing}\r\n\r\n");
    [head.into_bytes(), body].concat()
}

/// Requests that are answered before their bodies are read, with their statuses.
const EARLY: [(u16, &str, &str); 10] = [
    (401, "POST /api/credentials/reveal HTTP/1.1", "Content-Type: application/json\r\n"),
    (401, "POST /api/credentials/store-platform-session HTTP/1.1", "Content-Type: application/json\r\n"),
    (401, "GET /api/platform-sessions HTTP/1.1", ""),
    (404, "POST /api/nothing/here HTTP/1.1", ""),
    (405, "POST /healthz HTTP/1.1", ""),
    (405, "DELETE /auth/login HTTP/1.1", ""),
    (415, "POST /auth/login HTTP/1.1", "Content-Type: text/plain\r\n"),
    (421, "POST http://elsewhere.example/auth/login HTTP/1.1", "Content-Type: application/json\r\n"),
    (400, "POST /auth/login HTTP/1.1", "Host: twice.example\r\n"),
    (303, "GET /app HTTP/1.1", ""),
];

#[tokio::test]
async fn an_answer_before_the_body_keeps_the_connection_or_announces_its_end() -> Result<()> {
    use Sending::{Chunked, Declared, Expecting, Withheld};
    let (server, _directory) = start(&["--failed-auth-rate-limit", "0"]).await?;
    for (status, line, headers) in EARLY {
        for (bytes, sending, is_kept) in [
            (10, Declared, true),
            (10, Chunked, true),
            (SMALL, Declared, true),
            (SMALL / 2, Chunked, true),
            (SMALL + 1, Declared, false),
            (SMALL + 1, Chunked, false),
            (2 * KIB * KIB, Declared, false),
            (2 * KIB * KIB, Chunked, false),
            (10, Withheld, false),
            (10, Expecting, false),
        ] {
            let case = format!("{line}, {bytes} bytes, {sending:?}");
            let mut connection = RawConnection::open(server.address()).await?;
            connection.send(&request(line, headers, bytes, sending)).await?;
            let answer = connection.answer().await.with_context(|| case.clone())?;
            ensure!(answer.status == status, "{case}: {}", answer.status);
            ensure!(answer.says_close() != is_kept, "{case}: {}", answer.head);
            if is_kept {
                connection.send(&request("GET /healthz HTTP/1.1", "", 0, Declared)).await?;
                let next = connection.answer().await.with_context(|| format!("{case}, the next one"))?;
                ensure!(next.status == 200 && !next.says_close(), "{case}: {}", next.head);
            } else {
                ensure!(connection.ends().await?, "{case}: more comes");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_refusal_by_a_limit_also_announces_the_end() -> Result<()> {
    let flags = ["--failed-auth-rate-limit", "1", "--trusted-proxies", "127.0.0.1"];
    let (server, _directory) = start(&flags).await?;
    let line = format!("POST {REVEAL} HTTP/1.1");
    let from = "Content-Type: application/json\r\nX-Forwarded-For: 203.0.113.9\r\n";
    for (bytes, is_kept) in [(KIB, true), (SMALL + 1, false)] {
        let mut status = 0;
        for _ in 0..100 {
            let mut connection = RawConnection::open(server.address()).await?;
            connection.send(&request(&line, from, bytes, Sending::Declared)).await?;
            let answer = connection.answer().await?;
            ensure!(answer.says_close() != is_kept, "{bytes}: {}", answer.head);
            status = answer.status;
            if status == 429 {
                break;
            }
        }
        ensure!(status == 429, "never refused: {status}");
    }
    // A body that is read, but not to its end.
    let mut connection = RawConnection::open(server.address()).await?;
    let json = "Content-Type: application/json\r\n";
    connection.send(&request("POST /auth/login HTTP/1.1", json, 3 * KIB * KIB, Sending::Declared)).await?;
    let answer = connection.answer().await?;
    ensure!(answer.status == 413 && answer.says_close(), "{}", answer.head);
    // A head that can't be read.
    for head in ["GET / HTTP/1.1\r\nHost: localhost\r\nBad header\r\n\r\n", "GET /\u{1} HTTP/1.1\r\n\r\n"] {
        let mut connection = RawConnection::open(server.address()).await?;
        connection.send(head.as_bytes()).await?;
        let answer = connection.answer().await?;
        ensure!(answer.status == 400 && answer.says_close(), "{}", answer.head);
    }
    Ok(())
}

#[tokio::test]
async fn http_1_0_connections_stay_open_only_if_the_answer_says_so() -> Result<()> {
    let (server, _directory) = start(&[]).await?;
    let line = format!("POST {REVEAL} HTTP/1.0");
    for (headers, bytes, is_kept) in [
        ("", 10, false),
        ("Connection: keep-alive\r\n", 10, true),
        ("Connection: keep-alive\r\n", SMALL + 1, false),
    ] {
        let mut connection = RawConnection::open(server.address()).await?;
        connection.send(&request(&line, headers, bytes, Sending::Declared)).await?;
        let answer = connection.answer().await?;
        ensure!(answer.status == 401, "{}", answer.head);
        ensure!(answer.head.contains("connection: keep-alive") == is_kept, "{}", answer.head);
        ensure!(!answer.head.contains("close, keep-alive"), "{}", answer.head);
        if is_kept {
            connection.send(&request("GET /healthz HTTP/1.1", "", 0, Sending::Declared)).await?;
            ensure!(connection.answer().await?.status == 200);
        } else {
            ensure!(connection.ends().await?, "{headers:?}: more comes");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_keeps_its_connections_loses_no_call() -> Result<()> {
    const CALLS: usize = 2000;
    let (server, _directory) = start(&["--failed-auth-rate-limit", "0"]).await?;
    let client = server.service_with("a guess");
    for number in 0..CALLS {
        let bytes = [10, SMALL - 1, SMALL + 1, 200 * KIB, 900 * KIB][number % 5];
        let request = client.request(Method::POST, REVEAL).header("content-type", "application/json");
        let answer = client.send(request.body(vec![b' '; bytes])).await;
        let answer = answer.with_context(|| format!("call {number} after a body of {bytes} bytes"))?;
        ensure!(answer.status == 401, "{}", answer.body);
    }
    Ok(())
}

#[tokio::test]
async fn a_proxy_that_keeps_its_connections_never_answers_502() -> Result<()> {
    const CALLS: usize = 1000;
    let (server, _directory) = start(&["--failed-auth-rate-limit", "0"]).await?;
    let nginx = Nginx::before(&[server.address()]).await?;
    let client = reqwest::Client::new();
    for number in 0..CALLS {
        let bytes = [10, 200 * KIB, SMALL - 1, 900 * KIB, SMALL + 1][number % 5];
        let path = [REVEAL, "/api/credentials/store-platform-session"][number % 2];
        let request =
            client.post(format!("{}{path}", nginx.url())).header("content-type", "application/json");
        let answer = request.body(vec![b' '; bytes]).send().await?;
        ensure!(answer.status() == 401, "call {number}: {}\n{}", answer.status(), nginx.log());
    }
    Ok(())
}
