//! What one caller can take from the others: calls, guesses, connections and time. On a real
//! server, below HTTP where an HTTP client would behave too well.

use anyhow::{Context as _, Result, bail};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use stagepass_tests::services::server::{self, Answer, Client, Server};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const SESSIONS: &str = "/api/platform-sessions";
const REVEAL: &str = "/api/credentials/reveal";
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";
/// Long enough for every step here on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

async fn start(flags: &[&str]) -> Result<(Server, TempDir)> {
    let directory = server::new_data_dir().await?;
    let mut command = server::command(directory.path())?;
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags);
    Ok((Server::start_command(directory.path(), &mut command).await?, directory))
}

/// Sends `request(0)`, `request(1)`, … until one is refused, and returns its number and the
/// refusal. All earlier ones have the status `expected`.
async fn first_refusal(
    client: &Client,
    expected: u16,
    request: impl Fn(usize) -> RequestBuilder,
) -> Result<(usize, Answer)> {
    for number in 0..1000 {
        let answer = client.send(request(number)).await?;
        if answer.status == 429 {
            return Ok((number, answer));
        }
        assert_eq!(answer.status, expected, "{}", answer.body);
    }
    bail!("none of 1000 calls was refused");
}

fn retry_after(answer: &Answer) -> Result<Duration> {
    Ok(Duration::from_secs(answer.headers["retry-after"].to_str()?.parse()?))
}

