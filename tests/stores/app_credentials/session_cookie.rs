//! The session cookie: what it opens, for which requests, and when it ends.

use super::stage::{API_KEY, CREDENTIALS, PROJECTS, TYPES, UNKNOWN, api_key, refusal};
use crate::{Callers, start};
use anyhow::{Context as _, Result};
use macro_rules_attribute::apply;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::installation::{Installation, Person};
use stagepass_tests::services::server::{Answer, Server, change_user};

/// Signs in as a browser does, and returns the `Cookie` header it would send, and the answer.
async fn sign_in(server: &Server, person: &Person) -> Result<(String, Answer)> {
    let body = json!({"email": person.email(), "password": person.password(), "mode": "session"});
    let answer = server.anonymous().post("/auth/login", &body).await?;
    let set = answer.headers.get("set-cookie").with_context(|| answer.body.to_string())?.to_str()?;
    Ok((set.split(';').next().context("a cookie")?.to_owned(), answer))
}

fn request(server: &Server, method: Method, path: &str, cookie: &str) -> RequestBuilder {
    server.anonymous().request(method, path).header("cookie", cookie)
}

async fn get(server: &Server, path: &str, cookie: &str) -> Result<Answer> {
    server.anonymous().send(request(server, Method::GET, path, cookie)).await
}

/// Sends POST as a page at `origin` does.
async fn post(server: &Server, (path, body): (&str, &Value), cookie: &str, origin: &str) -> Result<Answer> {
    let request = request(server, Method::POST, path, cookie).json(body).header("origin", origin);
    server.anonymous().send(request).await
}

