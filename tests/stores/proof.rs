//! The server's proof that it has its key: only for its own address, whatever a client asks
//! for, and with the same key for as long as the database exists.

use crate::refusal;
use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Installation;
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::proving::{PROOF_PATH, fingerprint_of_proof};
use stagepass_tests::services::server::{Answer, Server};

const NONCE: [u8; 32] = [7; 32];

/// Asks under a name, which goes into the `Host` header.
async fn ask(server: &Server, host: &str) -> Result<Answer> {
    let anonymous = server.anonymous();
    let body = json!({"nonce": STANDARD.encode(NONCE)});
    anonymous.send(anonymous.request(Method::POST, PROOF_PATH).header("host", host).json(&body)).await
}

async fn proven_fingerprint(server: &Server) -> Result<String> {
    fingerprint_of_proof(&ask(server, server.address()).await?.body, server.address(), &NONCE)
}

#[apply(on_each_store)]
#[tokio::test]
async fn the_proved_key_has_the_printed_fingerprint_and_survives_restarts(store: Store) -> Result<()> {
    let installation = Installation::new(store).await?;
    let server = installation.serve().await?;
    let fingerprint = proven_fingerprint(&server).await?;
    assert_eq!(installation.succeed(&["fingerprint"]).await?, format!("{fingerprint}\n"));
    let log = String::from_utf8(server.stop().await?)?;
    assert!(log.contains(&fingerprint), "the start prints it: {log}");

    let server = installation.serve().await?;
    assert_eq!(proven_fingerprint(&server).await?, fingerprint);
    let other = Installation::new(store).await?;
    assert_ne!(proven_fingerprint(&other.serve().await?).await?, fingerprint, "each database has its own");
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_server_proves_itself_only_for_its_own_address(store: Store) -> Result<()> {
    let mut installation = Installation::new(store).await?;
    installation.set("STAGEPASS_PUBLIC_URL", "http://127.0.0.1:18080");
    let server = installation.serve().await?;
    let (host, port) = server.address().rsplit_once(':').unwrap_or_default();
    let other_port = port.parse::<u16>()?.wrapping_add(1);
    for elsewhere in [
        format!("{host}:{other_port}"),
        format!("localhost:{port}"),
        format!("[::1]:{port}"),
        "localhost:18080".to_owned(),
        host.to_owned(),
    ] {
        let answer = ask(&server, &elsewhere).await?;
        let (status, words) = refusal(&answer);
        assert_eq!(status, 421, "{elsewhere}: {words}");
        assert!(words.contains("STAGEPASS_PUBLIC_URL"), "{words}");
    }
    let own = ask(&server, server.address()).await?;
    let own = fingerprint_of_proof(&own.body, server.address(), &NONCE)?;
    let public = ask(&server, "127.0.0.1:18080").await?;
    assert_eq!(fingerprint_of_proof(&public.body, "127.0.0.1:18080", &NONCE)?, own);
    assert!(
        fingerprint_of_proof(&public.body, server.address(), &NONCE).is_err(),
        "a proof is for one address"
    );
    Ok(())
}

#[apply(on_each_store)]
#[tokio::test]
async fn a_nonce_is_32_bytes_in_base64_and_each_proof_is_for_one_nonce(store: Store) -> Result<()> {
    let installation = Installation::new(store).await?;
    let server = installation.serve().await?;
    let anonymous = server.anonymous();
    let malformed = "nonce must be base64 of exactly 32 bytes";
    for (nonce, words) in [
        (json!(STANDARD.encode([7; 31])), malformed),
        (json!(STANDARD.encode([7; 33])), malformed),
        (json!(STANDARD.encode([0xff; 32]).replace('/', "_")), malformed),
        (json!(STANDARD.encode(NONCE).trim_end_matches('=')), malformed),
        (json!("x".repeat(1000)), malformed),
        (json!(""), "nonce required"),
        (Value::Null, "nonce required"),
        (json!(7), "nonce must be a string"),
        (json!([7, 7]), "nonce must be a string"),
    ] {
        let answer = anonymous.post(PROOF_PATH, &json!({"nonce": nonce})).await?;
        assert_eq!(refusal(&answer), (400, words), "{nonce}");
    }
    let large = anonymous.post(PROOF_PATH, &json!({"nonce": "x".repeat(1024 * 1024)})).await?;
    assert_eq!(large.status, 413);
    let proof = ask(&server, server.address()).await?.body;
    assert!(fingerprint_of_proof(&proof, server.address(), &[8; 32]).is_err());
    Ok(())
}
