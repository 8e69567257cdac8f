//! The same on PostgreSQL, which gets no statistics about its tables: as right after an
//! import, or when vacuum does not keep up.

use super::{COOKIES, Crowd, id};
use crate::calls::{Id, parse_id};
use crate::sealed::{any_cipher, seal};
use crate::stage::{cookies_of, credentials};
use anyhow::{Context as _, Result};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use stagepass_tests::services::installation::Installation;
use stagepass_tests::services::postgres::connect;
use std::ops::Range;

/// Stores rows without any work for each row, and without statistics.
const SET_UP: &str = "
    SET search_path = stagepass;
    SET session_replication_role = replica;
    DO $$
    DECLARE name regclass;
    BEGIN
        FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'stagepass'::regnamespace AND relkind = 'r' LOOP
            EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', name);
        END LOOP;
    END $$";
const CONNECTIONS: &str = "
    INSERT INTO platform_connections (id, user_id, identity_key, platform, platform_username,
        encrypted_credentials, credentials_version, credentials_updated_at, created_at, updated_at)
    SELECT id::uuid, $2::text::uuid, id, 'instagram', 'stage.artist', $3, 'v2', 0, 0, 0
    FROM unnest($1::text[]) AS id";
const SESSIONS: &str = "
    INSERT INTO platform_sessions (id, user_id, creator_profile_id, platform, encrypted_cookies,
        credentials_version, cookie_count, status, captured_at)
    SELECT gen_random_uuid(), $2::text::uuid, id::uuid, 'instagram', $3, 'v2', 1, 'active', 0
    FROM unnest($1::text[]) AS id";
const ENDED: &str = "
    INSERT INTO platform_sessions (id, user_id, creator_profile_id, platform, cookie_count, status,
        captured_at, superseded_at)
    SELECT gen_random_uuid(), $2::text::uuid, $1::text::uuid, 'instagram', 1, 'superseded', 0, $4
    FROM generate_series(1, $3::bigint)";
const USAGE: &str = "
    INSERT INTO owner_usage AS kept (owner_id, platform_connections, platform_sessions)
    SELECT $1::text::uuid, (SELECT count(*) FROM platform_connections), (SELECT count(*) FROM platform_sessions)
    ON CONFLICT (owner_id) DO UPDATE SET platform_connections = excluded.platform_connections,
        platform_sessions = excluded.platform_sessions";
/// Connections that are written with one statement.
const CHUNK: usize = 10_000;

/// Writes a user's sessions; returns the connections' ids.
pub(super) async fn write(
    installation: &Installation,
    user_id: &str,
    crowd: Crowd,
    times: Range<i64>,
) -> Result<Vec<Id>> {
    let database = connect(&installation.postgres()?.superuser_url()).await?;
    database.batch_execute(SET_UP).await?;
    let cipher = any_cipher()?;
    let [credentials, cookies] = [credentials(), Value::from(cookies_of(COOKIES))]
        .map(|json| seal(&cipher, json.to_string().as_bytes()));
    let (credentials, cookies) = (credentials?, cookies?);
    let ids: Vec<_> = times.clone().map(|at| id(at, 0, &Sha256::digest(at.to_le_bytes()))).collect();
    let first = ids.first().context("no connections")?;
    // Before the active one. Until then the connections belong to their owner.
    database.execute(ENDED, &[first, &user_id, &i64::try_from(crowd.ended)?, &times.end]).await?;
    for chunk in ids.chunks(CHUNK) {
        database.execute(CONNECTIONS, &[&chunk, &user_id, &credentials]).await?;
        database.execute(SESSIONS, &[&chunk, &user_id, &cookies]).await?;
    }
    database.execute(USAGE, &[&user_id]).await?;
    ids.iter().map(|id| parse_id(id)).collect()
}
