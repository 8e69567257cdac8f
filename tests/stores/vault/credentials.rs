//! API keys in the vault: adding, listing, revealing and deleting them.

use super::stage::{CREDENTIALS, Stage, add, refusal, reveal, start};
use crate::UNKNOWN;
use anyhow::{Context as _, Result, ensure};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use stagepass_tests::system::process::{clean_environment, on_path};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::process::Command;

fn now_s() -> Result<i64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().try_into()?)
}

/// The token that a client sends.
fn authorization(stage: &Stage) -> Result<String> {
    let request = stage.vault.request(Method::GET, "/").build()?;
    Ok(format!("Authorization: {}", request.headers()["authorization"].to_str()?))
}

#[apply(on_each_database)]
#[tokio::test]
async fn the_documented_example_gets_its_answer(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let url = format!("{}{CREDENTIALS}", stage.server.url());
    let body = r#"{
    "service": "openai",
    "name": "production",
    "key": "sk-proj-..."
  }"#;
    let before = now_s()?;
    let output = Command::new(on_path(&["curl"]).context("curl is not installed")?)
        .env_clear()
        .envs(clean_environment(stage.installation.directory()))
        .args(["-X", "POST", &url, "-H", &authorization(&stage)?, "-H", "Content-Type: application/json"])
        .args(["-d", body, "--silent", "--show-error", "--max-time", "60", "--write-out", "\n%{http_code}"])
        .kill_on_drop(true)
        .output()
        .await?;
    ensure!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let (answer, status) = text.rsplit_once('\n').context("no status")?;
    let answer: Value = serde_json::from_str(answer)?;
    let (id, created_at) = (&answer["id"], answer["created_at"].as_i64().context("no whole number")?);
    let documented = json!({"id": id, "service": "openai", "name": "production", "created_at": created_at,
        "last_used_at": null});
    assert_eq!((status, &answer), ("201", &documented));
    assert!((before..=now_s()?).contains(&created_at));
    assert_eq!(id.as_str().context("no id")?.len(), UNKNOWN.len());
    let revealed = reveal(&stage.vault, id.as_str().unwrap_or_default()).await?;
    assert_eq!(revealed.body["key"], "sk-proj-...");
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_key_is_stored_listed_revealed_and_deleted(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let vault = &stage.vault;
    assert_eq!(vault.get(CREDENTIALS).await?.body, json!([]));
    let spaced = json!({"service": " openai\n", "name": "\tprimary ", "key": " \n sk-1 with space\n\u{a0}"});
    let added = vault.post(CREDENTIALS, &spaced).await?;
    assert_eq!(
        (added.status.as_u16(), &added.body["service"], &added.body["name"]),
        (201, &json!("openai"), &json!("primary"))
    );
    let id = added.body["id"].as_str().context("no id")?;
    let second = add(vault, "custom.My-service_2.eu", "primary", "-----BEGIN KEY-----\nline\n").await?;
    assert_eq!(vault.get(&format!("{CREDENTIALS}/{id}")).await?.body, added.body);
    let listed = vault.get(CREDENTIALS).await?.body;
    assert_eq!((listed[0]["id"].as_str(), &listed[1]), (Some(&*second), &added.body), "newest first");
    assert_eq!(listed.as_array().map(Vec::len), Some(2));

    let before = now_s()?;
    let revealed = reveal(vault, id).await?;
    let used_at = revealed.body["last_used_at"].as_i64().context("no whole number")?;
    assert!((before..=now_s()?).contains(&used_at));
    let mut expected = added.body.clone();
    expected["last_used_at"] = json!(used_at);
    assert_eq!(vault.get(&format!("{CREDENTIALS}/{id}")).await?.body, expected);
    expected["key"] = json!("sk-1 with space");
    assert_eq!((revealed.status.as_u16(), &revealed.body), (200, &expected));
    assert_eq!(reveal(vault, &second).await?.body["key"], "-----BEGIN KEY-----\nline");

    // The same id in capitals, since a UUID has no case (RFC 9562, section 4).
    let path = format!("{CREDENTIALS}/{}", id.to_uppercase());
    assert_eq!(vault.delete(&path).await?.body, json!({"deleted": true}));
    for gone in [id, UNKNOWN] {
        let path = format!("{CREDENTIALS}/{gone}");
        assert_eq!(refusal(&vault.delete(&path).await?), (404, "credential not found"));
        assert_eq!(refusal(&vault.get(&path).await?), (404, "credential not found"));
        assert_eq!(refusal(&reveal(vault, gone).await?), (404, "credential not found"));
    }
    assert_eq!(vault.get(CREDENTIALS).await?.body.as_array().map(Vec::len), Some(1));
    let log = stage.installation.audit_list().await?;
    assert_eq!(log.matches("vault reveal").count(), 4, "two that exist, two that don't: {log}");
    for row in [
        format!("vault\tvault add\tvault_credentials/{id}\tok"),
        format!("vault\tvault reveal\tvault_credentials/{id}\tok"),
        format!("vault\tvault reveal\tvault_credentials/{UNKNOWN}\tcredential not found"),
        format!("vault\tvault delete\tvault_credentials/{id}\tok"),
        "vault\tvault set-up\t-\tok".to_owned(),
        "vault\tvault login\t-\tok".to_owned(),
    ] {
        assert!(log.contains(&row), "{row} is not in {log}");
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_service_has_each_name_only_once(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let body = json!({"service": "binance", "name": "backup", "key": "k"});
    let adding: Vec<_> = (0..8)
        .map(|_| {
            let (vault, body) = (stage.vault.clone(), body.clone());
            tokio::spawn(async move { vault.post(CREDENTIALS, &body).await })
        })
        .collect();
    let mut created = 0;
    for answer in adding {
        let answer = answer.await??;
        if answer.status == 201 {
            created += 1;
        } else {
            assert_eq!(refusal(&answer), (409, "a credential with this service and name exists"));
        }
    }
    assert_eq!(created, 1);
    // The same name for another service, and the name in other case, are free.
    add(&stage.vault, "openai", "backup", "k").await?;
    add(&stage.vault, "binance", "Backup", "k").await?;
    assert_eq!(stage.vault.get(CREDENTIALS).await?.body.as_array().map(Vec::len), Some(3));
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn the_vault_and_the_credentials_api_share_a_prefix_and_keep_their_forms(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let id = add(&stage.vault, "openai", "a", "k").await?;
    let one = format!("{CREDENTIALS}/{id}");
    for (method, path) in [
        (Method::PUT, CREDENTIALS),
        (Method::DELETE, CREDENTIALS),
        (Method::POST, &one),
        (Method::PATCH, &one),
        (Method::GET, &format!("{one}/reveal")),
        (Method::GET, "/api/auth/login"),
        (Method::POST, "/api/auth/status"),
    ] {
        let answer = stage.vault.send(stage.vault.request(method.clone(), path)).await?;
        assert_eq!(refusal(&answer), (405, "Method not allowed"), "{method} {path}");
    }
    assert_eq!(refusal(&stage.vault.get("/api/auth/nothing").await?), (404, "Not found"));
    let of_the_credentials_api = |error: &str| json!({"success": false, "error": error});
    for path in
        ["foo", "foo/reveal", &format!("{id}x"), &format!("{id}/revealx"), &format!("{id}/reveal/"), ""]
    {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            let path = format!("{CREDENTIALS}/{path}");
            let answer = stage.vault.send(stage.vault.request(method.clone(), &path)).await?;
            assert_eq!(
                (answer.status.as_u16(), answer.body),
                (404, of_the_credentials_api("Not found")),
                "{method} {path}"
            );
        }
    }
    for verb in ["reveal", "store", "create-profile"] {
        let answer = stage.vault.get(&format!("{CREDENTIALS}/{verb}")).await?;
        assert_eq!(
            (answer.status.as_u16(), answer.body),
            (405, of_the_credentials_api("Method not allowed"))
        );
        let answer = stage.vault.post(&format!("{CREDENTIALS}/{verb}"), &json!({})).await?;
        assert_eq!((answer.status.as_u16(), answer.body), (401, of_the_credentials_api("Unauthorized")));
    }
    Ok(())
}
