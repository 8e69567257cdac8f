//! What holds on every store. The tests don't know which one it is: the crate
//! that includes them says so, in `STORE`.

mod audit;
mod bad_input;
mod callers;
mod capture_requests;
mod connections;
mod downloads;
mod platforms;
mod proof;
mod seed_examples;
mod sessions;

use crate::STORE;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::installation::{Installation, Person};
use stagepass_tests::server::{Answer, Client, Server};

const API: &str = "/api/credentials";
/// An id that no record has.
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

/// A server, two users and the service that has the shared secret.
struct Callers {
    user: Client,
    other: Client,
    service: Client,
    server: Server,
    installation: Installation,
    /// Whom the clients are signed in as; in some stores they are gone once this is.
    people: [Person; 2],
}

async fn start() -> Result<Callers> {
    let installation = Installation::new(STORE).await?;
    let people = [installation.add_person().await?, installation.add_person().await?];
    let server = installation.serve().await?;
    Ok(Callers {
        user: people[0].sign_in(&server).await?,
        other: people[1].sign_in(&server).await?,
        service: server.service()?,
        server,
        installation,
        people,
    })
}

pub(crate) async fn post(client: &Client, verb: &str, body: &Value) -> Result<Answer> {
    client.post(&format!("{API}/{verb}"), body).await
}

/// Who a client is signed in as.
pub(crate) async fn id_of(client: &Client) -> Result<String> {
    let me = client.get("/users/me").await?.body;
    Ok(me["data"]["id"].as_str().with_context(|| me.to_string())?.to_owned())
}

/// A body with some members changed.
fn with(mut body: Value, change: &Value) -> Value {
    for (key, value) in change.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    body
}

/// Status and error text of a refusal, whose body must be the whole envelope.
fn refusal(answer: &Answer) -> (u16, &str) {
    let error = answer.body["error"].as_str().unwrap_or("no error");
    assert_eq!(answer.body, json!({"success": false, "error": error}));
    (answer.status.as_u16(), error)
}

/// A captured session of a connection, with the documented example's cookie,
/// which has long expired.
pub(crate) fn session(connection: &str) -> Value {
    json!({"creator_profile_id": connection, "platform": "instagram", "cookies": [cookie()],
        "user_agent": "Mozilla/5.0", "expires_at": "2099-12-31T23:59:59Z"})
}

pub(crate) fn cookie() -> Value {
    json!({"name": "sessionid", "value": "123456789%3AabcXYZ%3A28", "domain": ".instagram.com", "path": "/",
        "expires": 1_735_689_600, "httpOnly": true, "secure": true})
}
