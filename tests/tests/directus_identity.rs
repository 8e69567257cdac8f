//! Users of a Directus: which tokens are taken, what is handed on, and what is
//! said where Directus is in trouble.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use stagepass_tests::directus::{Directus, User};
use stagepass_tests::faulty_directus::{Fault, FaultyDirectus};
use stagepass_tests::server::{Answer, Client, Server};
use stagepass_tests::server_on_directus::{self, SERVICE_SECRET};
use stagepass_tests::wait;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const SESSIONS: &str = "/api/platform-sessions";

/// A Directus behind a proxy, a user in it, and a server on it.
struct Setup {
    directus: Directus,
    proxy: FaultyDirectus,
    user: User,
    server: Server,
    _directory: TempDir,
}

impl Setup {
    async fn new(knows_secret: bool) -> Result<Self> {
        let directus = Directus::of_this_run()?;
        let proxy = FaultyDirectus::start(&directus).await?;
        let user = directus.create_user().await?;
        let directory = tempfile::tempdir()?;
        let (path, url) = (directory.path(), proxy.url());
        let server = if knows_secret {
            server_on_directus::start_with_secret(path, &directus, &url).await
        } else {
            server_on_directus::start(path, &directus, &url).await
        };
        Ok(Self { directus, proxy, user, server: server?, _directory: directory })
    }

    async fn with_token(&self, token: &SecretString) -> Result<Answer> {
        let request = self.server.anonymous().request(Method::GET, SESSIONS);
        self.server.anonymous().send(request.bearer_auth(token.expose_secret())).await
    }

    async fn sign_in(&self) -> Result<Client> {
        self.server.user_named(self.user.email(), self.user.password().expose_secret()).await
    }
}

fn assert_unauthorized(answer: &Answer, why: &str) {
    let expected = json!({"success": false, "error": "Unauthorized"});
    assert_eq!((answer.status, &answer.body), (StatusCode::UNAUTHORIZED, &expected), "{why}");
}

fn claims(user: &User) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    json!({"id": user.id(), "role": null, "app_access": false, "admin_access": false, "iat": now,
        "exp": now + 900, "iss": "directus"})
}

fn sign(claims: &Value, algorithm: Algorithm, secret: &SecretString) -> Result<SecretString> {
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    Ok(jsonwebtoken::encode(&Header::new(algorithm), claims, &key)?.into())
}

/// Tokens that nobody may act with, each with what is wrong with it.
fn bad_tokens(setup: &Setup) -> Result<Vec<(&'static str, SecretString)>> {
    let good = claims(&setup.user);
    let secret = setup.directus.secret();
    let with = |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        sign(&claims, Algorithm::HS256, secret)
    };
    let signed = sign(&good, Algorithm::HS256, secret)?;
    let payload = signed.expose_secret().split('.').nth(1).unwrap_or_default();
    Ok(vec![
        ("unsigned", format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.").into()),
        ("another key", sign(&good, Algorithm::HS256, &"another-secret-of-32-bytes-or-more".into())?),
        ("another algorithm", sign(&good, Algorithm::HS512, secret)?),
        ("expired", with("exp", json!(1_700_000_000))?),
        ("another issuer", with("iss", json!("elsewhere"))?),
        ("a share's", with("share", json!("5d3e1a0c-0000-4000-8000-000000000001"))?),
        ("of one purpose", with("scope", json!("password-reset"))?),
        ("nobody's", with("id", Value::Null)?),
    ])
}

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
    assert_eq!(me.body, json!({"data": {"id": user.id()}}), "the query went with it");

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
async fn nothing_but_four_calls_is_handed_on() {
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
async fn no_token_but_a_good_one_opens_anything() {
    let setup = Setup::new(false).await.unwrap();
    let answer = setup.server.anonymous().get(SESSIONS).await.unwrap();
    assert_unauthorized(&answer, "no token");
    for (what, token) in bad_tokens(&setup).unwrap() {
        assert_unauthorized(&setup.with_token(&token).await.unwrap(), what);
    }
    for token in ["", "nonsense", "a.b.c", SERVICE_SECRET] {
        assert_unauthorized(&setup.with_token(&token.into()).await.unwrap(), token);
    }
    let answer = setup.with_token(&setup.user.sign_in().await.unwrap()).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body["total"]), (200, &json!(0)));
    // A user's token is no service's.
    let token = setup.user.sign_in().await.unwrap();
    let service = setup.server.service_with(token.expose_secret());
    let answer = service.post("/api/credentials/reveal", &json!({})).await.unwrap();
    assert_unauthorized(&answer, "a user's token as a secret");
}

