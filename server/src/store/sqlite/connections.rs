//! `platform_connections`.

use super::{Store, StoreError, row};
use crate::store::{Connection, CredentialsUpdate, NewConnection, Page, PutConnection, UpdateCredentials};
use rusqlite::OptionalExtension as _;
use uuid::Uuid;

impl Store {
    /// The id of the connection with this identity.
    pub(crate) async fn connection_by_identity(
        &self,
        identity_key: String,
    ) -> Result<Option<Uuid>, StoreError> {
        let sql = "SELECT id FROM platform_connections WHERE identity_key = ?1";
        self.read(move |c| {
            c.prepare_cached(sql)?.query_row([identity_key], |found| row::id(found, 0)).optional()
        })
        .await
    }

    /// Creates the connection, or gives the one with its id and identity new
    /// credentials.
    pub(crate) async fn put_connection(&self, new: NewConnection) -> Result<PutConnection, StoreError> {
        self.write(move |c| {
            let select = "SELECT id FROM platform_connections WHERE identity_key = ?1";
            let holder = c.prepare_cached(select)?.query_row([&new.identity_key], |found| row::id(found, 0));
            let (sql, outcome) = match holder.optional()? {
                Some(holder) if holder != new.id => return Ok(PutConnection::Clash(holder)),
                Some(_) => (
                    "UPDATE platform_connections SET encrypted_credentials = ?6, credentials_version = ?7,
                     credentials_updated_at = ?8, updated_at = ?8
                     WHERE id = ?1 AND user_id = ?2 AND identity_key = ?3 AND platform = ?4 AND platform_username IS ?5",
                    PutConnection::Updated,
                ),
                None => (
                    "INSERT INTO platform_connections (id, user_id, identity_key, platform, platform_username,
                     encrypted_credentials, credentials_version, credentials_updated_at, created_at, updated_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?8)",
                    PutConnection::Created,
                ),
            };
            let (id, user_id) = (new.id.to_string(), new.user_id.to_string());
            let (platform, username) = (&new.platform, &new.platform_username);
            let sealed = (&new.encrypted_credentials, new.credentials_version);
            c.prepare_cached(sql)?
                .execute((id, user_id, &new.identity_key, platform, username, sealed.0, sealed.1, new.now))?;
            Ok(outcome)
        })
        .await
    }

    /// Gives a connection new credentials and, where the owner renames it, a new
    /// identity.
    pub(crate) async fn update_credentials(
        &self,
        update: CredentialsUpdate,
    ) -> Result<UpdateCredentials, StoreError> {
        let sql = "UPDATE platform_connections SET encrypted_credentials = ?2, credentials_version = ?3,
                credentials_updated_at = ?4, updated_at = ?4, identity_key = coalesce(?5, identity_key),
                platform_username = coalesce(?6, platform_username)
            WHERE id = ?1";
        let taken = "SELECT 1 FROM platform_connections WHERE identity_key = ?1 AND id <> ?2";
        self.write(move |c| {
            let id = update.id.to_string();
            let (identity_key, username) = update.renamed.unzip();
            if c.prepare_cached(taken)?.exists((&identity_key, &id))? {
                return Ok(UpdateCredentials::Clash);
            }
            let sealed = (update.encrypted_credentials, update.credentials_version);
            let parameters = (id, sealed.0, sealed.1, update.now, identity_key, username);
            let changed = c.prepare_cached(sql)?.execute(parameters)?;
            Ok(if changed > 0 { UpdateCredentials::Updated } else { UpdateCredentials::Gone })
        })
        .await
    }

    /// What is sealed in a connection; `None` where there is nothing.
    pub(crate) async fn connection_credentials(&self, id: Uuid) -> Result<Option<String>, StoreError> {
        let sql = "SELECT encrypted_credentials FROM platform_connections WHERE id = ?1";
        let read = |found: &rusqlite::Row<'_>| found.get::<_, Option<String>>(0);
        let found = self.read(move |c| c.prepare_cached(sql)?.query_row([id.to_string()], read).optional());
        Ok(found.await?.flatten())
    }

    pub(crate) async fn connection(&self, id: Uuid) -> Result<Option<Connection>, StoreError> {
        let sql = format!("SELECT {} FROM platform_connections WHERE id = ?1", row::CONNECTION);
        self.read(move |c| c.prepare_cached(&sql)?.query_row([id.to_string()], row::connection).optional())
            .await
    }

    /// A page of the user's connections, newest first, and how many there are.
    pub(crate) async fn connections_of(
        &self,
        user_id: Uuid,
        page: Page,
    ) -> Result<(Vec<Connection>, u64), StoreError> {
        let list = ("platform_connections", row::CONNECTION, "created_at DESC, id");
        self.read_page(list, user_id, page, row::connection).await
    }

    /// Deletes a connection with all that hangs on it.
    pub(crate) async fn delete_connection(&self, id: Uuid) -> Result<(), StoreError> {
        let sql = "DELETE FROM platform_connections WHERE id = ?1";
        self.write(move |c| c.execute(sql, [id.to_string()]).map(drop)).await
    }
}
