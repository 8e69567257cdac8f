//! Rows from a version before rows had MACs.

use super::stage::{APP_CREDENTIALS, AppCredential, Stage, app_credential, app_post};
use crate::{id_of, post, session};
use anyhow::{Result, ensure};
use macro_rules_attribute::apply;
use serde_json::json;
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::sealed::forget_signing;

/// The tables with rows that grant rights.
const TABLES: [&str; 10] = [
    "users",
    "refresh_tokens",
    "service_tokens",
    "platform_connections",
    "platform_sessions",
    "download_credentials",
    "credential_types",
    "projects",
    "project_members",
    "app_credential_projects",
];

/// Removes the MACs from all of them.
async fn unsign(stage: &Stage) -> Result<()> {
    for table in TABLES {
        // Built-in types have no MAC.
        let own = if table == "credential_types" { " WHERE owner_id IS NOT NULL" } else { "" };
        stage.installation.change(&format!("UPDATE {table} SET mac = NULL{own}")).await?;
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn rows_of_a_former_version_are_signed_once(store: Store) -> Result<()> {
    let mut stage = Stage::start(store).await?;
    let AppCredential { owner, project, .. } = app_credential(&stage).await?;
    let other = id_of(&stage.attacker.sign_in(&stage.server).await?).await?;
    app_post(&owner, &format!("/api/v1/projects/{project}/members"), &json!({"userIds": [other]})).await?;
    let connection = owner.create_profile("instagram", "a").await?;
    post(&owner, "store-platform-session", &session(&connection)).await?;
    let download = json!({"platform": "instagram", "creator_profile_id": connection, "auth_type": "password",
        "username": "u", "credentials": {"password": "p"}});
    app_post(&owner, "/api/credentials/create-download-cred", &download).await?;
    let token = stage.add_token("reader", &["--verb", "get-platform-session"]).await?;
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    let path = format!("{APP_CREDENTIALS}/by-project/{project}");

    // Two servers that start at once: one of them finds the rows signed.
    forget_signing(&stage.installation).await?;
    unsign(&stage).await?;
    let (one, two) = tokio::try_join!(stage.installation.serve(), stage.installation.serve())?;
    std::mem::replace(&mut stage.server, one).stop().await?;
    for server in [&stage.server, &two] {
        assert_eq!(post(&token.at(server), "get-platform-session", &wanted).await?.status, 200);
        let member = stage.attacker.sign_in(server).await?;
        assert_eq!(member.get(&path).await?.body.as_array().map(Vec::len), Some(1));
    }
    let logs = [stage.server.program().stderr(), two.stop().await?].concat();
    let said = String::from_utf8(logs)?.matches("signed the rows that grant rights").count();
    assert_eq!(said, 1, "the start that signs them says so");
    let (is_content, said) = stage.verify().await?;
    ensure!(is_content && said.contains("this server wrote every row that grants rights"), "{said}");
    let list = stage.installation.audit_list().await?;
    assert_eq!(list.matches("server\tsign-rows\t-\tok: ").count(), 1, "{list}");

    // Nothing is signed a second time: neither at a start, nor after a key rotation.
    unsign(&stage).await?;
    stage.restart().await?;
    stage.installation.run(&["rotate-keys"]).await?;
    stage.restart().await?;
    assert_eq!(post(&token.at(&stage.server), "get-platform-session", &wanted).await?.status, 401);
    assert_eq!(stage.sign_in(stage.victim.email(), stage.victim.password()).await?.status, 401);
    let (is_content, said) = stage.verify().await?;
    for table in TABLES {
        ensure!(!is_content && said.contains(&format!("\n  {table}/")), "{table}: {said}");
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn deleting_the_audit_logs_key_does_not_get_rows_signed(store: Store) -> Result<()> {
    let mut stage = Stage::start(store).await?;
    let email = stage.attacker.email().to_owned();
    stage.change("UPDATE users SET mac = NULL").await?;
    stage.change("DELETE FROM own_keys WHERE name = 'audit'").await?;
    stage.restart().await?;
    assert_eq!(stage.sign_in(&email, stage.attacker.password()).await?.status, 401);
    let (is_content, said) = stage.verify().await?;
    ensure!(!is_content && said.contains("\n  users/"), "{said}");
    Ok(())
}
