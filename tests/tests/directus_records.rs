//! Records in a Directus: what is kept there and what is not, what happens at
//! once, and what other writers and faults leave behind.

use anyhow::Result;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stagepass_tests::directus::{Directus, User};
use stagepass_tests::faulty_directus::{Fault, FaultyDirectus};
use stagepass_tests::server::{Answer, Client, Server};
use stagepass_tests::server_on_directus::{self, SERVICE_SECRET, encryption_key, former_encryption_key};
use std::collections::BTreeSet;
use tempfile::TempDir;

const CONNECTIONS: &str = "platform_connections";
const DOWNLOADS: &str = "download_credentials";
const SESSIONS: &str = "platform_sessions";

/// A Directus behind a proxy, and a server on it with a user who is signed in.
struct Setup {
    directus: Directus,
    proxy: FaultyDirectus,
    owner: User,
    server: Server,
    user: Client,
    service: Client,
    directory: TempDir,
}

impl Setup {
    async fn new() -> Result<Self> {
        let directus = Directus::of_this_run()?;
        let proxy = FaultyDirectus::start(&directus).await?;
        let owner = directus.create_user().await?;
        let directory = tempfile::tempdir()?;
        let server = server_on_directus::start(directory.path(), &directus, &proxy.url()).await?;
        let user = server.user_named(owner.email(), owner.password().expose_secret()).await?;
        let service = server.service_with(SERVICE_SECRET);
        Ok(Self { directus, proxy, owner, server, user, service, directory })
    }

    async fn capture(&self, connection: &str, value: &str) -> Result<Answer> {
        let cookie = json!({"name": "sessionid", "value": value, "domain": ".instagram.com", "path": "/"});
        let body = json!({"creator_profile_id": connection, "platform": "instagram", "cookies": [cookie]});
        self.user.post("/api/credentials/store-platform-session", &body).await
    }

    /// The value of the one cookie that is served, or the error.
    async fn served(&self, connection: &str) -> Result<String> {
        let body = json!({"creator_profile_id": connection, "platform": "instagram"});
        let answer = self.service.post("/api/credentials/get-platform-session", &body).await?.body;
        let value = answer["cookies"][0]["value"].as_str().or(answer["error"].as_str());
        Ok(value.unwrap_or_default().to_owned())
    }

    /// All sessions of the owner, as Directus keeps them, the oldest first.
    async fn kept_sessions(&self) -> Result<Vec<Value>> {
        let query =
            format!("?filter[user_id][_eq]={}&sort=captured_at,id&fields=*&limit=-1", self.owner.id());
        let mut answer = self.directus.admin().get(&format!("/items/{SESSIONS}{query}")).await?;
        Ok(serde_json::from_value(answer.body["data"].take())?)
    }

