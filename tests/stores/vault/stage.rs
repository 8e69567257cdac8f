//! A vault that is set up and open, and access to its database.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::postgres::connect;
use stagepass_tests::services::server::{Answer, Client, Server};

pub(super) const CREDENTIALS: &str = "/api/credentials";
pub(super) const PASSWORD: &str = "planted-master-Qz7Lw";

pub(super) struct Stage {
    /// A client with the vault open.
    pub(super) vault: Client,
    pub(super) server: Server,
    pub(super) installation: Installation,
}

/// A server with a vault that is set up and open.
pub(super) async fn start(store: Store) -> Result<Stage> {
    let (server, installation) = start_empty(store).await?;
    let answer = set_up(&server.anonymous(), PASSWORD).await?;
    ensure!(answer.status == 200, "{}", answer.body);
    Ok(Stage { vault: server.vault(PASSWORD).await?, server, installation })
}

/// A server with a vault that nobody has set up.
pub(super) async fn start_empty(store: Store) -> Result<(Server, Installation)> {
    let installation = Installation::new(store).await?;
    Ok((installation.serve().await?, installation))
}

pub(super) async fn set_up(client: &Client, password: &str) -> Result<Answer> {
    client.post("/api/auth/setup", &json!({"password": password, "confirm": password})).await
}

pub(super) async fn log_in(server: &Server, password: &str) -> Result<Answer> {
    server.anonymous().post("/api/auth/login", &json!({"password": password})).await
}

/// Status and error text of a refusal, whose body must have exactly the vault's form.
pub(super) fn refusal(answer: &Answer) -> (u16, &str) {
    let error = answer.body["error"].as_str().unwrap_or("no error");
    let mut expected = json!({"error": error});
    if answer.status == 429 {
        expected["retry_after_seconds"] = answer.body["retry_after_seconds"].clone();
    }
    assert_eq!(answer.body, expected);
    assert_eq!(answer.headers["cache-control"], "no-store");
    (answer.status.as_u16(), error)
}

/// Puts an API key into the vault, and returns its id.
pub(super) async fn add(vault: &Client, service: &str, name: &str, key: &str) -> Result<String> {
    let answer = vault.post(CREDENTIALS, &json!({"service": service, "name": name, "key": key})).await?;
    ensure!(answer.status == 201, "{}", answer.body);
    Ok(answer.body["id"].as_str().context("no id")?.to_owned())
}

pub(super) async fn reveal(vault: &Client, id: &str) -> Result<Answer> {
    vault.post(&format!("{CREDENTIALS}/{id}/reveal"), &Value::Null).await
}

impl Stage {
    /// The values in a query's only column, as the database holds them.
    pub(super) async fn bytes(&self, query: &str) -> Result<Vec<Vec<u8>>> {
        if self.installation.store() == Store::Postgres {
            let rows = self.postgres().await?.query(query, &[]).await?;
            return Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?);
        }
        let database = self.sqlite()?;
        let mut query = database.prepare(query)?;
        Ok(query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Changes the database from outside, and returns the number of changed rows.
    pub(super) async fn change(&self, statement: &str) -> Result<u64> {
        if self.installation.store() == Store::Postgres {
            return Ok(self.postgres().await?.execute(statement, &[]).await?);
        }
        Ok(self.sqlite()?.execute(statement, [])?.try_into()?)
    }

    fn sqlite(&self) -> Result<rusqlite::Connection> {
        Ok(rusqlite::Connection::open(self.installation.directory().join("stagepass.db"))?)
    }

    async fn postgres(&self) -> Result<tokio_postgres::Client> {
        let database = connect(&self.installation.postgres()?.superuser_url()).await?;
        database.batch_execute("SET search_path = stagepass").await?;
        Ok(database)
    }
}

/// Bytes as the database's own SQL writes them.
pub(super) fn literal(store: Store, hexadecimal: &str) -> String {
    match store {
        Store::Postgres => format!("'\\x{hexadecimal}'::bytea"),
        _ => format!("x'{hexadecimal}'"),
    }
}
