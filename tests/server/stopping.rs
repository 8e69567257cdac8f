//! How a server stops, and which signals stop it: under load, with clients that keep their
//! connections and clients that don't.

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::json;
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::nginx::{NEW_CONNECTION, Nginx};
use stagepass_tests::services::raw_connection::RawConnection;
use stagepass_tests::services::server::{self, Server};
use stagepass_tests::system::private_file;
use stagepass_tests::system::process::Program;
use stagepass_tests::system::wait;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

const TIMEOUT: Duration = Duration::from_secs(60);
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";
const REVEAL: &str = "/api/credentials/reveal";
const SECRET: &str = "planted-service-secret-one";
const OTHER_SECRET: &str = "planted-service-secret-two";

/// A server's command with a known service secret.
fn command(directory: &Path, flags: &[&str]) -> Result<Command> {
    let mut command = server::command(directory)?;
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags).env("RBAC_SYNC_WEBHOOK_SECRET", SECRET);
    Ok(command)
}

async fn start(flags: &[&str]) -> Result<(Server, TempDir)> {
    let directory = server::new_data_dir().await?;
    let mut command = command(directory.path(), flags)?;
    Ok((Server::start_command(directory.path(), &mut command).await?, directory))
}

/// Calls until no connection can be made, and returns the number of answered calls, all of them.
async fn call_until_refused(address: String, is_kept: bool) -> Result<u32> {
    let body = json!({"creatorProfileId": UNKNOWN}).to_string();
    let request = format!(
        "POST {REVEAL} HTTP/1.1\r\nHost: localhost\r\nX-RBAC-SYNC-SECRET: {SECRET}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answered = 0;
    // A caller that can't connect has sent nothing.
    while let Ok(mut connection) = RawConnection::open(&address).await {
        loop {
            connection.send(request.as_bytes()).await?;
            let answer = connection.answer().await.with_context(|| format!("kept: {is_kept}, {answered}"))?;
            ensure!(answer.status == 404, "{}", answer.head);
            answered += 1;
            if !is_kept || answer.says_close() {
                break;
            }
        }
    }
    Ok(answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_that_was_sent_before_the_listener_closed() -> Result<()> {
    const STOPS: usize = 10;
    const CLIENTS: usize = 8;
    for number in 0..STOPS {
        let (server, _directory) =
            start(&["--drain-time", "1", "--log", "warn,stagepass_server::serve=info"]).await?;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| tokio::spawn(call_until_refused(server.address().to_owned(), client % 2 == 0)))
            .collect();
        sleep(Duration::from_millis(300)).await;
        // At a terminal it stops without first telling clients to go elsewhere.
        if number % 2 == 0 {
            server.program().terminate()?
        } else {
            server.program().interrupt()?
        }
        for client in try_join_all(clients).await? {
            let answered = client.with_context(|| format!("stop {number}"))?;
            ensure!(answered > 0, "stop {number}: a client was never answered");
        }
        let log = server.stopped().await?;
        ensure!(!log.contains("gave up waiting"), "{log}");
    }
    Ok(())
}

#[tokio::test]
async fn half_a_head_does_not_delay_a_stop() -> Result<()> {
    let (server, _directory) =
        start(&["--drain-time", "0", "--log", "warn,stagepass_server::serve=info"]).await?;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut connection = RawConnection::open(server.address()).await?;
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: lo").await?;
        held.push(connection);
    }
    server.program().terminate()?;
    let log = server.stopped().await?;
    ensure!(log.contains("stopped") && !log.contains("gave up waiting"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_behind_a_proxy_are_replaced_and_no_call_is_lost() -> Result<()> {
    const CLIENTS: usize = 8;
    const STOPS: usize = 6;
    let mut installation = Installation::new(Store::Postgres).await?;
    installation.set("STAGEPASS_DRAIN_TIME", "1");
    let serve = async |listen: &str| {
        let mut command = installation.command()?;
        command.args(["serve", "--listen", listen, "--log", "warn,stagepass_server::serve=info"]);
        Server::start_command(installation.directory(), &mut command).await
    };
    let mut servers = vec![serve("127.0.0.1:0").await?, serve("127.0.0.1:0").await?];
    let nginx = Nginx::before(&[servers[0].address(), servers[1].address()]).await?;
    let secret = fs::read_to_string(installation.directory().join("rbac-sync-webhook-secret"))?;
    let is_over = Arc::new(AtomicBool::new(false));
    let call = async |is_new: &str, url: String, secret: String, is_over: Arc<AtomicBool>| {
        let (client, mut answered) = (reqwest::Client::new(), 0);
        while !is_over.load(Ordering::Relaxed) {
            let request =
                client.post(&url).header("x-rbac-sync-secret", &secret).header(NEW_CONNECTION, is_new);
            let answer = request.json(&json!({"creatorProfileId": UNKNOWN})).send().await?;
            ensure!(answer.status() == 404, "call {answered}: {}", answer.status());
            answered += 1;
        }
        anyhow::Ok(answered)
    };
    let clients = try_join_all((0..CLIENTS).map(|client| {
        let is_new = if client % 2 == 0 { "1" } else { "0" };
        call(is_new, format!("{}{REVEAL}", nginx.url()), secret.trim().to_owned(), Arc::clone(&is_over))
    }));
    let replacing = async {
        for number in 0..STOPS {
            sleep(Duration::from_millis(300)).await;
            let old = servers.remove(0);
            let address = old.address().to_owned();
            old.program().terminate()?;
            old.stopped().await.with_context(|| format!("stop {number}"))?;
            servers.push(serve(&address).await?);
        }
        is_over.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    let (answered, replaced) = tokio::join!(clients, replacing);
    replaced?;
    let answered = answered.with_context(|| nginx.log())?;
    ensure!(answered.iter().all(|answered| *answered > 0), "{answered:?}");
    Ok(())
}

#[tokio::test]
async fn a_draining_server_says_so_and_keeps_answering() -> Result<()> {
    let (server, _directory) = start(&["--drain-time", "3"]).await?;
    let mut kept = RawConnection::open(server.address()).await?;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();
    kept.send(&get("/readyz")).await?;
    let answer = kept.answer().await?;
    ensure!(answer.status == 200 && !answer.says_close(), "{}", answer.head);
    server.program().terminate()?;
    let draining = wait::until("it to drain", TIMEOUT, async || {
        let mut new = RawConnection::open(server.address()).await?;
        new.send(&get("/readyz")).await?;
        let answer = new.answer().await?;
        Ok((answer.status == 503).then_some(answer))
    });
    let draining = draining.await?;
    ensure!(draining.says_close() && draining.header("retry-after").is_some(), "{}", draining.head);
    let said: serde_json::Value = serde_json::from_slice(&draining.body)?;
    assert_eq!(said, json!({"success": false, "error": "draining"}));
    // This does not end it either.
    server.program().hang_up()?;
    kept.send(&get("/healthz")).await?;
    let answer = kept.answer().await?;
    ensure!(answer.status == 200 && answer.says_close(), "{}", answer.head);
    ensure!(kept.ends().await?, "the connection stays open");
    let unknown = json!({"creatorProfileId": UNKNOWN});
    assert_eq!(server.service_with(SECRET).post(REVEAL, &unknown).await?.status, 404);
    let log = server.stopped().await?;
    ensure!(log.contains("draining") && log.contains("SIGHUP"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_second_signal_ends_the_server_at_once() -> Result<()> {
    for first_is_ctrl_c in [false, true] {
        let (server, _directory) = start(&["--drain-time", "3600", "--request-timeout", "3600"]).await?;
        // The server would wait for a request that is still coming.
        let mut coming = RawConnection::open(server.address()).await?;
        let head = "POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\
                    Content-Type: application/json\r\n\r\n{";
        coming.send(head.as_bytes()).await?;
        assert_eq!(server.anonymous().get("/healthz").await?.status, 200);
        if first_is_ctrl_c {
            server.program().interrupt()?
        } else {
            server.program().terminate()?
        }
        let word = if first_is_ctrl_c { "stopping" } else { "draining" };
        wait::until("it to react to the first", TIMEOUT, async || {
            Ok(String::from_utf8_lossy(&server.program().stderr()).contains(word).then_some(()))
        })
        .await?;
        server.program().terminate()?;
        let log = server.stopped().await?;
        ensure!(log.contains("stopped before open requests were answered"), "{log}");
    }
    Ok(())
}

#[tokio::test]
async fn sighup_during_the_start_does_not_end_the_server() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let mut program = Program::spawn(&mut command(directory.path(), &[])?)?;
    let is_listening = |program: &Program| String::from_utf8_lossy(&program.stderr()).contains("listening");
    let begun = Instant::now();
    while !program.catches_hang_ups()? {
        ensure!(!is_listening(&program) && begun.elapsed() < TIMEOUT, "SIGHUP would end it while it starts");
        sleep(Duration::from_millis(1)).await;
    }
    while !is_listening(&program) {
        program.hang_up()?;
        sleep(Duration::from_millis(2)).await;
    }
    program.hang_up()?;
    program.wait_for_line("the line about SIGHUP", TIMEOUT, |line| line.contains("SIGHUP")).await?;
    program.terminate()?;
    ensure!(program.wait(TIMEOUT).await?.success());
    Ok(())
}

/// Makes the server reload its files, and waits until it has.
async fn reload(server: &Server) -> Result<String> {
    let before = server.program().stderr().len();
    server.program().hang_up()?;
    wait::until("it to reload", TIMEOUT, async || {
        let log = String::from_utf8_lossy(&server.program().stderr()[before..]).into_owned();
        Ok(log.contains("SIGHUP: reloaded").then_some(log))
    })
    .await
}

async fn is_known(server: &Server, secret: &str) -> Result<bool> {
    let body = json!({"creatorProfileId": UNKNOWN});
    Ok(server.service_with(secret).post(REVEAL, &body).await?.status == 404)
}

#[tokio::test]
async fn sighup_reloads_the_files_and_a_bad_file_changes_nothing() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let secrets = tempfile::tempdir()?;
    let file = |name: &str| secrets.path().join(name);
    let [service, previous, jwt, filter] = ["service", "previous", "jwt", "filter"].map(file);
    let write = |path: &Path, text: &str| {
        let _ = fs::remove_file(path);
        private_file::write(path, text)
    };
    write(&service, SECRET)?;
    write(&previous, "planted-previous-service-secret")?;
    write(&jwt, &"planted-signing-secret-one ".repeat(2))?;
    write(&filter, "info\n")?;
    let mut command = server::command(directory.path())?;
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command.arg("--rbac-sync-webhook-secret-file").arg(&service);
    command.arg("--rbac-sync-webhook-secret-previous-file").arg(&previous);
    command.arg("--jwt-secret-file").arg(&jwt).arg("--log-filter-file").arg(&filter);
    let server = Server::start_command(directory.path(), &mut command).await?;
    let user = server.user().await?;
    ensure!(is_known(&server, SECRET).await? && is_known(&server, "planted-previous-service-secret").await?);

    // None of these values is valid.
    write(&service, "planted-short")?;
    fs::remove_file(&jwt)?;
    write(&filter, "planted-filter")?;
    let log = reload(&server).await?;
    for name in
        ["RBAC_SYNC_WEBHOOK_SECRET has fewer", "STAGEPASS_JWT_SECRET_FILE", "STAGEPASS_LOG_FILTER_FILE"]
    {
        ensure!(log.contains(name), "{name}: {log}");
    }
    ensure!(!log.contains("planted"), "{log}");
    ensure!(is_known(&server, SECRET).await?, "the former secret still works");
    assert_eq!(user.get("/users/me").await?.status, 200);

    write(&service, OTHER_SECRET)?;
    write(&previous, SECRET)?;
    write(&jwt, &"planted-signing-secret-two ".repeat(2))?;
    write(&filter, "warn,stagepass_server=debug")?;
    let log = reload(&server).await?;
    ensure!(!log.contains("WARN") && !log.contains("planted"), "{log}");
    ensure!(is_known(&server, OTHER_SECRET).await? && is_known(&server, SECRET).await?);
    ensure!(!is_known(&server, "planted-previous-service-secret").await?, "the previous secret has ended");
    assert_eq!(user.get("/users/me").await?.status, 401);
    assert_eq!(server.user().await?.get("/users/me").await?.status, 200);
    let log = String::from_utf8(server.stop().await?)?;
    ensure!(log.contains("DEBUG"), "the filter has not changed: {log}");
    Ok(())
}

#[tokio::test]
async fn secrets_that_the_server_has_made_are_reloaded_too() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let server = Server::start(directory.path()).await?;
    let (path, user) = (directory.path().join("rbac-sync-webhook-secret"), server.user().await?);
    let before = fs::read_to_string(&path)?;
    fs::remove_file(&path)?;
    let log = reload(&server).await?;
    ensure!(log.contains("rbac-sync-webhook-secret") && !path.exists(), "no file is created: {log}");
    ensure!(is_known(&server, before.trim()).await?);
    private_file::write(&path, OTHER_SECRET)?;
    reload(&server).await?;
    ensure!(is_known(&server, OTHER_SECRET).await? && !is_known(&server, before.trim()).await?);
    assert_eq!(user.get("/users/me").await?.status, 200, "the other file is unchanged");
    Ok(())
}
