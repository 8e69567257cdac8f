//! Key rotation while a server is running.

use crate::{cookie, post, session, with};
use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use macro_rules_attribute::apply;
use serde_json::json;
use stagepass_tests::services::installation::Installation;
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::server::Client;
use stagepass_tests::system::wait;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::task::JoinSet;

/// More than one batch of a key rotation.
const RECORDS: usize = 150;
/// Directus can't tell which other writers hold the old key; here there are none.
const ROTATE: [&str; 2] = ["rotate-keys", "--other-writers-stopped"];
const TIMEOUT: Duration = Duration::from_secs(120);

/// Sets one key for writing and others for reading, for everything that starts from now on.
fn use_keys(installation: &mut Installation, writing: u8, reading: &[u8]) {
    let encode = |key: &u8| STANDARD.encode([*key; 32]);
    installation.unset("CREDENTIALS_ENC_KEY_B64_FILE");
    installation.unset("CREDENTIALS_ENC_OLD_KEYS_B64");
    installation.set("CREDENTIALS_ENC_KEY_B64", encode(&writing));
    if !reading.is_empty() {
        let list: Vec<_> = reading.iter().map(encode).collect();
        installation.set("CREDENTIALS_ENC_OLD_KEYS_B64", list.join(","));
    }
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
        let stored = post(&service, "store", &body).await?;
        ensure!(stored.status == 200, "store: {}", stored.body);
        let revealed = post(&service, "reveal", &json!({"creatorProfileId": id})).await?;
        ensure!(revealed.body["credentials"]["round"] == rounds, "reveal: {}", revealed.body);
        rounds += 1;
    }
    Ok(rounds)
}

