//! The rotation of the encryption key, while a server serves.

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use stagepass_tests::process::Program;
use stagepass_tests::server::{self, Client, Server};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::process::Command;
use tokio::task::JoinSet;

const API: &str = "/api/credentials";
const OLD: [u8; 32] = [1; 32];
const NEW: [u8; 32] = [2; 32];
/// Enough for several batches of a rotation.
const RECORDS: usize = 450;
const TIMEOUT: Duration = Duration::from_secs(60);

fn key_id(key: [u8; 32]) -> String {
    hex::encode(&Sha256::digest(key)[..4])
}

/// A command of the server with one key for writing and others for reading.
fn command(directory: &Path, writing: [u8; 32], reading: &[[u8; 32]]) -> Result<Command> {
    let mut command = server::command(directory)?;
    command.env("CREDENTIALS_ENC_KEY_B64", STANDARD.encode(writing));
    if !reading.is_empty() {
        let list: Vec<_> = reading.iter().map(|key| STANDARD.encode(key)).collect();
        command.env("CREDENTIALS_ENC_OLD_KEYS_B64", list.join(","));
    }
    Ok(command)
}

async fn serve(directory: &Path, writing: [u8; 32], reading: &[[u8; 32]]) -> Result<Server> {
    let mut command = command(directory, writing, reading)?;
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    Server::start_command(directory, &mut command).await
}

/// Runs a command to its end and gives what it wrote.
async fn run(command: &mut Command, arguments: &[&str]) -> Result<(bool, String)> {
    let mut program = Program::spawn(command.args(arguments))?;
    let status = program.wait(TIMEOUT).await?;
    let output = [program.stdout(), program.stderr()].concat();
    Ok((status.success(), String::from_utf8(output)?))
}

async fn create_all(user: &Client) -> Result<Vec<String>> {
    let mut creating = JoinSet::new();
    for number in 0..RECORDS {
        let user = user.clone();
        creating.spawn(async move { user.create_profile("instagram", &format!("name{number}")).await });
    }
    let mut ids = Vec::new();
    while let Some(id) = creating.join_next().await {
        ids.push(id??);
    }
    Ok(ids)
}

/// Changes and reads records until it is told to stop; counts the rounds.
async fn use_meanwhile(service: Client, ids: Vec<String>, stop: Arc<AtomicBool>) -> Result<usize> {
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        let id = &ids[rounds * 37 % ids.len()];
        let body = json!({"creatorProfileId": id, "credentials": {"round": rounds}});
        let stored = service.post(&format!("{API}/store"), &body).await?;
        ensure!(stored.status == 200, "store: {}", stored.body);
        let revealed = service.post(&format!("{API}/reveal"), &json!({"creatorProfileId": id})).await?;
        ensure!(revealed.body["credentials"]["round"] == rounds, "reveal: {}", revealed.body);
        rounds += 1;
    }
    Ok(rounds)
}

#[tokio::test]
async fn a_rotation_that_is_killed_and_run_again_leaves_every_record_readable_under_the_new_key() -> Result<()>
{
    let directory = server::new_data_dir().await?;
    let directory = directory.path();
    let old = serve(directory, OLD, &[]).await?;
    let ids = create_all(&old.user().await?).await?;
    let session = json!({"creator_profile_id": ids[0], "platform": "instagram",
        "cookies": [{"name": "sessionid", "value": "v", "domain": ".instagram.com"}]});
    let stored = old.user().await?.post(&format!("{API}/store-platform-session"), &session).await?;
    assert_eq!(stored.status, 200, "{}", stored.body);
    old.stop().await?;

    let server = serve(directory, NEW, &[OLD]).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let using = tokio::spawn(use_meanwhile(server.service()?, ids.clone(), Arc::clone(&stop)));
    let mut killed = Program::spawn(command(directory, NEW, &[OLD])?.arg("rotate-keys"))?;
    killed.wait_for_line("a first batch", TIMEOUT, |line| line.contains(" sealed anew")).await?;
    killed.kill();
    killed.wait(TIMEOUT).await?;
    let (_, left) = sealed_under(directory, &key_id(OLD))?;
    ensure!(left > 0, "it was killed too late to show anything");
    let (succeeded, output) = run(&mut command(directory, NEW, &[OLD])?, &["rotate-keys"]).await?;
    ensure!(succeeded, "{output}");
    ensure!(output.contains("older keys need not be listed any more"), "{output}");
    stop.store(true, Ordering::Relaxed);
    let rounds = using.await??;
    ensure!(rounds > 0, "nobody used the server meanwhile");
    server.stop().await?;

    let (all, left) = sealed_under(directory, &key_id(OLD))?;
    assert_eq!((all, left), (RECORDS + 1, 0));
    // The old key is not needed any more, not even for the audit log.
    let server = serve(directory, NEW, &[]).await?;
    let service = server.service()?;
    for id in &ids {
        let answer = service.post(&format!("{API}/reveal"), &json!({"creatorProfileId": id})).await?;
        assert_eq!(answer.status, 200, "{id}: {}", answer.body);
    }
    let body = json!({"creator_profile_id": ids[0], "platform": "instagram"});
    let session = service.post(&format!("{API}/get-platform-session"), &body).await?;
    assert_eq!(session.body["cookies"][0]["value"], "v");
    let (whole, output) = run(&mut command(directory, NEW, &[])?, &["audit", "verify"]).await?;
    ensure!(whole && output.contains("the audit log is whole"), "{output}");
    Ok(())
}

/// How many blobs there are, and how many of them are under this key.
fn sealed_under(directory: &Path, key_id: &str) -> Result<(usize, usize)> {
    let database = rusqlite::Connection::open(directory.join("stagepass.db"))?;
    let sql = "WITH blobs (blob) AS (SELECT encrypted_credentials FROM platform_connections
            UNION ALL SELECT encrypted_cookies FROM platform_sessions
            UNION ALL SELECT encrypted_credentials FROM download_credentials)
        SELECT count(blob), count(blob) FILTER (WHERE blob LIKE ?1) FROM blobs";
    let pattern = format!("v2:{key_id}:%");
    database.query_row(sql, [pattern], |row| Ok((row.get(0)?, row.get(1)?))).context("counting blobs")
}

#[tokio::test]
async fn a_record_that_does_not_open_is_named_and_the_old_key_kept() -> Result<()> {
    let directory = server::new_data_dir().await?;
    let directory = directory.path();
    let server = serve(directory, OLD, &[]).await?;
    let id = server.user().await?.create_profile("x", "name").await?;
    server.stop().await?;
    let database = rusqlite::Connection::open(directory.join("stagepass.db"))?;
    database.execute("UPDATE platform_connections SET encrypted_credentials = 'damaged'", [])?;
    let (succeeded, output) = run(&mut command(directory, NEW, &[OLD])?, &["rotate-keys"]).await?;
    ensure!(!succeeded && output.contains(&format!("platform_connections/{id}: ")), "{output}");
    let (succeeded, output) = run(&mut command(directory, NEW, &[])?, &["rotate-keys"]).await?;
    ensure!(!succeeded && output.contains(&format!("sealed with {}", key_id(OLD))), "{output}");
    Ok(())
}
