//! Where a server's key is kept, and who shares it.

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use memchr::memmem::find;
use rusqlite::Connection;
use serde_json::{Value, json};
use stagepass_tests::services::installation::{Installation, Store};
use stagepass_tests::services::postgres::connect;
use stagepass_tests::services::proving::{PROOF_PATH, fingerprint_of_proof};
use stagepass_tests::services::server::Server;

const NONCE: [u8; 32] = [9; 32];
const KEYS: &str = "SELECT name, encrypted_key FROM own_keys ORDER BY name";

/// The beginning that all P-256 private keys have in common, in bytes and as text.
fn beginning_of_a_key() -> Result<(Vec<u8>, String)> {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let key = key.map_err(|_| anyhow!("no key could be made"))?;
    let beginning = key.as_ref()[..36].to_owned();
    let text = STANDARD.encode(&beginning);
    ensure!(STANDARD.encode(key.as_ref()).starts_with(&text), "the search would find nothing");
    Ok((beginning, text))
}

async fn proven_fingerprint(server: &Server) -> Result<String> {
    let asked = json!({"nonce": STANDARD.encode(NONCE)});
    let proof: Value = server.anonymous().post(PROOF_PATH, &asked).await?.body;
    fingerprint_of_proof(&proof, server.address(), &NONCE)
}

/// The database has its own keys, and each is sealed.
fn ensure_sealed(keys: &[(String, String)]) -> Result<()> {
    let names: Vec<_> = keys.iter().map(|(name, _)| name.as_str()).collect();
    ensure!(names == ["audit", "proof"], "{names:?}");
    ensure!(keys.iter().all(|(_, sealed)| sealed.starts_with("v2:")), "a key is not sealed");
    Ok(())
}

#[tokio::test]
async fn the_key_is_sealed_in_the_database_and_in_no_file_or_log() -> Result<()> {
    let installation = Installation::new(Store::Sqlite).await?;
    let server = installation.serve().await?;
    proven_fingerprint(&server).await?;
    let log = server.stop().await?;
    let (bytes, text) = beginning_of_a_key()?;
    let is_in = |place: &[u8]| find(place, &bytes).is_some() || find(place, text.as_bytes()).is_some();
    assert!(!is_in(&log));
    for file in std::fs::read_dir(installation.directory())? {
        let path = file?.path();
        assert!(!path.is_file() || !is_in(&std::fs::read(&path)?), "{}", path.display());
    }
    let database = Connection::open(installation.directory().join("stagepass.db"))?;
    let mut select = database.prepare(KEYS)?;
    let keys = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<Vec<_>, _>>()?;
    ensure_sealed(&keys)
}

#[tokio::test]
async fn servers_on_one_postgresql_prove_the_same_key_however_they_start() -> Result<()> {
    let installation = Installation::new(Store::Postgres).await?;
    let (one, two) = tokio::try_join!(installation.serve(), installation.serve())?;
    assert_eq!(proven_fingerprint(&one).await?, proven_fingerprint(&two).await?);
    let superuser = connect(&installation.postgres()?.superuser_url()).await?;
    superuser.batch_execute("SET search_path = stagepass").await?;
    let rows = superuser.query(KEYS, &[]).await?;
    ensure_sealed(&rows.iter().map(|row| (row.get(0), row.get(1))).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_swapped_key_in_the_database_stops_the_start() -> Result<()> {
    let installation = Installation::new(Store::Sqlite).await?;
    installation.serve().await?.stop().await?;
    let database = Connection::open(installation.directory().join("stagepass.db"))?;
    let exchange = "UPDATE own_keys SET encrypted_key =
        (SELECT encrypted_key FROM own_keys WHERE name = 'audit') WHERE name = 'proof'";
    assert_eq!(database.execute(exchange, [])?, 1);
    drop(database);
    let output = installation.run(&["serve", "--listen", "127.0.0.1:0"]).await?;
    let message = String::from_utf8(output.stderr)?;
    let told = message.lines().last().context("nothing is said")?;
    assert!(!output.status.success() && told.contains("the key proof in the database"), "{told}");
    Ok(())
}
