//! What a log never contains, whatever its level.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::server::{self, Server};
use stagepass_tests::system::secret_search::SecretSearch;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Each part of a request that its sender can make up, as long as a head may be.
#[tokio::test]
async fn no_request_makes_a_log_line_long() -> Result<()> {
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
            let mut stream = TcpStream::connect(server.address()).await?;
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

/// The driver logs each statement and its parameters through the crate `log`.
#[tokio::test]
async fn postgresql_statements_and_parameters_are_logged_at_no_level() -> Result<()> {
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

/// The lines about requests, without their durations, which must be numbers.
fn answered(log: &str) -> Result<Vec<(Value, Value)>> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut answered = Vec::new();
    for mut line in lines.filter(|line| line["fields"]["message"] == "answered") {
        let level = line["level"].take();
        let fields = line["fields"].as_object_mut().context("fields")?;
        let taken = fields.remove("duration_ms").context("no time")?;
        ensure!(taken.as_f64().is_some_and(|taken| taken >= 0.0), "{taken} is not a number");
        fields.insert("level".to_owned(), level);
        answered.push((line["fields"].take(), line["span"]["id"].take()));
    }
    Ok(answered)
}

#[tokio::test]
async fn a_line_says_who_called_from_where_and_how_long_it_took() -> Result<()> {
    const REVEAL: &str = "/api/credentials/reveal";
    const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";
    const MASTER_PASSWORD: &str = "planted-master-password";
    let directory = server::new_data_dir().await?;
    let mut command = server::command(directory.path())?;
    let token = command.args(["service-token", "add", "downloads", "--verb", "reveal"]).output().await?;
    let token = String::from_utf8(token.stdout)?.trim().to_owned();
    let mut command = server::command(directory.path())?;
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    let server = Server::start_command(directory.path(), &mut command).await?;
    let user = server.user().await?;
    let id = user.get("/users/me").await?.body["data"]["id"].as_str().context("an id")?.to_owned();
    user.get("/api/platform-sessions").await?;
    let unknown = json!({"creatorProfileId": UNKNOWN});
    server.service_with(&token).post(REVEAL, &unknown).await?;
    server.service()?.post(REVEAL, &unknown).await?;
    server.service_with("planted-guess").post(REVEAL, &unknown).await?;
    let password = json!({"password": MASTER_PASSWORD, "confirm": MASTER_PASSWORD});
    assert_eq!(server.anonymous().post("/api/auth/setup", &password).await?.status, 200);
    server.vault(MASTER_PASSWORD).await?.get("/api/credentials").await?;
    for poll in ["/healthz", "/readyz"] {
        assert_eq!(server.anonymous().get(poll).await?.status, 200);
    }
    reqwest::get(format!("{}/metrics", server.url())).await?;
    let shared = std::fs::read_to_string(directory.path().join("rbac-sync-webhook-secret"))?;
    let log = server.stop().await?;
    let secrets = [token.as_str(), shared.trim(), "planted-guess", MASTER_PASSWORD, server::PASSWORD];
    ensure!(!SecretSearch::new(&secrets.map(Into::into))?.is_in(&log), "a secret is in the log");
    let lines = answered(&String::from_utf8(log)?)?;
    let line = |method: &str, route: &str, status: u16, caller: &str, caller_id: Option<&str>| {
        let mut line = json!({"message": "answered", "method": method, "route": route, "status": status,
            "client": "127.0.0.1", "caller": caller, "level": "INFO"});
        if let Some(id) = caller_id {
            line["caller_id"] = id.into();
        }
        line
    };
    let expected = [
        line("POST", "/auth/login", 200, "anonymous", None),
        line("GET", "/users/me", 200, "user", Some(&id)),
        line("GET", "/api/platform-sessions", 200, "user", Some(&id)),
        line("POST", REVEAL, 404, "service", Some("downloads")),
        line("POST", REVEAL, 404, "service", Some("shared")),
        line("POST", REVEAL, 401, "anonymous", None),
        line("POST", "/api/auth/setup", 200, "anonymous", None),
        line("POST", "/api/auth/login", 200, "anonymous", None),
        line("GET", "/api/credentials", 200, "vault", None),
    ];
    // Requests by monitoring are logged below INFO.
    assert_eq!(lines.into_iter().map(|(line, _)| line).collect::<Vec<_>>(), expected);
    Ok(())
}

#[tokio::test]
async fn only_a_trusted_proxy_sets_a_requests_id_and_address() -> Result<()> {
    for (trusted, is_kept) in [("127.0.0.1", true), ("192.0.2.1", false)] {
        let directory = server::new_data_dir().await?;
        let mut command = server::command(directory.path())?;
        command.args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
        command.args(["--trusted-proxies", trusted]);
        let server = Server::start_command(directory.path(), &mut command).await?;
        let client = server.anonymous();
        let too_long = "x".repeat(129);
        let ids = ["planted-id/1", "x", &too_long[1..], too_long.as_str(), "two words", "caf\u{e9}", ""];
        let mut answers = Vec::new();
        for id in ids {
            let request = client.request(Method::GET, "/users/me").header("x-forwarded-for", "203.0.113.9");
            let answer = client.send(request.header("x-request-id", id.as_bytes())).await?;
            answers.push(answer.headers["x-request-id"].to_str()?.to_owned());
        }
        // With two of them nobody knows which one is the proxy's.
        let twice = client.request(Method::GET, "/users/me").header("x-request-id", "planted-a");
        let answer = client.send(twice.header("x-request-id", "planted-b")).await?;
        let of_two = answer.headers["x-request-id"].to_str()?;
        ensure!(!of_two.contains("planted"), "{of_two}");
        for (number, (given, taken)) in ids.into_iter().zip(&answers).enumerate() {
            let is_own = given != taken && taken.len() == 36;
            ensure!(if is_kept && number < 3 { given == taken } else { is_own }, "{given}: {taken}");
        }
        let lines = answered(&String::from_utf8(server.stop().await?)?)?;
        let client = if is_kept { "203.0.113.9" } else { "127.0.0.1" };
        for ((line, id), taken) in lines.iter().zip(&answers) {
            assert_eq!((line["client"].as_str(), id.as_str()), (Some(client), Some(taken.as_str())));
        }
    }
    Ok(())
}
