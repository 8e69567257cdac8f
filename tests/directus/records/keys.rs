//! The encryption key, and the records that it must open.

use super::{CONNECTIONS, Setup};
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::json;
use stagepass_tests::services::directus::Directus;
use stagepass_tests::services::server::Server;
use stagepass_tests::services::server_on_directus::{
    self, SERVICE_SECRET, encryption_key, former_encryption_key,
};

#[tokio::test]
async fn a_key_that_opens_no_record_stops_the_start() {
    let setup = Setup::new().await.unwrap();
    setup.user.create_profile("instagram", "one").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut command =
        server_on_directus::command(directory.path(), &setup.directus, setup.directus.url()).await.unwrap();
    command.env("CREDENTIALS_ENC_KEY_B64", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    command.env_remove("CREDENTIALS_ENC_OLD_KEYS_B64");
    let refused = command.args(["serve", "--listen", "127.0.0.1:0"]).output().await.unwrap();
    let refused_text = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && refused_text.contains("but decrypts none of"), "{refused_text}");
    assert!(refused_text.contains("list it in CREDENTIALS_ENC_OLD_KEYS_B64"), "{refused_text}");
}

#[tokio::test]
async fn one_unreadable_record_does_not_stop_the_start() {
    let setup = Setup::new().await.unwrap();
    setup.user.create_profile("instagram", "one").await.unwrap();
    let other_key = "AAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAA==:AAAA";
    // The first by id, the oldest, and the newest.
    let id = format!("00000000{}", &setup.owner.id()[8..]);
    let first = json!({"id": id, "user_id": setup.owner.id(), "platform": "x",
        "encrypted_credentials": other_key, "updated_at": "1970-01-01T00:00:00Z"});
    let newest = json!({"user_id": setup.owner.id(), "platform": "x", "encrypted_credentials": other_key,
        "updated_at": "2999-01-01T00:00:00Z"});
    let made = setup.directus.admin().post(&format!("/items/{CONNECTIONS}"), &json!([first, newest])).await;
    let made = made.unwrap();
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    let directory = tempfile::tempdir().unwrap();
    let server = server_on_directus::start(directory.path(), &setup.directus, setup.directus.url()).await;
    let log = String::from_utf8(server.unwrap().stop().await.unwrap()).unwrap();
    let warned =
        |line: &str| line.contains("records can't be decrypted with any of the keys") && line.contains(&id);
    assert!(log.lines().any(warned), "{log}");
    let reveal = json!({"creatorProfileId": id});
    let answer = setup.service.post("/api/credentials/reveal", &reveal).await.unwrap();
    assert_eq!(answer.body["error"], "Stored credentials cannot be decrypted");
}

#[tokio::test]
async fn a_key_rotation_re_encrypts_all_once_no_other_writer_has_the_old_key() {
    let directus = Directus::of_this_run().unwrap();
    let owner = directus.create_user().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let command = async |key: String, old_key: Option<String>, arguments: &[&str]| {
        let made = server_on_directus::command(directory.path(), &directus, directus.url()).await;
        let mut command = made.unwrap();
        command.env_remove("CREDENTIALS_ENC_OLD_KEYS_B64").args(arguments);
        command.env("CREDENTIALS_ENC_KEY_B64", key);
        command.envs(old_key.map(|key| ("CREDENTIALS_ENC_OLD_KEYS_B64", key)));
        command
    };
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let mut serving = command(former_encryption_key(), Some(encryption_key()), &serve).await;
    let server = Server::start_command(directory.path(), &mut serving).await.unwrap();
    let user = server.user_named(owner.email(), owner.password().expose_secret()).await.unwrap();
    let mut ids = Vec::new();
    // More than are read at a time.
    for index in 0..20 {
        ids.push(user.create_profile("instagram", &index.to_string()).await.unwrap());
    }
    let cookie = json!({"name": "sessionid", "value": "kept", "domain": ".instagram.com", "path": "/"});
    let entry = json!({"name": "token", "value": "kept"});
    let origin =
        json!({"origin": "https://www.instagram.com", "localStorage": [entry], "sessionStorage": []});
    let wanted = json!({"creator_profile_id": ids[0], "platform": "instagram"});
    let mut captured = wanted.clone();
    (captured["cookies"], captured["origins"]) = (json!([cookie]), json!([origin]));
    let stored = user.post("/api/credentials/store-platform-session", &captured).await.unwrap();
    assert_eq!(stored.status, StatusCode::OK, "{}", stored.body);

    let rotate = async |arguments: &[&str]| {
        let mut command = command(encryption_key(), Some(former_encryption_key()), arguments).await;
        command.output().await.unwrap()
    };
    let refused = rotate(&["rotate-keys"]).await;
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--other-writers-stopped"));
    let rotated = rotate(&["rotate-keys", "--other-writers-stopped"]).await;
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    assert!(String::from_utf8_lossy(&rotated.stdout).contains(": 22 re-encrypted"));
    // The server still has the old key, and can't store anything with it.
    let profile = json!({"platform": "instagram", "platform_username": "late", "credentials": {}});
    let late = user.post("/api/credentials/create-profile", &profile).await.unwrap();
    assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE, "{}", late.body);
    assert_eq!(server.anonymous().get("/readyz").await.unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
    server.stop().await.unwrap();

    let mut serving = command(encryption_key(), None, &serve).await;
    let server = Server::start_command(directory.path(), &mut serving).await.unwrap();
    let service = server.service_with(SERVICE_SECRET);
    let served = service.post("/api/credentials/get-platform-session", &wanted).await.unwrap().body;
    assert_eq!((&served["cookies"][0]["value"], &served["origins"]), (&json!("kept"), &json!([origin])));
    for id in ids {
        let reveal = json!({"creatorProfileId": id});
        let revealed = service.post("/api/credentials/reveal", &reveal).await.unwrap();
        assert_eq!((revealed.status, &revealed.body["credentials"]), (StatusCode::OK, &json!({})));
    }
}
