//! What a log never holds, however much is asked of it.

use anyhow::{Result, ensure};
use serde_json::json;
use stagepass_tests::installation::{Installation, Store};
use stagepass_tests::secret_search::SecretSearch;
use stagepass_tests::server::{self, Server};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Everything of a request that its sender makes up, as long as a head can be.
#[tokio::test]
async fn nothing_that_a_caller_chooses_makes_a_log_line_long() -> Result<()> {
    const MOST: usize = 8 * 1024;
    for format in ["text", "json"] {
        let directory = server::new_data_dir().await?;
        let mut command = server::command(directory.path())?;
        command.args(["serve", "--listen", "127.0.0.1:0", "--log", "trace"]);
        command.args(["--log-format", format]);
        let server = Server::start_command(directory.path(), &mut command).await?;
        let long = "Q".repeat(60_000);
        let login = format!(r#"{{"email":"{long}@example.org","password":"p","mode":"{long}"}}"#);
        let unknown = format!(r#"{{"{long}":"{long}","platform":"{long}","creator_profile_id":"{long}"}}"#);
        for (head, body) in [
            (format!("{long} / HTTP/1.1\r\nHost: localhost"), ""),
            (format!("GET /{long} HTTP/1.1\r\nHost: localhost"), ""),
            (format!("GET /app/credentials?{long} HTTP/1.1\r\nHost: localhost"), ""),
            (format!("GET /healthz HTTP/1.1\r\nHost: {long}"), ""),
            (format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {long}"), ""),
            (format!("GET /users/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {long}"), ""),
            (format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {long}"), ""),
            ("POST /auth/login HTTP/1.1\r\nHost: localhost".to_owned(), login.as_str()),
            ("POST /api/credentials/reveal HTTP/1.1\r\nHost: localhost".to_owned(), &unknown),
        ] {
            let mut stream = TcpStream::connect(server.url().trim_start_matches("http://")).await?;
            let request = format!(
                "{head}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            let _ = timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await?;
            ensure!(answer.starts_with(b"HTTP/1.1 "), "no answer to {}", &head[..40]);
        }
        let log = String::from_utf8(server.stop().await?)?;
        let longest = log.lines().map(str::len).max().unwrap_or_default();
        ensure!(longest < MOST, "{format}: a line of {longest} bytes");
        ensure!(log.contains("QQQ"), "{format}: nothing of it is in the log");
    }
    Ok(())
}

/// The driver logs each statement and its parameters, through the crate `log`.
#[tokio::test]
async fn statements_and_parameters_of_postgresql_are_in_no_log_at_any_level() -> Result<()> {
    const USERNAME: &str = "planted-username-Tq4wX";
    let installation = Installation::new(Store::Postgres).await?;
    let person = installation.add_person().await?;
    let search = SecretSearch::new(&[USERNAME.into(), person.email().into(), person.password().into()])?;
    for level in ["error", "warn", "info", "debug", "trace"] {
        let filter = format!("{level},stagepass_server=trace,tokio_postgres={level},log={level}");
        let server = installation.serve_logging(&filter).await?;
        let user = person.sign_in(&server).await?;
        let connection = user.create_profile("instagram", USERNAME).await?;
        let reveal = json!({"creatorProfileId": connection});
        assert_eq!(server.service()?.post("/api/credentials/reveal", &reveal).await?.status, 200);
        let log = server.stop().await?;
        ensure!(!search.is_in(&log), "a parameter is in the log at {level}");
        let log = String::from_utf8(log)?;
        ensure!(log.contains("route=\"/api/credentials/reveal\""), "{log}");
        for statement in ["tokio_postgres", "SELECT ", "INSERT ", "$1"] {
            ensure!(!log.contains(statement), "{level}: {statement}: {log}");
        }
    }
    Ok(())
}
