//! Outages as seen from outside: whose fault the answers say it is, and what the server
//! says about itself.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::json;
use stagepass_tests::services::cluster::Cluster;
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::postgres::connect;
use stagepass_tests::services::raw_connection::RawConnection;
use stagepass_tests::services::server::{self, Answer, Server};
use stagepass_tests::system::small_disk::SmallDisk;
use stagepass_tests::system::wait;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(60);
const READYZ: &str = "/readyz";
const CREATE: &str = "/api/credentials/create-profile";
const LOG: &str = "info";

/// Waits until the server's readiness has the expected text.
async fn until_it_says(server: &Server, expected: &str) -> Result<Answer> {
    let client = server.anonymous();
    wait::until(&format!("{expected:?} from {READYZ}"), TIMEOUT, async || {
        let answer = client.get(READYZ).await?;
        Ok((answer.body["error"] == expected).then_some(answer))
    })
    .await
}

async fn until_ready(server: &Server) -> Result<()> {
    let client = server.anonymous();
    wait::until("it to be ready", TIMEOUT, async || {
        Ok((client.get(READYZ).await?.status == 200).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_database_that_hangs_is_the_servers_fault_and_is_named() -> Result<()> {
    let mut installation = Installation::new(Store::Postgres).await?;
    installation.set("STAGEPASS_REQUEST_TIMEOUT", "2");
    let person = installation.add_person().await?;
    let server = installation.serve_logging(LOG).await?;
    let user = person.sign_in(&server).await?;
    let id = user.create_profile("instagram", "one").await?;
    let reveal = json!({"creatorProfileId": id});
    let service = server.service()?;
    assert_eq!(service.post("/api/credentials/reveal", &reveal).await?.status, 200);

    // Statements on these tables wait, as they do when a disk or a standby hangs.
    let hold = connect(&installation.postgres()?.superuser_url()).await?;
    hold.batch_execute("SET search_path = stagepass; BEGIN; LOCK TABLE readiness, platform_connections, users IN ACCESS EXCLUSIVE MODE")
        .await?;
    for (caller, path, body) in [
        (&service, "/api/credentials/reveal", reveal.clone()),
        (&user, "/api/credentials/create-profile", json!({"platform": "x", "credentials": {}})),
    ] {
        let answer = caller.post(path, &body).await?;
        ensure!(answer.status == 503, "{path}: {} {}", answer.status, answer.body);
        ensure!(answer.headers.contains_key("retry-after"), "{path}: {:?}", answer.headers);
        ensure!(answer.body["success"] == false, "{path}: {}", answer.body);
    }
    let answer = until_it_says(&server, "Database does not answer").await?;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body, json!({"success": false, "error": "Database does not answer"}));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(server.anonymous().get("/healthz").await?.status, 200);

    hold.batch_execute("ROLLBACK").await?;
    until_ready(&server).await?;
    assert_eq!(service.post("/api/credentials/reveal", &reveal).await?.status, 200);
    let log = String::from_utf8(server.stop().await?)?;
    ensure!(log.contains("not ready part=") && log.contains("ready again"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_client_is_at_fault_only_while_the_server_waits_for_its_body() -> Result<()> {
    let mut installation = Installation::new(Store::Postgres).await?;
    installation.set("STAGEPASS_REQUEST_TIMEOUT", "2");
    let person = installation.add_person().await?;
    let server = installation.serve_logging(LOG).await?;
    let user = person.sign_in(&server).await?;
    let request = user.request(Method::POST, "/api/credentials/create-profile").json(&json!({})).build()?;
    let token = request.headers()["authorization"].to_str()?.to_owned();
    let head = format!(
        "POST /api/credentials/create-profile HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    let mut slow = RawConnection::open(server.address()).await?;
    slow.send(head.as_bytes()).await?;
    let answer = slow.answer().await?;
    ensure!(answer.status == 408 && answer.says_close(), "{}", answer.head);

    // The caller is checked before the body is read: the client's slowness changes nothing.
    let hold = connect(&installation.postgres()?.superuser_url()).await?;
    hold.batch_execute("SET search_path = stagepass; BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        .await?;
    let mut slow = RawConnection::open(server.address()).await?;
    slow.send(head.as_bytes()).await?;
    let answer = slow.answer().await?;
    ensure!(answer.status == 503 && answer.header("retry-after").is_some(), "{}", answer.head);
    Ok(())
}

#[tokio::test]
async fn a_full_disk_is_noticed_and_named() -> Result<()> {
    let disk = SmallDisk::new(8)?;
    let data = disk.path();
    server::add_user(&data, server::EMAIL, server::PASSWORD).await?;
    let mut command = server::command(&data)?;
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let server = Server::start_command(&data, &mut command).await?;
    let user = server.user().await?;
    assert_eq!(server.anonymous().get(READYZ).await?.body, json!({"status": "ok"}));
    disk.fill()?;
    let client = server.anonymous();
    let answer = wait::until("it to notice", TIMEOUT, async || {
        let answer = client.get(READYZ).await?;
        Ok((answer.status == 503).then_some(answer))
    })
    .await?;
    let said = answer.body["error"].as_str().context("a text")?;
    ensure!(said.contains("Disk full or not writable"), "{said}");
    ensure!(!said.contains(disk.path().to_str().context("UTF-8")?), "{said}");
    // Reads still work, if there is nothing to write into the audit log.
    assert_eq!(user.get("/api/platform-connections").await?.status, 200);
    disk.clear()?;
    until_ready(&server).await?;
    user.create_profile("instagram", "after").await?;
    server.stop().await.map(drop)
}

#[tokio::test]
async fn a_full_disk_below_postgresql_is_noticed_and_named() -> Result<()> {
    let disk = SmallDisk::new(64)?;
    let cluster = Cluster::start(&[]).await?;
    let installation = Installation::on_postgres(cluster.create_database_on(&disk).await?)?;
    let person = installation.add_person().await?;
    let server = installation.serve_logging(LOG).await?;
    let user = person.sign_in(&server).await?;
    until_ready(&server).await?;
    disk.fill()?;
    until_it_says(&server, "Database disk full").await?;
    // More than is free in pages that are already in use.
    let large = json!({"platform": "x", "credentials": {"password": "p".repeat(60_000)}});
    let mut answer = user.post(CREATE, &large).await?;
    while answer.status == 200 {
        answer = user.post(CREATE, &large).await?;
    }
    ensure!(answer.status == 503, "{} {}", answer.status, answer.body);
    disk.clear()?;
    until_ready(&server).await?;
    assert_eq!(user.post(CREATE, &large).await?.status, 200);
    server.stop().await.map(drop)
}

#[tokio::test]
async fn pollers_share_one_check() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let server = Server::start(directory.path()).await?;
    let client = server.anonymous();
    let polls = futures_util::future::try_join_all((0..200).map(|_| client.get(READYZ))).await?;
    assert!(polls.iter().all(|answer| answer.status == 200));
    let metrics = reqwest::get(format!("{}/metrics", server.url())).await?.text().await?;
    let looks = metrics
        .lines()
        .find_map(|line| line.strip_prefix(r#"store_operation_duration_seconds_count{operation="check"} "#));
    let looks: u32 = looks.context("no look")?.parse()?;
    // A check is reused for a second, and a busy machine may take several seconds for this.
    ensure!(looks < 50, "{looks} looks for 200 polls");
    Ok(())
}
