//! Bad input to the vault, and answers in the vault's form.

use super::stage::{CREDENTIALS, PASSWORD, Stage, add, refusal, start};
use crate::UNKNOWN;
use anyhow::Result;
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::server::Client;

const REQUIRED: &str = "service, name, and key are required";

fn good() -> Value {
    json!({"service": "openai", "name": "primary", "key": "sk-1"})
}

fn with(field: &str, value: Value) -> Value {
    let mut body = good();
    body[field] = value;
    body
}

async fn count(vault: &Client) -> Result<Option<usize>> {
    Ok(vault.get(CREDENTIALS).await?.body.as_array().map(Vec::len))
}

#[apply(on_each_database)]
#[tokio::test]
async fn each_field_is_required_and_checked(store: Store) -> Result<()> {
    let Stage { vault, .. } = &start(store).await?;
    for field in ["service", "name", "key"] {
        let mut missing = good();
        missing.as_object_mut().map(|body| body.remove(field));
        let empty = ["", " ", "\t \n", "\u{a0}\u{2003}"].map(|text| with(field, json!(text)));
        for body in [missing, with(field, Value::Null)].into_iter().chain(empty) {
            assert_eq!(refusal(&vault.post(CREDENTIALS, &body).await?), (400, REQUIRED), "{body}");
        }
        for value in [json!(7), json!(true), json!([]), json!({}), json!(["openai"])] {
            let body = with(field, value);
            let answer = vault.post(CREDENTIALS, &body).await?;
            assert_eq!(refusal(&answer), (400, &*format!("{field} must be a string")), "{body}");
        }
    }
    for service in [
        "OpenAI",
        "openai2",
        "open ai",
        "custom",
        "custom.",
        "custom.a b",
        "custom.é",
        "custom.a/b",
        "Custom.a",
    ] {
        let answer = vault.post(CREDENTIALS, &with("service", json!(service))).await?;
        let (status, error) = refusal(&answer);
        assert!(
            status == 400 && error.starts_with("service must be one of openai, anthropic, binance"),
            "{error}"
        );
    }
    let long_service = format!("custom.{}", "a".repeat(65));
    for (field, value, expected) in [
        ("service", long_service.as_str(), "service must be one of"),
        ("name", &"n".repeat(201), "name must have at most 200 characters"),
        ("name", "a\nb", "name must not hold control characters"),
        ("name", "a\u{0}b", "name must not hold control characters"),
        ("name", "a\u{2067}b", "name must not hold invisible characters"),
        ("key", &"k".repeat(16_385), "key must have at most 16384 bytes"),
    ] {
        let answer = vault.post(CREDENTIALS, &with(field, json!(value))).await?;
        let (status, error) = refusal(&answer);
        assert!(status == 400 && error.starts_with(expected), "{error}");
        assert!(!error.contains("kkkk"), "the key is quoted");
    }
    assert_eq!(count(vault).await?, Some(0));
    // The longest allowed values are accepted.
    let longest: String = (0x2_0000..0x2_00c8).filter_map(char::from_u32).collect();
    let id = add(vault, &format!("custom.{}", "a".repeat(64)), &longest, &"k".repeat(16_384)).await?;
    assert_eq!(vault.get(&format!("{CREDENTIALS}/{id}")).await?.body["name"], longest);
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_body_must_be_one_json_object_of_bounded_size(store: Store) -> Result<()> {
    let Stage { vault, .. } = &start(store).await?;
    let post = async |body: String, media_type: &str| {
        let request = vault.request(Method::POST, CREDENTIALS).header("content-type", media_type).body(body);
        vault.send(request).await
    };
    let json = "application/json";
    let twice = r#"{"service":"openai","name":"a","key":"planted-1","key":"planted-2"}"#;
    let deep =
        format!(r#"{{"service":"openai","name":"a","key":"k","x":{}{}}}"#, "[".repeat(70), "]".repeat(70));
    for (body, expected) in [
        (String::new(), "body is not valid JSON"),
        (r#"{"key":"planted-secret""#.to_owned(), "body is not valid JSON"),
        (r#"["planted-secret"]"#.to_owned(), "body must be a JSON object"),
        (twice.to_owned(), "key given twice"),
        (deep, "body is nested deeper than 64 levels"),
    ] {
        let answer = post(body, json).await?;
        let (status, error) = refusal(&answer);
        assert!(status == 400 && error.starts_with(expected) && !error.contains("planted"), "{error}");
    }
    let large = with("key", json!("k".repeat(1024 * 1024))).to_string();
    assert_eq!(refusal(&post(large, json).await?), (413, "Body larger than 1048576 bytes"));
    for media_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let answer = post(good().to_string(), media_type).await?;
        assert_eq!(refusal(&answer), (415, "Content-Type must be application/json"));
    }
    assert_eq!(count(vault).await?, Some(0));
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_locked_vault_refuses_every_caller_before_reading_the_body(store: Store) -> Result<()> {
    let stage = &start(store).await?;
    let id = add(&stage.vault, "openai", "a", "k").await?;
    let person = stage.installation.add_person().await?;
    let live = stage.vault.request(Method::GET, "/").build()?.headers()["authorization"].to_str()?.to_owned();
    let token = live.trim_start_matches("Bearer ");
    let mut other = token.to_owned();
    let last = if other.pop() == Some('0') { '1' } else { '0' };
    other.push(last);
    let strangers = [
        stage.server.anonymous(),
        stage.server.service()?,
        person.sign_in(&stage.server).await?,
        stage.server.bearer(""),
        stage.server.bearer("fn_sess_"),
        stage.server.bearer(&other),
        stage.server.bearer(&token.to_uppercase()),
        stage.server.bearer(&token[..token.len() - 1]),
        stage.server.bearer(&format!("{token}0")),
        stage.server.bearer(token.trim_start_matches("fn_sess_")),
        stage.server.bearer(PASSWORD),
    ];
    let one = format!("{CREDENTIALS}/{id}");
    for (method, path) in [
        (Method::GET, CREDENTIALS),
        (Method::POST, CREDENTIALS),
        (Method::GET, &one),
        (Method::DELETE, &one),
        (Method::POST, &format!("{one}/reveal")),
        (Method::POST, &format!("{CREDENTIALS}/{UNKNOWN}/reveal")),
        (Method::POST, "/api/auth/logout"),
        (Method::POST, "/api/auth/change-password"),
    ] {
        for stranger in &strangers {
            let request = stranger.request(method.clone(), path).body("no JSON");
            assert_eq!(refusal(&stranger.send(request).await?), (401, "Unauthorized"), "{method} {path}");
        }
        // Two tokens count as no token, even if both are valid.
        let request = stage.vault.request(method.clone(), path).header("authorization", &live);
        assert_eq!(refusal(&stage.vault.send(request).await?), (401, "Unauthorized"), "{method} {path}");
    }
    assert_eq!(count(&stage.vault).await?, Some(1));
    // The vault's token opens nothing else either.
    let profile = json!({"platform": "instagram", "credentials": {}});
    for (path, body) in [
        ("/api/credentials/create-profile", &profile),
        ("/api/credentials/reveal", &json!({"creatorProfileId": UNKNOWN})),
    ] {
        let answer = stage.vault.post(path, body).await?;
        let expected = json!({"success": false, "error": "Unauthorized"});
        assert_eq!((answer.status.as_u16(), answer.body), (401, expected), "{path}");
    }
    assert_eq!(stage.vault.get("/api/platform-connections").await?.status, 401);
    Ok(())
}
