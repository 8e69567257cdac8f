//! Callers: invalid tokens, invalid secrets, acting users; and all of them are checked
//! before the body.

use super::stage::{LISTS, Stage, start};
use super::verbs::{NO_UUIDS, verbs};
use crate::{API, UNKNOWN, refusal, with};
use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;

fn encode(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// Tokens like the user's own, each with one thing wrong.
fn bad_tokens(stage: &Stage) -> Result<Vec<(&'static str, String)>> {
    let [header, payload, signature]: [&str; 3] =
        stage.token.split('.').collect::<Vec<_>>().try_into().ok().context("not a JWT")?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;
    let sign = |claims: &Value, algorithm, key: &[u8]| {
        jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key))
    };
    let signed = |change: Value| sign(&with(claims.clone(), &change), Algorithm::HS256, &stage.token_key);
    let without = |claim: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().map(|claims| claims.remove(claim));
        sign(&claims, Algorithm::HS256, &stage.token_key)
    };
    let of_algorithm = |algorithm: &str| encode(&json!({"alg": algorithm, "typ": "JWT"}));
    let foreign = encode(&with(claims.clone(), &json!({"id": stage.other_id})));
    Ok(vec![
        ("unsigned", format!("{}.{payload}.", of_algorithm("none"))),
        ("unsigned, in capitals", format!("{}.{payload}.", of_algorithm("NONE"))),
        ("unsigned, the signature left on", format!("{}.{payload}.{signature}", of_algorithm("none"))),
        ("without its signature", format!("{header}.{payload}.")),
        ("without its signature's part", format!("{header}.{payload}")),
        ("signature cut short", format!("{header}.{payload}.{}", &signature[..signature.len() - 4])),
        ("of another user, the signature left on", format!("{header}.{foreign}.{signature}")),
        ("alg changed to HS512", format!("{}.{payload}.{signature}", of_algorithm("HS512"))),
        ("alg changed to RS256", format!("{}.{payload}.{signature}", of_algorithm("RS256"))),
        ("signed with HS512", sign(&claims, Algorithm::HS512, &stage.token_key)?),
        ("signed with another key", sign(&claims, Algorithm::HS256, b"another secret of thirty-two bytes")?),
        ("signed with an empty key", sign(&claims, Algorithm::HS256, b"")?),
        ("expired", signed(json!({"iat": 1_700_000_000, "exp": 1_700_000_900}))?),
        ("of another issuer", signed(json!({"iss": "elsewhere"}))?),
        ("of an unknown user", signed(json!({"id": UNKNOWN}))?),
        ("of a malformed id", signed(json!({"id": "1"}))?),
        ("without an id", without("id")?),
        ("without an expiry", without("exp")?),
        ("without an issuer", without("iss")?),
        ("of a suspended user", stage.suspended_token.clone()),
        ("empty", String::new()),
        ("the service's secret", stage.service_secret.clone()),
    ])
}

/// The users' routes, each with a body, in an order in which all succeed.
fn user_routes(stage: &Stage) -> Vec<(Method, String, Value)> {
    let bare = |method, path: String| (method, path, Value::Null);
    let of_user = verbs(stage).into_iter().filter(|verb| !verb.is_services);
    let verbs = of_user.map(|verb| (Method::POST, format!("{API}/{}", verb.name), verb.body));
    let connection = format!("{}/{}", LISTS[0], stage.connection);
    let first = [(LISTS[3], &stage.capture_request), (LISTS[2], &stage.download)]
        .map(|(list, id)| bare(Method::DELETE, format!("{list}/{id}")));
    let lists = LISTS.map(|list| bare(Method::GET, list.to_owned()));
    let last = [bare(Method::GET, connection.clone()), bare(Method::DELETE, connection)];
    first.into_iter().chain(verbs).chain(lists).chain(last).collect()
}

