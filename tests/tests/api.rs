//! The Credentials API and the embedded identity, over HTTP on a real server.

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::server::{self, Answer, Client, EMAIL, PASSWORD, Server};
use tempfile::TempDir;

const STORE: &str = "/api/credentials/store-platform-session";
const GET: &str = "/api/credentials/get-platform-session";
const REVOKE: &str = "/api/credentials/revoke-platform-session";
const CREATE: &str = "/api/credentials/create-profile";
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

async fn start() -> Result<(Server, TempDir)> {
    let directory = server::new_data_dir().await?;
    Ok((Server::start(directory.path()).await?, directory))
}

/// The documented example's cookie, which has long expired.
fn cookie() -> Value {
    json!({"name": "sessionid", "value": "123456789%3AabcXYZ%3A28", "domain": ".instagram.com", "path": "/",
        "expires": 1_735_689_600, "httpOnly": true, "secure": true})
}

fn session(connection: &str) -> Value {
    json!({"creator_profile_id": connection, "platform": "instagram", "cookies": [cookie()],
        "user_agent": "Mozilla/5.0", "expires_at": "2099-12-31T23:59:59Z"})
}

fn with(mut body: Value, change: &Value) -> Value {
    for (key, value) in change.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    body
}

/// Status and error text of a refusal, whose body must be the whole envelope.
fn refusal(answer: &Answer) -> (u16, &str) {
    let error = answer.body["error"].as_str().unwrap_or("no error");
    assert_eq!(answer.body, json!({"success": false, "error": error}));
    (answer.status.as_u16(), error)
}

#[tokio::test]
async fn a_session_comes_back_as_it_was_stored_in_both_forms() -> Result<()> {
    let (server, _directory) = start().await?;
    let (user, service) = (server.user().await?, server.service()?);
    let connection = user.create_profile("instagram", "fitcreator99").await?;
    let stored = user.post(STORE, &session(&connection)).await?;
    let id = stored.body["id"].clone();
    assert_eq!(stored.body, json!({"success": true, "id": id, "platform": "instagram", "cookie_count": 1}));

    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    let got = service.post(GET, &wanted).await?;
    let captured_at = got.body["captured_at"].clone();
    assert_eq!(
        got.body,
        json!({"success": true, "id": id, "platform": "instagram", "cookies": [cookie()], "captured_at": captured_at,
            "expires_at": "2099-12-31T23:59:59.000Z", "user_agent": "Mozilla/5.0"})
    );
    assert_eq!(captured_at.as_str().map(str::len), Some("2026-01-15T10:30:00.000Z".len()));
    assert_eq!(got.headers["cache-control"], "no-store");

    let netscape = service.post(GET, &with(wanted.clone(), &json!({"format": "netscape"}))).await?;
    let line = "#HttpOnly_.instagram.com\tTRUE\t/\tTRUE\t1735689600\tsessionid\t123456789%3AabcXYZ%3A28\n";
    assert_eq!(netscape.body["cookies_netscape"], format!("# Netscape HTTP Cookie File\n{line}"));
    let unexpired = service.post(GET, &with(wanted, &json!({"drop_expired": true}))).await?;
    assert_eq!(unexpired.body["cookies"], json!([]));
    Ok(())
}

#[tokio::test]
async fn a_new_session_supersedes_and_revoking_ends_it() -> Result<()> {
    let (server, _directory) = start().await?;
    let (user, service) = (server.user().await?, server.service()?);
    let connection = user.create_profile("instagram", "a").await?;
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    assert_eq!(refusal(&service.post(GET, &wanted).await?), (404, "No active platform session"));

    let first = user.post(STORE, &session(&connection)).await?.body["id"].clone();
    let second = user.post(STORE, &session(&connection)).await?.body["id"].clone();
    assert_eq!(service.post(GET, &wanted).await?.body["id"], second);
    let listed = user.get("/api/platform-sessions").await?.body;
    let states: Vec<_> =
        listed["data"].as_array().into_iter().flatten().map(|s| (&s["id"], &s["status"])).collect();
    assert_eq!(states, [(&second, &json!("active")), (&first, &json!("superseded"))]);

    for _ in 0..2 {
        let revoked = user.post(REVOKE, &json!({"id": second})).await?;
        assert_eq!(revoked.body, json!({"success": true, "id": second}));
    }
    assert_eq!(refusal(&service.post(GET, &wanted).await?), (404, "Platform session revoked"));
    Ok(())
}

