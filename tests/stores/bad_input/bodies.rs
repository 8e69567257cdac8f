//! Bodies that are not JSON, or that JSON readers would disagree about; too large, nested
//! too deep, or of another type.

use super::stage::{Stage, download, start};
use super::verbs::{Kind, Verb, verbs};
use crate::{API, refusal};
use anyhow::{Context as _, Result};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::Value;
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::server::Answer;

const LIMIT: usize = 1024 * 1024;

async fn post(stage: &Stage, verb: &Verb<'_>, body: impl Into<Vec<u8>>) -> Result<Answer> {
    stage.post_text(verb.client, verb.name, body).await
}

/// A verb's good body as text, with `member` inserted before its first member.
fn text_with(verb: &Verb<'_>, member: &str) -> String {
    verb.body.to_string().replacen('{', &format!("{{{member},"), 1)
}

#[apply(on_each_store)]
#[tokio::test]
async fn invalid_json_is_refused_without_being_quoted(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    for verb in verbs(&stage) {
        let good = verb.body.to_string();
        let cut = &good[..good.len() - 1];
        let utf_16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut not_utf_8 = good.clone().into_bytes();
        let in_a_text = good.find(":\"").context("no text")? + 2;
        not_utf_8[in_a_text] = 0xff;
        for body in [
            Vec::new(),
            b" ".to_vec(),
            cut.as_bytes().to_vec(),
            format!("{good}}}").into_bytes(),
            format!("{good} planted-secret").into_bytes(),
            b"{\"planted-secret\": planted-secret}".to_vec(),
            b"{'planted-secret': 1}".to_vec(),
            format!("{good}{good}").into_bytes(),
            format!("\u{feff}{good}").into_bytes(),
            format!("{cut},}}").into_bytes(),
            format!("{cut},\"x\":NaN}}").into_bytes(),
            format!("{cut},\"x\":\"\u{1}\"}}").into_bytes(),
            utf_16,
            not_utf_8,
            [good.as_bytes(), &[0]].concat(),
        ] {
            let shown = format!("{} {}", verb.name, String::from_utf8_lossy(&body));
            let answer = post(&stage, &verb, body).await?;
            let (status, words) = refusal(&answer);
            assert_eq!(status, 400, "{shown}");
            assert!(words.starts_with("body is not valid JSON (line "), "{shown}: {words}");
            assert!(!words.contains("planted"), "{shown}: {words}");
        }
        for body in ["[]", "7", "\"planted-secret\"", "null", "true", "[{}]"] {
            assert_eq!(
                refusal(&post(&stage, &verb, body).await?),
                (400, "body must be a JSON object"),
                "{}",
                verb.name
            );
        }
    }
    assert_eq!(stage.records().await?, before);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn half_a_surrogate_pair_is_refused(store: Store) -> Result<()> {
    let stage = start(store).await?;
    for verb in verbs(&stage) {
        let name = verb.fields[0].name;
        let mut body = verb.body.clone();
        body[name] = Value::from("SURROGATE");
        let answer = post(&stage, &verb, body.to_string().replace("SURROGATE", "\\ud800")).await?;
        assert_eq!(refusal(&answer), (400, &*format!("{name} must be a string")), "{}", verb.name);
    }
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_duplicate_field_is_refused_by_name(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    for verb in verbs(&stage) {
        // Some fields exclude others, so a body doesn't have all of them.
        for field in verb.fields.iter().filter(|field| !verb.body[field.name].is_null()) {
            let (name, value) = (field.name, &verb.body[field.name]);
            let (first, rest) = name.split_at(1);
            let escaped = format!("\\u{:04x}{rest}", u32::from(first.as_bytes()[0]));
            for member in
                [format!("\"{name}\":{value}"), format!("\"{name}\":null"), format!("\"{escaped}\":{value}")]
            {
                let answer = post(&stage, &verb, text_with(&verb, &member)).await?;
                assert_eq!(
                    refusal(&answer),
                    (400, &*format!("{name} given twice")),
                    "{} {member}",
                    verb.name
                );
            }
        }
    }
    assert_eq!(stage.records().await?, before);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_duplicate_nested_field_is_refused(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    for verb in verbs(&stage) {
        // The message names no field here: others could read it.
        for unknown in [r#""x":[{"planted":1,"planted":1}]"#, r#""planted":1,"planted":1"#] {
            let answer = post(&stage, &verb, text_with(&verb, unknown)).await?;
            assert_eq!(refusal(&answer), (400, "body gives a field twice"), "{}", verb.name);
        }
        for field in &verb.fields {
            let (good, twice, words) = match field.kind {
                Kind::Cookies | Kind::RotatedCookies => {
                    (r#"{"#, r#"{"value":"other","#, "cookies[0]: value given twice")
                }
                Kind::Credentials => (r#"{"#, r#"{"a":"planted","a":1,"#, "credentials gives a field twice"),
                _ => continue,
            };
            let mut body = verb.body.clone();
            let value = body[field.name].to_string().replacen(good, twice, 1);
            body[field.name] = Value::from("TWICE");
            let answer = post(&stage, &verb, body.to_string().replace("\"TWICE\"", &value)).await?;
            assert_eq!(refusal(&answer), (400, words), "{} {}", verb.name, field.name);
        }
    }
    for (secret, words) in [
        (r#""password":"planted","password":"planted""#, "credentials.password given twice"),
        (r#""cookies_netscape":"","cookies_netscape":1"#, "credentials.cookies_netscape given twice"),
    ] {
        let body = download(&stage.connection).to_string();
        let body = body.replacen(r#""credentials":{"#, &format!(r#""credentials":{{{secret},"#), 1);
        let answer = stage.post_text(&stage.user, "create-download-cred", body).await?;
        assert_eq!(refusal(&answer), (400, words));
    }
    assert_eq!(stage.records().await?, before);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn deep_nesting_is_refused_and_the_server_lives_on(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    let arrays = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let too_deep = (400, "body is nested deeper than 64 levels");
    for verb in verbs(&stage) {
        for levels in [64, 128, 100_000] {
            for nested in [arrays(levels), objects(levels)] {
                // In a field that is not read, and in every field that is.
                let answer = post(&stage, &verb, text_with(&verb, &format!("\"x\":{nested}"))).await?;
                assert_eq!(refusal(&answer), too_deep, "{} {levels}", verb.name);
                for field in &verb.fields {
                    let mut body = verb.body.clone();
                    body[field.name] = Value::from("NESTED");
                    let answer = post(&stage, &verb, body.to_string().replace("\"NESTED\"", &nested)).await?;
                    assert_eq!(refusal(&answer), too_deep, "{} {} {levels}", verb.name, field.name);
                }
            }
        }
        for unfinished in ["[".repeat(100_000), "{\"a\":".repeat(100_000), "[{\"a\":".repeat(100_000)] {
            assert_eq!(refusal(&post(&stage, &verb, unfinished).await?).0, 400, "{}", verb.name);
        }
    }
    assert_eq!(stage.records().await?, before);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn the_deepest_allowed_credentials_are_stored_exactly(store: Store) -> Result<()> {
    let stage = start(store).await?;
    // The body is the first level.
    let nested = format!("{}1{}", "{\"a\":".repeat(63), "}".repeat(63));
    let body = format!("{{\"creatorProfileId\":\"{}\",\"credentials\":{nested}}}", stage.connection);
    assert_eq!(stage.post_text(&stage.service, "store", body).await?.status, 200);
    let body = format!("{{\"creatorProfileId\":\"{}\"}}", stage.connection);
    let revealed = stage.post_text(&stage.service, "reveal", body).await?.body;
    assert_eq!(revealed["credentials"].to_string(), nested);
    Ok(())
}

/// Sends a body in chunks, without announcing its length, and returns the head of the
/// answer.
async fn post_chunked(stage: &Stage, verb: &str, header: &str, bytes: usize) -> Result<String> {
    let address = stage.server.address();
    let request = format!(
        "POST {API}/{verb} HTTP/1.1\r\nHost: {address}\r\n{header}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n{bytes:x}\r\n{}\r\n0\r\n\r\n",
        " ".repeat(bytes)
    );
    stage.exchange(&request).await
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_body_over_its_limit_is_too_large(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    for verb in verbs(&stage) {
        let (good, limit) = (verb.body.to_string(), verb.body_limit());
        let padded = |bytes: usize| format!("{good}{}", " ".repeat(bytes - good.len()));
        let too_large = format!("Body larger than {limit} bytes");
        assert_eq!(
            refusal(&post(&stage, &verb, padded(limit + 1)).await?),
            (413, &*too_large),
            "{}",
            verb.name
        );
    }
    let user = format!("Authorization: Bearer {}", stage.token);
    let answer = post_chunked(&stage, "create-profile", &user, LIMIT + 1).await?;
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("Body larger than 1048576 bytes"),
        "{answer}"
    );
    let answer = post_chunked(&stage, "create-profile", &user, LIMIT).await?;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(stage.records().await?, before);
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_body_of_exactly_its_limit_is_accepted(store: Store) -> Result<()> {
    let stage = start(store).await?;
    for verb in verbs(&stage) {
        let good = verb.body.to_string();
        let padded = format!("{good}{}", " ".repeat(verb.body_limit() - good.len()));
        let answer = post(&stage, &verb, padded).await?;
        assert_eq!(answer.status, 200, "{}: {}", verb.name, answer.body);
    }
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn only_json_content_types_are_accepted(store: Store) -> Result<()> {
    let stage = start(store).await?;
    let before = stage.records().await?;
    let send = async |verb: &Verb<'_>, media_type: Option<&str>| {
        let request = verb.client.request(Method::POST, &format!("{API}/{}", verb.name));
        let request = request.body(verb.body.to_string());
        verb.client
            .send(match media_type {
                Some(media_type) => request.header("content-type", media_type),
                None => request,
            })
            .await
    };
    let mut all = verbs(&stage);
    for verb in &all {
        for media_type in [
            None,
            Some(""),
            Some("text/plain"),
            Some("text/json"),
            Some("application/jsonp"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-data; boundary=application/json"),
        ] {
            let answer = send(verb, media_type).await?;
            let expected = (415, "Content-Type must be application/json");
            assert_eq!(refusal(&answer), expected, "{} {media_type:?}", verb.name);
        }
    }
    assert_eq!(stage.records().await?, before);
    let reveal = all.remove(all.iter().position(|verb| verb.name == "reveal").context("no reveal")?);
    for media_type in ["application/json; charset=utf-8", "Application/JSON", "application/json ;x=y"] {
        assert_eq!(send(&reveal, Some(media_type)).await?.status, 200, "{media_type}");
    }
    Ok(())
}
