//! Signing in: what is forwarded to Directus, and what is known of the person who signs in.

use super::{SESSIONS, Setup, assert_unauthorized};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use stagepass_tests::services::faulty_directus::Fault;

#[tokio::test]
async fn a_person_signs_in_refreshes_and_signs_out_through_the_server() {
    let setup = Setup::new(false).await.unwrap();
    let (server, user) = (setup.server.anonymous(), &setup.user);
    let login = json!({"email": user.email(), "password": user.password().expose_secret()});
    let answer = server.post("/auth/login", &login).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body["data"]["expires"]), (200, &json!(900_000)));
    assert_eq!(answer.headers["cache-control"], "no-store");
    let token: SecretString = answer.body["data"]["access_token"].as_str().unwrap().into();

    let request = server.request(Method::GET, "/users/me?fields=id").bearer_auth(token.expose_secret());
    let me = server.send(request).await.unwrap();
    assert_eq!(me.body, json!({"data": {"id": user.id()}}), "the query was forwarded");

    let refresh = json!({"refresh_token": answer.body["data"]["refresh_token"]});
    let refreshed = server.post("/auth/refresh", &refresh).await.unwrap();
    assert!(refreshed.body["data"]["access_token"].is_string(), "{}", refreshed.body);
    let refresh = json!({"refresh_token": refreshed.body["data"]["refresh_token"]});
    assert_eq!(server.post("/auth/logout", &refresh).await.unwrap().status, StatusCode::NO_CONTENT);
    let spent = server.post("/auth/refresh", &refresh).await.unwrap();
    let directly = setup.directus.anonymous().post("/auth/refresh", &refresh).await.unwrap();
    assert_eq!((spent.status, &spent.body), (directly.status, &directly.body));
    assert_eq!(spent.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn only_four_calls_are_forwarded() {
    let setup = Setup::new(false).await.unwrap();
    let server = setup.server.anonymous();
    for (method, path, status) in [
        (Method::GET, "/auth/login", 405),
        (Method::DELETE, "/users/me", 405),
        (Method::PATCH, "/users/me", 405),
        (Method::GET, "/users", 404),
        (Method::POST, "/auth/password/request", 404),
        (Method::GET, "/items/platform_connections", 404),
        (Method::GET, "/server/info", 404),
    ] {
        let answer = server.send(server.request(method.clone(), path)).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{method} {path}");
        if path != "/items/platform_connections" {
            assert_eq!(setup.proxy.requests(path), 0, "{method} {path}");
        }
    }
    let login = json!({"email": setup.user.email(), "password": "x", "mode": "cookie"});
    let answer = server.post("/auth/login", &login).await.unwrap();
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.body["errors"][0]["message"], "mode must be json or session");
    let refresh = json!({"refresh_token": "x", "mode": "session"});
    let answer = server.post("/auth/refresh", &refresh).await.unwrap();
    assert_eq!(answer.body["errors"][0]["message"], "mode must be json");
    assert_eq!(setup.proxy.requests("/auth/login") + setup.proxy.requests("/auth/refresh"), 0);
}

