//! What people call records, for the reader of the audit log.

use super::transaction::{Acting, Step};
use super::{Postgres, row};
use crate::store::StoreError;
use std::collections::HashMap;
use uuid::Uuid;

const NAMES: &str = "
    SELECT 'users/' || id, email FROM users WHERE id = ANY($1)
    UNION ALL SELECT 'platform_connections/' || id, platform || coalesce(' ' || platform_username, '')
        FROM platform_connections WHERE id = ANY($1)
    UNION ALL SELECT 'platform_sessions/' || s.id, s.platform || coalesce(' ' || platform_username, '')
        FROM platform_sessions s JOIN platform_connections c ON c.id = creator_profile_id WHERE s.id = ANY($1)
    UNION ALL SELECT 'download_credentials/' || id, platform || coalesce(' ' || coalesce(display_name, username), '')
        FROM download_credentials WHERE id = ANY($1)
    UNION ALL SELECT 'app_credentials/' || id, credential_name FROM app_credentials WHERE id = ANY($1)
    UNION ALL SELECT 'credential_types/' || id, type_name FROM credential_types WHERE id = ANY($1)
    UNION ALL SELECT 'projects/' || id, project_name FROM projects WHERE id = ANY($1)
    UNION ALL SELECT 'vault_credentials/' || id, service || ' ' || name FROM vault_credentials WHERE id = ANY($1)";

/// The names of the records with these ids, by table and id.
pub(super) async fn find(store: &Postgres, ids: &[Uuid]) -> Result<HashMap<String, String>, StoreError> {
    let rows = store.read(Acting::Maintenance, &[Step(NAMES, &[&ids])]).await?;
    Ok(row::all(&rows, |row| Ok((row.try_get(0)?, row.try_get(1)?)))?.into_iter().collect())
}
