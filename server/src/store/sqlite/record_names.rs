//! What people call records, for the reader of the audit log.

use rusqlite::{Connection, Result};
use std::collections::HashMap;
use uuid::Uuid;

const NAMES: &str = "
    WITH asked (id) AS MATERIALIZED (SELECT value FROM json_each(?1))
    SELECT 'users/' || id, email FROM users WHERE id IN asked
    UNION ALL SELECT 'platform_connections/' || id, platform || coalesce(' ' || platform_username, '')
        FROM platform_connections WHERE id IN asked
    UNION ALL SELECT 'platform_sessions/' || s.id, s.platform || coalesce(' ' || platform_username, '')
        FROM platform_sessions s JOIN platform_connections c ON c.id = creator_profile_id WHERE s.id IN asked
    UNION ALL SELECT 'download_credentials/' || id, platform || coalesce(' ' || coalesce(display_name, username), '')
        FROM download_credentials WHERE id IN asked
    UNION ALL SELECT 'app_credentials/' || id, credential_name FROM app_credentials WHERE id IN asked
    UNION ALL SELECT 'credential_types/' || id, type_name FROM credential_types WHERE id IN asked
    UNION ALL SELECT 'projects/' || id, project_name FROM projects WHERE id IN asked
    UNION ALL SELECT 'vault_credentials/' || id, service || ' ' || name FROM vault_credentials WHERE id IN asked";

/// The names of the records with these ids, by table and id.
pub(super) fn find(c: &Connection, ids: &[Uuid]) -> Result<HashMap<String, String>> {
    let ids = serde_json::json!(ids).to_string();
    c.prepare(NAMES)?.query_map([ids], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
