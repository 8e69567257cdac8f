//! The credentials of connections and of downloads, and capture requests, over
//! HTTP on a real server.

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::server::{self, Answer, Client, PASSWORD, Server};
use std::path::Path;
use tempfile::TempDir;

const API: &str = "/api/credentials";
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

struct Callers {
    user: Client,
    other: Client,
    service: Client,
    connection: String,
    server: Server,
    directory: TempDir,
}

async fn start() -> Result<Callers> {
    let directory = server::new_data_dir().await?;
    server::add_user(directory.path(), "other@example.org", PASSWORD).await?;
    let server = Server::start(directory.path()).await?;
    let user = server.user().await?;
    Ok(Callers {
        connection: user.create_profile("instagram", "fitcreator99").await?,
        other: server.user_named("other@example.org", PASSWORD).await?,
        service: server.service()?,
        user,
        server,
        directory,
    })
}

async fn post(client: &Client, verb: &str, body: &Value) -> Result<Answer> {
    client.post(&format!("{API}/{verb}"), body).await
}

/// Status and error text of a refusal, whose body must be the whole envelope.
fn refusal(answer: &Answer) -> (u16, &str) {
    let error = answer.body["error"].as_str().unwrap_or("no error");
    assert_eq!(answer.body, json!({"success": false, "error": error}));
    (answer.status.as_u16(), error)
}

#[tokio::test]
async fn the_documented_examples_get_the_documented_answers() -> Result<()> {
    let callers = start().await?;
    let (user, service, id) = (&callers.user, &callers.service, &callers.connection);
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
async fn credentials_come_back_to_the_letter() -> Result<()> {
    let callers = start().await?;
    let text = r#"{"pin":12345678901234567890123,"a":1.0,"a":2, "ü":"\u00fc"}"#;
    let body = format!(r#"{{"creatorProfileId":"{}","credentials":{text}}}"#, callers.connection);
    let request = callers.service.request(Method::POST, &format!("{API}/store"));
    let stored = request.header("content-type", "application/json").body(body).send().await?;
    assert_eq!(stored.status(), 200);
    let request = callers.service.request(Method::POST, &format!("{API}/reveal"));
    let answer = request.json(&json!({"creatorProfileId": callers.connection})).send().await?.text().await?;
    assert!(answer.contains(&format!("\"credentials\":{text}")), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_connection_can_be_renamed_unless_the_name_is_taken() -> Result<()> {
    let callers = start().await?;
    let (user, id) = (&callers.user, &callers.connection);
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

#[tokio::test]
async fn each_missing_or_malformed_field_is_named() -> Result<()> {
    let callers = start().await?;
    let (user, service, id) = (&callers.user, &callers.service, &callers.connection);
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
    let callers = start().await?;
    let (user, other, service, id) = (&callers.user, &callers.other, &callers.service, &callers.connection);
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

    let me = other.get("/users/me").await?.body["data"]["id"].as_str().unwrap_or_default().to_owned();
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

#[tokio::test]
async fn a_capture_request_waits_once_and_is_fulfilled_or_declined() -> Result<()> {
    let callers = start().await?;
    let (user, other, service, id) = (&callers.user, &callers.other, &callers.service, &callers.connection);
    let ask = json!({"creator_profile_id": id, "platform": "instagram", "reason": "the session has expired"});
    let first = post(service, "request-capture", &ask).await?.body;
    assert_eq!(first, json!({"success": true, "id": first["id"], "created": true}));
    let again = post(service, "request-capture", &ask).await?.body;
    assert_eq!(again, json!({"success": true, "id": first["id"], "created": false}));
    let listed = user.get("/api/capture-requests").await?.body;
    assert_eq!((&listed["total"], &listed["data"][0]["reason"]), (&json!(1), &ask["reason"]));
    assert_eq!(other.get("/api/capture-requests").await?.body["total"], 0);

    let session = json!({"creator_profile_id": id, "platform": "instagram",
        "cookies": [{"name": "sessionid", "value": "v", "domain": ".instagram.com"}]});
    assert_eq!(post(user, "store-platform-session", &session).await?.status, 200);
    assert_eq!(user.get("/api/capture-requests").await?.body["total"], 0, "fulfilled");

    let second = post(service, "request-capture", &ask).await?.body["id"].clone();
    let path = format!("/api/capture-requests/{}", second.as_str().context("no id")?);
    assert_eq!(refusal(&other.delete(&path).await?), (403, "Forbidden"));
    assert_eq!(user.delete(&path).await?.body, json!({"success": true, "id": second}));
    assert_eq!(refusal(&user.delete(&path).await?), (404, "Not found"));

    for (change, error) in [
        (json!({"platform": "tiktok"}), "platform must be the connection's, instagram"),
        (json!({"reason": "r".repeat(201)}), "reason must have at most 200 characters"),
        (json!({"reason": "a\nb"}), "reason must not hold control characters"),
    ] {
        let mut body = ask.clone();
        for (key, value) in change.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        assert_eq!(refusal(&post(service, "request-capture", &body).await?), (400, error));
    }
    Ok(())
}

/// Runs the server's `service-token` command and gives what it prints.
async fn service_token(directory: &Path, arguments: &[&str]) -> Result<String> {
    let output = server::command(directory)?.arg("service-token").args(arguments).output().await?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[tokio::test]
async fn a_named_token_may_do_what_is_listed_and_nothing_else() -> Result<()> {
    let callers = start().await?;
    let (directory, id) = (callers.directory.path(), &callers.connection);
    let me = callers.user.get("/users/me").await?.body["data"]["id"].as_str().context("no id")?.to_owned();
    let add = ["add", "downloader", "--verb", "reveal", "--platform", "instagram"];
    let secret = service_token(directory, &add).await?;
    let named = callers.server.service_with(&secret);
    let reveal = json!({"creatorProfileId": id});
    assert_eq!(post(&named, "reveal", &reveal).await?.status, 200);
    let store = json!({"creatorProfileId": id, "credentials": {}});
    assert_eq!(refusal(&post(&named, "store", &store).await?), (403, "Forbidden"), "the verb");
    let elsewhere = json!({"creatorProfileId": callers.user.create_profile("tiktok", "a").await?});
    assert_eq!(refusal(&post(&named, "reveal", &elsewhere).await?), (403, "Forbidden"), "the platform");

    let add = ["add", "agent", "--verb", "reveal", "--verb", "store", "--require-acting-user"];
    let acting = callers.server.service_with(&service_token(directory, &add).await?);
    assert_eq!(refusal(&post(&acting, "reveal", &reveal).await?), (400, "X-Acting-User required"));
    let request =
        acting.request(Method::POST, &format!("{API}/store")).json(&store).header("x-acting-user", me);
    assert_eq!(acting.send(request).await?.status, 200);

    let listed = service_token(directory, &["list"]).await?;
    assert!(listed.contains("downloader") && listed.contains("reveal,store") && !listed.contains(&secret));
    assert!(
        service_token(directory, &["add", "agent", "--verb", "reveal"]).await.is_err(),
        "the name is taken"
    );
    assert!(
        service_token(directory, &["add", "x", "--verb", "create-profile"]).await.is_err(),
        "no service's verb"
    );
    service_token(directory, &["revoke", "downloader"]).await?;
    assert_eq!(refusal(&post(&named, "reveal", &reveal).await?), (401, "Unauthorized"));
    assert!(service_token(directory, &["revoke", "downloader"]).await.is_err());
    let database = std::fs::read(directory.join("stagepass.db-wal"))?;
    assert!(!database.windows(secret.len()).any(|window| window == secret.as_bytes()));
    Ok(())
}
