//! Which tokens are accepted, and how often Directus is asked about them.

use super::{SESSIONS, Setup, assert_unauthorized};
use anyhow::Result;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use stagepass_tests::services::directus::User;
use stagepass_tests::services::faulty_directus::Fault;
use stagepass_tests::services::server_on_directus::SERVICE_SECRET;
use stagepass_tests::system::wait;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn claims(user: &User) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    json!({"id": user.id(), "role": null, "app_access": false, "admin_access": false, "iat": now,
        "exp": now + 900, "iss": "directus"})
}

fn sign(claims: &Value, algorithm: Algorithm, secret: &SecretString) -> Result<SecretString> {
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    Ok(jsonwebtoken::encode(&Header::new(algorithm), claims, &key)?.into())
}

/// Invalid tokens, each with its fault.
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
async fn only_a_valid_token_works() {
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
    // A user's token does not work as a service secret.
    let token = setup.user.sign_in().await.unwrap();
    let service = setup.server.service_with(token.expose_secret());
    let answer = service.post("/api/credentials/reveal", &json!({})).await.unwrap();
    assert_unauthorized(&answer, "a user's token as a secret");
}

#[tokio::test]
async fn with_the_directus_secret_bad_tokens_are_refused_without_a_call() {
    let setup = Setup::new(true).await.unwrap();
    for (what, token) in bad_tokens(&setup).unwrap() {
        assert_unauthorized(&setup.with_token(&token).await.unwrap(), what);
    }
    assert_eq!(setup.proxy.requests("/users/me"), 0);
    assert_eq!(setup.with_token(&setup.user.sign_in().await.unwrap()).await.unwrap().status, StatusCode::OK);
    assert_eq!(setup.proxy.requests("/users/me"), 1);
    // A valid signature does not make a suspended user active.
    setup.user.suspend().await.unwrap();
    let token = sign(&claims(&setup.user), Algorithm::HS256, setup.directus.secret()).unwrap();
    assert_unauthorized(&setup.with_token(&token).await.unwrap(), "suspended");
}

#[tokio::test]
async fn a_static_token_works_while_its_user_is_active() {
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
    // A user without a role may not read their own status: the administrator did.
    assert_eq!(setup.proxy.requests("/users"), 1);
}

/// Directus caches its answer for users who may read their own status. Both are asked about
/// here before the status changes.
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
async fn a_session_token_is_checked_each_time() {
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
