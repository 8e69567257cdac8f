//! Users and their sign-ins.

use super::stage::{APP_CREDENTIALS, Stage};
use crate::id_of;
use anyhow::{Context as _, Result, ensure};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::json;
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::server::Server;

#[apply(on_each_database)]
#[tokio::test]
async fn an_edited_password_hash_does_not_work(store: Store) -> Result<()> {
    let mut stage = Stage::start(store).await?;
    let victim = id_of(&stage.victim.sign_in(&stage.server).await?).await?;
    let me = stage.victim.sign_in(&stage.server).await?;
    let (victims, attackers) = (stage.victim.email().to_owned(), stage.attacker.email().to_owned());
    stage
        .change(&format!(
            "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE email = '{attackers}')
             WHERE email = '{victims}'"
        ))
        .await?;
    assert_eq!(stage.sign_in(&victims, stage.attacker.password()).await?.status, 401);
    assert_eq!(me.get("/users/me").await?.status, 401, "the row counts as absent");
    stage.assert_reported(&format!("users/{victim}")).await?;
    stage.restart().await?;
    assert_eq!(stage.sign_in(&victims, stage.attacker.password()).await?.status, 401);
    assert_eq!(stage.sign_in(&attackers, stage.attacker.password()).await?.status, 200);

    // The operator is told, and can delete the user.
    let set = stage.installation.run(&["user", "disable", &victims]).await?;
    let said = String::from_utf8(set.stderr)?;
    ensure!(!set.status.success() && said.contains("another program changed the user"), "{said}");
    stage.installation.succeed(&["user", "delete", &victims]).await?;
    let (is_content, said) = stage.verify().await?;
    ensure!(is_content, "{said}");
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn an_edited_status_or_start_of_token_validity_does_not_work(store: Store) -> Result<()> {
    let stage = Stage::start(store).await?;
    let token = stage.victim.sign_in(&stage.server).await?;
    let victim = id_of(&token).await?;
    let email = stage.victim.email();
    stage.installation.suspend(&stage.victim).await?;
    let revive = format!("UPDATE users SET status = 'active', tokens_valid_from = 0 WHERE email = '{email}'");
    stage.change(&revive).await?;
    assert_eq!(stage.sign_in(email, stage.victim.password()).await?.status, 401);
    assert_eq!(token.get("/users/me").await?.status, 401);
    stage.assert_reported(&format!("users/{victim}")).await
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_user_without_a_valid_mac_cannot_sign_in(store: Store) -> Result<()> {
    let mut stage = Stage::start(store).await?;
    let user = stage.attacker.sign_in(&stage.server).await?;
    let attacker = id_of(&user).await?;
    let email = stage.attacker.email().to_owned();
    let unknown = "00000000-0000-4000-8000-00000000ffff";
    stage
        .change(&format!(
            "INSERT INTO users (id, email, password_hash, status, created_at, tokens_valid_from, mac)
             SELECT '{unknown}', 'new@example.org', password_hash, status, created_at, tokens_valid_from, mac
             FROM users WHERE email = '{email}'"
        ))
        .await?;
    assert_eq!(stage.sign_in("new@example.org", stage.attacker.password()).await?.status, 401);
    stage.assert_reported(&format!("users/{unknown}")).await?;
    stage.change("UPDATE users SET mac = NULL").await?;
    assert_eq!(user.get("/users/me").await?.status, 401);
    stage.assert_reported(&format!("users/{attacker}")).await?;
    // Nothing is signed a second time.
    stage.restart().await?;
    assert_eq!(stage.sign_in(&email, stage.attacker.password()).await?.status, 401);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn an_edited_sign_in_does_not_work_for_another_user(store: Store) -> Result<()> {
    let mut stage = Stage::start(store).await?;
    let victim = id_of(&stage.victim.sign_in(&stage.server).await?).await?;
    let (email, password) = (stage.attacker.email().to_owned(), stage.attacker.password().to_owned());
    let attacker = id_of(&stage.attacker.sign_in(&stage.server).await?).await?;
    let tokens = stage.sign_in(&email, &password).await?.body;
    let refresh = json!({"refresh_token": tokens["data"]["refresh_token"]});
    let login = json!({"email": email, "password": password, "mode": "session"});
    let opened = stage.server.anonymous().post("/auth/login", &login).await?;
    let cookie = opened.headers["set-cookie"].to_str()?.split(';').next().context("no cookie")?.to_owned();
    let list = async |server: &Server| {
        let client = server.anonymous();
        client.send(client.request(Method::GET, APP_CREDENTIALS).header("cookie", &cookie)).await
    };
    assert_eq!(list(&stage.server).await?.status, 200);

    stage
        .change(&format!("UPDATE refresh_tokens SET user_id = '{victim}' WHERE user_id = '{attacker}'"))
        .await?;
    for _ in 0..2 {
        assert_eq!(list(&stage.server).await?.status, 401);
        let answer = stage.server.anonymous().post("/auth/refresh", &refresh).await?;
        assert_eq!(answer.status, 401, "{}", answer.body);
        stage.restart().await?;
    }
    let rows = stage.installation.query(hashes(store)).await?;
    let (_, said) = stage.verify().await?;
    let told =
        rows.iter().filter(|hash| said.contains(&format!("refresh_tokens/{}", hash.to_lowercase()))).count();
    ensure!(told >= 2, "{said}");
    let list = stage.installation.audit_list().await?;
    ensure!(list.contains("server\trow-forged\trefresh_tokens/"), "{list}");
    Ok(())
}

/// The hashes of refresh tokens in hexadecimal.
fn hashes(store: Store) -> &'static str {
    match store {
        Store::Postgres => "SELECT encode(token_hash, 'hex') FROM refresh_tokens",
        _ => "SELECT hex(token_hash) FROM refresh_tokens",
    }
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_spent_refresh_token_cannot_be_revived(store: Store) -> Result<()> {
    let stage = Stage::start(store).await?;
    let tokens = stage.sign_in(stage.victim.email(), stage.victim.password()).await?.body;
    let spent = json!({"refresh_token": tokens["data"]["refresh_token"]});
    let refresh = async || stage.server.anonymous().post("/auth/refresh", &spent).await;
    assert_eq!(refresh().await?.status, 200);
    assert_eq!(refresh().await?.status, 200, "a lost answer is forgiven");
    stage.change("UPDATE refresh_tokens SET spent_at = NULL WHERE spent_at IS NOT NULL").await?;
    assert_eq!(refresh().await?.status, 401);
    let (is_content, said) = stage.verify().await?;
    ensure!(!is_content && said.contains("\n  refresh_tokens/"), "{said}");
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_broken_row_is_reported_once(store: Store) -> Result<()> {
    let stage = Stage::start(store).await?;
    let email = stage.victim.email();
    let victim = id_of(&stage.victim.sign_in(&stage.server).await?).await?;
    let me = stage.victim.sign_in(&stage.server).await?;
    stage.change(&format!("UPDATE users SET created_at = created_at + 1 WHERE email = '{email}'")).await?;
    for _ in 0..20 {
        let answer = me.send(me.request(Method::GET, "/users/me")).await?;
        assert_eq!(answer.status, 401);
    }
    stage.assert_reported(&format!("users/{victim}")).await
}