#[apply(on_each_store)]
#[tokio::test]
async fn an_invalid_token_opens_no_route(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    for (method, path, body) in user_routes(&stage) {
        for (wrong, token) in bad_tokens(&stage)? {
            let request = stage.unsigned(method.clone(), &path).json(&body).bearer_auth(&token);
            let answer = stage.anonymous.send(request).await?;
            assert_eq!(refusal(&answer), (401, "Unauthorized"), "{method} {path}: {wrong}");
        }
        let token = &stage.token;
        for authorization in [
            "".to_owned(),
            "Bearer".to_owned(),
            token.clone(),
            format!("Basic {token}"),
            format!("Bearer{token}"),
            format!("Bearer {token} {token}"),
            format!("Bearer {token}, Bearer {token}"),
        ] {
            let request = stage.unsigned(method.clone(), &path).json(&body);
            let answer = stage.anonymous.send(request.header("authorization", &authorization)).await?;
            assert_eq!(refusal(&answer), (401, "Unauthorized"), "{method} {path}");
        }
        let answer = stage.service.send(stage.service.request(method.clone(), &path).json(&body)).await?;
        assert_eq!(refusal(&answer), (401, "Unauthorized"), "{method} {path}: a service");
        let twice = stage.user.request(method.clone(), &path).json(&body).header("authorization", "Bearer x");
        assert_eq!(refusal(&stage.user.send(twice).await?), (401, "Unauthorized"), "{method} {path}: two");
    }
    assert_eq!(stage.records().await?, before);
    // With the user's own token the same calls succeed.
    for (method, path, body) in user_routes(&stage) {
        let request = stage.unsigned(method.clone(), &path).json(&body).bearer_auth(&stage.token);
        let answer = stage.anonymous.send(request).await?;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.body);
    }
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_service_needs_the_whole_secret_in_its_own_header(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    let secret = &stage.service_secret;
    for verb in verbs(&stage).iter().filter(|verb| verb.is_services) {
        let post = || stage.unsigned(Method::POST, &format!("{API}/{}", verb.name)).json(&verb.body);
        let mut calls = vec![post(), post().bearer_auth(&stage.token), post().bearer_auth(secret)];
        for wrong in [
            String::new(),
            " ".to_owned(),
            secret[..secret.len() - 1].to_owned(),
            format!("{secret}x"),
            format!("{secret}{secret}"),
            secret.to_uppercase(),
            format!("Bearer {secret}"),
            "sp_svc_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            stage.token.clone(),
        ] {
            calls.push(post().header("x-rbac-sync-secret", wrong));
        }
        for (index, call) in calls.into_iter().enumerate() {
            let answer = stage.anonymous.send(call).await?;
            assert_eq!(refusal(&answer), (401, "Unauthorized"), "{} {index}", verb.name);
        }
        for [first, second] in [[secret, "x"], ["x", secret], [secret, secret]] {
            let twice = post().header("x-rbac-sync-secret", first).header("x-rbac-sync-secret", second);
            let answer = stage.anonymous.send(twice).await?;
            assert_eq!(refusal(&answer), (400, "X-RBAC-SYNC-SECRET given twice"), "{}", verb.name);
        }
    }
    assert_eq!(stage.records().await?, before);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn an_acting_user_must_be_the_records_owner(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let user_id = stage.user.get("/users/me").await?.body["data"]["id"].as_str().context("no id")?.to_owned();
    let before = stage.records().await?;
    for verb in verbs(&stage).iter().filter(|verb| verb.is_services) {
        let post = async |acting_user: &[u8]| {
            let request = stage.service.request(Method::POST, &format!("{API}/{}", verb.name));
            stage.service.send(request.json(&verb.body).header("x-acting-user", acting_user)).await
        };
        let no_uuids = NO_UUIDS.iter().filter(|text| !text.starts_with(' '));
        for malformed in no_uuids.copied().chain(["", "me"]) {
            let expected = (400, "X-Acting-User must be a UUID");
            assert_eq!(refusal(&post(malformed.as_bytes()).await?), expected, "{} {malformed}", verb.name);
        }
        let request = stage.service.request(Method::POST, &format!("{API}/{}", verb.name)).json(&verb.body);
        let twice = request.header("x-acting-user", &user_id).header("x-acting-user", &stage.other_id);
        let expected = (400, "X-Acting-User given twice");
        assert_eq!(refusal(&stage.service.send(twice).await?), expected, "{}", verb.name);
        for foreign in [&*stage.other_id, UNKNOWN] {
            assert_eq!(refusal(&post(foreign.as_bytes()).await?), (403, "Forbidden"), "{}", verb.name);
        }
    }
    assert_eq!(stage.records().await?, before);
    // With the owner's id the same calls succeed.
    for verb in verbs(&stage).iter().filter(|verb| verb.is_services) {
        let request = stage.service.request(Method::POST, &format!("{API}/{}", verb.name)).json(&verb.body);
        let answer = stage.service.send(request.header("x-acting-user", &user_id)).await?;
        assert_eq!(answer.status, 200, "{}: {}", verb.name, answer.body);
    }
    Ok(())
}

/// Sends the head of a request without its body, and returns the whole answer.
async fn head_alone(stage: &Stage, path: &str) -> Result<String> {
    let address = stage.server.address();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: 1073741824\r\nConnection: close\r\n\r\n"
    );
    stage.exchange(&request).await
}

#[apply(on_each_store)]
#[tokio::test]
async fn the_caller_is_checked_before_the_body(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    for verb in verbs(&stage) {
        let path = format!("{API}/{}", verb.name);
        let post = || stage.unsigned(Method::POST, &path);
        for (what, call) in [
            ("no JSON", post().header("content-type", "application/json").body("{")),
            ("no fields", post().json(&json!({}))),
            ("no type", post().body("{}")),
            ("an unknown record", post().json(&json!({"id": UNKNOWN, "creatorProfileId": UNKNOWN}))),
        ] {
            let answer = stage.anonymous.send(call).await?;
            assert_eq!(refusal(&answer), (401, "Unauthorized"), "{}: {what}", verb.name);
        }
        // A body that is announced as far too large, and never sent.
        let answer = head_alone(&stage, &path).await?;
        assert!(
            answer.starts_with("HTTP/1.1 401 ") && answer.contains(r#""error":"Unauthorized""#),
            "{answer}"
        );
        if verb.is_services {
            let call = stage.service.request(Method::POST, &path).header("x-acting-user", "me").body("{");
            let answer = stage.service.send(call).await?;
            assert_eq!(refusal(&answer), (400, "X-Acting-User must be a UUID"), "{}", verb.name);
        }
    }
    assert_eq!(stage.records().await?, before);
    Ok(())
}
