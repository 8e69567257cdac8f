//! A database with very many small sessions, written behind the server's back: through
//! the server it would take an hour.

mod postgres;

use crate::calls::{Id, parse_id};
use crate::load::on_a_thread;
use crate::stage::{Stage, cookies_of, credentials, install, serve};
use anyhow::{Context as _, Result};
use rusqlite::{Connection, params};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use stagepass_tests::services::installation::Store;
use stagepass_tests::services::sealed::{SealedAt, Sealing, forget_signing};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Cookies of a small session.
const COOKIES: usize = 1;
/// The page cache while the sessions are written, in KiB.
const CACHE_KIB: i64 = 256 * 1024;
const CONNECTION: &str = "INSERT INTO platform_connections (id, user_id, identity_key, platform,
    platform_username, encrypted_credentials, credentials_version, credentials_updated_at, created_at,
    updated_at) VALUES (?1, ?2, ?3, 'instagram', 'stage.artist', ?4, 'v2', ?5, ?5, ?5)";
const SESSION: &str = "INSERT INTO platform_sessions (id, user_id, creator_profile_id, platform,
    encrypted_cookies, credentials_version, cookie_count, status, captured_at)
    VALUES (?1, ?2, ?3, 'instagram', ?4, 'v2', ?5, 'active', ?6)";
const ENDED: &str = "INSERT INTO platform_sessions (id, user_id, creator_profile_id, platform, cookie_count,
    status, captured_at, superseded_at) VALUES (lower(hex(randomblob(16))), ?1, ?2, 'instagram', 1,
    'superseded', ?3, ?3)";

/// How many sessions there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    /// Connections, each with an active session.
    pub(crate) sessions: usize,
    /// Ended sessions of the first connection.
    pub(crate) ended: usize,
}

/// An installation whose only user has all these sessions.
pub(crate) async fn gather(store: Store, crowd: Crowd) -> Result<Stage> {
    let (installation, person) = install(store).await?;
    // The first start makes the schema and the keys.
    let server = serve(&installation).await?;
    let me = person.sign_in(&server).await?.get("/users/me").await?.body;
    server.stop().await?;
    let user_id = me["data"]["id"].as_str().context("no user")?.to_owned();
    // The last session was captured a moment ago, the first long before.
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let times = now - i64::try_from(crowd.sessions)?..now;
    let ids = if store == Store::Postgres {
        // Connections without a signature still accept sessions.
        postgres::write(&installation, &user_id, crowd, times).await?
    } else {
        let directory = installation.directory().to_owned();
        let ids = on_a_thread(move || Writer::open(directory, user_id)?.write(crowd, times)).await?;
        // The next start signs the written rows.
        forget_signing(&installation).await?;
        ids
    };
    let server = serve(&installation).await?;
    let user = person.sign_in(&server).await?;
    Stage::of((installation, person), server, user, ids.into(), COOKIES)
}

struct Writer {
    database: Connection,
    user_id: String,
    sealing: Sealing,
}

impl Writer {
    fn open(directory: PathBuf, user_id: String) -> Result<Self> {
        Ok(Self { database: open(&directory)?, user_id, sealing: Sealing::of(&directory)? })
    }

    /// Writes everything in one transaction; returns the connections' ids.
    fn write(mut self, crowd: Crowd, times: Range<i64>) -> Result<Vec<Id>> {
        let [credentials, cookies] =
            [credentials(), Value::from(cookies_of(COOKIES))].map(|json| json.to_string());
        let (owner, sealing) = (self.user_id.as_str(), &self.sealing);
        let seal = |(table, column): (&str, &str), record: &str, text: &str| {
            sealing.seal(SealedAt { table, column, record, owner }, text.as_bytes())
        };
        let transaction = self.database.transaction()?;
        let mut ids = Vec::with_capacity(crowd.sessions);
        let mut add_connection = transaction.prepare(CONNECTION)?;
        let mut add_session = transaction.prepare(SESSION)?;
        let mut add_ended = transaction.prepare(ENDED)?;
        for at in times {
            let hash = Sha256::digest(at.to_le_bytes());
            let [connection, session] = [0, 1].map(|kind| id(at, kind, &hash));
            let identity_key = hex::encode(hash);
            let blob = seal(("platform_connections", "encrypted_credentials"), &connection, &credentials)?;
            add_connection.execute(params![connection, owner, identity_key, blob, at])?;
            // Before the active one.
            for _ in 0..if ids.is_empty() { crowd.ended } else { 0 } {
                add_ended.execute(params![owner, connection, at])?;
            }
            let blob = seal(("platform_sessions", "encrypted_cookies"), &session, &cookies)?;
            add_session.execute(params![session, owner, connection, blob, COOKIES, at])?;
            ids.push(parse_id(&connection)?);
        }
        drop((add_connection, add_session, add_ended));
        transaction.commit()?;
        Ok(ids)
    }
}

/// The server's own database, which must not be open elsewhere. A crash may corrupt it,
/// which does no harm here. The server goes back to its own settings.
pub(crate) fn open(directory: &Path) -> Result<Connection> {
    let database = Connection::open(directory.join("stagepass.db"))?;
    database.pragma_update(None, "journal_mode", "off")?;
    database.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // Nothing that is still unwritten may be written during a measurement.
    database.pragma_update(None, "synchronous", "full")?;
    Ok(database)
}

/// A UUID of version 7 (RFC 9562), which grows with time like the server's own ids.
pub(crate) fn id(at_ms: i64, kind: u16, hash: &[u8]) -> String {
    let tail = hex::encode(&hash[..6]);
    format!("{:08x}-{:04x}-7{kind:03x}-8000-{tail}", at_ms >> 16, at_ms & 0xffff)
}
