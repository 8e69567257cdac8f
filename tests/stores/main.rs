//! Behaviour that holds on every store: each test runs on all stores that `apply` names.

/// Makes one test on SQLite, one on PostgreSQL and one on Directus.
// Decision: docs/decisions/tooling.md#a-test-of-several-stores-is-one-function
macro_rules! on_each_store {
    ($(#[$attribute:meta])+ async fn $name:ident($store:ident: Store $(,)?) -> Result<()> $body:block) => {
        async fn $name($store: Store) -> Result<()> $body

        mod $name {
            use super::{Result, Store};

            $(#[$attribute])+
            async fn on_sqlite() -> Result<()> {
                super::$name(Store::Sqlite).await
            }

            $(#[$attribute])+
            async fn on_postgres() -> Result<()> {
                super::$name(Store::Postgres).await
            }

            $(#[$attribute])+
            async fn on_directus() -> Result<()> {
                super::$name(Store::Directus).await
            }
        }
    };
}

/// Does the same without Directus: for records that are never kept there, and for checks of
/// all records at once, since all tests share one Directus.
macro_rules! on_each_database {
    ($(#[$attribute:meta])+ async fn $name:ident($store:ident: Store $(,)?) -> Result<()> $body:block) => {
        async fn $name($store: Store) -> Result<()> $body

        mod $name {
            use super::{Result, Store};

            $(#[$attribute])+
            async fn on_sqlite() -> Result<()> {
                super::$name(Store::Sqlite).await
            }

            $(#[$attribute])+
            async fn on_postgres() -> Result<()> {
                super::$name(Store::Postgres).await
            }
        }
    };
}

mod app_credentials;
mod audit;
mod bad_input;
mod callers;
mod capture_requests;
mod connections;
mod downloads;
mod key_rotation;
mod misplaced_blobs;
mod origins;
mod platforms;
mod proof;
mod quotas;
mod seed_examples;
mod sessions;
mod sign_ins;
mod signed_rows;
mod vault;
mod write_back;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Person, Store};
use stagepass_tests::services::server::{Answer, Client, Server};

const API: &str = "/api/credentials";
/// An id that no record has.
const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

/// A server, two users and the service with the shared secret.
struct Callers {
    user: Client,
    other: Client,
    service: Client,
    server: Server,
    installation: Installation,
    /// The users of the clients; some stores delete them when this is dropped.
    people: [Person; 2],
}

async fn start(store: Store) -> Result<Callers> {
    let installation = Installation::new(store).await?;
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

/// The id of the user that a client is signed in as.
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

/// Status and error text of a refusal, whose body must have exactly the envelope's form.
fn refusal(answer: &Answer) -> (u16, &str) {
    let error = answer.body["error"].as_str().unwrap_or("no error");
    assert_eq!(answer.body, json!({"success": false, "error": error}));
    (answer.status.as_u16(), error)
}

/// A captured session of a connection, with the documented example's cookie, which expired
/// long ago.
pub(crate) fn session(connection: &str) -> Value {
    json!({"creator_profile_id": connection, "platform": "instagram", "cookies": [cookie()],
        "user_agent": "Mozilla/5.0", "expires_at": "2099-12-31T23:59:59Z"})
}

pub(crate) fn cookie() -> Value {
    json!({"name": "sessionid", "value": "123456789%3AabcXYZ%3A28", "domain": ".instagram.com", "path": "/",
        "expires": 1_735_689_600, "httpOnly": true, "secure": true})
}