    async fn kept(&self, collection: &str, id: &str) -> Result<Option<Value>> {
        self.directus.item(collection, id).await
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn statuses(sessions: &[Value]) -> Vec<String> {
    sessions.iter().map(|session| text(&session["status"])).collect()
}

/// Whether each session has its cookies exactly when it is active.
fn only_active_ones_have_cookies(sessions: &[Value]) -> bool {
    sessions.iter().all(|session| (session["status"] == "active") == session["encrypted_cookies"].is_string())
}

#[tokio::test]
async fn bootstrap_finds_what_it_made_and_keeps_no_revisions() {
    let setup = Setup::new().await.unwrap();
    let mut command = stagepass_tests::server::command(setup.directory.path()).unwrap();
    command.env("DIRECTUS_URL", setup.directus.url()).args(["directus", "bootstrap"]);
    let refused = command.output().await.unwrap();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("ADMIN_TOKEN"));
    command.env("DIRECTUS_ADMIN_TOKEN", "planted-wrong-token");
    let refused = String::from_utf8(command.output().await.unwrap().stderr).unwrap();
    assert!(refused.contains("Directus 401 /collections") && !refused.contains("planted"), "{refused}");
    command.env("DIRECTUS_ADMIN_TOKEN", setup.directus.admin_token().expose_secret());
    let output = command.output().await.unwrap();
    assert!(output.status.success());
    let expected = [CONNECTIONS, DOWNLOADS, SESSIONS].map(|name| format!("{name}: is there\n")).concat();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);

    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    setup.user.create_profile("instagram", "one").await.unwrap();
    let query = format!("/revisions?filter[item][_eq]={id}&fields=id");
    assert_eq!(setup.directus.admin().get(&query).await.unwrap().body["data"], json!([]));
    // Nobody but an administrator has a right to any of it.
    let token = setup.owner.sign_in().await.unwrap();
    let direct = setup.directus.with_token(&token);
    for collection in [CONNECTIONS, DOWNLOADS, SESSIONS] {
        let answer = direct.get(&format!("/items/{collection}")).await.unwrap();
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{collection}");
    }
}

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
    let admin = setup.directus.admin();
    let body = json!({"credentials": {"from": "elsewhere"}, "creatorProfileId": other});
    setup.service.post("/api/credentials/store", &body).await.unwrap();
    let blob = setup.kept(CONNECTIONS, &other).await.unwrap().unwrap()["encrypted_credentials"].take();
    let request = admin.request(Method::PATCH, &format!("/items/{CONNECTIONS}/{id}"));
    admin
        .send(request.json(&json!({"encrypted_credentials": json!({"enc": blob}).to_string()})))
        .await
        .unwrap();
    let revealed =
        setup.service.post("/api/credentials/reveal", &json!({"creatorProfileId": id})).await.unwrap();
    assert_eq!(revealed.body["credentials"], json!({"from": "elsewhere"}), "{}", revealed.body);
}

#[tokio::test]
async fn what_is_superseded_or_revoked_keeps_no_cookies() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    for value in ["one", "two", "three"] {
        assert_eq!(setup.capture(&id, value).await.unwrap().status, StatusCode::OK);
        assert_eq!(setup.served(&id).await.unwrap(), value);
    }
    let sessions = setup.kept_sessions().await.unwrap();
    assert_eq!(statuses(&sessions), ["superseded", "superseded", "active"]);
    assert!(only_active_ones_have_cookies(&sessions));
    assert!(sessions[0]["superseded_at"].is_string());
    let body = json!({"id": sessions[2]["id"]});
    for _ in 0..2 {
        let answer = setup.user.post("/api/credentials/revoke-platform-session", &body).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
    let sessions = setup.kept_sessions().await.unwrap();
    assert_eq!(statuses(&sessions), ["superseded", "superseded", "revoked"]);
    assert!(only_active_ones_have_cookies(&sessions));
    assert_eq!(setup.served(&id).await.unwrap(), "Platform session revoked");
}

#[tokio::test]
async fn the_session_that_came_last_is_served_though_the_clock_was_set_back() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    setup.capture(&id, "before").await.unwrap();
    let session = text(&setup.kept_sessions().await.unwrap()[0]["id"]);
    let admin = setup.directus.admin();
    let request = admin.request(Method::PATCH, &format!("/items/{SESSIONS}/{session}"));
    admin.send(request.json(&json!({"captured_at": "2099-01-01T00:00:00.000Z"}))).await.unwrap();
    setup.capture(&id, "after").await.unwrap();
    assert_eq!(setup.served(&id).await.unwrap(), "after");
}

#[tokio::test]
async fn profiles_created_at_once_are_one() {
    let setup = Setup::new().await.unwrap();
    let body = json!({"platform": "instagram", "platform_username": "one", "credentials": {"a": 1}});
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let (user, body) = (setup.user.clone(), body.clone());
            tokio::spawn(
                async move { user.post("/api/credentials/create-profile", &body).await.unwrap().body },
            )
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    let ids: BTreeSet<_> = answers.iter().map(|answer| text(&answer["id"])).collect();
    let created = answers.iter().filter(|answer| answer["updated"] == false).count();
    assert_eq!((ids.len(), created), (1, 1), "{answers:?}");
    let list = setup.user.get("/api/platform-connections").await.unwrap().body;
    assert_eq!(list["total"], 1);
}