/// Kills the program as soon as it reports its first batch: on a fast store the next one
/// is done within milliseconds.
async fn kill_after_a_batch(command: &mut Command) -> Result<()> {
    let mut program = command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut lines = BufReader::new(program.stderr.take().context("stderr is piped")?).lines();
    while let Some(line) = lines.next_line().await? {
        if line.contains(" re-encrypted") {
            return Ok(program.kill().await?);
        }
    }
    bail!("it ended before its first batch")
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_key_rotation_that_is_killed_and_repeated_leaves_every_record_readable(store: Store) -> Result<()> {
    let mut installation = Installation::new(store).await?;
    use_keys(&mut installation, 1, &[]);
    let person = installation.add_person().await?;
    let server = installation.serve().await?;
    let user = person.sign_in(&server).await?;
    let ids = create_all(&user).await?;
    let entry = json!({"name": "token", "value": "kept"});
    let origins = json!([{"origin": "https://a.org", "localStorage": [entry], "sessionStorage": []}]);
    let captured = with(session(&ids[0]), &json!({"origins": origins}));
    assert_eq!(post(&user, "store-platform-session", &captured).await?.status, 200);
    let fingerprint = installation.succeed(&["fingerprint"]).await?;
    server.stop().await?;

    use_keys(&mut installation, 2, &[1]);
    let server = installation.serve().await?;
    let stop = Arc::new(AtomicBool::new(false));
    let using = tokio::spawn(use_meanwhile(server.service()?, ids.clone(), Arc::clone(&stop)));
    tokio::time::timeout(TIMEOUT, kill_after_a_batch(installation.command()?.args(ROTATE))).await??;
    let output = installation.succeed(&ROTATE).await?;
    ensure!(!output.contains(": 0 re-encrypted"), "it was killed too late: {output}");
    ensure!(output.contains("older keys are retired; you can remove them from the settings"), "{output}");
    stop.store(true, Ordering::Relaxed);
    ensure!(using.await?? > 0, "nobody used the server in the meantime");
    server.stop().await?;

    // The old key is not needed any more, not even for the server's own keys.
    use_keys(&mut installation, 2, &[]);
    let server = installation.serve().await?;
    assert_eq!(installation.succeed(&["fingerprint"]).await?, fingerprint);
    let service = server.service()?;
    for id in &ids {
        let answer = post(&service, "reveal", &json!({"creatorProfileId": id})).await?;
        assert_eq!(answer.status, 200, "{id}: {}", answer.body);
    }
    let wanted = json!({"creator_profile_id": ids[0], "platform": "instagram"});
    let served = post(&service, "get-platform-session", &wanted).await?.body;
    assert_eq!((&served["cookies"], &served["origins"]), (&json!([cookie()]), &origins));
    installation.verify_audit_log().await?;
    Ok(())
}

/// Stores one round after the other until the server refuses; returns the last stored round.
async fn store_until_refused(service: Client, id: String) -> Result<u64> {
    for round in 1.. {
        let body = json!({"creatorProfileId": id, "credentials": {"round": round}});
        let stored = post(&service, "store", &body).await?;
        if stored.status != 200 {
            assert_eq!(stored.status, 503, "{}", stored.body);
            return Ok(round - 1);
        }
    }
    bail!("there is no end of numbers")
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_server_without_the_new_key_leaves_nothing_under_the_old_one(store: Store) -> Result<()> {
    let mut installation = Installation::new(store).await?;
    use_keys(&mut installation, 1, &[2]);
    let person = installation.add_person().await?;
    let stale = installation.serve().await?;
    let user = person.sign_in(&stale).await?;
    let mut storing = Vec::new();
    for number in 0..4 {
        let id = user.create_profile("instagram", &format!("name{number}")).await?;
        storing.push((id.clone(), tokio::spawn(store_until_refused(stale.service()?, id))));
    }
    use_keys(&mut installation, 2, &[1]);
    let server = installation.serve().await?;
    assert_eq!(stale.anonymous().get("/readyz").await?.status, 200);
    installation.succeed(&ROTATE).await?;
    let mut stored = Vec::new();
    for (id, rounds) in storing {
        let last = tokio::time::timeout(TIMEOUT, rounds).await.context("it keeps using the old key")???;
        ensure!(last > 0, "the key rotation was over before anything was stored");
        stored.push((id, last));
    }

    // It says so, and still reads. Starting again with the old key fails.
    let readiness = wait::until("the stale server to say so", TIMEOUT, async || {
        let answer = stale.anonymous().get("/readyz").await?;
        Ok((answer.status == 503).then_some(answer.body))
    });
    assert_eq!(readiness.await?["error"], "Encryption key retired");
    let reveal = json!({"creatorProfileId": stored[0].0});
    assert_eq!(post(&stale.service()?, "reveal", &reveal).await?.status, 200);
    let log = String::from_utf8(stale.stop().await?)?;
    ensure!(log.contains("has retired this server's encryption key"), "{log}");
    use_keys(&mut installation, 1, &[2]);
    let refused = installation.run(&["serve", "--listen", "127.0.0.1:0"]).await?;
    let message = String::from_utf8(refused.stderr)?;
    ensure!(!refused.status.success() && message.contains("which `rotate-keys` has retired"), "{message}");

    // The old key can be thrown away: the new one opens what was stored last.
    assert_eq!(server.anonymous().get("/readyz").await?.status, 200);
    server.stop().await?;
    use_keys(&mut installation, 2, &[]);
    let server = installation.serve().await?;
    for (id, last) in stored {
        let answer = post(&server.service()?, "reveal", &json!({"creatorProfileId": id})).await?;
        assert_eq!(answer.body["credentials"]["round"], last, "{}", answer.body);
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_key_rotation_cannot_be_reversed(store: Store) -> Result<()> {
    let mut installation = Installation::new(store).await?;
    use_keys(&mut installation, 1, &[]);
    installation.serve().await?.stop().await?;
    use_keys(&mut installation, 2, &[1]);
    let server = installation.serve().await?;
    // Like somebody who still has the old settings.
    use_keys(&mut installation, 1, &[2]);
    let refused = installation.run(&ROTATE).await?;
    let message = String::from_utf8(refused.stderr)?;
    ensure!(!refused.status.success() && message.contains("came into use after it"), "{message}");
    assert_eq!(server.anonymous().get("/readyz").await?.status, 200);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_wrong_key_stops_the_start(store: Store) -> Result<()> {
    let mut installation = Installation::new(store).await?;
    use_keys(&mut installation, 1, &[]);
    installation.serve().await?.stop().await?;
    use_keys(&mut installation, 2, &[]);
    let output = installation.run(&["serve", "--listen", "127.0.0.1:0"]).await?;
    let message = String::from_utf8(output.stderr)?;
    ensure!(!output.status.success() && message.contains("but the database was encrypted with"), "{message}");
    Ok(())
}
