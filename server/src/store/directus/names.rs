//! The names of records and users, for readers of the audit log.

use super::items::{Items, Query};
use super::{connections, download_credentials, sessions};
use crate::directus::DirectusError;
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use uuid::Uuid;

/// Ids in one call.
const BATCH: usize = 100;
const USERS: &str = "users";

/// The fields that name an item; each kind has some of them.
#[derive(Deserialize)]
struct Named {
    id: Uuid,
    email: Option<String>,
    platform: Option<String>,
    platform_username: Option<String>,
    display_name: Option<String>,
    username: Option<String>,
    creator_profile_id: Option<Uuid>,
}

impl Named {
    fn name(self) -> String {
        let name = self.email.or(self.platform_username).or(self.display_name).or(self.username);
        self.platform.into_iter().chain(name).collect::<Vec<_>>().join(" ")
    }
}

/// The names of the records and users with these ids, by table and id.
pub(super) async fn find(items: &Items, ids: &[Uuid]) -> Result<HashMap<String, String>, DirectusError> {
    let mut names = HashMap::new();
    for ids in ids.chunks(BATCH) {
        let of_connections: Vec<Named> =
            items.list(connections::TABLE, &query(ids, "id,platform,platform_username")).await?;
        let of_downloads: Vec<Named> =
            items.list(download_credentials::TABLE, &query(ids, "id,platform,display_name,username")).await?;
        let of_users: Vec<Named> = items.users(&query(ids, "id,email")).await?;
        for (table, found) in [
            (connections::TABLE, of_connections),
            (download_credentials::TABLE, of_downloads),
            (USERS, of_users),
        ] {
            names.extend(found.into_iter().map(|named| (format!("{table}/{}", named.id), named.name())));
        }
        names.extend(of_sessions(items, ids).await?);
    }
    Ok(names)
}

/// A session has the name of its connection.
async fn of_sessions(items: &Items, ids: &[Uuid]) -> Result<HashMap<String, String>, DirectusError> {
    let sessions: Vec<Named> = items.list(sessions::TABLE, &query(ids, "id,creator_profile_id")).await?;
    let connections: Vec<_> = sessions.iter().filter_map(|session| session.creator_profile_id).collect();
    if connections.is_empty() {
        return Ok(HashMap::new());
    }
    let connections: Vec<Named> =
        items.list(connections::TABLE, &query(&connections, "id,platform,platform_username")).await?;
    let names: HashMap<_, _> = connections.into_iter().map(|named| (named.id, named.name())).collect();
    let name = |session: Named| {
        let name = names.get(&session.creator_profile_id?)?;
        Some((format!("{}/{}", sessions::TABLE, session.id), name.clone()))
    };
    Ok(sessions.into_iter().filter_map(name).collect())
}

fn query<'a>(ids: &[Uuid], fields: &'a str) -> Query<'a> {
    let limit = u32::try_from(ids.len()).unwrap_or(u32::MAX);
    Query { filter: json!({"id": {"_in": ids}}), fields, sort: "id", limit, offset: 0 }
}
