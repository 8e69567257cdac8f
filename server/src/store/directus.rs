//! [`Records`] in a Directus, by its API and as its administrator.
//!
//! Directus has no transaction over several calls. Each operation is one call
//! where that is possible; where it takes more, they are made in an order in
//! which a stop in between leaves what is served right, and only something to
//! be cleared away. A change is noted in the audit log, which is in the own
//! database, before it is made and after, and is carried to its end once begun.

mod changes;
mod connections;
mod download_credentials;
mod items;
mod names;
mod row;
mod sealed;
mod sessions;

use crate::audit::Entry;
use crate::directus::{Directus, DirectusError};
use crate::store::{
    Actor, Connection, CredentialsUpdate, Database, DownloadCredential, Found, Judge, NewConnection,
    NewDownloadCredential, NewSession, NewestSession, Page, PutConnection, PutSession, Records, Sealed,
    SealedConnection, SealedDownloadCredential, SealedTable, Session, StoreError, UpdateCredentials,
};
use async_trait::async_trait;
use changes::Operations;
use items::Items;
use sealed::Positions;
use sessions::{Before, Turns};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Mutex;
use uuid::Uuid;

/// The records of creators in a Directus.
#[derive(Debug)]
pub(crate) struct DirectusRecords {
    items: Items,
    operations: Operations,
    /// Keeps the audit log.
    database: Arc<dyn Database>,
    positions: Positions,
    turns: Turns,
    /// Held while a sealed text is replaced.
    replacing: Arc<Mutex<()>>,
}

impl DirectusRecords {
    /// What people call the records with these ids, and users, by table and id as rows of the
    /// audit log have them.
    pub(crate) async fn names(&self, ids: &[Uuid]) -> Result<HashMap<String, String>, DirectusError> {
        names::find(&self.items, ids).await
    }

    /// Records in `directus`, sealed with the key `key_id`; what is done to them is noted in `database`.
    pub(crate) fn new(directus: Arc<Directus>, database: Arc<dyn Database>, key_id: String) -> Self {
        Self {
            items: Items::new(Arc::clone(&directus)),
            operations: Operations::new(directus, Arc::clone(&database), key_id),
            database,
            positions: Positions::default(),
            turns: Turns::default(),
            replacing: Arc::default(),
        }
    }

    /// What is sealed in the records of a table that were changed last, and in
    /// those that were not for longest.
    pub(crate) async fn sample(&self, table: SealedTable) -> Result<Vec<Sealed>, StoreError> {
        Ok(sealed::sample(&self.items, table).await?)
    }
}

#[async_trait]
impl Records for DirectusRecords {
    async fn check_records(&self) -> Result<(), StoreError> {
        Ok(self.items.check().await?)
    }

    async fn finish_operations(&self) {
        self.operations.finish().await;
    }

    async fn connection_by_identity(
        &self,
        _: Uuid,
        identity_key: String,
    ) -> Result<Option<Uuid>, StoreError> {
        Ok(connections::by_identity(&self.items, &identity_key).await?)
    }

