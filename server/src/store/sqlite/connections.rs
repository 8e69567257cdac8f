//! The operations on `platform_connections` in SQLite.

use super::{Sqlite, row};
use crate::audit::Entry;
use crate::store::row_signer::{RowSigner, WriteBackPermission};
use crate::store::{
    Actor, Connection, Connections, CredentialsUpdate, Found, Judge, NewConnection, Page, PutConnection,
    SealedConnection, StoreError, UpdateCredentials,
};
use rusqlite::{Connection as DbConnection, OptionalExtension as _, Result, params};
use std::sync::Arc;
use uuid::Uuid;

impl Connections for Sqlite {
    async fn connection_by_identity(
        &self,
        _: Uuid,
        identity_key: String,
    ) -> Result<Option<Uuid>, StoreError> {
        self.read(move |c| by_identity(c, &identity_key)).await
    }

    async fn put_connection(&self, new: NewConnection, entry: Entry) -> Result<PutConnection, StoreError> {
        let did = |outcome: &PutConnection| !matches!(outcome, PutConnection::Clash(_));
        let signer = self.signer()?;
        let checking = Arc::clone(&signer);
        let put = self.write_audited((entry, did), move |c| put(c, &checking, &new)).await?;
        signer.report_broken(self).await?;
        Ok(put)
    }

    async fn update_credentials(
        &self,
        actor: Actor,
        update: CredentialsUpdate,
        entry: Entry,
    ) -> Result<UpdateCredentials, StoreError> {
        let did = |outcome: &UpdateCredentials| *outcome == UpdateCredentials::Updated;
        self.write_audited((entry, did), move |c| give_credentials(c, actor, &update)).await
    }

    async fn connection(&self, actor: Actor, id: Uuid) -> Result<Found<Connection>, StoreError> {
        let found = self.read_signed(move |c, signer| find(c, signer, id)).await?;
        Ok(Found::of(found, actor, |connection| connection.user_id))
    }

    async fn reveal_connection(&self, id: Uuid, judge: Judge<SealedConnection>) -> Result<(), StoreError> {
        self.reveal(judge, move |c, signer| {
            let columns = row::CONNECTION;
            let sql = format!(
                "SELECT {columns}, mac, encrypted_credentials FROM platform_connections WHERE id = ?1"
            );
            let read = |found: &rusqlite::Row<'_>| {
                Ok((row::kept(row::connection)(found)?, found.get("encrypted_credentials")?))
            };
            let found = c.prepare_cached(&sql)?.query_row([id.to_string()], read).optional()?;
            Ok(found.and_then(|(kept, sealed)| Some((signer.check(kept)?, sealed))))
        })
        .await
    }

    async fn connections_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Connection>, u64), StoreError> {
        let list = ("platform_connections", row::CONNECTION, "created_at DESC, id");
        self.read_page(list, user_id, page, row::connection).await
    }

    async fn is_write_back_allowed(&self, user_id: Uuid, id: Uuid) -> Result<bool, StoreError> {
        self.read_signed(move |c, signer| is_write_back_allowed(c, signer, user_id, id)).await
    }

    async fn allow_write_back(
        &self,
        user_id: Uuid,
        id: Uuid,
        allowed: bool,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        let permission = WriteBackPermission { creator_profile_id: id, user_id };
        let mac = if allowed { Some(self.signer()?.sign(&permission)) } else { None };
        self.change_own(("platform_connections", id, user_id), entry, move |c| {
            let sql = "UPDATE platform_connections SET write_back_mac = ?2 WHERE id = ?1";
            c.prepare_cached(sql)?.execute((id.to_string(), mac)).map(drop)
        })
        .await
    }

    async fn delete_connection(
        &self,
        user_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        self.change_own(("platform_connections", id, user_id), entry, move |c| {
            c.execute("DELETE FROM capture_requests WHERE creator_profile_id = ?1", [id.to_string()])?;
            c.execute("DELETE FROM platform_connections WHERE id = ?1", [id.to_string()]).map(drop)
        })
        .await
    }
}

/// The columns for [`write_back`] and where they are.
pub(super) const WRITE_BACK: &str = "id, user_id, write_back_mac AS mac FROM platform_connections";

pub(super) fn write_back(row: &rusqlite::Row<'_>) -> Result<WriteBackPermission> {
    Ok(WriteBackPermission { creator_profile_id: row::id(row, 0)?, user_id: row::id(row, 1)? })
}

