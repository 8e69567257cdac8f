//! What the audit log records.

use super::{API, Callers, UNKNOWN, id_of, post, session, start};
use anyhow::{Result, ensure};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::json;
use stagepass_tests::services::installation::Store;
use stagepass_tests::system::secret_search::SecretSearch;

const PLANTED: &str = "planted-audit-Qm7vX";

#[apply(on_each_store)]
#[tokio::test]
async fn each_access_is_recorded_with_caller_action_record_and_outcome(store: Store) -> Result<()> {
    let Callers { user, other, service, server, installation, people } = start(store).await?;
    let id = user.create_profile("instagram", "fitcreator99").await?;
    let mut captured = session(&id);
    captured["cookies"][0]["value"] = PLANTED.into();
    let entry = json!({"name": "token", "value": PLANTED});
    captured["origins"] = json!([{"origin": "https://www.instagram.com", "localStorage": [entry]}]);
    let stored = post(&user, "store-platform-session", &captured).await?.body["id"].clone();
    post(&service, "store", &json!({"creatorProfileId": id, "credentials": {"password": PLANTED}})).await?;
    post(&service, "reveal", &json!({"creatorProfileId": id})).await?;
    post(&service, "reveal", &json!({"creatorProfileId": UNKNOWN})).await?;
    post(&service, "get-platform-session", &json!({"creator_profile_id": id, "platform": "instagram"}))
        .await?;
    post(&other, "revoke-platform-session", &json!({"id": stored})).await?;
    post(&user, "revoke-platform-session", &json!({"id": stored})).await?;
    let secret = installation.succeed(&["service-token", "add", "downloader", "--verb", "reveal"]).await?;
    let (me, another) = (id_of(&user).await?, id_of(&other).await?);
    let request = server.service_with(secret.trim()).request(Method::POST, &format!("{API}/reveal"));
    let request = request.header("x-acting-user", &me).json(&json!({"creatorProfileId": id}));
    assert_eq!(request.send().await?.status(), 200);

    let list = installation.audit_list().await?;
    let (connection, session) = (format!("platform_connections/{id}"), stored.as_str().unwrap_or_default());
    assert_eq!(
        accesses(&list),
        [
            format!("user:{me} create-profile {connection} ok"),
            format!("user:{me} store-platform-session platform_sessions/{session} ok"),
            format!("service store {connection} ok"),
            format!("service reveal {connection} ok"),
            format!("service reveal platform_connections/{UNKNOWN} Not found"),
            format!("service get-platform-session platform_sessions/{session} ok"),
            format!("user:{another} revoke-platform-session platform_sessions/{session} Forbidden"),
            format!("user:{me} revoke-platform-session platform_sessions/{session} ok"),
            "operator service-token add service_tokens/downloader ok".to_owned(),
            format!("service:downloader for user:{me} reveal {connection} ok"),
        ]
    );
    // People and records are shown by their names, on every store.
    let table = installation.succeed(&["audit", "list"]).await?;
    for shown in [
        format!("  service downloader for {}  ", people[0].email()),
        format!("  {}  ", people[1].email()),
        format!("connection instagram fitcreator99 ({id})\n"),
        format!("session instagram fitcreator99 ({session})\n"),
        format!("connection {UNKNOWN}\n"),
    ] {
        ensure!(table.contains(&shown), "{shown} is not in {table}");
    }
    installation.verify_audit_log().await?;
    let logs = server.stop().await?;
    let secrets = SecretSearch::new(&[PLANTED, secret.trim()].map(Into::into))?;
    ensure!(!secrets.is_in(list.as_bytes()), "a secret is in the audit log");
    ensure!(!secrets.is_in(&logs), "a secret is in the logs");
    Ok(())
}

/// The actions in the list, oldest first and without times.
fn accesses(list: &str) -> Vec<String> {
    let lines = list.lines().rev().map(|line| line.split('\t').skip(1).collect::<Vec<_>>().join(" "));
    lines
        // A store that keeps its users elsewhere does not record sign-ins. And a store without
        // transactions records an intent before each change.
        .filter(|line| ![" login ", " user add "].iter().any(|other| line.contains(other)))
        .filter(|line| !line.ends_with(" intent"))
        .collect()
}
