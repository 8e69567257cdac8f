//! Two users of one server, and the records they create there.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::services::server::{Answer, Client};

pub(super) const CREDENTIALS: &str = "/api/v1/app-credentials";
pub(super) const TYPES: &str = "/api/v1/credential-types";
pub(super) const PROJECTS: &str = "/api/v1/projects";
pub(super) const UNKNOWN: &str = "00000000-0000-4000-8000-00000000ffff";
/// The built-in type of API keys, and its fields.
pub(super) const API_KEY: &str = "00000000-0000-4000-8000-000000000400";
pub(super) const BASE_URL: &str = "00000000-0000-4000-8000-000000000401";
pub(super) const KEY: &str = "00000000-0000-4000-8000-000000000402";

pub(super) async fn put(client: &Client, path: &str, body: &Value) -> Result<Answer> {
    client.send(client.request(Method::PUT, path).json(body)).await
}

/// Status and error text of a refusal, whose body must have exactly that form.
pub(super) fn refusal(answer: &Answer) -> (u16, &str) {
    let error = answer.body["error"].as_str().unwrap_or("no error");
    assert_eq!(answer.body, json!({"error": error}));
    (answer.status.as_u16(), error)
}

/// Creates a record, and returns the answer.
pub(super) async fn make(client: &Client, path: &str, body: &Value) -> Result<Value> {
    let answer = client.post(path, body).await?;
    ensure!(answer.status == 201, "{path}: {} {}", answer.status, answer.body);
    Ok(answer.body)
}

pub(super) fn id(made: &Value) -> Result<&str> {
    made["id"].as_str().with_context(|| made.to_string())
}

/// A credential for a web API.
pub(super) fn api_key(name: &str, key: &str) -> Value {
    json!({"credentialName": name, "credentialTypeId": API_KEY, "keys": [
        {"fieldId": BASE_URL, "keyValue": "https://api.example.org/v1"}, {"fieldId": KEY, "keyValue": key}
    ]})
}

pub(super) async fn project(client: &Client, name: &str) -> Result<String> {
    Ok(id(&make(client, PROJECTS, &json!({"projectName": name})).await?)?.to_owned())
}

/// The value that a credential shows for a field.
pub(super) fn value<'a>(shown: &'a Value, field: &str) -> &'a Value {
    let keys = shown["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    keys.iter().find(|key| key["fieldId"] == field).map_or(&Value::Null, |key| &key["keyValue"])
}