/// Whether the owner lets services renew the sessions of the connection.
pub(super) fn is_write_back_allowed(
    c: &DbConnection,
    signer: &RowSigner,
    user_id: Uuid,
    id: Uuid,
) -> Result<bool> {
    let sql = format!("SELECT {WRITE_BACK} WHERE id = ?1 AND user_id = ?2 AND write_back_mac IS NOT NULL");
    let ids = [id, user_id].map(|id| id.to_string());
    let kept = c.prepare_cached(&sql)?.query_row(ids, row::kept(write_back)).optional()?;
    Ok(kept.and_then(|kept| signer.check(kept)).is_some())
}

pub(super) fn find(c: &DbConnection, signer: &RowSigner, id: Uuid) -> Result<Option<Connection>> {
    let sql = format!("SELECT {}, mac FROM platform_connections WHERE id = ?1", row::CONNECTION);
    let kept = c.prepare_cached(&sql)?.query_row([id.to_string()], row::kept(row::connection)).optional()?;
    Ok(kept.and_then(|kept| signer.check(kept)))
}

/// The id of the connection with this identity.
fn by_identity(c: &DbConnection, identity_key: &str) -> Result<Option<Uuid>> {
    let sql = "SELECT id FROM platform_connections WHERE identity_key = ?1";
    c.prepare_cached(sql)?.query_row([identity_key], |found| row::id(found, 0)).optional()
}

/// Creates the connection, or replaces the credentials of the user's own one with its id and
/// identity. Another user's or a broken one is not signed again.
fn put(c: &DbConnection, signer: &RowSigner, new: &NewConnection) -> Result<PutConnection> {
    let mac = signer.sign(new);
    let id = new.id.to_string();
    if let Some(holder) = by_identity(c, &new.identity_key)? {
        let kept = find(c, signer, holder)?;
        let is_own = |kept: &Connection| {
            (kept.id, kept.user_id, &kept.platform) == (new.id, new.user_id, &new.platform)
        };
        if !kept.is_some_and(|kept| is_own(&kept)) {
            return Ok(PutConnection::Clash(holder));
        }
        let update = "UPDATE platform_connections SET encrypted_credentials = ?2, credentials_version = ?3,
            credentials_updated_at = ?4, updated_at = ?4 WHERE id = ?1";
        let sealed = params![id, new.encrypted_credentials, new.credentials_version, new.now];
        c.prepare_cached(update)?.execute(sealed)?;
        return Ok(PutConnection::Updated);
    }
    let insert = "INSERT INTO platform_connections (id, user_id, identity_key, platform, platform_username,
        encrypted_credentials, credentials_version, credentials_updated_at, created_at, updated_at, mac)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?8, ?9)";
    c.prepare_cached(insert)?.execute(params![
        id,
        new.user_id.to_string(),
        new.identity_key,
        new.platform,
        new.platform_username,
        new.encrypted_credentials,
        new.credentials_version,
        new.now,
        mac
    ])?;
    Ok(PutConnection::Created)
}

/// Replaces a connection's credentials and, if it is renamed, its identity.
fn give_credentials(c: &DbConnection, actor: Actor, update: &CredentialsUpdate) -> Result<UpdateCredentials> {
    let id = update.id.to_string();
    let (identity_key, username) = update.renamed.as_ref().map(|(key, name)| (key, name)).unzip();
    let taken = "SELECT 1 FROM platform_connections WHERE identity_key = ?1 AND id <> ?2";
    if c.prepare_cached(taken)?.exists((identity_key, &id))? {
        return Ok(UpdateCredentials::Clash);
    }
    let owner = match actor {
        Actor::User(user_id) => Some(user_id.to_string()),
        Actor::Service => None,
    };
    let sql = "UPDATE platform_connections SET encrypted_credentials = ?2, credentials_version = ?3,
            credentials_updated_at = ?4, updated_at = ?4, identity_key = coalesce(?5, identity_key),
            platform_username = coalesce(?6, platform_username)
        WHERE id = ?1 AND user_id = coalesce(?7, user_id)";
    let sealed = (&update.encrypted_credentials, update.credentials_version);
    let parameters = (id, sealed.0, sealed.1, update.now, identity_key, username, owner);
    let changed = c.prepare_cached(sql)?.execute(parameters)?;
    Ok(if changed > 0 { UpdateCredentials::Updated } else { UpdateCredentials::Gone })
}