#[tokio::test]
async fn a_user_who_calls_too_often_is_told_when_to_return_and_others_are_served() -> Result<()> {
    let (server, directory) = start(&["--user-rate-limit", "1"]).await?;
    server::add_user(directory.path(), "other@example.org", server::PASSWORD).await?;
    let (user, other) =
        (server.user().await?, server.user_named("other@example.org", server::PASSWORD).await?);
    let (count, refused) = first_refusal(&user, 200, |_| user.request(Method::GET, SESSIONS)).await?;
    assert!(count >= 10, "a burst of {count}");
    assert_eq!(refused.body, json!({"success": false, "error": "Too many requests"}));
    assert_eq!(refused.headers["retry-after"], "1");
    let (_, refused) = first_refusal(&user, 200, |_| user.request(Method::GET, "/users/me")).await?;
    assert_eq!(refused.body["errors"][0]["extensions"]["code"], "REQUESTS_EXCEEDED");

    assert_eq!(other.get(SESSIONS).await?.status, 200);
    for _ in 0..30 {
        let answer = server.service()?.post(REVEAL, &json!({"creatorProfileId": UNKNOWN})).await?;
        assert_eq!(answer.status, 404, "services are not limited");
    }
    sleep(retry_after(&refused)?).await;
    assert_eq!(user.get(SESSIONS).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_limit_of_0_means_no_limit() -> Result<()> {
    let flags = ["--user-rate-limit", "0", "--failed-auth-rate-limit", "0", "--trusted-proxies", "127.0.0.1"];
    let (server, _directory) = start(&flags).await?;
    let (user, anonymous) = (server.user().await?, server.anonymous());
    for _ in 0..200 {
        assert_eq!(user.get(SESSIONS).await?.status, 200);
        let failing = anonymous.request(Method::GET, SESSIONS).header("x-forwarded-for", "203.0.113.9");
        assert_eq!(anonymous.send(failing).await?.status, 401);
    }
    Ok(())
}

#[tokio::test]
async fn only_an_address_without_a_valid_caller_is_limited() -> Result<()> {
    let flags = ["--failed-auth-rate-limit", "1", "--trusted-proxies", "127.0.0.0/8,192.0.2.7"];
    let (server, _directory) = start(&flags).await?;
    let (user, anonymous) = (server.user().await?, server.anonymous());
    let from =
        |client: &Client, chain: &str| client.request(Method::GET, SESSIONS).header("x-forwarded-for", chain);
    // An address that the client itself put to the left of its own does not help.
    let spoofing = |number| from(&anonymous, &format!("198.51.100.{}, 203.0.113.9, 192.0.2.7", number % 250));
    let (count, refused) = first_refusal(&anonymous, 401, spoofing).await?;
    assert!(count >= 10, "a burst of {count}");
    assert_eq!(refused.body, json!({"success": false, "error": "Too many requests"}));
    assert_eq!(refused.headers["retry-after"], "1");

    assert_eq!(anonymous.send(from(&anonymous, "203.0.113.10")).await?.status, 401);
    assert_eq!(user.send(from(&user, "203.0.113.9")).await?.status, 200, "a valid caller is not limited");
    // One customer's IPv6 network counts as one address.
    let neighbour = |number| from(&anonymous, &format!("2001:db8::{number:x}"));
    assert!(first_refusal(&anonymous, 401, neighbour).await?.0 >= 10);
    for _ in 0..30 {
        assert_eq!(anonymous.get(SESSIONS).await?.status, 401, "this machine is not limited");
    }
    Ok(())
}

#[tokio::test]
async fn without_trusted_proxies_address_headers_are_ignored() -> Result<()> {
    let (server, _directory) = start(&["--failed-auth-rate-limit", "1"]).await?;
    let anonymous = server.anonymous();
    for _ in 0..30 {
        let request = anonymous.request(Method::GET, SESSIONS).header("x-forwarded-for", "203.0.113.9");
        assert_eq!(anonymous.send(request).await?.status, 401);
    }
    Ok(())
}

#[tokio::test]
async fn a_right_secret_works_from_a_guessing_address_and_users_are_counted_separately() -> Result<()> {
    let flags = ["--failed-auth-rate-limit", "1", "--trusted-proxies", "127.0.0.1"];
    let (server, directory) = start(&flags).await?;
    let mut command = server::command(directory.path())?;
    let named = command.args(["service-token", "add", "downloader", "--verb", "reveal"]).output().await?;
    let named = server.service_with(String::from_utf8(named.stdout)?.trim());
    let reveal = |client: &Client| {
        let request = client.request(Method::POST, REVEAL).header("x-forwarded-for", "203.0.113.9");
        request.json(&json!({"creatorProfileId": UNKNOWN}))
    };
    let wrong = server.service_with("a guess");
    for service in [server.service()?, named] {
        let (_, refused) = first_refusal(&wrong, 401, |_| reveal(&wrong)).await?;
        assert_eq!(refused.body, json!({"success": false, "error": "Too many requests"}));
        // The secret was never right from there before.
        for _ in 0..20 {
            assert_eq!(service.send(reveal(&service)).await?.status, 404);
        }
    }
    let anonymous = server.anonymous();
    let listing = anonymous.request(Method::GET, SESSIONS).header("x-forwarded-for", "203.0.113.9");
    assert_eq!(anonymous.send(listing).await?.status, 401, "no user has failed there");
    Ok(())
}

fn address(server: &Server) -> &str {
    server.address()
}

/// Everything that comes until the other side closes or resets the connection.
async fn read_to_end(stream: &mut TcpStream) -> Result<String> {
    let mut received = Vec::new();
    // What came before a reset is kept.
    let _ =
        timeout(PATIENCE, stream.read_to_end(&mut received)).await.context("the connection stays open")?;
    Ok(String::from_utf8(received)?)
}

/// The head of an answer in lower case, and its JSON.
fn split(answer: &str) -> Result<(String, Value)> {
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("no answer: {answer:?}"))?;
    Ok((head.to_ascii_lowercase(), serde_json::from_str(body)?))
}

#[tokio::test]
async fn a_body_that_drips_is_cut_off_with_408() -> Result<()> {
    let (server, _directory) = start(&["--request-timeout", "1"]).await?;
    let (mut reading, mut writing) = TcpStream::connect(address(&server)).await?.into_split();
    let head = "POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 100000\r\n\r\n";
    writing.write_all(head.as_bytes()).await?;
    let dripping = async {
        while writing.write_all(b" ").await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let mut received = Vec::new();
    let ended = async { tokio::join!(dripping, reading.read_to_end(&mut received)).1 };
    let _ = timeout(PATIENCE, ended).await.context("the connection stays open")?;
    let (head, body) = split(&String::from_utf8(received)?)?;
    assert!(head.starts_with("http/1.1 408 ") && head.contains("\r\nconnection: close"), "{head}");
    assert_eq!(body["errors"][0]["message"], "The request did not arrive in time");
    Ok(())
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_an_answer() -> Result<()> {
    let (server, _directory) = start(&["--idle-timeout", "1"]).await?;
    let mut stream = TcpStream::connect(address(&server)).await?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    let (head, body) = split(&read_to_end(&mut stream).await?)?;
    assert!(head.starts_with("http/1.1 200 ") && !head.contains("connection: close"), "{head}");
    assert_eq!(body["service"], "stagepass");
    Ok(())
}

/// Most proxies keep idle connections for a minute. The server must not close one first: a
/// request may be on its way.
#[tokio::test]
async fn idle_connections_are_kept_longer_than_proxies_keep_them() -> Result<()> {
    const PROXIES_KEEP_THEIRS_S: u32 = 60;
    let directory = server::new_data_dir().await?;
    let help = server::command(directory.path())?.args(["serve", "--help"]).output().await?;
    let help = String::from_utf8(help.stdout)?;
    let (_, after) = help.split_once("STAGEPASS_IDLE_TIMEOUT").context("no such setting")?;
    let (_, default) = after.split_once("[default: ").context("no default")?;
    let default: u32 = default.split(']').next().unwrap_or_default().parse()?;
    assert!(default > PROXIES_KEEP_THEIRS_S, "{default} s");
    Ok(())
}

#[tokio::test]
async fn idle_connections_lock_nobody_out_for_good() -> Result<()> {
    let (server, _directory) = start(&["--idle-timeout", "2"]).await?;
    let mut idle = Vec::new();
    for number in 0..600 {
        let mut stream = TcpStream::connect(address(&server)).await?;
        if number % 2 == 0 {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: loc").await?;
        }
        idle.push(stream);
    }
    let answer = timeout(PATIENCE, server.anonymous().get("/healthz")).await.context("locked out")??;
    assert_eq!(answer.status, 200);
    Ok(())
}

/// More connections than there are permits, none of which ever finishes a request's head.
async fn flood(server: &Server) -> Result<Vec<TcpStream>> {
    let mut idle = Vec::new();
    for number in 0..600 {
        let mut stream = TcpStream::connect(address(server)).await?;
        if number % 2 == 0 {
            // By then it may have been dropped to make room for another.
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: loc").await;
        }
        idle.push(stream);
    }
    Ok(idle)
}

#[tokio::test]
async fn connections_without_a_request_make_room_at_once_for_one_with_a_request() -> Result<()> {
    let (server, _directory) = start(&["--idle-timeout", "60"]).await?;
    let _idle = flood(&server).await?;
    for _ in 0..3 {
        let answer = timeout(Duration::from_secs(5), server.anonymous().get("/healthz")).await;
        assert_eq!(answer.context("locked out")??.status, 200);
    }
    let metrics = reqwest::get(format!("{}/metrics", server.url())).await?.text().await?;
    let dropped = metrics.lines().find_map(|line| line.strip_prefix("http_connections_dropped_total "));
    assert!(dropped.context("not counted")?.parse::<u32>()? >= 600 - 512, "{metrics}");
    Ok(())
}

#[tokio::test]
async fn a_flood_of_connections_does_not_end_connections_in_use() -> Result<()> {
    const ANSWERS: usize = 200;
    let (server, _directory) = start(&["--idle-timeout", "60"]).await?;
    // One whose request is still coming, and one that has not read its answers yet.
    let mut sending = TcpStream::connect(address(&server)).await?;
    let head = "POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 2\r\nConnection: close\r\n\r\n{";
    sending.write_all(head.as_bytes()).await?;
    let mut reading = TcpStream::connect(address(&server)).await?;
    let request = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    reading.write_all(request.repeat(ANSWERS - 1).as_bytes()).await?;
    reading.write_all(request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    // The server has started on both.
    assert_eq!(server.anonymous().get("/healthz").await?.status, 200);
    sleep(Duration::from_millis(500)).await;
    let _idle = flood(&server).await?;
    assert_eq!(server.anonymous().get("/healthz").await?.status, 200);

    sending.write_all(b"}").await?;
    let (head, body) = split(&read_to_end(&mut sending).await?)?;
    assert!(head.starts_with("http/1.1 400 "), "{head}");
    assert!(body["errors"][0]["message"].is_string(), "{body}");
    let answers = read_to_end(&mut reading).await?;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), ANSWERS);
    Ok(())
}

#[tokio::test]
async fn this_machine_may_have_more_connections_than_another_address() -> Result<()> {
    let (server, _directory) = start(&["--address-connection-limit", "1"]).await?;
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(address(&server)).await?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
        let mut begin = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut begin)).await.context("no answer")??;
        assert_eq!(&begin, b"HTTP/1.1 200");
        held.push(stream);
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_is_still_sending_gets_its_answer() -> Result<()> {
    const BYTES: usize = 3 * 1024 * 1024;
    let (server, _directory) = start(&[]).await?;
    let (user, stranger) = (server.user().await?, server.service_with("a guess"));
    for _ in 0..20 {
        for (client, path, status) in
            [(&stranger, REVEAL, 401), (&user, "/api/credentials/create-profile", 413)]
        {
            let request = client.request(Method::POST, path).header("content-type", "application/json");
            assert_eq!(client.send(request.body(vec![b' '; BYTES])).await?.status, status, "{path}");
        }
        // A client that reads nothing before it has sent everything.
        let mut stream = TcpStream::connect(address(&server)).await?;
        let head = format!("POST {REVEAL} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BYTES}\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        for _ in 0..BYTES / 1024 {
            stream.write_all(&[b' '; 1024]).await?;
        }
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.context("the connection stays open")??;
        let (head, body) = split(&String::from_utf8(answer)?)?;
        assert!(head.starts_with("http/1.1 401 "), "{head}");
        assert_eq!(body, json!({"success": false, "error": "Unauthorized"}));
    }
    Ok(())
}

#[tokio::test]
async fn data_sent_after_a_refusal_is_not_read_forever() -> Result<()> {
    let (server, _directory) = start(&[]).await?;
    let head = format!("POST {REVEAL} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n");
    // A little at a time for long, and much at once.
    for pause in [Duration::from_millis(50), Duration::ZERO] {
        let (mut reading, mut writing) = TcpStream::connect(address(&server)).await?.into_split();
        writing.write_all(head.as_bytes()).await?;
        let mut begin = [0; 12];
        timeout(PATIENCE, reading.read_exact(&mut begin)).await.context("no answer")??;
        assert_eq!(&begin, b"HTTP/1.1 401");
        let sending = async {
            while writing.write_all(&[b' '; 1024]).await.is_ok() {
                sleep(pause).await;
            }
        };
        timeout(PATIENCE, sending).await.context("the connection stays open")?;
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() -> Result<()> {
    let (server, _directory) = start(&["--request-timeout", "1"]).await?;
    let mut stream = TcpStream::connect(address(&server)).await?;
    let requests = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    let sending = async { while stream.write_all(requests.as_bytes()).await.is_ok() {} };
    timeout(PATIENCE, sending).await.context("the connection stays open")?;
    assert_eq!(server.anonymous().get("/healthz").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_with_431() -> Result<()> {
    let (server, _directory) = start(&[]).await?;
    let many = (0..200).map(|number| format!("X-{number}: a\r\n")).collect();
    for headers in [format!("X-Long: {}\r\n", "a".repeat(64 * 1024)), many] {
        let mut stream = TcpStream::connect(address(&server)).await?;
        let head = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        // It may be refused before all of it is sent.
        let _ = stream.write_all(head.as_bytes()).await;
        let answer = read_to_end(&mut stream).await?;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn trusted_proxies_cannot_include_everybody() -> Result<()> {
    let directory = server::new_data_dir().await?;
    for everybody in [
        "0.0.0.0/0",
        "10.0.0.1,::/0",
        "::ffff:0.0.0.0/96",
        "128.0.0.0/1,0.0.0.0/1",
        "2000::/3",
        "::/80",
        "::ffff:0.0.0.0/95",
    ] {
        let mut serve = server::command(directory.path())?;
        let output = serve.arg("serve").env("STAGEPASS_TRUSTED_PROXIES", everybody).output().await?;
        assert!(!output.status.success(), "{everybody}");
        let message = String::from_utf8(output.stderr)?;
        assert!(
            message.contains("STAGEPASS_TRUSTED_PROXIES has a network larger than"),
            "{everybody}: {message}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn invalid_settings_stop_the_start() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let settings = [
        ("STAGEPASS_TRUSTED_PROXIES", "10.0.0.1,proxy.example"),
        ("STAGEPASS_USER_RATE_LIMIT", "-1"),
        ("STAGEPASS_FAILED_AUTH_RATE_LIMIT", "1000001"),
        ("STAGEPASS_ADDRESS_CONNECTION_LIMIT", "513"),
        ("STAGEPASS_REQUEST_TIMEOUT", "0"),
        ("STAGEPASS_IDLE_TIMEOUT", "1.5"),
        ("STAGEPASS_DRAIN_TIME", "3601"),
        ("STAGEPASS_POSTGRES_CONNECTIONS", "1"),
        ("STAGEPASS_POSTGRES_HANDSHAKE_TIMEOUT", "0"),
        ("STAGEPASS_POSTGRES_ROUND_TRIP_TIMEOUT", "5s"),
    ];
    let output = server::command(directory.path())?.arg("serve").envs(settings).output().await?;
    assert!(!output.status.success());
    let message = String::from_utf8(output.stderr)?;
    for (name, value) in settings {
        assert!(message.contains(&format!("{name} must be ")), "{message}");
        assert!(message.contains(&format!("not {value:?}")), "{message}");
    }
    Ok(())
}
