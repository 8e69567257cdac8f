//! The operations on `platform_connections` in Directus.

use super::DirectusRecords;
use super::changes::Changes;
use super::items::{Items, by_id};
use super::row::{self, ConnectionRow, time};
use crate::audit::Entry;
use crate::directus::DirectusError;
use crate::store::{
    Actor, Connection, Connections, CredentialsUpdate, Found, Judge, NewConnection, Page, PutConnection,
    SealedColumn, SealedConnection, StoreError, UpdateCredentials,
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) const TABLE: &str = "platform_connections";
/// Directus's code for a duplicate in a unique field.
const NOT_UNIQUE: &str = "RECORD_NOT_UNIQUE";

impl Connections for DirectusRecords {
    async fn connection_by_identity(
        &self,
        _: Uuid,
        identity_key: String,
    ) -> Result<Option<Uuid>, StoreError> {
        Ok(by_identity(&self.items, &identity_key).await?)
    }

    async fn put_connection(&self, new: NewConnection, entry: Entry) -> Result<PutConnection, StoreError> {
        let is_done = |outcome: &PutConnection| !matches!(outcome, PutConnection::Clash(_));
        self.operations
            .carry_out(
                |changes| async move { changes.audited_sealed(entry, is_done, put(&changes, &new)).await },
            )
            .await
    }

    async fn update_credentials(
        &self,
        actor: Actor,
        update: CredentialsUpdate,
        entry: Entry,
    ) -> Result<UpdateCredentials, StoreError> {
        let is_done = |outcome: &UpdateCredentials| *outcome == UpdateCredentials::Updated;
        self.operations
            .carry_out(|changes| async move {
                changes.audited_sealed(entry, is_done, give_credentials(&changes, actor, &update)).await
            })
            .await
    }

    async fn connection(&self, actor: Actor, id: Uuid) -> Result<Found<Connection>, StoreError> {
        let found = find(&self.items, id).await?;
        Ok(Found::of(found, actor, |connection| connection.user_id))
    }

    async fn reveal_connection(&self, id: Uuid, judge: Judge<SealedConnection>) -> Result<(), StoreError> {
        let fields = format!("{},encrypted_credentials", row::CONNECTION);
        let found: Option<ConnectionRow> = self.items.first(TABLE, by_id(id), &fields).await?;
        let found = found.map(|mut row| {
            let blob = row.encrypted_credentials.take();
            (row.into(), blob)
        });
        self.database.append(judge(found)).await
    }

    async fn connections_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Connection>, u64), StoreError> {
        let (rows, total) = self
            .items
            .page::<ConnectionRow>(TABLE, user_id, page, (row::CONNECTION, "-created_at,id"))
            .await?;
        Ok((rows.into_iter().map(Connection::from).collect(), total))
    }

    async fn is_write_back_allowed(&self, user_id: Uuid, id: Uuid) -> Result<bool, StoreError> {
        Ok(is_write_back_allowed(&self.items, user_id, id).await?)
    }

    async fn allow_write_back(
        &self,
        user_id: Uuid,
        id: Uuid,
        allowed: bool,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        // A service's renewal that is under way ends first, or finds it forbidden.
        let turn = self.turns.take(id).await?;
        self.operations
            .carry_out(|changes| async move {
                let _turn = turn;
                let allow = async {
                    // Directus refuses to read a field that it lacks, and may ignore one that is written.
                    // Decision: docs/decisions/storage.md#a-field-that-directus-lacks-stops-what-needs-it
                    changes.items.first::<IgnoredAny>(TABLE, by_id(id), "write_back_allowed").await?;
                    changes.update(TABLE, by_id(id), json!({"write_back_allowed": allowed})).await.map(drop)
                };
                changes.with_own((TABLE, id, user_id), entry, allow).await
            })
            .await
    }

    async fn delete_connection(
        &self,
        user_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        // A session that is being stored comes first, and is deleted as well.
        let turn = self.turns.take(id).await?;
        self.operations
            .carry_out(|changes| async move {
                let _turn = turn;
                // Delete what belongs to it first: collections created by hand may not cascade.
                let delete = async {
                    for column in [SealedColumn::SessionCookies, SealedColumn::DownloadCredentials] {
                        changes.delete(column.table(), json!({"creator_profile_id": {"_eq": id}})).await?;
                    }
                    changes.delete(TABLE, by_id(id)).await
                };
                let found = changes.with_own((TABLE, id, user_id), entry, delete).await?;
                if found == Found::Own(()) {
                    changes.database.delete_capture_requests_for(id, None).await?;
                }
                Ok(found)
            })
            .await
    }
}

/// Whether the owner lets services renew the sessions of the connection.
pub(super) async fn is_write_back_allowed(
    items: &Items,
    user_id: Uuid,
    id: Uuid,
) -> Result<bool, DirectusError> {
    let mut filter = by_id(id);
    filter["user_id"] = json!({"_eq": user_id});
    filter["write_back_allowed"] = json!({"_eq": true});
    Ok(items.id(TABLE, filter).await?.is_some())
}

async fn by_identity(items: &Items, identity_key: &str) -> Result<Option<Uuid>, DirectusError> {
    items.id(TABLE, json!({"identity_key": {"_eq": identity_key}})).await
}

/// Updates the connection with this id and identity, or creates it.
async fn put(changes: &Changes, new: &NewConnection) -> Result<PutConnection, DirectusError> {
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
            // Another call has just created it.
            by_identity(&changes.items, &new.identity_key).await?.map(PutConnection::Clash).ok_or(error)
        }
        created => created.map(|()| PutConnection::Created),
    }
}

/// Gives a connection that another writer created without an identity key the key it should have,
/// so that it is found from then on.
async fn adopt(changes: &Changes, new: &NewConnection) -> Result<Option<Uuid>, DirectusError> {
    let username = match &new.platform_username {
        Some(username) => json!({"_eq": username}),
        None => json!({"_empty": true}),
    };
    let alike = json!({"user_id": {"_eq": new.user_id}, "platform": {"_eq": new.platform},
        "platform_username": username, "identity_key": {"_null": true}});
    let Some(id) = changes.items.id(TABLE, alike).await? else { return Ok(None) };
    match changes.update(TABLE, by_id(id), json!({"identity_key": new.identity_key})).await {
        // Another connection already has the key.
        Err(error) if error.has_code(NOT_UNIQUE) => Ok(None),
        adopted => Ok(adopted?.first().copied()),
    }
}

/// Changes credentials in one call, so that the change happens completely or not at all.
async fn give_credentials(
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