#[tokio::test]
async fn of_captures_at_once_one_is_served_and_the_others_are_erased() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    let values = ["a", "b", "c", "d", "e", "f"];
    let captures = values.map(|value| setup.capture(&id, value));
    for answer in futures_util::future::join_all(captures).await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    let sessions = setup.kept_sessions().await.unwrap();
    assert_eq!(sessions.len(), values.len());
    assert_eq!(statuses(&sessions).iter().filter(|status| *status == "active").count(), 1);
    assert_eq!(sessions.last().unwrap()["status"], "active", "the newest");
    assert!(only_active_ones_have_cookies(&sessions));
    assert!(values.contains(&&*setup.served(&id).await.unwrap()));
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
async fn a_deleted_connection_takes_all_that_hangs_on_it_and_so_does_a_deleted_person() {
    let setup = Setup::new().await.unwrap();
    for by_person in [false, true] {
        let id = setup.user.create_profile("instagram", "one").await.unwrap();
        setup.capture(&id, "one").await.unwrap();
        let body = json!({"platform": "instagram", "creator_profile_id": id, "auth_type": "password",
            "username": "one", "credentials": {"password": "p"}});
        let made = setup.user.post("/api/credentials/create-download-cred", &body).await.unwrap();
        let download = text(&made.body["id"]);
        let session = text(&setup.kept_sessions().await.unwrap()[0]["id"]);
        if by_person {
            let path = format!("/users/{}", setup.owner.id());
            assert_eq!(setup.directus.admin().delete(&path).await.unwrap().status, StatusCode::NO_CONTENT);
        } else {
            let path = format!("/api/platform-connections/{id}");
            assert_eq!(setup.user.delete(&path).await.unwrap().status, StatusCode::OK);
            assert_eq!(setup.user.delete(&path).await.unwrap().status, StatusCode::NOT_FOUND);
        }
        for (collection, id) in [(CONNECTIONS, id), (DOWNLOADS, download), (SESSIONS, session)] {
            assert_eq!(
                setup.kept(collection, &id).await.unwrap(),
                None,
                "{collection}, by person: {by_person}"
            );
        }
    }
}

#[tokio::test]
async fn a_capture_whose_answer_was_lost_is_whole_or_absent() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    setup.capture(&id, "before").await.unwrap();
    setup.proxy.fail("/items/platform_sessions", Fault::Close);
    let answer = setup.capture(&id, "never").await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (503, &json!("Directus unavailable")));
    setup.proxy.heal();
    assert_eq!(
        (setup.served(&id).await.unwrap(), setup.kept_sessions().await.unwrap().len()),
        ("before".to_owned(), 1)
    );
    setup.proxy.fail("/items/platform_sessions", Fault::LoseAnswer);
    assert_eq!(setup.capture(&id, "maybe").await.unwrap().status.as_u16(), 503);
    setup.proxy.heal();
    assert!(["before", "maybe"].contains(&&*setup.served(&id).await.unwrap()));
    assert_eq!(setup.capture(&id, "after").await.unwrap().status, StatusCode::OK);
    assert_eq!(setup.served(&id).await.unwrap(), "after");
    let sessions = setup.kept_sessions().await.unwrap();
    assert_eq!(statuses(&sessions).iter().filter(|status| *status == "active").count(), 1);
    assert!(only_active_ones_have_cookies(&sessions));
}