#[apply(on_each_database)]
#[tokio::test]
async fn the_sign_in_cookie_identifies_a_browser(store: Store) -> Result<()> {
    let Callers { server, people, installation: _installation, .. } = start(store).await?;
    let (cookie, answer) = sign_in(&server, &people[0]).await?;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body, json!({"data": {"expires": 86_400_000}}), "a script can read no token");
    let set = answer.headers["set-cookie"].to_str()?;
    assert!(cookie.starts_with("stagepass_session="), "{cookie}");
    assert_eq!(set, format!("{cookie}; HttpOnly; SameSite=Lax; Path=/; Max-Age=86400"));

    assert_eq!(get(&server, CREDENTIALS, &cookie).await?.body["total"], 0);
    let new = (CREDENTIALS, &api_key("By cookie", "planted"));
    assert_eq!(post(&server, new, &cookie, server.url()).await?.status, StatusCode::CREATED);
    assert_eq!(get(&server, CREDENTIALS, &cookie).await?.body["total"], 1);
    // Another user's cookie opens only that user's data.
    let (other, _) = sign_in(&server, &people[1]).await?;
    assert_eq!(get(&server, CREDENTIALS, &other).await?.body["total"], 0);
    assert_eq!(refusal(&get(&server, CREDENTIALS, "stagepass_session=x").await?), (401, "Unauthorized"));
    assert_eq!(refusal(&get(&server, CREDENTIALS, &format!("{cookie}; {other}")).await?).0, 401);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_public_server_sets_a_secure_cookie_only_for_its_host(store: Store) -> Result<()> {
    let mut installation = Installation::new(store).await?;
    installation.set("STAGEPASS_PUBLIC_URL", "https://stagepass.example");
    let person = installation.add_person().await?;
    let server = installation.serve().await?;
    let body = json!({"email": person.email(), "password": person.password(), "mode": "session"});
    let at_host = |method, path: &str| {
        server
            .anonymous()
            .request(method, path)
            .header("host", "stagepass.example")
            .header("via", "1.1 proxy")
    };
    let answer = server.anonymous().send(at_host(Method::POST, "/auth/login").json(&body)).await?;
    let set = answer.headers["set-cookie"].to_str()?;
    let (cookie, attributes) = set.split_once("; ").context("attributes")?;
    assert!(cookie.starts_with("__Host-stagepass_session="), "{set}");
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=86400");

    let write = async |cookie: &str, origin: &str| {
        let request = at_host(Method::POST, PROJECTS).header("cookie", cookie).header("origin", origin);
        server.anonymous().send(request.json(&json!({"projectName": origin}))).await
    };
    assert_eq!(write(cookie, "https://stagepass.example").await?.status, StatusCode::CREATED);
    assert_eq!(write(cookie, "http://stagepass.example").await?.status, StatusCode::FORBIDDEN);
    assert_eq!(write(cookie, server.url()).await?.status, StatusCode::FORBIDDEN);
    let unprotected = cookie.trim_start_matches("__Host-");
    assert_eq!(write(unprotected, "https://stagepass.example").await?.status, StatusCode::UNAUTHORIZED);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn requests_from_other_origins_are_refused(store: Store) -> Result<()> {
    let Callers { server, people, user, installation: _installation, .. } = start(store).await?;
    let (cookie, _) = sign_in(&server, &people[0]).await?;
    let new = json!({"projectName": "Tour"});
    let port = server.url().rsplit(':').next().context("a port")?;
    let others =
        ["https://evil.example", "null", "", "http://127.0.0.1:1", &format!("http://localhost:{port}")];
    for origin in others {
        let answer = post(&server, (PROJECTS, &new), &cookie, origin).await?;
        assert_eq!(refusal(&answer).0, 403, "{origin}");
    }
    let without =
        server.anonymous().send(request(&server, Method::POST, PROJECTS, &cookie).json(&new)).await?;
    assert_eq!(refusal(&without).0, 403);
    for (method, path) in [
        (Method::PUT, format!("{CREDENTIALS}/{UNKNOWN}")),
        (Method::DELETE, format!("{CREDENTIALS}/{UNKNOWN}")),
        (Method::POST, format!("{CREDENTIALS}/{UNKNOWN}/reveal")),
        (Method::POST, format!("{CREDENTIALS}/{UNKNOWN}/assign-projects")),
        (Method::PUT, format!("{PROJECTS}/{UNKNOWN}")),
        (Method::POST, format!("{PROJECTS}/{UNKNOWN}/members")),
        (Method::DELETE, format!("{TYPES}/{API_KEY}")),
    ] {
        let request = request(&server, method.clone(), &path, &cookie).json(&json!({}));
        let answer = server.anonymous().send(request.header("origin", "https://evil.example")).await?;
        assert_eq!(refusal(&answer).0, 403, "{method} {path}");
    }
    assert_eq!(user.get(PROJECTS).await?.body["total"], 0);
    // A token in a header is not a cookie: browsers don't add it by themselves.
    let with_token = user.request(Method::POST, PROJECTS).header("cookie", &cookie).json(&new);
    assert_eq!(user.send(with_token.header("origin", "https://evil.example")).await?.status, 201);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn the_cookie_only_opens_app_credentials(store: Store) -> Result<()> {
    let Callers { server, people, other, installation: _installation, .. } = start(store).await?;
    let (cookie, _) = sign_in(&server, &people[0]).await?;
    for path in [
        "/api/platform-connections",
        "/api/platform-sessions",
        "/api/capture-requests",
        "/users/me",
        "/api/credentials",
    ] {
        assert_eq!(get(&server, path, &cookie).await?.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let body = json!({"platform": "instagram", "platform_username": "x", "credentials": {}, "id": UNKNOWN});
    for verb in
        ["create-profile", "store", "store-platform-session", "revoke-platform-session", "reveal-app-cred"]
    {
        let path = format!("/api/credentials/{verb}");
        let answer = post(&server, (&path, &body), &cookie, server.url()).await?;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{verb}");
    }
    // If there is a token, the cookie is ignored.
    let both = other.request(Method::GET, "/users/me").header("cookie", &cookie);
    let other_id = other.get("/users/me").await?.body["data"]["id"].clone();
    assert_eq!(other.send(both).await?.body["data"]["id"], other_id);
    let both = other.request(Method::POST, PROJECTS).header("cookie", &cookie);
    let made = other.send(both.json(&json!({"projectName": "Tour"}))).await?;
    assert_eq!(made.body["ownerId"], other_id);
    // The cookie's value is not accepted as a token either.
    let token = cookie.split_once('=').context("a value")?.1;
    let refreshed = server.anonymous().post("/auth/refresh", &json!({"refresh_token": token})).await?;
    assert_eq!(refreshed.status, StatusCode::UNAUTHORIZED);
    let service = server.service_with(token).post("/api/credentials/reveal", &json!({"id": UNKNOWN})).await?;
    assert_eq!(service.status, StatusCode::UNAUTHORIZED);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_session_ends_at_logout_and_with_its_user(store: Store) -> Result<()> {
    let Callers { server, people, installation, .. } = start(store).await?;
    let [one, other] = [sign_in(&server, &people[0]).await?.0, sign_in(&server, &people[0]).await?.0];
    let logout = ("/auth/logout", &json!({"mode": "session"}));
    let from_elsewhere = post(&server, logout, &one, "https://evil.example").await?;
    assert_eq!(from_elsewhere.status, StatusCode::FORBIDDEN);
    assert_eq!(get(&server, CREDENTIALS, &one).await?.status, StatusCode::OK);
    let ended = post(&server, logout, &one, server.url()).await?;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    let cleared = "stagepass_session=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0";
    assert_eq!(ended.headers["set-cookie"], cleared);
    assert_eq!(refusal(&get(&server, CREDENTIALS, &one).await?).0, 401);
    assert_eq!(get(&server, CREDENTIALS, &other).await?.status, StatusCode::OK, "the other session stays");
    let without = post(&server, logout, "a=b", server.url()).await?;
    assert_eq!(without.status, StatusCode::UNAUTHORIZED);

    installation.suspend(&people[0]).await?;
    assert_eq!(refusal(&get(&server, CREDENTIALS, &other).await?).0, 401);

    let (before, _) = sign_in(&server, &people[1]).await?;
    let command = installation.command()?;
    change_user(command, "set-password", people[1].email(), "another-password-9uZ").await?;
    assert_eq!(refusal(&get(&server, CREDENTIALS, &before).await?).0, 401);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn sign_in_accepts_only_the_modes_json_and_session(store: Store) -> Result<()> {
    let Callers { server, people, installation: _installation, .. } = start(store).await?;
    for mode in [json!("cookie"), json!("Session"), json!(""), json!(5), json!(["session"])] {
        let body = json!({"email": people[0].email(), "password": people[0].password(), "mode": mode});
        let answer = server.anonymous().post("/auth/login", &body).await?;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{mode}");
        assert!(answer.headers.get("set-cookie").is_none());
    }
    let wrong = json!({"email": people[0].email(), "password": "wrong", "mode": "session"});
    let answer = server.anonymous().post("/auth/login", &wrong).await?;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.headers.get("set-cookie").is_none());
    Ok(())
}