#[tokio::test]
async fn an_expired_session_is_not_served() -> Result<()> {
    let (server, _directory) = start().await?;
    let (user, service) = (server.user().await?, server.service()?);
    let connection = user.create_profile("instagram", "a").await?;
    user.post(STORE, &with(session(&connection), &json!({"expires_at": "2020-01-01T00:00:00Z"}))).await?;
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    assert_eq!(refusal(&service.post(GET, &wanted).await?), (404, "Platform session expired"));
    Ok(())
}

#[tokio::test]
async fn create_profile_updates_the_connection_with_the_same_identity() -> Result<()> {
    let (server, _directory) = start().await?;
    let user = server.user().await?;
    let profile =
        |username: Value| json!({"platform": "x", "platform_username": username, "credentials": {"a": 1}});
    let named = user.post(CREATE, &profile(json!("me"))).await?.body;
    let unnamed = user.post(CREATE, &profile(Value::Null)).await?.body;
    assert_ne!(named["id"], unnamed["id"]);
    for (body, id) in [(profile(json!("me")), &named["id"]), (profile(Value::Null), &unnamed["id"])] {
        assert_eq!(user.post(CREATE, &body).await?.body, json!({"success": true, "id": id, "updated": true}));
    }
    // Sixteen at once still leave one record.
    let calls = (0..16).map(|_| {
        let (user, body) = (user.clone(), profile(json!("many")));
        tokio::spawn(async move { user.post(CREATE, &body).await })
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

#[tokio::test]
async fn each_bad_session_is_refused_by_name_and_leaves_nothing() -> Result<()> {
    let (server, _directory) = start().await?;
    let (user, service) = (server.user().await?, server.service()?);
    let connection = user.create_profile("instagram", "a").await?;
    for (change, error) in [
        (json!({"creator_profile_id": null, "platform": null}), "creator_profile_id required"),
        (json!({"creator_profile_id": ""}), "creator_profile_id required"),
        (json!({"creator_profile_id": 7}), "creator_profile_id must be a string"),
        (json!({"creator_profile_id": "session-uuid-123"}), "creator_profile_id must be a UUID"),
        (json!({"platform": null}), "platform required"),
        (json!({"platform": "Insta Gram"}), "platform must be 1 to 64 of a-z, 0-9, '.', '_' and '-'"),
        (json!({"platform": "tiktok"}), "platform must be the connection's, instagram"),
        (json!({"cookies": null}), "cookies array required"),
        (json!({"cookies": {}}), "cookies array required"),
        (json!({"cookies": []}), "cookies must hold 1 to 1000 cookies"),
        (json!({"cookies": [cookie(), {"name": "a"}]}), "cookies[1]: value required"),
        (
            json!({"cookies": [with(cookie(), &json!({"value": "a\tb"}))]}),
            "cookies[0]: value holds a control character",
        ),
        (json!({"cookies": vec![cookie(); 1001]}), "cookies must hold 1 to 1000 cookies"),
        (
            json!({"expires_at": "soon"}),
            "expires_at must be an ISO 8601 time with its offset, such as 2026-12-31T23:59:59Z",
        ),
        (json!({"user_agent": "a\nb"}), "user_agent must not hold control characters"),
    ] {
        let answer = user.post(STORE, &with(session(&connection), &change)).await?;
        assert_eq!(refusal(&answer), (400, error), "{change}");
    }
    let unknown = user.post(STORE, &session(UNKNOWN)).await?;
    assert_eq!(refusal(&unknown), (404, "Not found"));
    assert_eq!(user.get("/api/platform-sessions").await?.body["total"], 0);
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram", "format": "xml"});
    assert_eq!(refusal(&service.post(GET, &wanted).await?), (400, "format must be json or netscape"));
    assert_eq!(
        refusal(&user.post(CREATE, &json!({"platform": "x"})).await?),
        (400, "credentials object required")
    );
    let list = json!({"platform": "x", "credentials": []});
    assert_eq!(refusal(&user.post(CREATE, &list).await?), (400, "credentials object required"));
    Ok(())
}

#[tokio::test]
async fn nobody_reaches_another_users_records() -> Result<()> {
    let (server, directory) = start().await?;
    server::add_user(directory.path(), "other@example.org", PASSWORD).await?;
    let (user, other) = (server.user().await?, server.user_named("other@example.org", PASSWORD).await?);
    let connection = user.create_profile("instagram", "a").await?;
    let id = user.post(STORE, &session(&connection)).await?.body["id"].clone();
    let path = format!("/api/platform-connections/{connection}");
    for answer in [
        other.post(STORE, &session(&connection)).await?,
        other.post(REVOKE, &json!({"id": id})).await?,
        other.get(&path).await?,
        other.delete(&path).await?,
    ] {
        assert_eq!(refusal(&answer), (403, "Forbidden"));
    }
    assert_eq!(other.get("/api/platform-sessions").await?.body["data"], json!([]));
    // A service that acts for somebody is held to that user's records.
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram"});
    let me = other.get("/users/me").await?.body["data"]["id"].as_str().unwrap_or_default().to_owned();
    let service = server.service()?;
    let request = service.request(Method::POST, GET).json(&wanted).header("x-acting-user", me);
    assert_eq!(refusal(&service.send(request).await?), (403, "Forbidden"));
    assert_eq!(service.post(GET, &wanted).await?.body["id"], id);
    // Deleting the connection takes its sessions with it.
    assert_eq!(user.delete(&path).await?.body, json!({"success": true, "id": connection}));
    assert_eq!(user.get("/api/platform-sessions").await?.body["total"], 0);
    assert_eq!(refusal(&service.post(GET, &wanted).await?), (404, "Not found"));
    Ok(())
}

#[tokio::test]
async fn each_kind_of_caller_opens_its_own_routes_alone() -> Result<()> {
    let (server, _directory) = start().await?;
    let (user, service, anonymous) = (server.user().await?, server.service()?, server.anonymous());
    // The caller is checked before the body, which is none here.
    for (client, path) in [(&anonymous, STORE), (&service, STORE), (&anonymous, GET), (&user, GET)] {
        let answer = client.send(client.request(Method::POST, path).body("{")).await?;
        assert_eq!(refusal(&answer), (401, "Unauthorized"), "{path}");
    }
    for token in ["Bearer x.y.z", "Basic abc", "Bearer", "Bearer eyJhbGciOiJub25lIn0.e30."] {
        let request = anonymous.request(Method::POST, STORE).header("authorization", token).json(&json!({}));
        assert_eq!(refusal(&anonymous.send(request).await?), (401, "Unauthorized"), "{token}");
    }
    Ok(())
}

#[tokio::test]
async fn every_fault_of_http_has_the_envelope() -> Result<()> {
    let (server, _directory) = start().await?;
    let user = server.user().await?;
    let post = || user.request(Method::POST, CREATE).header("content-type", "application/json");
    let bad_json = user.send(post().body("{\"platform\": \"planted-secret\"")).await?;
    let (status, error) = refusal(&bad_json);
    assert!(
        status == 400 && error.starts_with("body is not valid JSON") && !error.contains("planted"),
        "{error}"
    );
    assert_eq!(refusal(&user.send(post().body("[]")).await?), (400, "body must be a JSON object"));
    assert_eq!(refusal(&user.send(post().body(vec![b'"', 0xff, b'"'])).await?).0, 400);
    assert_eq!(refusal(&user.send(post().body("[".repeat(100_000))).await?).0, 400);
    assert_eq!(refusal(&user.send(post().body(" ".repeat(1024 * 1024 + 1))).await?).0, 413);
    assert_eq!(refusal(&user.send(user.request(Method::POST, CREATE).body("{}")).await?).0, 415);
    let get = user.get(CREATE).await?;
    assert_eq!((refusal(&get).0, get.headers["allow"].as_bytes()), (405, &b"POST"[..]));
    assert_eq!(refusal(&user.get("/api/credentials/no-such-verb").await?), (404, "Not found"));
    for id in ["%FF", "x"] {
        let answer = user.get(&format!("/api/platform-connections/{id}")).await?;
        assert_eq!(refusal(&answer), (400, "id must be a UUID"));
    }
    let rebound = user.request(Method::GET, "/api/platform-sessions").header("host", "evil.example");
    assert_eq!(refusal(&user.send(rebound).await?).0, 421);
    assert_eq!(
        refusal(&user.get("/api/platform-sessions?pageSize=101").await?),
        (400, "pageSize must be 1 to 100")
    );
    Ok(())
}

fn directus_code(answer: &Answer) -> (u16, &str) {
    let code = answer.body["errors"][0]["extensions"]["code"].as_str().unwrap_or("no code");
    (answer.status.as_u16(), code)
}

async fn login(client: &Client, email: &str, password: &str) -> Result<Answer> {
    client.post("/auth/login", &json!({"email": email, "password": password})).await
}

#[tokio::test]
async fn refresh_tokens_are_spent_once_and_reuse_ends_the_family() -> Result<()> {
    let (server, _directory) = start().await?;
    let client = server.anonymous();
    let refresh = async |token: &Value| client.post("/auth/refresh", &json!({"refresh_token": token})).await;
    let first = login(&client, EMAIL, PASSWORD).await?.body["data"].clone();
    assert_eq!(first["expires"], 900_000);
    let second = refresh(&first["refresh_token"]).await?.body["data"].clone();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    // A lost answer: within half a minute the spent one gets another successor.
    assert_eq!(refresh(&first["refresh_token"]).await?.status, 200);
    assert_eq!(directus_code(&refresh(&json!("made-up")).await?), (401, "INVALID_CREDENTIALS"));
    let out = client.post("/auth/logout", &json!({"refresh_token": second["refresh_token"]})).await?;
    assert_eq!((out.status.as_u16(), out.body), (204, Value::Null));
    for ended in [&first, &second] {
        let answer = refresh(&ended["refresh_token"]).await?;
        assert_eq!(directus_code(&answer), (401, "INVALID_CREDENTIALS"));
    }
    Ok(())
}

#[tokio::test]
async fn wrong_passwords_are_limited_and_tell_nothing() -> Result<()> {
    let (server, _directory) = start().await?;
    let client = server.anonymous();
    let unknown = login(&client, "nobody@example.org", "wrong-password").await?;
    let wrong = login(&client, EMAIL, "wrong-password").await?;
    assert_eq!((unknown.status, &unknown.body), (wrong.status, &wrong.body));
    assert_eq!(directus_code(&wrong), (401, "INVALID_CREDENTIALS"));
    for _ in 0..9 {
        assert_eq!(login(&client, EMAIL, "wrong-password").await?.status, 401);
    }
    // Case makes no other account of it, and the right password does not help now.
    let limited = login(&client, &EMAIL.to_uppercase(), PASSWORD).await?;
    assert_eq!(directus_code(&limited), (429, "REQUESTS_EXCEEDED"));
    let seconds: u64 = limited.headers["retry-after"].to_str()?.parse()?;
    assert!((1..=300).contains(&seconds), "{seconds}");
    Ok(())
}

#[tokio::test]
async fn a_disabled_user_is_out_at_once() -> Result<()> {
    let (server, directory) = start().await?;
    let user = server.user().await?;
    assert_eq!(user.get("/users/me").await?.body["data"]["email"], EMAIL);
    let disabled = server::command(directory.path())?.args(["user", "disable", EMAIL]).status().await?;
    assert!(disabled.success());
    assert_eq!(directus_code(&user.get("/users/me").await?), (401, "INVALID_CREDENTIALS"));
    assert_eq!(refusal(&user.get("/api/platform-sessions").await?), (401, "Unauthorized"));
    let answer = login(&server.anonymous(), EMAIL, PASSWORD).await?;
    assert_eq!(directus_code(&answer), (401, "INVALID_CREDENTIALS"));
    Ok(())
}

#[tokio::test]
async fn a_new_password_ends_what_is_signed_in() -> Result<()> {
    let (server, directory) = start().await?;
    let user = server.user().await?;
    // Tokens count in whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    server::set_password(directory.path(), EMAIL, "another\tpassword ").await?;
    assert_eq!(directus_code(&user.get("/users/me").await?), (401, "INVALID_CREDENTIALS"));
    assert_eq!(login(&server.anonymous(), EMAIL, PASSWORD).await?.status, 401);
    let user = server.user_named(EMAIL, "another\tpassword ").await?;
    assert_eq!(user.get("/users/me").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_slow_request_head_holds_up_neither_others_nor_the_end() -> Result<()> {
    let (server, _directory) = start().await?;
    let address = server.url().trim_start_matches("http://").to_owned();
    let mut slow = tokio::net::TcpStream::connect(&address).await?;
    tokio::io::AsyncWriteExt::write_all(&mut slow, b"GET /healthz HTTP/1.1\r\nHost: loc").await?;
    assert_eq!(server.anonymous().get("/healthz").await?.body["service"], "stagepass");
    // It is told nothing of use, and cut off.
    let mut rest = Vec::new();
    let end = tokio::io::AsyncReadExt::read_to_end(&mut slow, &mut rest);
    tokio::time::timeout(std::time::Duration::from_secs(40), end).await??;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn readiness_is_the_stores_and_liveness_the_processs() -> Result<()> {
    let (server, directory) = start().await?;
    let client = server.anonymous();
    assert_eq!(client.get("/readyz").await?.body, json!({"status": "ok"}));
    // Another process holds the database; what is believed for a second is over by then.
    let other = rusqlite::Connection::open(directory.path().join("stagepass.db"))?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let answer = client.get("/readyz").await?;
    assert_eq!(refusal(&answer), (503, "Store unavailable"));
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(client.get("/healthz").await?.body, json!({"status": "ok", "service": "stagepass"}));
    other.execute_batch("ROLLBACK")?;
    assert_eq!(client.get("/readyz").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn the_netscape_form_says_what_it_lacks() -> Result<()> {
    let (server, _directory) = start().await?;
    let (user, service) = (server.user().await?, server.service()?);
    let connection = user.create_profile("instagram", "a").await?;
    let twins = [with(cookie(), &json!({"value": "old"})), with(cookie(), &json!({"sameSite": "lax"}))];
    user.post(STORE, &with(session(&connection), &json!({"cookies": twins}))).await?;
    let wanted = json!({"creator_profile_id": connection, "platform": "instagram", "format": "netscape"});
    let body = service.post(GET, &wanted).await?.body;
    let losses = json!([
        "a later cookie takes the place of cookie 0",
        "the SameSite attribute of 1 cookies is not in the file"
    ]);
    assert_eq!(body["losses"], losses);
    assert_eq!(body["cookies_netscape"].as_str().map(|text| text.lines().count()), Some(2));
    Ok(())
}

#[tokio::test]
async fn a_wrong_or_malformed_key_stops_the_start_and_every_fault_is_named() -> Result<()> {
    let (server, directory) = start().await?;
    server.stop().await?;
    let serve = async |variables: &[(&str, &str)]| -> Result<String> {
        let mut command = server::command(directory.path())?;
        let output = command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .envs(variables.iter().copied())
            .output()
            .await?;
        assert!(!output.status.success());
        Ok(String::from_utf8(output.stderr)?)
    };
    let other_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let message = serve(&[("CREDENTIALS_ENC_KEY_B64", other_key)]).await?;
    assert!(
        message.contains("but the database was sealed with") && !message.contains(other_key),
        "{message}"
    );
    let message = serve(&[
        ("CREDENTIALS_ENC_KEY_B64", "planted"),
        ("STAGEPASS_JWT_SECRET", "planted"),
        ("RBAC_SYNC_WEBHOOK_SECRET", ""),
        ("STAGEPASS_LOG_FORMAT", "xml"),
        ("STAGEPASS_LISTN", "x"),
        ("DATABASE_URL", "postgres://planted@nowhere"),
    ])
    .await?;
    for fault in [
        "CREDENTIALS_ENC_KEY_B64 must be",
        "STAGEPASS_JWT_SECRET has fewer",
        "RBAC_SYNC_WEBHOOK_SECRET is empty",
        "STAGEPASS_LOG_FORMAT must be",
        "STAGEPASS_LISTN is unknown",
        "DATABASE_URL is not supported",
    ] {
        assert!(message.contains(fault), "{message}");
    }
    assert!(!message.contains("planted"), "{message}");
    // A key that is gone is not replaced by one that opens nothing.
    let key = directory.path().join("credentials-enc-key");
    std::fs::remove_file(&key)?;
    let message = serve(&[]).await?;
    assert!(message.contains("put the file back from your backup") && !key.exists(), "{message}");
    Ok(())
}
