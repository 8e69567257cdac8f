//! Records in a Directus: what is kept there and what is not, concurrent calls, and what other
//! writers and faults leave behind.

mod faults;
mod keys;
mod other_writers;
mod renewals;

use anyhow::Result;
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stagepass_tests::services::directus::{Directus, User};
use stagepass_tests::services::faulty_directus::FaultyDirectus;
use stagepass_tests::services::server::{Answer, Client, Server};
use stagepass_tests::services::server_on_directus::{self, SERVICE_SECRET};
use std::collections::BTreeSet;
use tempfile::TempDir;

const CONNECTIONS: &str = "platform_connections";
const DOWNLOADS: &str = "download_credentials";
const SESSIONS: &str = "platform_sessions";

/// A Directus behind a proxy, and a server that uses it, with a signed-in user.
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
        Self::with_flags(&[]).await
    }

    async fn with_flags(flags: &[&str]) -> Result<Self> {
        let directus = Directus::of_this_run()?;
        let proxy = FaultyDirectus::start(&directus).await?;
        let owner = directus.create_user().await?;
        let directory = tempfile::tempdir()?;
        let server =
            server_on_directus::start_with_flags(directory.path(), &directus, &proxy.url(), flags).await?;
        let user = server.user_named(owner.email(), owner.password().expose_secret()).await?;
        let service = server.service_with(SERVICE_SECRET);
        Ok(Self { directus, proxy, owner, server, user, service, directory })
    }

    async fn capture(&self, connection: &str, value: &str) -> Result<Answer> {
        let cookie = json!({"name": "sessionid", "value": value, "domain": ".instagram.com", "path": "/"});
        let entry = json!({"name": "token", "value": value});
        let origin = json!({"origin": "https://www.instagram.com", "localStorage": [entry]});
        let body = json!({"creator_profile_id": connection, "platform": "instagram", "cookies": [cookie],
            "origins": [origin]});
        self.user.post("/api/credentials/store-platform-session", &body).await
    }

    /// The value of the only cookie that a service gets, or the error.
    async fn served(&self, connection: &str) -> Result<String> {
        let body = json!({"creator_profile_id": connection, "platform": "instagram"});
        let answer = self.service.post("/api/credentials/get-platform-session", &body).await?.body;
        let value = answer["cookies"][0]["value"].as_str().or(answer["error"].as_str());
        Ok(value.unwrap_or_default().to_owned())
    }

    /// The owner's sessions in Directus, the oldest first.
    async fn kept_sessions(&self) -> Result<Vec<Value>> {
        let filter = json!({"user_id": {"_eq": self.owner.id()}});
        let query = json!({"filter": filter, "sort": "captured_at,id", "limit": -1});
        self.directus.search(&format!("/items/{SESSIONS}"), &query).await
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

/// Whether exactly the active sessions have cookies and origin storage.
fn only_active_ones_have_sealed_parts(sessions: &[Value]) -> bool {
    let has_both = |session: &Value| {
        let [cookies, origins] =
            ["encrypted_cookies", "encrypted_origins"].map(|part| session[part].is_string());
        (cookies == origins).then_some(cookies)
    };
    sessions.iter().all(|session| has_both(session) == Some(session["status"] == "active"))
}

#[tokio::test]
async fn bootstrap_finds_what_it_made_and_keeps_no_revisions() {
    let setup = Setup::new().await.unwrap();
    let mut command = stagepass_tests::services::server::command(setup.directory.path()).unwrap();
    command.env("DIRECTUS_URL", setup.directus.url()).args(["directus", "bootstrap"]);
    let refused = command.output().await.unwrap();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("ADMIN_TOKEN"));
    command.env("DIRECTUS_ADMIN_TOKEN", "planted-wrong-token");
    let refused = String::from_utf8(command.output().await.unwrap().stderr).unwrap();
    assert!(refused.contains("Directus 401 /collections") && !refused.contains("planted"), "{refused}");
    command.env("DIRECTUS_ADMIN_TOKEN", setup.directus.admin_token().expose_secret());
    let output = command.output().await.unwrap();
    assert!(output.status.success());
    let expected =
        [CONNECTIONS, DOWNLOADS, SESSIONS].map(|name| format!("{name}: already exists\n")).concat();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);

    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    setup.user.create_profile("instagram", "one").await.unwrap();
    let query = format!("/revisions?filter[item][_eq]={id}&fields=id");
    assert_eq!(setup.directus.admin().get(&query).await.unwrap().body["data"], json!([]));
    // Only an administrator has rights to any of them.
    let token = setup.owner.sign_in().await.unwrap();
    let direct = setup.directus.with_token(&token);
    for collection in [CONNECTIONS, DOWNLOADS, SESSIONS] {
        let answer = direct.get(&format!("/items/{collection}")).await.unwrap();
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{collection}");
    }
}

