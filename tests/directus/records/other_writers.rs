//! Directus's records belong to other programs, too: the server reads what they write, and
//! they can read what the server writes.

use super::{CONNECTIONS, DOWNLOADS, SESSIONS, Setup, statuses, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use stagepass_tests::services::faulty_directus::Fault;
use stagepass_tests::services::server_on_directus;
use stagepass_tests::system::wait;
use std::time::Duration;

#[tokio::test]
async fn credentials_are_kept_in_the_form_that_other_services_read() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    let kept = setup.kept(CONNECTIONS, &id).await.unwrap().unwrap();
    assert_eq!((&kept["user_id"], &kept["credentials_version"]), (&json!(setup.owner.id()), &json!("v1")));
    let blob = text(&kept["encrypted_credentials"]);
    assert_eq!(blob.split(':').count(), 3, "{blob}");
    // Sealed elsewhere with the same key: the owner's other service has written it.
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
async fn a_connection_that_another_service_made_is_used() {
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

/// A collection that was made by hand may let what a session belongs to be empty.
#[tokio::test]
async fn an_incomplete_session_of_another_writer_can_be_revoked() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    setup.capture(&id, "before").await.unwrap();
    let session = setup.kept_sessions().await.unwrap().remove(0);
    let id = text(&session["id"]);
    let incomplete = json!({"id": id, "user_id": setup.owner.id(), "creator_profile_id": null, "platform": null,
        "status": null, "captured_at": null, "renewed_by": null});
    let body = json!({"data": [incomplete]}).to_string();
    setup.proxy.fail("SEARCH /items/platform_sessions", Fault::Answer { status: 200, body: body.into() });
    let answer =
        setup.user.post("/api/credentials/revoke-platform-session", &json!({"id": id})).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let kept = setup.kept(SESSIONS, &id).await.unwrap().unwrap();
    assert_eq!(
        (&kept["status"], &kept["encrypted_cookies"], &kept["encrypted_origins"]),
        (&json!("revoked"), &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_session_stored_before_there_was_origin_storage_stays_readable() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    setup.capture(&id, "before").await.unwrap();
    let session = text(&setup.kept_sessions().await.unwrap()[0]["id"]);
    let without = json!({"entry_count": null, "encrypted_origins": null, "renewed_by": null});
    setup.directus.change(&format!("/items/{SESSIONS}/{session}"), &without).await.unwrap();
    assert_eq!(setup.served(&id).await.unwrap(), "before");
    let listed = setup.user.get("/api/platform-sessions").await.unwrap().body;
    assert_eq!(
        (&listed["data"][0]["entry_count"], &listed["data"][0]["status"]),
        (&json!(0), &json!("active"))
    );
}

#[tokio::test]
async fn incomplete_records_of_other_writers_do_not_break_lists() {
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
    // An unlistable session is superseded like any other.
    setup.capture(&id, "after").await.unwrap();
    let sessions = setup.kept_sessions().await.unwrap();
    assert_eq!(statuses(&sessions), ["superseded", "draft", "superseded", "active"]);
}

#[tokio::test]
async fn the_latest_session_is_served_even_after_the_clock_was_set_back() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    setup.capture(&id, "before").await.unwrap();
    let session = text(&setup.kept_sessions().await.unwrap()[0]["id"]);
    let later = json!({"captured_at": "2099-01-01T00:00:00.000Z"});
    setup.directus.change(&format!("/items/{SESSIONS}/{session}"), &later).await.unwrap();
    setup.capture(&id, "after").await.unwrap();
    assert_eq!(setup.served(&id).await.unwrap(), "after");
}

/// A server of a former version may share the Directus. It erases only the cookies of a session
/// that ends.
#[tokio::test]
async fn origin_storage_that_a_former_server_left_behind_is_erased() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    setup.capture(&id, "ended").await.unwrap();
    let ended = text(&setup.kept_sessions().await.unwrap()[0]["id"]);
    let origins_of = async |id: &str| {
        anyhow::Ok(setup.kept(SESSIONS, id).await?.map(|session| session["encrypted_origins"].is_string()))
    };
    // Once it has ended, a server that another test starts may erase it, too.
    assert_eq!(origins_of(&ended).await.unwrap(), Some(true));
    let by_former = json!({"status": "superseded", "superseded_at": "2999-01-01T00:00:00Z",
        "encrypted_cookies": null});
    setup.directus.change(&format!("/items/{SESSIONS}/{ended}"), &by_former).await.unwrap();
    let origin =
        json!({"origin": "https://www.instagram.com", "localStorage": [{"name": "a", "value": "b"}]});
    let without_cookies = json!({"creator_profile_id": id, "platform": "instagram", "cookies": [],
        "origins": [origin]});
    let stored = setup.user.post("/api/credentials/store-platform-session", &without_cookies).await.unwrap();
    let active = text(&stored.body["id"]);

    // A server looks for such records when it starts, and then every hour.
    let directory = tempfile::tempdir().unwrap();
    let server = server_on_directus::start(directory.path(), &setup.directus, setup.directus.url()).await;
    let erased = wait::until("the storage to be erased", Duration::from_secs(60), async || {
        Ok((origins_of(&ended).await? == Some(false)).then_some(()))
    });
    erased.await.unwrap();
    assert_eq!(origins_of(&active).await.unwrap(), Some(true));
    server.unwrap().stop().await.unwrap();
}