#[tokio::test]
async fn with_directus_secret_bad_tokens_are_turned_away_without_a_call() {
    let setup = Setup::new(true).await.unwrap();
    for (what, token) in bad_tokens(&setup).unwrap() {
        assert_unauthorized(&setup.with_token(&token).await.unwrap(), what);
    }
    assert_eq!(setup.proxy.requests("/users/me"), 0);
    assert_eq!(setup.with_token(&setup.user.sign_in().await.unwrap()).await.unwrap().status, StatusCode::OK);
    assert_eq!(setup.proxy.requests("/users/me"), 1);
    // A good signature does not make anybody active.
    setup.user.suspend().await.unwrap();
    let token = sign(&claims(&setup.user), Algorithm::HS256, setup.directus.secret()).unwrap();
    assert_unauthorized(&setup.with_token(&token).await.unwrap(), "suspended");
}

#[tokio::test]
async fn a_static_token_is_its_users_for_as_long_as_that_is_active() {
    for knows_secret in [false, true] {
        let setup = Setup::new(knows_secret).await.unwrap();
        let token: SecretString = format!("static-{}", setup.user.id()).into();
        let fields = json!({"token": token.expose_secret()});
        let holder = setup.directus.create_user_with(&fields).await.unwrap();
        assert_eq!(setup.with_token(&token).await.unwrap().status, StatusCode::OK);
        for status in ["suspended", "archived", "invited"] {
            let token: SecretString = format!("{status}-{}", setup.user.id()).into();
            let fields = json!({"token": token.expose_secret(), "status": status});
            let _user = setup.directus.create_user_with(&fields).await.unwrap();
            assert_unauthorized(&setup.with_token(&token).await.unwrap(), status);
        }
        drop(holder);
    }
}

#[tokio::test]
async fn calls_at_once_and_soon_after_share_one_answer() {
    let setup = Setup::new(false).await.unwrap();
    let token = setup.user.sign_in().await.unwrap();
    setup.proxy.fail("/users/me", Fault::Delay(Duration::from_millis(300)));
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let (client, token) = (setup.server.anonymous(), token.clone());
            tokio::spawn(async move {
                let request = client.request(Method::GET, SESSIONS).bearer_auth(token.expose_secret());
                client.send(request).await.unwrap().status
            })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(setup.with_token(&token).await.unwrap().status, StatusCode::OK);
    assert_eq!(setup.proxy.requests("/users/me"), 1);
    // Somebody without a role may not read the own status: the administrator did.
    assert_eq!(setup.proxy.requests("/users"), 1);
}

