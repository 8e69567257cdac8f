//! The answers when Directus fails, or when its settings are wrong.

use super::{SESSIONS, Setup};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use stagepass_tests::services::directus::Directus;
use stagepass_tests::services::faulty_directus::Fault;
use stagepass_tests::services::server::{self, Server};
use stagepass_tests::services::server_on_directus::{self, SERVICE_SECRET};
use std::time::Duration;

#[tokio::test]
async fn errors_of_directus_are_reported_as_such() {
    let setup = Setup::new(false).await.unwrap();
    let user = setup.sign_in().await.unwrap();
    let id = user.create_profile("instagram", "one").await.unwrap();
    let service = setup.server.service_with(SERVICE_SECRET);
    let reveal = json!({"creatorProfileId": id});
    let error = |status, body: &Value| Fault::Answer { status, body: body.to_string().into() };
    let message = |text: &str| json!({"errors": [{"message": text, "extensions": {"stack": "/srv/x.js:1"}}]});
    let garbage = r#"{"errors":[{"message":"the answer is not from Directus"}]}"#;
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
async fn secrets_that_directus_quotes_are_not_passed_on() {
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
            // The place where the message is cut.
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
            // These calls send Directus no user's token, so it has none to quote.
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
async fn a_failing_directus_does_not_make_a_token_invalid() {
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
            assert_eq!(login.status.as_u16(), 500, "forwarded unchanged");
        } else {
            assert_eq!(login.status.as_u16(), status, "{fault:?}");
            assert_eq!(login.body["errors"][0]["extensions"]["code"], "SERVICE_UNAVAILABLE");
        }
        setup.proxy.heal();
    }
    // Errors are not cached.
    assert_eq!(setup.with_token(&token).await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn the_start_names_every_fault_in_the_directus_settings() {
    let directory = tempfile::tempdir().unwrap();
    let faults = async |variables: &[(&str, &str)]| {
        let mut command = server::command(directory.path()).unwrap();
        let output = command.args(["serve"]).envs(variables.iter().copied()).output().await.unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let text = faults(&[("DIRECTUS_URL", "127.0.0.1:8055")]).await;
    for fault in
        ["DIRECTUS_URL must be", "DIRECTUS_ADMIN_TOKEN must be set", "CREDENTIALS_ENC_KEY_B64 must be"]
    {
        assert!(text.contains(fault), "{text}");
    }
    let text = faults(&[("DIRECTUS_SECRET", "planted"), ("DIRECTUS_ADMIN_TOKEN", "planted")]).await;
    for fault in ["DIRECTUS_SECRET is set without", "DIRECTUS_ADMIN_TOKEN is set without"] {
        assert!(text.contains(fault) && !text.contains("planted"), "{text}");
    }
}

#[tokio::test]
async fn without_a_service_secret_its_routes_say_so_and_no_secret_is_made() {
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
