//! `platform_connections`.

use super::changes::Changes;
use super::items::{Items, by_id};
use super::row::{self, ConnectionRow, time};
use crate::directus::DirectusError;
use crate::store::{
    Actor, Connection, CredentialsUpdate, NewConnection, Page, PutConnection, SealedTable, UpdateCredentials,
};
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) const TABLE: &str = "platform_connections";
/// Directus's word for a clash with a unique field.
const NOT_UNIQUE: &str = "RECORD_NOT_UNIQUE";

pub(super) async fn by_identity(items: &Items, identity_key: &str) -> Result<Option<Uuid>, DirectusError> {
    items.id(TABLE, json!({"identity_key": {"_eq": identity_key}})).await
}

/// Updates the connection with this id and identity, or creates it.
pub(super) async fn put(changes: &Changes, new: &NewConnection) -> Result<PutConnection, DirectusError> {
    let same = json!({"id": {"_eq": new.id}, "user_id": {"_eq": new.user_id},
        "identity_key": {"_eq": new.identity_key}});
    let credentials = credentials(&new.encrypted_credentials, new.credentials_version, new.now);
    if !changes.update(TABLE, same, credentials.clone()).await?.is_empty() {
        return Ok(PutConnection::Updated);
    }
    if let Some(id) = adopt(changes, new).await? {
        return Ok(PutConnection::Clash(id));
    }
    let mut item = credentials;
    item["id"] = json!(new.id);
    item["user_id"] = json!(new.user_id);
    item["identity_key"] = json!(new.identity_key);
    item["platform"] = json!(new.platform);
    item["platform_username"] = json!(new.platform_username);
    item["created_at"] = time(new.now);
    match changes.create(TABLE, item).await {
        Err(error) if error.has_code(NOT_UNIQUE) => {
            // Another call has created it a moment ago.
            by_identity(&changes.items, &new.identity_key).await?.map(PutConnection::Clash).ok_or(error)
        }
        created => created.map(|()| PutConnection::Created),
    }
}

/// A connection that another writer made, without an identity key: it is given
/// the one that it should have, so that it is found from then on.
async fn adopt(changes: &Changes, new: &NewConnection) -> Result<Option<Uuid>, DirectusError> {
    let username = match &new.platform_username {
        Some(username) => json!({"_eq": username}),
        None => json!({"_empty": true}),
    };
    let alike = json!({"user_id": {"_eq": new.user_id}, "platform": {"_eq": new.platform},
        "platform_username": username, "identity_key": {"_null": true}});
    let Some(id) = changes.items.id(TABLE, alike).await? else { return Ok(None) };
    match changes.update(TABLE, by_id(id), json!({"identity_key": new.identity_key})).await {
        // Another one has the key already.
        Err(error) if error.has_code(NOT_UNIQUE) => Ok(None),
        adopted => Ok(adopted?.first().copied()),
    }
}

/// One call: it happens whole or not at all.
pub(super) async fn update(
    changes: &Changes,
    actor: Actor,
    update: &CredentialsUpdate,
) -> Result<UpdateCredentials, DirectusError> {
    let mut filter = by_id(update.id);
    if let Actor::User(user_id) = actor {
        filter["user_id"] = json!({"_eq": user_id});
    }
    let mut data = credentials(&update.encrypted_credentials, update.credentials_version, update.now);
    if let Some((identity_key, username)) = &update.renamed {
        data["identity_key"] = json!(identity_key);
        data["platform_username"] = json!(username);
    }
    match changes.update(TABLE, filter, data).await {
        Err(error) if error.has_code(NOT_UNIQUE) => Ok(UpdateCredentials::Clash),
        changed => Ok(if changed?.is_empty() { UpdateCredentials::Gone } else { UpdateCredentials::Updated }),
    }
}

fn credentials(blob: &str, version: &str, now: i64) -> Value {
    json!({"encrypted_credentials": blob, "credentials_version": version,
        "credentials_updated_at": time(now), "updated_at": time(now)})
}

pub(super) async fn find(items: &Items, id: Uuid) -> Result<Option<Connection>, DirectusError> {
    let found: Option<ConnectionRow> = items.first(TABLE, by_id(id), row::CONNECTION).await?;
    Ok(found.map(Connection::from))
}

/// A connection and what is sealed in it, unless that is nothing.
pub(super) async fn sealed(
    items: &Items,
    id: Uuid,
) -> Result<Option<(Connection, Option<String>)>, DirectusError> {
    let fields = format!("{},encrypted_credentials", row::CONNECTION);
    let found: Option<ConnectionRow> = items.first(TABLE, by_id(id), &fields).await?;
    Ok(found.map(|mut row| {
        let blob = row.encrypted_credentials.take();
        (row.into(), blob)
    }))
}

pub(super) async fn page(
    items: &Items,
    user_id: Uuid,
    page: Page,
) -> Result<(Vec<Connection>, u64), DirectusError> {
    let (rows, total) =
        items.page::<ConnectionRow>(TABLE, user_id, page, (row::CONNECTION, "-created_at,id")).await?;
    Ok((rows.into_iter().map(Connection::from).collect(), total))
}

/// Deletes a connection with all that hangs on it. What hangs on it goes first:
/// collections that another hand made may not do so by themselves.
pub(super) async fn delete(changes: &Changes, id: Uuid) -> Result<(), DirectusError> {
    for table in [SealedTable::Sessions, SealedTable::DownloadCredentials] {
        changes.delete(table.name(), json!({"creator_profile_id": {"_eq": id}})).await?;
    }
    changes.delete(TABLE, by_id(id)).await
}
