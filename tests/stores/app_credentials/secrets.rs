//! Sealed values: only their owner and services can reveal them, each opens only in its own
//! field, and they are audited, re-encrypted, and deleted with their owner.

use super::stage::{
    BASE_URL, CREDENTIALS, KEY, PROJECTS, TYPES, UNKNOWN, api_key, id, make, project, put, refusal, value,
};
use crate::{Callers, id_of, start};
use anyhow::{Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::installation::Installation;
use stagepass_tests::services::installation::Store;
use stagepass_tests::system::secret_search::SecretSearch;
use std::path::PathBuf;

const REVEAL: &str = "/api/credentials/reveal-app-cred";
const SECRET: &str = "planted-app-key-Ns4wQ";

#[apply(on_each_database)]
#[tokio::test]
async fn values_are_revealed_only_to_their_owner_and_permitted_services(store: Store) -> Result<()> {
    let Callers { user, other, service, server, installation, .. } = &start(store).await?;
    let made = make(user, CREDENTIALS, &api_key("Payments", SECRET)).await?;
    let body = json!({"id": made["id"]});
    let revealed = user.post(&format!("{CREDENTIALS}/{}/reveal", id(&made)?), &Value::Null).await?;
    assert_eq!((revealed.status.as_u16(), value(&revealed.body, KEY)), (200, &json!(SECRET)));
    let to_service = service.post(REVEAL, &body).await?.body;
    assert_eq!((&to_service["success"], &to_service["id"]), (&json!(true), &made["id"]));
    assert_eq!(to_service["keys"], revealed.body["keys"]);

    let token = async |arguments: &[&str]| -> Result<String> {
        Ok(installation.succeed(&[&["service-token", "add"], arguments].concat()).await?.trim().to_owned())
    };
    let listed = server.service_with(&token(&["apps", "--verb", "reveal-app-cred"]).await?);
    let of_a_platform = ["one", "--verb", "reveal-app-cred", "--platform", "instagram"];
    let of_a_platform = server.service_with(&token(&of_a_platform).await?);
    let of_another_verb = server.service_with(&token(&["two", "--verb", "reveal"]).await?);
    assert_eq!(listed.post(REVEAL, &body).await?.status, 200);
    let refused = |status: u16, error: &str| (status, json!({"success": false, "error": error}));
    for (client, expected) in [
        (&of_a_platform, refused(403, "Forbidden")),
        (&of_another_verb, refused(403, "Forbidden")),
        (user, refused(401, "Unauthorized")),
        (&server.anonymous(), refused(401, "Unauthorized")),
    ] {
        let answer = client.post(REVEAL, &body).await?;
        assert_eq!((answer.status.as_u16(), answer.body), expected);
    }
    for (acting, expected) in [(id_of(user).await?, 200), (id_of(other).await?, 403)] {
        let request = listed.request(Method::POST, REVEAL).json(&body).header("x-acting-user", acting);
        assert_eq!(listed.send(request).await?.status, expected);
    }
    let unknown = service.post(REVEAL, &json!({"id": UNKNOWN})).await?;
    assert_eq!((unknown.status.as_u16(), unknown.body), refused(404, "Not found"));
    let log = installation.audit_list().await?;
    let record = format!("app_credentials/{}", id(&made)?);
    for row in [
        format!("create-app-credential\t{record}\tok"),
        format!("reveal-app-credential\t{record}\tok"),
        format!("service:apps\treveal-app-cred\t{record}\tok"),
        format!("service:one\treveal-app-cred\t{record}\tForbidden"),
        format!("reveal-app-cred\tapp_credentials/{UNKNOWN}\tNot found"),
    ] {
        ensure!(log.contains(&row), "{row} is not in {log}");
    }
    let search = SecretSearch::new(&[SECRET.into()])?;
    assert_eq!(search.files_in(installation.directory())?, Vec::<PathBuf>::new());
    ensure!(!search.is_in(&server.program().stderr()), "the log shows the value");
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn a_value_opens_only_for_its_own_credential_and_field(store: Store) -> Result<()> {
    let Callers { user, installation, .. } = &start(store).await?;
    let one = make(user, CREDENTIALS, &api_key("one", "first")).await?;
    let two = make(user, CREDENTIALS, &api_key("two", "second")).await?;
    let reveal =
        async |made: &Value| user.post(&format!("{CREDENTIALS}/{}/reveal", id(made)?), &Value::Null).await;
    let of = |made: &Value, field: &str| {
        format!("credential_id = '{}' AND field_id = '{field}'", made["id"].as_str().unwrap_or_default())
    };
    // Swapped with another credential's value, and with another field's value.
    for (from, to) in [((&two, KEY), (&one, KEY)), ((&two, BASE_URL), (&two, KEY))] {
        let moved = format!(
            "UPDATE app_credential_keys SET encrypted_value =
                 (SELECT encrypted_value FROM app_credential_keys WHERE {}) WHERE {}",
            of(from.0, from.1),
            of(to.0, to.1)
        );
        assert_eq!(installation.change(&moved).await?, 1);
        assert_eq!(refusal(&reveal(to.0).await?), (500, "Stored credentials cannot be decrypted"));
    }
    // Moving the whole row does not help either.
    let three = make(user, CREDENTIALS, &api_key("three", "third")).await?;
    installation.change(&format!("DELETE FROM app_credential_keys WHERE {}", of(&one, KEY))).await?;
    let moved =
        format!("UPDATE app_credential_keys SET credential_id = '{}' WHERE {}", id(&one)?, of(&three, KEY));
    assert_eq!(installation.change(&moved).await?, 1);
    assert_eq!(refusal(&reveal(&one).await?), (500, "Stored credentials cannot be decrypted"));
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn an_edit_keeps_values_sealed_with_a_retired_key(store: Store) -> Result<()> {
    let Callers { user, installation, .. } = &start(store).await?;
    let made = make(user, CREDENTIALS, &api_key("Payments", SECRET)).await?;
    let path = format!("{CREDENTIALS}/{}", id(&made)?);
    let retire = "INSERT INTO retired_keys (key_id, retired_at)
        SELECT DISTINCT substr(encrypted_value, 4, 8), 0 FROM app_credential_keys";
    assert_eq!(installation.change(retire).await?, 1);
    for edit in [json!({"description": "For refunds"}), json!({"keys": []})] {
        assert_eq!(put(user, &path, &edit).await?.status, 200, "{edit}");
    }
    let new = json!({"keys": [{"fieldId": KEY, "keyValue": "another"}]});
    assert_ne!(put(user, &path, &new).await?.status, 200, "the retired key seals nothing more");
    let revealed = user.post(&format!("{path}/reveal"), &Value::Null).await?;
    assert_eq!((value(&revealed.body, KEY), value(&revealed.body, BASE_URL)), (&json!(SECRET), &Value::Null));
    Ok(())
}

#[apply(on_each_database)]
#[tokio::test]
async fn values_are_re_encrypted_and_deleted_with_their_owner(store: Store) -> Result<()> {
    let mut installation = Installation::new(store).await?;
    let encode = |key: u8| STANDARD.encode([key; 32]);
    installation.unset("CREDENTIALS_ENC_KEY_B64_FILE");
    installation.set("CREDENTIALS_ENC_KEY_B64", encode(1));
    let person = installation.add_person().await?;
    let server = installation.serve().await?;
    let user = person.sign_in(&server).await?;
    let made = make(&user, CREDENTIALS, &api_key("Payments", SECRET)).await?;
    server.stop().await?;
    installation.set("CREDENTIALS_ENC_KEY_B64", encode(2));
    installation.set("CREDENTIALS_ENC_OLD_KEYS_B64", encode(1));
    let rotated = installation.succeed(&["rotate-keys"]).await?;
    ensure!(rotated.contains("2 encrypted records: 2 re-encrypted"), "{rotated}");
    installation.unset("CREDENTIALS_ENC_OLD_KEYS_B64");
    let server = installation.serve().await?;
    let user = user.at(&server);
    let revealed = user.post(&format!("{CREDENTIALS}/{}/reveal", id(&made)?), &Value::Null).await?;
    assert_eq!(value(&revealed.body, KEY), SECRET);
    let edited = put(&user, &format!("{CREDENTIALS}/{}", id(&made)?), &json!({"keys": []})).await?;
    assert_eq!(edited.status, 200);

    project(&user, "Website").await?;
    let own_type =
        json!({"typeName": "a", "fields": [{"fieldName": "f", "fieldLabel": "F", "fieldType": "url"}]});
    make(&user, TYPES, &own_type).await?;
    assert_eq!(user.get(PROJECTS).await?.body["total"], 1);
    installation.succeed(&["user", "delete", person.email()]).await?;
    for rows in [
        "app_credentials",
        "app_credential_keys",
        "projects",
        "credential_types WHERE owner_id IS NOT NULL",
        "owner_usage WHERE bytes <> 0",
    ] {
        assert_eq!(installation.change(&format!("DELETE FROM {rows}")).await?, 0, "{rows}");
    }
    Ok(())
}