    async fn put_connection(&self, new: NewConnection, entry: Entry) -> Result<PutConnection, StoreError> {
        let is_done = |outcome: &PutConnection| !matches!(outcome, PutConnection::Clash(_));
        self.operations
            .carry_out(|changes| async move {
                changes.noting_sealed(entry, is_done, connections::put(&changes, &new)).await
            })
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
                changes.noting_sealed(entry, is_done, connections::update(&changes, actor, &update)).await
            })
            .await
    }

    async fn connection(&self, actor: Actor, id: Uuid) -> Result<Found<Connection>, StoreError> {
        let found = connections::find(&self.items, id).await?;
        Ok(Found::of(found, actor, |connection| connection.user_id))
    }

    async fn reveal_connection(&self, id: Uuid, judge: Judge<SealedConnection>) -> Result<(), StoreError> {
        self.database.append(judge(connections::sealed(&self.items, id).await?)).await
    }

    async fn connections_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Connection>, u64), StoreError> {
        Ok(connections::page(&self.items, user_id, page).await?)
    }

    async fn delete_connection(
        &self,
        user_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        self.operations
            .carry_out(|changes| async move {
                let delete = connections::delete(&changes, id);
                let found = changes.with_own((connections::TABLE, id, user_id), entry, delete).await?;
                if found == Found::Own(()) {
                    changes.database.delete_capture_requests_for(id, None).await?;
                }
                Ok(found)
            })
            .await
    }

    async fn add_download_credential(
        &self,
        new: NewDownloadCredential,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        self.operations
            .carry_out(|changes| async move {
                changes
                    .noting_sealed(entry, |stored| *stored, download_credentials::add(&changes, &new))
                    .await
            })
            .await
    }

    async fn reveal_download_credential(
        &self,
        id: Uuid,
        judge: Judge<SealedDownloadCredential>,
    ) -> Result<(), StoreError> {
        self.database.append(judge(download_credentials::sealed(&self.items, id).await?)).await
    }

    async fn download_credentials_of(
        &self,
        user_id: Uuid,
        page: Page,
    ) -> Result<(Vec<DownloadCredential>, u64), StoreError> {
        Ok(download_credentials::page(&self.items, user_id, page).await?)
    }

    async fn delete_download_credential(
        &self,
        user_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        self.operations
            .carry_out(|changes| async move {
                let delete = changes.delete(download_credentials::TABLE, items::by_id(id));
                changes.with_own((download_credentials::TABLE, id, user_id), entry, delete).await
            })
            .await
    }

    async fn put_session(&self, new: NewSession, entry: Entry) -> Result<PutSession, StoreError> {
        let (connection_id, platform) = (new.creator_profile_id, new.platform.clone());
        let turn = self.turns.take(connection_id).await?;
        self.operations
            .carry_out(|changes| async move {
                let _turn = turn;
                let Before { connection, newest } =
                    Before::find(&changes.items, connection_id, &platform).await?;
                if let Some(refusal) = PutSession::refusal(&new, connection) {
                    return Ok(refusal);
                }
                let put = sessions::put(&changes, new, newest);
                let is_stored = changes.noting_sealed(entry, |stored| *stored, put).await?;
                if is_stored {
                    changes.database.delete_capture_requests_for(connection_id, Some(platform)).await?;
                }
                Ok(if is_stored { PutSession::Stored } else { PutSession::Nothing })
            })
            .await
    }

    async fn reveal_session(
        &self,
        creator_profile_id: Uuid,
        platform: String,
        judge: Judge<NewestSession>,
    ) -> Result<(), StoreError> {
        let (connection, session) = tokio::try_join!(
            connections::find(&self.items, creator_profile_id),
            sessions::newest(&self.items, creator_profile_id, &platform),
        )?;
        self.database.append(judge(connection.map(|connection| (connection, session)))).await
    }

    async fn revoke_session(
        &self,
        user_id: Uuid,
        id: Uuid,
        now: i64,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        self.operations
            .carry_out(|changes| async move {
                let revoke = sessions::revoke(&changes, id, now);
                changes.with_own((sessions::TABLE, id, user_id), entry, revoke).await
            })
            .await
    }

    async fn newest_session(
        &self,
        user_id: Uuid,
        creator_profile_id: Uuid,
        platform: &str,
    ) -> Result<Option<Session>, StoreError> {
        let newest = sessions::newest(&self.items, creator_profile_id, platform).await?;
        Ok(newest.map(|(session, _)| session).filter(|session| session.user_id == user_id))
    }

    async fn sessions_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Session>, u64), StoreError> {
        Ok(sessions::page(&self.items, user_id, page).await?)
    }

    async fn purge_sessions(&self, ended_before: i64) -> Result<(), StoreError> {
        self.operations
            .carry_out(|changes| async move { Ok(sessions::purge(&changes, ended_before).await?) })
            .await
    }

    async fn sealed(&self, table: SealedTable, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        Ok(sealed::after(&self.items, &self.positions, table, after, limit).await?)
    }

    async fn replace_sealed(
        &self,
        old: Sealed,
        blob: String,
        credentials_version: &'static str,
    ) -> Result<bool, StoreError> {
        let replacing = Arc::clone(&self.replacing);
        self.operations
            .carry_out(|changes| async move {
                // Directus looks for the old text first and changes the row then: one
                // at a time, so that it is busy with nothing else in between.
                let _replacing = replacing.lock().await;
                Ok(sealed::replace(&changes, &old, &blob, credentials_version).await?)
            })
            .await
    }
}
