//! Blobs of version 1 are bound to nothing, and the server's own database never held any. If
//! they opened, an attacker who can write to it could read what was sealed for another record.

use crate::{post, session, with};
use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use macro_rules_attribute::apply;
use serde_json::json;
use stagepass_tests::services::installation::Installation;
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::sealed::Sealing;

const APP_CREDENTIALS: &str = "/api/v1/app-credentials";
const API_KEY: &str = "00000000-0000-4000-8000-000000000400";
const KEY: &str = "00000000-0000-4000-8000-000000000402";
/// The tables with records, and their columns with blobs.
const COLUMNS: [(&str, &str); 5] = [
    ("platform_connections", "encrypted_credentials"),
    ("download_credentials", "encrypted_credentials"),
    ("platform_sessions", "encrypted_cookies"),
    ("platform_sessions", "encrypted_origins"),
    ("app_credential_keys", "encrypted_value"),
];

#[apply(on_each_database)]
#[tokio::test]
async fn a_blob_of_version_1_never_opens_and_is_not_re_encrypted(store: Store) -> Result<()> {
    let mut installation = Installation::new(store).await?;
    let person = installation.add_person().await?;
    let server = installation.serve().await?;
    let user = person.sign_in(&server).await?;
    let connection = user.create_profile("instagram", "a").await?;
    let origins = json!([{"origin": "https://a.org", "localStorage": [{"name": "n", "value": "v"}]}]);
    post(&user, "store-platform-session", &with(session(&connection), &json!({"origins": origins}))).await?;
    let download = json!({"platform": "instagram", "creator_profile_id": connection,
        "auth_type": "password", "username": "u", "credentials": {"password": "p"}});
    let download = post(&user, "create-download-cred", &download).await?.body["id"].clone();
    let keys = json!([{"fieldId": KEY, "keyValue": "k"}]);
    let body = json!({"credentialName": "a", "credentialTypeId": API_KEY, "keys": keys});
    let app_credential = user.post(APP_CREDENTIALS, &body).await?.body["id"].clone();

    let sealing = Sealing::of(installation.directory())?;
    let v1 = sealing.seal_v1(b"[]")?;
    let forms = [v1.clone(), format!("v1:{v1}"), STANDARD.encode(&v1), json!({"enc": v1}).to_string()];
    let service = server.service()?;
    for form in &forms {
        for (table, column) in COLUMNS {
            ensure!(installation.change(&format!("UPDATE {table} SET {column} = '{form}'")).await? > 0);
        }
        for (verb, body) in [
            ("reveal", json!({"creatorProfileId": connection})),
            ("reveal-download-cred", json!({"id": download})),
            ("get-platform-session", json!({"creator_profile_id": connection, "platform": "instagram"})),
            ("reveal-app-cred", json!({"id": app_credential})),
        ] {
            let answer = post(&service, verb, &body).await?;
            let expected = json!({"success": false, "error": "Stored credentials cannot be decrypted"});
            assert_eq!((answer.status.as_u16(), answer.body), (500, expected), "{verb} {form}");
        }
    }
    let log = String::from_utf8(server.stop().await?)?;
    ensure!(log.contains("the blob has version 1"), "{log}");

    // A key rotation leaves them as they are.
    let key = std::fs::read_to_string(installation.directory().join("credentials-enc-key"))?;
    installation.unset("CREDENTIALS_ENC_KEY_B64_FILE");
    installation.set("CREDENTIALS_ENC_OLD_KEYS_B64", key.trim());
    installation.set("CREDENTIALS_ENC_KEY_B64", STANDARD.encode([2; 32]));
    let output = installation.run(&["rotate-keys"]).await?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(!output.status.success(), "{said}");
    let last = forms.last().context("there are forms")?;
    for (table, column) in COLUMNS {
        ensure!(said.contains(&format!("\n  {table}/")) && said.contains("has version 1"), "{table}: {said}");
        for kept in installation.query(&format!("SELECT {column} FROM {table}")).await? {
            assert_eq!(&kept, last, "{table}");
        }
    }
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_server_key_or_canary_of_version_1_does_not_open(store: Store) -> Result<()> {
    let installation = Installation::new(store).await?;
    installation.serve().await?.stop().await?;
    let sealing = Sealing::of(installation.directory())?;
    let key = sealing.seal_v1(STANDARD.encode([7; 64]).as_bytes())?;
    let canary = sealing.seal_v1(b"stagepass canary")?;
    for (change, expected) in [
        (
            format!("UPDATE own_keys SET encrypted_key = '{key}' WHERE name = 'audit'"),
            "the blob has version 1",
        ),
        (format!("UPDATE sealing_keys SET canary = '{canary}'"), "the database was encrypted with"),
    ] {
        ensure!(installation.change(&change).await? == 1);
        let output = installation.run(&["audit", "list"]).await?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(!output.status.success() && said.contains(expected), "{change}: {said}");
    }
    Ok(())
}
