//! Download credentials, and what each field must be.

use super::{API, Callers, UNKNOWN, id_of, post, refusal, start};
use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn the_documented_examples_get_the_documented_answers() -> Result<()> {
    let Callers { user, service, .. } = &start().await?;
    let id = &user.create_profile("instagram", "fitcreator99").await?;
    let update = json!({"creator_profile_id": id, "credentials":
        {"username": "fitcreator99", "password": "NewSecurePass456!", "session_id": "newSessionXYZ789"}});
    assert_eq!(post(user, "update-profile-creds", &update).await?.body, json!({"success": true, "id": id}));
    let reveal = json!({"creatorProfileId": id});
    let revealed =
        |credentials: &Value| json!({"success": true, "creatorProfileId": id, "credentials": credentials});
    assert_eq!(post(service, "reveal", &reveal).await?.body, revealed(&update["credentials"]));

    let store = json!({"creatorProfileId": id,
        "credentials": {"api_key": "sk-proj-abc123xyz", "refresh_token": "refresh_token_value"}});
    let stored = json!({"success": true, "creatorProfileId": id, "updated": id});
    assert_eq!(post(service, "store", &store).await?.body, stored);
    assert_eq!(post(service, "reveal", &reveal).await?.body, revealed(&store["credentials"]));

    let create = json!({"platform": "youtube", "creator_profile_id": id, "auth_type": "password",
        "username": "creator@example.org", "credentials": {"password": "MyYouTubePassword123"},
        "display_name": "My YouTube Channel"});
    let created = post(user, "create-download-cred", &create).await?.body;
    assert_eq!(created, json!({"success": true, "id": created["id"]}));
    let revealed = post(service, "reveal-download-cred", &json!({"id": created["id"]})).await?.body;
    assert_eq!(
        revealed,
        json!({"success": true, "id": created["id"], "platform": "youtube", "auth_type": "password",
            "username": "creator@example.org", "credentials": {"password": "MyYouTubePassword123"}})
    );
    Ok(())
}

#[tokio::test]
async fn each_missing_or_malformed_field_is_named() -> Result<()> {
    let Callers { user, service, .. } = &start().await?;
    let id = &user.create_profile("instagram", "fitcreator99").await?;
    let download = |change: Value| {
        let mut body = json!({"platform": "youtube", "creator_profile_id": id, "auth_type": "cookies", "credentials":
            {"cookies_netscape": "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t0\tSID\tv\n"}});
        for (key, value) in change.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        body
    };
    assert_eq!(post(user, "create-download-cred", &download(json!({}))).await?.status, 200);
    for (client, verb, body, error) in [
        (service, "store", json!({}), "creatorProfileId required"),
        (service, "store", json!({"creatorProfileId": id}), "credentials object required"),
        (
            service,
            "store",
            json!({"creatorProfileId": id, "credentials": "text"}),
            "credentials object required",
        ),
        (service, "reveal", json!({"creatorProfileId": "x"}), "creatorProfileId must be a UUID"),
        (service, "reveal-download-cred", json!({"id": ""}), "id required"),
        (user, "update-profile-creds", json!({"credentials": {}}), "creator_profile_id required"),
        (user, "create-download-cred", json!({}), "platform required"),
        (user, "create-download-cred", json!({"platform": "x"}), "creator_profile_id required"),
        (user, "create-download-cred", download(json!({"auth_type": null})), "auth_type required"),
        (
            user,
            "create-download-cred",
            download(json!({"auth_type": "token"})),
            "auth_type must be password or cookies",
        ),
        (user, "create-download-cred", download(json!({"credentials": []})), "credentials object required"),
        (
            user,
            "create-download-cred",
            download(json!({"credentials": {}})),
            "credentials.cookies_netscape required",
        ),
        (
            user,
            "create-download-cred",
            download(
                json!({"credentials": {"cookies_netscape": "# Netscape HTTP Cookie File\n\nplanted\n"}}),
            ),
            "credentials.cookies_netscape line 3: has 1 fields separated by tabs, not 7",
        ),
        (
            user,
            "create-download-cred",
            download(json!({"auth_type": "password", "username": "u"})),
            "credentials.password required",
        ),
        (
            user,
            "create-download-cred",
            download(json!({"auth_type": "password", "credentials": {"password": "p"}})),
            "username required",
        ),
        (
            user,
            "create-download-cred",
            download(json!({"credentials": {"cookies_netscape": 7}})),
            "credentials.password and credentials.cookies_netscape must be strings",
        ),
    ] {
        assert_eq!(refusal(&post(client, verb, &body).await?), (400, error), "{verb} {body}");
    }
    let unknown = json!({"creatorProfileId": UNKNOWN, "credentials": {}});
    assert_eq!(refusal(&post(service, "store", &unknown).await?), (404, "Not found"));
    assert_eq!(refusal(&post(service, "reveal", &unknown).await?), (404, "Not found"));
    assert_eq!(
        refusal(&post(service, "reveal-download-cred", &json!({"id": UNKNOWN})).await?),
        (404, "Not found")
    );
    Ok(())
}

#[tokio::test]
async fn nobody_else_changes_lists_or_deletes() -> Result<()> {
    let Callers { user, other, service, .. } = &start().await?;
    let id = &user.create_profile("instagram", "fitcreator99").await?;
    let create = json!({"platform": "youtube", "creator_profile_id": id, "auth_type": "password", "username": "u",
        "credentials": {"password": "planted-password"}});
    let download = post(user, "create-download-cred", &create).await?.body["id"].clone();
    let path = format!("/api/download-credentials/{}", download.as_str().context("no id")?);
    for answer in [
        post(other, "create-download-cred", &create).await?,
        post(other, "update-profile-creds", &json!({"creator_profile_id": id, "credentials": {}})).await?,
        other.delete(&path).await?,
    ] {
        assert_eq!(refusal(&answer), (403, "Forbidden"));
    }
    let listed = user.get("/api/download-credentials").await?.body;
    assert_eq!((&listed["total"], &listed["data"][0]["id"]), (&json!(1), &download));
    assert!(!listed.to_string().contains("planted"));
    assert_eq!(other.get("/api/download-credentials").await?.body["total"], 0);

    let me = id_of(other).await?;
    for (verb, body) in
        [("reveal", json!({"creatorProfileId": id})), ("reveal-download-cred", json!({"id": download}))]
    {
        let request = service.request(Method::POST, &format!("{API}/{verb}")).json(&body);
        let answer = service.send(request.header("x-acting-user", &me)).await?;
        assert_eq!(refusal(&answer), (403, "Forbidden"), "{verb}");
        assert_eq!(refusal(&post(user, verb, &body).await?), (401, "Unauthorized"), "{verb}");
    }
    assert_eq!(user.delete(&path).await?.body, json!({"success": true, "id": download}));
    assert_eq!(user.get("/api/download-credentials").await?.body["total"], 0);
    Ok(())
}