#[tokio::test]
async fn what_was_intended_and_how_it_ended_is_in_the_audit_log() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    let body = json!({"platform": "instagram", "creator_profile_id": id, "auth_type": "password",
        "username": "one", "credentials": {"password": "p"}});
    setup.proxy.fail("/items/download_credentials", Fault::LoseAnswer);
    setup.user.post("/api/credentials/create-download-cred", &body).await.unwrap();
    setup.proxy.heal();
    let refused = json!({"errors": [{"message": "No."}]}).to_string();
    setup.proxy.fail("/items/platform_sessions", Fault::Answer { status: 400, body: refused.into() });
    setup.capture(&id, "x").await.unwrap();
    setup.proxy.heal();
    setup.server.stop().await.unwrap();

    let mut command =
        server_on_directus::command(setup.directory.path(), &setup.directus, setup.directus.url())
            .await
            .unwrap();
    let log = command.args(["audit", "list"]).output().await.unwrap();
    let log = String::from_utf8(log.stdout).unwrap();
    let rows: Vec<_> = log
        .lines()
        .rev()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|fields| (fields[2], fields[4]))
        .filter(|(action, _)| *action != "login")
        .collect();
    let expected = [
        ("create-profile", "intent"),
        ("create-profile", "ok"),
        ("create-download-cred", "intent"),
        ("create-download-cred", "unknown: Directus unavailable"),
        ("store-platform-session", "intent"),
        ("store-platform-session", "Directus 400"),
    ];
    assert_eq!(rows, expected, "{log}");
}

#[tokio::test]
async fn a_key_that_opens_no_record_stops_the_start() {
    let setup = Setup::new().await.unwrap();
    setup.user.create_profile("instagram", "one").await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut command =
        server_on_directus::command(directory.path(), &setup.directus, setup.directus.url()).await.unwrap();
    command.env("CREDENTIALS_ENC_KEY_B64", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let refused = command.args(["serve", "--listen", "127.0.0.1:0"]).output().await.unwrap();
    let refused_text = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && refused_text.contains("does not open with it"), "{refused_text}");
}

#[tokio::test]
async fn it_is_ready_exactly_while_directus_answers() {
    let setup = Setup::new().await.unwrap();
    let client = setup.server.anonymous();
    assert_eq!(client.get("/readyz").await.unwrap().status, StatusCode::OK);
    setup.proxy.fail("/items/", Fault::Close);
    stagepass_tests::wait::until("the fault", std::time::Duration::from_secs(10), async || {
        Ok((client.get("/readyz").await?.status.as_u16() == 503).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(client.get("/healthz").await.unwrap().status, StatusCode::OK);
    setup.proxy.heal();
    assert_eq!(client.get("/readyz").await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn a_rotation_seals_all_anew_once_no_other_program_writes_with_the_old_key() {
    let directus = Directus::of_this_run().unwrap();
    let owner = directus.create_user().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let command = async |key: String, old_key: Option<String>, arguments: &[&str]| {
        let made = server_on_directus::command(directory.path(), &directus, directus.url()).await;
        let mut command = made.unwrap();
        command
            .env("CREDENTIALS_ENC_KEY_B64", key)
            .env_remove("CREDENTIALS_ENC_OLD_KEYS_B64")
            .args(arguments);
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
    server.stop().await.unwrap();

    let rotate = async |arguments: &[&str]| {
        let mut command = command(encryption_key(), Some(former_encryption_key()), arguments).await;
        command.output().await.unwrap()
    };
    let refused = rotate(&["rotate-keys"]).await;
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--other-writers-stopped"));
    let rotated = rotate(&["rotate-keys", "--other-writers-stopped"]).await;
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    assert!(String::from_utf8_lossy(&rotated.stdout).contains(": 20 sealed anew"));

    let mut serving = command(encryption_key(), None, &serve).await;
    let server = Server::start_command(directory.path(), &mut serving).await.unwrap();
    let service = server.service_with(SERVICE_SECRET);
    for id in ids {
        let reveal = json!({"creatorProfileId": id});
        let revealed = service.post("/api/credentials/reveal", &reveal).await.unwrap();
        assert_eq!((revealed.status, &revealed.body["credentials"]), (StatusCode::OK, &json!({})));
    }
}
