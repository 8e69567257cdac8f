//! Two owners of app credentials in one database, one with few and one with many. They are
//! written behind the server's back: through the server it would take minutes.

use crate::crowd::{self, id};
use crate::load::on_a_thread;
use crate::stage::{install, serve};
use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::postgres::connect;
use stagepass_tests::services::sealed::{SealedAt, Sealing, value_id};
use stagepass_tests::services::server::{Client, Server};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The built-in type of API keys, and its fields.
const API_KEY: &str = "00000000-0000-4000-8000-000000000400";
const FIELDS: [(&str, &[u8]); 2] = [
    ("00000000-0000-4000-8000-000000000401", br#""https://api.example.org/v1""#),
    ("00000000-0000-4000-8000-000000000402", br#""sk-0f9e8d7c6b5a4938271605f4e3d2c1b0""#),
];
/// Credentials that are written with one statement.
const CHUNK: usize = 1000;

/// A signed-in user, and how many credentials they own.
pub(crate) struct Owner {
    pub(crate) client: Client,
    pub(crate) credentials: usize,
}

/// A server with both.
pub(crate) struct Owners {
    pub(crate) owners: [Owner; 2],
    // Ends before its store is removed.
    _server: Server,
    _installation: Installation,
}

/// Two owners with this many credentials each.
pub(crate) async fn gather(store: Store, [few, many]: [usize; 2]) -> Result<Owners> {
    let (installation, one) = install(store).await?;
    let other = installation.add_person().await?;
    // The first start makes the schema and the keys.
    let server = serve(&installation).await?;
    let [one_id, other_id] =
        [id_of(&one.sign_in(&server).await?).await?, id_of(&other.sign_in(&server).await?).await?];
    server.stop().await?;
    let sealing = Sealing::of(installation.directory())?;
    let statements = [statements(&one_id, few, &sealing)?, statements(&other_id, many, &sealing)?].concat();
    write(&installation, store, statements).await?;
    let server = serve(&installation).await?;
    let owner = |client, credentials| Owner { client, credentials };
    let owners = [owner(one.sign_in(&server).await?, few), owner(other.sign_in(&server).await?, many)];
    Ok(Owners { owners, _server: server, _installation: installation })
}

async fn id_of(client: &Client) -> Result<String> {
    let me = client.get("/users/me").await?.body;
    Ok(me["data"]["id"].as_str().context("no user")?.to_owned())
}

/// Statements that create `count` credentials of an owner, the last of them a moment ago.
fn statements(owner_id: &str, count: usize, sealing: &Sealing) -> Result<Vec<String>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let first = i64::try_from(now.saturating_sub(Duration::from_millis(count as u64)).as_millis())?;
    let mut statements = Vec::new();
    for chunk in (0..count).collect::<Vec<_>>().chunks(CHUNK) {
        let (mut credentials, mut keys) = (Vec::new(), Vec::new());
        for number in chunk {
            let at = first + i64::try_from(*number)?;
            let hash = Sha256::digest(format!("{owner_id} {number}"));
            let credential = id(at, 0, &hash);
            let name = format!("'Payments {number:06}', 'payments {number:06}'");
            credentials
                .push(format!("('{credential}', '{owner_id}', {name}, '{API_KEY}', NULL, 1, {at}, {at})"));
            for (field, value) in FIELDS {
                let key = value_id(&credential, field)?;
                let (table, column) = ("app_credential_keys", "encrypted_value");
                let value = sealing.seal(SealedAt { table, column, record: &key, owner: owner_id }, value)?;
                keys.push(format!("('{key}', '{owner_id}', '{credential}', '{field}', '{value}', 'v2')"));
            }
        }
        statements.push(format!("INSERT INTO app_credentials VALUES {}", credentials.join(",")));
        statements.push(format!("INSERT INTO app_credential_keys VALUES {}", keys.join(",")));
    }
    Ok(statements)
}

/// Runs them in one transaction in the server's own database, which must not be in use.
async fn write(installation: &Installation, store: Store, statements: Vec<String>) -> Result<()> {
    if store != Store::Postgres {
        let directory = installation.directory().to_owned();
        return on_a_thread(move || {
            let mut database = crowd::open(&directory)?;
            let transaction = database.transaction()?;
            statements.iter().try_for_each(|statement| transaction.execute_batch(statement))?;
            Ok(transaction.commit()?)
        })
        .await;
    }
    let mut database = connect(&installation.postgres()?.superuser_url()).await?;
    database.batch_execute("SET search_path = stagepass").await?;
    let transaction = database.transaction().await?;
    for statement in &statements {
        transaction.batch_execute(statement).await?;
    }
    transaction.commit().await?;
    // PostgreSQL does this by itself after a while.
    Ok(database.batch_execute("VACUUM ANALYZE").await?)
}