#[tokio::test]
async fn superseded_and_revoked_sessions_keep_no_sealed_parts() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    for value in ["one", "two", "three"] {
        assert_eq!(setup.capture(&id, value).await.unwrap().status, StatusCode::OK);
        assert_eq!(setup.served(&id).await.unwrap(), value);
    }
    let sessions = setup.kept_sessions().await.unwrap();
    assert_eq!(statuses(&sessions), ["superseded", "superseded", "active"]);
    assert!(only_active_ones_have_sealed_parts(&sessions));
    assert!(sessions[0]["superseded_at"].is_string());
    let body = json!({"id": sessions[2]["id"]});
    for _ in 0..2 {
        let answer = setup.user.post("/api/credentials/revoke-platform-session", &body).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
    let sessions = setup.kept_sessions().await.unwrap();
    assert_eq!(statuses(&sessions), ["superseded", "superseded", "revoked"]);
    assert!(only_active_ones_have_sealed_parts(&sessions));
    assert_eq!(setup.served(&id).await.unwrap(), "Platform session revoked");
}

#[tokio::test]
async fn concurrent_create_profile_calls_make_one_connection() {
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
async fn of_concurrent_captures_one_is_served_and_the_others_are_erased() {
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
    assert!(only_active_ones_have_sealed_parts(&sessions));
    assert!(values.contains(&&*setup.served(&id).await.unwrap()));
}

#[tokio::test]
async fn deleting_a_connection_or_a_person_deletes_all_their_records() {
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

/// Directus is asked for each record before it changes, and caches the answer.
#[tokio::test]
async fn changed_and_deleted_records_are_not_served_from_directus_cache() {
    let setup = Setup::new().await.unwrap();
    let id = setup.user.create_profile("instagram", "one").await.unwrap();
    let reveal = async || {
        let body = json!({"creatorProfileId": id});
        setup.service.post("/api/credentials/reveal", &body).await.unwrap().body
    };
    let total = async |list: &str| setup.user.get(list).await.unwrap().body["total"].clone();
    assert_eq!(
        (reveal().await["credentials"].clone(), total("/api/platform-connections").await),
        (json!({}), json!(1))
    );
    let update = json!({"creator_profile_id": id, "credentials": {"a": "rotated"}});
    setup.user.post("/api/credentials/update-profile-creds", &update).await.unwrap();
    assert_eq!(reveal().await["credentials"], json!({"a": "rotated"}));

    setup.capture(&id, "one").await.unwrap();
    assert_eq!(setup.served(&id).await.unwrap(), "one");
    let sessions = setup.user.get("/api/platform-sessions").await.unwrap().body;
    let revoke = json!({"id": sessions["data"][0]["id"]});
    setup.user.post("/api/credentials/revoke-platform-session", &revoke).await.unwrap();
    assert_eq!(setup.served(&id).await.unwrap(), "Platform session revoked");
    let sessions = setup.user.get("/api/platform-sessions").await.unwrap().body;
    assert_eq!(sessions["data"][0]["status"], "revoked");

    setup.user.delete(&format!("/api/platform-connections/{id}")).await.unwrap();
    assert_eq!(reveal().await, json!({"success": false, "error": "Not found"}));
    assert_eq!(setup.served(&id).await.unwrap(), "Not found");
    assert_eq!(total("/api/platform-connections").await, 0);
    assert_eq!(total("/api/platform-sessions").await, 0);
}
