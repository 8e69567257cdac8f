//! What the audit log tells.

use super::{API, Callers, UNKNOWN, id_of, post, session, start};
use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;
use stagepass_tests::secret_search::SecretSearch;

const PLANTED: &str = "planted-audit-Qm7vX";

#[tokio::test]
async fn each_access_is_told_with_who_what_which_record_and_how_it_ended() -> Result<()> {
    let Callers { user, other, service, server, installation, people } = start().await?;
    let id = user.create_profile("instagram", "fitcreator99").await?;
    let mut captured = session(&id);
    captured["cookies"][0]["value"] = PLANTED.into();
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
    let told: Vec<_> = list
        .lines()
        .rev()
        .map(|line| line.split('\t').skip(1).collect::<Vec<_>>().join(" "))
        // Users and their signing in are somebody else's to note where users are kept
        // elsewhere; and a store without transactions notes an intent before each change.
        .filter(|line| ![" login ", " user add "].iter().any(|other| line.contains(other)))
        .filter(|line| !line.ends_with(" intent"))
        .collect();
    let (connection, session) = (format!("platform_connections/{id}"), stored.as_str().unwrap_or_default());
    assert_eq!(
        told,
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
    // Wherever they are kept, people and records are shown by their names.
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
    ensure!(installation.succeed(&["audit", "verify"]).await?.contains("the audit log is whole"));
    let logs = server.stop().await?;
    let secrets = SecretSearch::new(&[PLANTED, secret.trim()].map(Into::into))?;
    ensure!(!secrets.is_in(list.as_bytes()), "a secret is in the audit log");
    ensure!(!secrets.is_in(&logs), "a secret is in the logs");
    Ok(())
}