/// Directus caches what it says of somebody who may read the own status, and is
/// asked about both here before it changes.
#[tokio::test]
async fn a_suspension_takes_effect_while_the_token_lives() {
    let setup = Setup::new(true).await.unwrap();
    let query = json!({"filter": {"name": {"_eq": "Administrator"}}, "fields": "id"});
    let role = setup.directus.search("/roles", &query).await.unwrap().remove(0)["id"].take();
    let reader = setup.directus.create_user_with(&json!({"role": role})).await.unwrap();
    let mut tokens = Vec::new();
    for user in [&setup.user, &reader] {
        tokens.push(user.sign_in().await.unwrap());
        assert_eq!(setup.with_token(tokens.last().unwrap()).await.unwrap().status, StatusCode::OK);
        user.suspend().await.unwrap();
    }
    wait::until("the suspensions", Duration::from_secs(70), async || {
        for token in &tokens {
            if setup.with_token(token).await?.status != StatusCode::UNAUTHORIZED {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_token_of_a_session_is_asked_about_each_time() {
    for knows_secret in [false, true] {
        let setup = Setup::new(knows_secret).await.unwrap();
        let login = json!({"email": setup.user.email(), "password": setup.user.password().expose_secret(),
            "mode": "session"});
        let answer = setup.directus.anonymous().post("/auth/login", &login).await.unwrap();
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        let token = cookie.split(['=', ';']).nth(1).unwrap().into();
        for _ in 0..2 {
            assert_eq!(setup.with_token(&token).await.unwrap().status, StatusCode::OK);
        }
        setup.user.suspend().await.unwrap();
        assert_unauthorized(&setup.with_token(&token).await.unwrap(), "suspended");
    }
}

#[tokio::test]
async fn a_browser_is_signed_in_by_a_session_of_directus_in_a_cookie_of_ours() {
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
        assert_eq!(list(cookie).await.status, StatusCode::UNAUTHORIZED, "Directus has ended it");

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
    let in_vain = fill("/app/sign-out", cookie, &[]).await;
    assert!(
        in_vain.status().is_server_error() && in_vain.headers().get("set-cookie").is_none(),
        "{in_vain:?}"
    );
    let in_vain = fill("/app/sign-in", "", &right).await;
    assert!(in_vain.status().is_server_error(), "{in_vain:?}");
    setup.proxy.heal();
    assert_eq!(page(cookie).await, 200, "the session goes on");
    let signed_out = fill("/app/sign-out", cookie, &[]).await;
    assert_eq!(signed_out.headers()["location"], "/app/sign-in?notice=left");
    assert_eq!(page(cookie).await, 303, "Directus has ended it");
}

#[tokio::test]
async fn trouble_with_directus_is_told_as_such() {
    let setup = Setup::new(false).await.unwrap();
    let user = setup.sign_in().await.unwrap();
    let id = user.create_profile("instagram", "one").await.unwrap();
    let service = setup.server.service_with(SERVICE_SECRET);
    let reveal = json!({"creatorProfileId": id});
    let error = |status, body: &Value| Fault::Answer { status, body: body.to_string().into() };
    let message = |text: &str| json!({"errors": [{"message": text, "extensions": {"stack": "/srv/x.js:1"}}]});
    let garbage = r#"{"errors":[{"message":"the answer is not one of Directus"}]}"#;
    for (fault, expected) in [
        (
            error(400, &message("Invalid UUID")),
            r#"400 P: {"errors":[{"message":"Invalid UUID"}]}"#.to_owned(),
        ),
        (error(403, &message("No.")), r#"403 P: {"errors":[{"message":"No."}]}"#.to_owned()),
        (error(500, &message("Oops.")), r#"500 P: {"errors":[{"message":"Oops."}]}"#.to_owned()),
        (
            error(400, &message(&format!("about {id}"))),
            r#"400 P: {"errors":[{"message":"about …"}]}"#.to_owned(),
        ),
        (error(500, &json!("secret")), format!("500 P: {garbage}")),
        (error(200, &json!({"rows": []})), format!("200 P: {garbage}")),
        (Fault::Garbage, format!("200 P: {garbage}")),
    ] {
        setup.proxy.fail("/items/", fault);
        let answer = service.post("/api/credentials/reveal", &reveal).await.unwrap();
        let expected = format!("Directus {}", expected.replace('P', "/items/platform_connections"));
        assert_eq!((answer.status.as_u16(), answer.body["error"].as_str().unwrap()), (502, &*expected));
        setup.proxy.heal();
    }
    setup.proxy.fail("/items/", error(400, &message(&"long ".repeat(1000))));
    let answer = service.post("/api/credentials/reveal", &reveal).await.unwrap();
    assert!(answer.body["error"].as_str().unwrap().chars().count() <= 500);
    setup.proxy.heal();
    for (fault, status, error) in [
        (Fault::Close, 503, "Directus unavailable"),
        (Fault::Delay(Duration::from_secs(20)), 504, "Directus took too long"),
    ] {
        setup.proxy.fail("/items/", fault);
        let answer = service.post("/api/credentials/reveal", &reveal).await.unwrap();
        assert_eq!(answer.body, json!({"success": false, "error": error}));
        assert_eq!((answer.status.as_u16(), answer.headers.contains_key("retry-after")), (status, true));
        setup.proxy.heal();
    }
    assert_eq!(service.post("/api/credentials/reveal", &reveal).await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn what_directus_quotes_of_our_secrets_goes_to_nobody() {
    let setup = Setup::new(true).await.unwrap();
    let user = setup.sign_in().await.unwrap();
    let id = user.create_profile("instagram", "one").await.unwrap();
    let token = setup.user.sign_in().await.unwrap();
    let (encryption_key, former) =
        (server_on_directus::encryption_key(), server_on_directus::former_encryption_key());
    let secrets = [
        setup.directus.admin_token().expose_secret(),
        setup.directus.secret().expose_secret(),
        token.expose_secret(),
        SERVICE_SECRET,
        &encryption_key,
        &former,
    ];
    for secret in secrets {
        let quoted = [
            secret.to_owned(),
            STANDARD.encode(format!("admin:{secret}")),
            json!(format!("\"{secret}\"")).to_string(),
            secret.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"),
            // Where the message is cut.
            format!("{}{secret}", "x".repeat(490)),
        ];
        let message = |text: &String| json!({"message": format!("Token {text} is not known")});
        let errors = json!({"errors": quoted.iter().map(message).collect::<Vec<_>>()});
        let fault = Fault::Answer { status: 400, body: errors.to_string().into() };
        setup.proxy.fail("/", fault);
        let own = setup.server.bearer(token.expose_secret());
        let mut answers = vec![
            own.get("/users/me").await.unwrap(),
            own.post("/auth/logout", &json!({"refresh_token": token.expose_secret()})).await.unwrap(),
        ];
        if secret != token.expose_secret() {
            // Directus gets no user's token with these calls, so it has none to quote.
            answers.push(own.get(SESSIONS).await.unwrap());
            let (service, body) =
                (setup.server.service_with(SERVICE_SECRET), json!({"creatorProfileId": id}));
            answers.push(service.post("/api/credentials/reveal", &body).await.unwrap());
        }
        setup.proxy.heal();
        let log = String::from_utf8(setup.server.program().stderr()).unwrap();
        let told: Vec<_> = answers.iter().map(|answer| answer.body.to_string()).collect();
        let told = told.join("\n");
        assert!(told.contains("is not known"), "{told}");
        for form in [secret, &quoted[1], &quoted[3]] {
            assert!(!told.contains(form) && !log.contains(form), "a secret was passed on: {told}");
        }
        assert!(!told.contains(&secret[..8]), "part of a secret was passed on: {told}");
    }
}

#[tokio::test]
async fn a_user_is_not_turned_away_because_directus_is_in_trouble() {
    let setup = Setup::new(false).await.unwrap();
    let token = setup.user.sign_in().await.unwrap();
    for (fault, status) in [
        (Fault::Garbage, 502),
        (Fault::Answer { status: 500, body: r#"{"errors":[{"message":"x"}]}"#.into() }, 502),
        (Fault::Answer { status: 403, body: "<html>a proxy's</html>".into() }, 502),
        (Fault::Close, 503),
    ] {
        setup.proxy.fail("/", fault.clone());
        assert_eq!(setup.with_token(&token).await.unwrap().status.as_u16(), status, "{fault:?}");
        let login = setup.server.anonymous().post("/auth/login", &json!({"email": "a"})).await.unwrap();
        if matches!(fault, Fault::Answer { status: 500, .. }) {
            assert_eq!(login.status.as_u16(), 500, "handed on as it is");
        } else {
            assert_eq!(login.status.as_u16(), status, "{fault:?}");
            assert_eq!(login.body["errors"][0]["extensions"]["code"], "SERVICE_UNAVAILABLE");
        }
        setup.proxy.heal();
    }
    // Errors are not kept.
    assert_eq!(setup.with_token(&token).await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn the_start_names_every_fault_in_what_is_said_of_directus() {
    let directory = tempfile::tempdir().unwrap();
    let faults = async |variables: &[(&str, &str)]| {
        let mut command = stagepass_tests::server::command(directory.path()).unwrap();
        let output = command.args(["serve"]).envs(variables.iter().copied()).output().await.unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let text = faults(&[("DIRECTUS_URL", "127.0.0.1:8055")]).await;
    for fault in
        ["DIRECTUS_URL must be", "DIRECTUS_ADMIN_TOKEN must be given", "CREDENTIALS_ENC_KEY_B64 must be"]
    {
        assert!(text.contains(fault), "{text}");
    }
    let text = faults(&[("DIRECTUS_SECRET", "planted"), ("DIRECTUS_ADMIN_TOKEN", "planted")]).await;
    for fault in ["DIRECTUS_SECRET is given without", "DIRECTUS_ADMIN_TOKEN is given without"] {
        assert!(text.contains(fault) && !text.contains("planted"), "{text}");
    }
}

#[tokio::test]
async fn without_a_service_secret_its_routes_say_so_and_none_is_made() {
    let directus = Directus::of_this_run().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut command = server_on_directus::command(directory.path(), &directus, directus.url()).await.unwrap();
    command.env_remove("RBAC_SYNC_WEBHOOK_SECRET").args(["serve", "--listen", "127.0.0.1:0"]);
    let server = Server::start_command(directory.path(), &mut command).await.unwrap();
    let answer = server.service_with("any").post("/api/credentials/reveal", &json!({})).await.unwrap();
    assert_eq!(answer.status.as_u16(), 500);
    assert_eq!(answer.body["error"], "RBAC_SYNC_WEBHOOK_SECRET not set");
    let made: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("stagepass.db"))
        .collect();
    assert_eq!(made, ["vault-set-up-token"]);
}

#[tokio::test]
async fn whoever_a_directus_may_know_can_be_a_projects_member() {
    let setup = Setup::new(false).await.unwrap();
    let user = setup.sign_in().await.unwrap();
    let project = user.post("/api/v1/projects", &json!({"projectName": "Website"})).await.unwrap().body;
    let somebody = "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f";
    let path = format!("/api/v1/projects/{}/members", project["id"].as_str().unwrap());
    let answer = user.post(&path, &json!({"userIds": [somebody]})).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body["memberIds"]), (200, &json!([somebody])));
}
