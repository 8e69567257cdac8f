//! Connections and their credentials.

use super::{API, Callers, post, refusal, start};
use anyhow::Result;
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;

#[apply(on_each_store)]
#[tokio::test]
async fn create_profile_updates_the_connection_with_the_same_identity(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let profile =
        |username: Value| json!({"platform": "x", "platform_username": username, "credentials": {"a": 1}});
    let named = post(user, "create-profile", &profile(json!("me"))).await?.body;
    let unnamed = post(user, "create-profile", &profile(Value::Null)).await?.body;
    assert_ne!(named["id"], unnamed["id"]);
    for (body, id) in [(profile(json!("me")), &named["id"]), (profile(Value::Null), &unnamed["id"])] {
        assert_eq!(
            post(user, "create-profile", &body).await?.body,
            json!({"success": true, "id": id, "updated": true})
        );
    }
    // Sixteen at once still leave one record.
    let calls = (0..16).map(|_| {
        let (user, body) = (user.clone(), profile(json!("many")));
        tokio::spawn(async move { post(&user, "create-profile", &body).await })
    });
    let mut ids = std::collections::BTreeSet::new();
    for call in calls.collect::<Vec<_>>() {
        ids.insert(call.await??.body["id"].to_string());
    }
    assert_eq!(ids.len(), 1);
    let listed = user.get("/api/platform-connections?pageSize=2").await?.body;
    assert_eq!((&listed["total"], listed["data"].as_array().map(Vec::len)), (&json!(3), Some(2)));
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn credentials_come_back_exactly(store: Store) -> Result<()> {
    let Callers { user, service, .. } = &start(store).await?;
    let id = user.create_profile("instagram", "fitcreator99").await?;
    let text = r#"{"pin":12345678901234567890123,"a":1.0,"b":2, "ü":"\u00fc"}"#;
    let body = format!(r#"{{"creatorProfileId":"{}","credentials":{text}}}"#, id);
    let request = service.request(Method::POST, &format!("{API}/store"));
    let stored = request.header("content-type", "application/json").body(body).send().await?;
    assert_eq!(stored.status(), 200);
    let request = service.request(Method::POST, &format!("{API}/reveal"));
    let answer = request.json(&json!({"creatorProfileId": id})).send().await?.text().await?;
    assert!(answer.contains(&format!("\"credentials\":{text}")), "{answer}");
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_connection_can_be_renamed_unless_the_name_is_taken(store: Store) -> Result<()> {
    let Callers { user, .. } = &start(store).await?;
    let id = &user.create_profile("instagram", "fitcreator99").await?;
    user.create_profile("instagram", "taken").await?;
    let rename = |name: &str| json!({"creator_profile_id": id, "credentials": {}, "platform_username": name});
    let clash = post(user, "update-profile-creds", &rename("taken")).await?;
    assert_eq!(refusal(&clash), (409, "Another connection has this platform and platform_username"));
    assert_eq!(post(user, "update-profile-creds", &rename("renamed")).await?.status, 200);
    let shown = user.get(&format!("/api/platform-connections/{id}")).await?.body;
    assert_eq!(shown["platform_username"], "renamed");
    // The new identity is the one that create-profile finds.
    assert_eq!(&user.create_profile("instagram", "renamed").await?, id);
    assert_ne!(&user.create_profile("instagram", "fitcreator99").await?, id);
    Ok(())
}