#[tokio::test]
async fn our_cookie_carries_a_directus_session() {
    const CREDENTIALS: &str = "/api/v1/app-credentials";
    for knows_secret in [false, true] {
        let setup = Setup::new(knows_secret).await.unwrap();
        let server = setup.server.anonymous();
        let login = json!({"email": setup.user.email(), "password": setup.user.password().expose_secret(),
            "mode": "session"});
        let sign_in = async || server.post("/auth/login", &login).await.unwrap();
        let answer = sign_in().await;
        assert_eq!(answer.body, json!({"data": {"expires": 86_400_000}}));
        let set: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        let (cookie, attributes) = set[0].to_str().unwrap().split_once("; ").unwrap();
        assert_eq!((set.len(), attributes), (1, "HttpOnly; SameSite=Lax; Path=/; Max-Age=86400"));
        let send = async |method, path, cookie: &str, body: Value| {
            let request = server.request(method, path).header("cookie", cookie).json(&body);
            server.send(request.header("origin", setup.server.url())).await.unwrap()
        };
        let list = async |cookie| send(Method::GET, CREDENTIALS, cookie, Value::Null).await;
        assert_eq!(list(cookie).await.body["total"], 0);
        let project = json!({"projectName": "Tour"});
        let made = send(Method::POST, "/api/v1/projects", cookie, project).await;
        assert_eq!(made.body["ownerId"], setup.user.id());
        assert_unauthorized(&send(Method::GET, SESSIONS, cookie, Value::Null).await, "not there");

        let ended = send(Method::POST, "/auth/logout", cookie, json!({"mode": "session"})).await;
        assert_eq!(ended.status, StatusCode::NO_CONTENT);
        let cleared = "stagepass_session=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0";
        assert_eq!(ended.headers["set-cookie"], cleared);
        assert_eq!(list(cookie).await.status, StatusCode::UNAUTHORIZED, "Directus has ended the session");

        let answer = sign_in().await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap();
        assert_eq!(list(cookie).await.status, StatusCode::OK);
        setup.user.suspend().await.unwrap();
        assert_eq!(list(cookie).await.status, StatusCode::UNAUTHORIZED, "suspended");
        assert!(sign_in().await.headers.get("set-cookie").is_none());
    }
}

#[tokio::test]
async fn a_person_signs_in_and_out_on_a_page() {
    let setup = Setup::new(false).await.unwrap();
    let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let fill = async |path: &str, cookie: &str, form: &[(&str, &str)]| {
        let url = reqwest::Url::parse_with_params("http://form", form).unwrap();
        let body = url.query().unwrap_or_default().to_owned();
        let request = http.post(format!("{}{path}", setup.server.url())).header("origin", setup.server.url());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.header("cookie", cookie).body(body).send().await.unwrap()
    };
    let page = async |cookie: &str| {
        let request = http.get(format!("{}/app/credentials", setup.server.url())).header("cookie", cookie);
        request.send().await.unwrap().status().as_u16()
    };
    let (email, password) = (setup.user.email(), setup.user.password().expose_secret());
    let wrong = fill("/app/sign-in", "", &[("email", email), ("password", "wrong")]).await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert!(wrong.headers().get("set-cookie").is_none());
    assert!(wrong.text().await.unwrap().contains("Invalid user credentials."));
    let right = [("email", email), ("password", password)];
    let signed_in = fill("/app/sign-in", "", &right).await;
    assert_eq!(
        (signed_in.status().as_u16(), &signed_in.headers()["location"]),
        (303, &"/app/credentials".parse().unwrap())
    );
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    assert_eq!(page(cookie).await, 200);

    setup.proxy.fail("/auth/", Fault::Answer { status: 503, body: "{}".into() });
    let refused = fill("/app/sign-out", cookie, &[]).await;
    assert!(
        refused.status().is_server_error() && refused.headers().get("set-cookie").is_none(),
        "{refused:?}"
    );
    let refused = fill("/app/sign-in", "", &right).await;
    assert!(refused.status().is_server_error(), "{refused:?}");
    setup.proxy.heal();
    assert_eq!(page(cookie).await, 200, "the session stays");
    let signed_out = fill("/app/sign-out", cookie, &[]).await;
    assert_eq!(signed_out.headers()["location"], "/app/sign-in?notice=left");
    assert_eq!(page(cookie).await, 303, "Directus has ended the session");
}

#[tokio::test]
async fn any_possible_directus_user_can_be_a_projects_member() {
    let setup = Setup::new(false).await.unwrap();
    let user = setup.sign_in().await.unwrap();
    let project = user.post("/api/v1/projects", &json!({"projectName": "Website"})).await.unwrap().body;
    let somebody = "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f";
    let path = format!("/api/v1/projects/{}/members", project["id"].as_str().unwrap());
    let answer = user.post(&path, &json!({"userIds": [somebody]})).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body["memberIds"]), (200, &json!([somebody])));
}
