//! Two users of one server, and what they make there.

use crate::STORE;
use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use stagepass_tests::installation::{Installation, Person};
use stagepass_tests::server::{Answer, Client, Server};

pub(super) const CREDENTIALS: &str = "/api/v1/app-credentials";
pub(super) const TYPES: &str = "/api/v1/credential-types";
pub(super) const PROJECTS: &str = "/api/v1/projects";
pub(super) const UNKNOWN: &str = "00000000-0000-4000-8000-00000000ffff";
/// The built-in type of API keys, and its fields.
pub(super) const API_KEY: &str = "00000000-0000-4000-8000-000000000400";
pub(super) const BASE_URL: &str = "00000000-0000-4000-8000-000000000401";
pub(super) const KEY: &str = "00000000-0000-4000-8000-000000000402";

pub(super) struct Stage {
    pub(super) user: Client,
    pub(super) other: Client,
    pub(super) service: Client,
    pub(super) server: Server,
    pub(super) installation: Installation,
    pub(super) people: [Person; 2],
}

pub(super) async fn start() -> Result<Stage> {
    let installation = Installation::new(STORE).await?;
    let people = [installation.add_person().await?, installation.add_person().await?];
    let server = installation.serve().await?;
    Ok(Stage {
        user: people[0].sign_in(&server).await?,
        other: people[1].sign_in(&server).await?,
        service: server.service()?,
        server,
        installation,
        people,
    })
}

pub(super) async fn put(client: &Client, path: &str, body: &Value) -> Result<Answer> {
    client.send(client.request(Method::PUT, path).json(body)).await
}

/// Changes something in the database from outside, in so many rows.
pub(super) async fn change(installation: &Installation, statement: &str) -> Result<u64> {
    installation.change(statement).await
}

/// Status and error text of a refusal, whose body must be the whole form.
pub(super) fn refusal(answer: &Answer) -> (u16, &str) {
    let error = answer.body["error"].as_str().unwrap_or("no error");
    assert_eq!(answer.body, json!({"error": error}));
    (answer.status.as_u16(), error)
}

/// Makes something, and gives what is answered.
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

/// Who a client is signed in as.
pub(super) async fn id_of(client: &Client) -> Result<String> {
    let me = client.get("/users/me").await?.body;
    Ok(me["data"]["id"].as_str().with_context(|| me.to_string())?.to_owned())
}

/// The value that a credential shows for a field.
pub(super) fn value<'a>(shown: &'a Value, field: &str) -> &'a Value {
    let keys = shown["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    keys.iter().find(|key| key["fieldId"] == field).map_or(&Value::Null, |key| &key["keyValue"])
}
