//! Directus's records belong to others, too: what they write is read, and what
//! we write can be read by them.

use crate::{CONNECTIONS, DOWNLOADS, SESSIONS, Setup, statuses, text};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn credentials_are_kept_in_the_form_that_other_services_read() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    let kept = setup.kept(CONNECTIONS, &id).await.unwrap().unwrap();
    assert_eq!((&kept["user_id"], &kept["credentials_version"]), (&json!(setup.owner.id()), &json!("v1")));
    let blob = text(&kept["encrypted_credentials"]);
    assert_eq!(blob.split(':').count(), 3, "{blob}");
    // Sealed elsewhere, by the same key: an owner's other service has written it.
    let other = setup.user.create_profile("instagram", "other").await.unwrap();
    let body = json!({"credentials": {"from": "elsewhere"}, "creatorProfileId": other});
    setup.service.post("/api/credentials/store", &body).await.unwrap();
    let blob = setup.kept(CONNECTIONS, &other).await.unwrap().unwrap()["encrypted_credentials"].take();
    let change = json!({"encrypted_credentials": json!({"enc": blob}).to_string()});
    setup.directus.change(&format!("/items/{CONNECTIONS}/{id}"), &change).await.unwrap();
    let revealed =
        setup.service.post("/api/credentials/reveal", &json!({"creatorProfileId": id})).await.unwrap();
    assert_eq!(revealed.body["credentials"], json!({"from": "elsewhere"}), "{}", revealed.body);
}

#[tokio::test]
async fn a_connection_that_another_service_made_is_taken_up() {
    let setup = Setup::new().await.unwrap();
    for username in [None, Some("one")] {
        let item = json!({"user_id": setup.owner.id(), "platform": "tiktok", "platform_username": username});
        let made = setup.directus.admin().post(&format!("/items/{CONNECTIONS}"), &item).await.unwrap();
        let id = text(&made.body["data"]["id"]);
        let reveal = json!({"creatorProfileId": id});
        let answer = setup.service.post("/api/credentials/reveal", &reveal).await.unwrap();
        assert_eq!(answer.body["error"], "No encrypted_credentials found");
        let body = json!({"platform": "tiktok", "platform_username": username, "credentials": {"a": 1}});
        for _ in 0..2 {
            let answer = setup.user.post("/api/credentials/create-profile", &body).await.unwrap();
            assert_eq!(answer.body, json!({"success": true, "id": id, "updated": true}));
        }
        let answer = setup.service.post("/api/credentials/reveal", &reveal).await.unwrap();
        assert_eq!(answer.body["credentials"], json!({"a": 1}));
    }
}

#[tokio::test]
async fn what_another_writer_left_without_what_it_must_have_spoils_no_list() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    setup.capture(&id, "ours").await.unwrap();
    let admin = setup.directus.admin();
    let common = json!({"user_id": setup.owner.id(), "creator_profile_id": id, "platform": "instagram"});
    let with = |fields: Value| {
        let mut item = common.clone();
        item.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        item
    };
    let unknown = with(json!({"status": "draft", "captured_at": "1970-01-02T00:00:00Z"}));
    let broken = with(json!({"status": "active", "captured_at": "1970-01-01T00:00:00Z", "cookie_count": -1}));
    for (collection, items) in [
        (SESSIONS, json!([unknown, broken])),
        (DOWNLOADS, json!([with(json!({"auth_type": "draft"}))])),
        (CONNECTIONS, json!([{"user_id": setup.owner.id(), "platform": "tiktok"}])),
    ] {
        let made = admin.post(&format!("/items/{collection}"), &items).await.unwrap();
        assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    }
    let sessions = setup.user.get("/api/platform-sessions").await.unwrap().body;
    let listed = serde_json::from_value::<Vec<Value>>(sessions["data"].clone()).unwrap();
    assert_eq!(
        (&sessions["total"], statuses(&listed)),
        (&json!(3), vec!["active".into(), "superseded".into()])
    );
    let downloads = setup.user.get("/api/download-credentials").await.unwrap().body;
    assert_eq!((&downloads["total"], &downloads["data"]), (&json!(1), &json!([])));
    let connections = setup.user.get("/api/platform-connections").await.unwrap().body;
    assert_eq!(connections["data"].as_array().unwrap().len(), 2, "{connections}");
    assert_eq!(setup.served(&id).await.unwrap(), "ours");
    // One that can't be listed is superseded like any other.
    setup.capture(&id, "after").await.unwrap();
    let sessions = setup.kept_sessions().await.unwrap();
    assert_eq!(statuses(&sessions), ["superseded", "draft", "superseded", "active"]);
}

#[tokio::test]
async fn the_session_that_came_last_is_served_though_the_clock_was_set_back() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    setup.capture(&id, "before").await.unwrap();
    let session = text(&setup.kept_sessions().await.unwrap()[0]["id"]);
    let later = json!({"captured_at": "2099-01-01T00:00:00.000Z"});
    setup.directus.change(&format!("/items/{SESSIONS}/{session}"), &later).await.unwrap();
    setup.capture(&id, "after").await.unwrap();
    assert_eq!(setup.served(&id).await.unwrap(), "after");
}
