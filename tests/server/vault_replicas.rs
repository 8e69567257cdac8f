//! Two servers on one PostgreSQL share a vault.

use anyhow::{Context as _, Result, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::server::{Client, Server};
use stagepass_tests::system::wait;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const CREDENTIALS: &str = "/api/credentials";
/// Enough for several key derivations on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const PASSWORDS: [&str; 3] = ["first password", "second password", "third password"];

async fn start() -> Result<(Installation, Server, Server)> {
    let installation = Installation::new(Store::Postgres).await?;
    let (one, two) = tokio::try_join!(installation.serve(), installation.serve())?;
    let set_up = json!({"password": PASSWORDS[0], "confirm": PASSWORDS[0]});
    let answer = one.anonymous().post("/api/auth/setup", &set_up).await?;
    ensure!(answer.status == 200, "{}", answer.body);
    Ok((installation, one, two))
}

async fn reveal(vault: &Client, id: &str) -> Result<Value> {
    let answer = vault.post(&format!("{CREDENTIALS}/{id}/reveal"), &Value::Null).await?;
    ensure!(answer.status == 200, "{}", answer.body);
    Ok(answer.body["key"].clone())
}

#[tokio::test]
async fn both_servers_share_vault_sessions() -> Result<()> {
    let (_installation, one, two) = start().await?;
    let here = one.vault(PASSWORDS[0]).await?;
    let there = here.at(&two);
    let body = json!({"service": "openai", "name": "a", "key": "of one"});
    let added = here.post(CREDENTIALS, &body).await?.body;
    assert_eq!(reveal(&there, added["id"].as_str().context("no id")?).await?, "of one");
    assert_eq!(there.post(CREDENTIALS, &body).await?.status, StatusCode::CONFLICT);
    assert_eq!(there.post("/api/auth/logout", &Value::Null).await?.status, StatusCode::OK);
    assert_eq!(here.get(CREDENTIALS).await?.status, StatusCode::UNAUTHORIZED);
    Ok(())
}

/// Adds, reveals and deletes keys until it is told to stop. Returns the remaining keys by id.
async fn write_meanwhile(vault: Client, stop: Arc<AtomicBool>) -> Result<BTreeMap<String, String>> {
    let mut stored = BTreeMap::new();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let key = format!("key {number}");
        let body = json!({"service": "openai", "name": number.to_string(), "key": key});
        let answer = vault.post(CREDENTIALS, &body).await?;
        ensure!(answer.status == StatusCode::CREATED, "{}: {}", answer.status, answer.body);
        let id = answer.body["id"].as_str().context("no id")?.to_owned();
        ensure!(reveal(&vault, &id).await? == key, "another key");
        if number % 3 == 0 {
            let deleted = vault.delete(&format!("{CREDENTIALS}/{id}")).await?;
            ensure!(deleted.status == StatusCode::OK, "{}: {}", deleted.status, deleted.body);
        } else {
            stored.insert(id, key);
        }
        // A password change re-encrypts all of them, so there must be few for it to finish.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(stored)
}

#[tokio::test]
async fn a_password_change_at_one_server_leaves_all_keys_readable_at_the_other() -> Result<()> {
    let (installation, one, two) = start().await?;
    let stop = Arc::new(AtomicBool::new(false));
    let owner = one.vault(PASSWORDS[0]).await?;
    // The session that changes the password continues, and so do the calls at the other server.
    let writing = tokio::spawn(write_meanwhile(owner.at(&two), Arc::clone(&stop)));
    let mut written = 0;
    for round in 1..PASSWORDS.len() {
        // Change it only after something was written with the former password.
        written = wait::until("the other server to write", PATIENCE, async || {
            let count = owner.get(CREDENTIALS).await?.body.as_array().map_or(0, Vec::len);
            Ok((count > written).then_some(count))
        })
        .await?;
        let (current, next) = (PASSWORDS[round - 1], PASSWORDS[round]);
        let body = json!({"current": current, "password": next, "confirm": next});
        let answer = owner.post("/api/auth/change-password", &body).await?;
        ensure!(answer.status == 200, "{}", answer.body);
    }
    stop.store(true, Ordering::Relaxed);
    let stored = writing.await??;
    let vault = two.vault(PASSWORDS[PASSWORDS.len() - 1]).await?;
    let listed = vault.get(CREDENTIALS).await?.body;
    assert_eq!(listed.as_array().map(Vec::len), Some(stored.len()));
    for (id, key) in &stored {
        assert_eq!(reveal(&vault, id).await?, *key, "{id}");
    }
    installation.verify_audit_log().await?;
    Ok(())
}
