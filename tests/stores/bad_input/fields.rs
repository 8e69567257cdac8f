//! Fields: missing, null, of the wrong type, empty or malformed; and records that don't
//! exist or belong to another user.

use super::stage::{download, request, start};
use super::verbs::verbs;
use crate::{API, UNKNOWN, cookie, refusal, session, with};
use anyhow::Result;
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Store;

#[apply(on_each_store)]
#[tokio::test]
async fn every_unchanged_body_is_accepted(store: Store) -> Result<()> {
    let stage = start(store).await?;
    for verb in verbs(&stage) {
        let answer = verb.client.post(&format!("{API}/{}", verb.name), &verb.body).await?;
        assert_eq!((answer.status.as_u16(), &answer.body["success"]), (200, &json!(true)), "{}", verb.name);
        let named: Vec<_> = verb.fields.iter().map(|field| field.name).collect();
        assert!(verb.body.as_object().is_some_and(|body| body.keys().all(|key| named.contains(&&**key))));
    }
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn every_invalid_field_is_refused_by_name(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    for verb in verbs(&stage) {
        for field in &verb.fields {
            for (value, words) in field.bad_values() {
                let shown = format!("{} {} {value:?}", verb.name, field.name);
                let body = verb.body_with(field.name, value);
                let answer = verb.client.post(&format!("{API}/{}", verb.name), &body).await?;
                assert_eq!(refusal(&answer), (400, &*words), "{shown}");
            }
        }
    }
    assert_eq!(stage.records().await?, before);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn the_first_missing_field_is_named_in_the_documented_order(store: Store) -> Result<()> {
    let stage = start(store).await?;
    for verb in verbs(&stage) {
        let mut body = json!({});
        for field in verb.fields.iter().filter(|field| field.is_required) {
            let (_, words) = field.bad_values().swap_remove(0);
            let answer = verb.client.post(&format!("{API}/{}", verb.name), &body).await?;
            assert_eq!(refusal(&answer), (400, &*words), "{} {body}", verb.name);
            body[field.name] = verb.body[field.name].clone();
        }
    }
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn optional_fields_may_be_missing_or_null(store: Store) -> Result<()> {
    let stage = start(store).await?;
    for verb in verbs(&stage) {
        // Without a username, create-profile means another connection, and a rename does nothing.
        for field in verb.fields.iter().filter(|field| !field.is_required) {
            for value in [None, Some(Value::Null)] {
                let body = verb.body_with(field.name, value);
                let answer = verb.client.post(&format!("{API}/{}", verb.name), &body).await?;
                assert_eq!(answer.status, 200, "{} {}: {}", verb.name, field.name, answer.body);
            }
        }
    }
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn unknown_records_are_not_found_and_foreign_ones_forbidden(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    for verb in verbs(&stage) {
        let Some(field) = verb.id_field() else { continue };
        let path = format!("{API}/{}", verb.name);
        let unknown = verb.client.post(&path, &verb.body_with(field, Some(json!(UNKNOWN)))).await?;
        assert_eq!(refusal(&unknown), (404, "Not found"), "{}", verb.name);
        // A record of another kind is not found either.
        let other_kind = verb.client.post(&path, &verb.body_with(field, Some(json!(stage.other_id)))).await?;
        assert_eq!(refusal(&other_kind), (404, "Not found"), "{}", verb.name);
        let foreign = if !verb.is_services {
            stage.other.post(&path, &verb.body).await?
        } else {
            let request = stage.service.request(Method::POST, &path).json(&verb.body);
            stage.service.send(request.header("x-acting-user", &stage.other_id)).await?
        };
        assert_eq!(refusal(&foreign), (403, "Forbidden"), "{}", verb.name);
    }
    assert_eq!(stage.records().await?, before);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn one_bad_cookie_refuses_the_whole_session(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    for (change, words) in [
        (json!("text"), "must be an object"),
        (json!(null), "must be an object"),
        (json!({"name": null}), "name required"),
        (json!({"name": 7}), "name must be a string"),
        (json!({"value": null}), "value required"),
        (json!({"value": "a\tb"}), "value holds a control character"),
        (json!({"value": "a;b"}), "value holds the separator ';'"),
        (json!({"value": "v".repeat(4096)}), "name and value are longer than 4096 bytes together"),
        (json!({"domain": null}), "domain required"),
        (json!({"domain": "a b"}), "domain is not a host name"),
        (json!({"path": "no-slash"}), "path must begin with / and have at most 1024 bytes"),
        (
            json!({"expires": "soon"}),
            "expires must be a number of seconds or a date such as 2026-12-31T23:59:59Z",
        ),
        (json!({"expirationDate": 1_735_689_601}), "expires and expirationDate disagree"),
        (json!({"expires": null, "expirationDate": 9, "expiry": 8}), "expirationDate and expiry disagree"),
        (json!({"session": true}), "session and expires disagree"),
        (
            json!({"expires": null, "expirationDate": 1_735_689_600_000_i64}),
            "expirationDate is after the year 9999. Is it in milliseconds? It must be in seconds",
        ),
        (
            json!({"expires": 1_735_689_600_000_i64}),
            "expires is after the year 9999. Is it in milliseconds? It must be in seconds",
        ),
        (
            json!({"expires": 253_402_300_800_i64}),
            "expires is after the year 9999. Is it in milliseconds? It must be in seconds",
        ),
        (json!({"secure": "yes"}), "secure must be a boolean"),
        (
            json!({"sameSite": "sometimes"}),
            "sameSite must be lax, strict, none, no_restriction or unspecified",
        ),
    ] {
        let bad = if change.is_object() { with(cookie(), &change) } else { change.clone() };
        let body = with(session(&stage.connection), &json!({"cookies": [cookie(), bad]}));
        let answer = stage.user.post(&format!("{API}/store-platform-session"), &body).await?;
        assert_eq!(refusal(&answer), (400, &*format!("cookies[1]: {words}")), "{change}");
    }
    assert_eq!(stage.records().await?, before);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn fields_that_do_not_fit_the_rest_of_the_body_are_refused(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    let download = |change: Value| with(download(&stage.connection), &change);
    let of_nobody = |username: Value| {
        download(json!({"auth_type": "password", "credentials": {"password": "p"}, "username": username}))
    };
    let file = |text: &str| json!({"credentials": {"cookies_netscape": text}});
    let no_strings = "credentials.password and credentials.cookies_netscape must be strings";
    let tiktok = json!({"platform": "tiktok"});
    let other_platform = "platform must be the connection's, instagram";
    for (verb, body, words) in [
        ("store-platform-session", with(session(&stage.connection), &tiktok), other_platform),
        ("request-capture", with(request(&stage.connection), &tiktok), other_platform),
        (
            "request-capture",
            with(request(&stage.connection), &json!({"reason": "r".repeat(201)})),
            "reason must have at most 200 characters",
        ),
        (
            "create-download-cred",
            download(json!({"credentials": {}})),
            "credentials.cookies_netscape required",
        ),
        ("create-download-cred", download(file("")), "credentials.cookies_netscape required"),
        (
            "create-download-cred",
            download(file("# Netscape HTTP Cookie File\n\nplanted\n")),
            "credentials.cookies_netscape line 3: has 1 fields separated by tabs, not 7",
        ),
        (
            "create-download-cred",
            download(file("# Netscape HTTP Cookie File\n# only a remark\n\n")),
            "credentials.cookies_netscape contains no cookies",
        ),
        (
            "create-download-cred",
            download(file("[{\"name\": \"sid\", \"value\": \"planted\"}]")),
            "credentials.cookies_netscape line 1: is JSON, not a Netscape cookie file",
        ),
        ("create-download-cred", download(json!({"credentials": {"cookies_netscape": 7}})), no_strings),
        (
            "create-download-cred",
            download(json!({"auth_type": "password", "credentials": {"password": ["p"]}})),
            no_strings,
        ),
        ("create-download-cred", download(json!({"auth_type": "password"})), "credentials.password required"),
        ("create-download-cred", of_nobody(json!(null)), "username required"),
        ("create-download-cred", of_nobody(json!("")), "username required"),
    ] {
        let client = if verb == "request-capture" { &stage.service } else { &stage.user };
        let answer = client.post(&format!("{API}/{verb}"), &body).await?;
        assert_eq!(refusal(&answer), (400, words), "{verb} {body}");
    }
    assert_eq!(stage.records().await?, before);
    Ok(())
}
