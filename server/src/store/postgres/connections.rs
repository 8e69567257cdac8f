//! The operations on `platform_connections` in PostgreSQL.

use super::transaction::{Acting, Step};
use super::{Postgres, bounds, row};
use crate::audit::Entry;
use crate::store::row_signer::WriteBackPermission;
use crate::store::{
    Actor, AuditLog as _, Connection, Connections, CredentialsUpdate, Found, Judge, NewConnection, Page,
    PutConnection, SealedConnection, StoreError, UpdateCredentials,
};
use tokio_postgres::Row;
use uuid::Uuid;

const FIND: &str = "
    SELECT id, user_id, platform, platform_username, credentials_updated_at, created_at, updated_at, mac
    FROM platform_connections WHERE id = $1";
pub(super) const SEALED: &str = "
    SELECT id, user_id, platform, platform_username, credentials_updated_at, created_at, updated_at,
        mac, encrypted_credentials
    FROM platform_connections WHERE id = $1";
const BY_IDENTITY: &str = "SELECT id FROM platform_connections WHERE identity_key = $1";
const HOLDER: &str = "
    SELECT id, user_id, platform, platform_username, credentials_updated_at, created_at, updated_at, mac
    FROM platform_connections WHERE identity_key = $1";
/// Returns a row unless another id has the identity, or the row with the identity belongs to
/// another user or is broken. A genuine row of the user has the same MAC, since its platform is
/// part of its identity. A row just inserted has no `xmax`; an existing one is locked by its
/// update.
const PUT: &str = "
    INSERT INTO platform_connections AS kept (id, user_id, identity_key, platform, platform_username,
        encrypted_credentials, credentials_version, credentials_updated_at, created_at, updated_at, mac)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8, $9)
    ON CONFLICT (identity_key) DO UPDATE SET encrypted_credentials = excluded.encrypted_credentials,
        credentials_version = excluded.credentials_version,
        credentials_updated_at = excluded.credentials_updated_at, updated_at = excluded.updated_at
    WHERE (kept.id, kept.user_id, kept.platform, kept.mac)
        = (excluded.id, excluded.user_id, excluded.platform, excluded.mac)
    RETURNING kept.xmax = 0";
/// See [`super::LOCK_OWNER`].
const LOCK_OWNER_OF: &str = "SELECT lock_owner(user_id) FROM platform_connections WHERE id = $1";
const TAKEN: &str = "SELECT 1 FROM platform_connections WHERE identity_key = $1 AND id <> $2";
const UPDATE: &str = "
    UPDATE platform_connections SET encrypted_credentials = $2, credentials_version = $3,
        credentials_updated_at = $4, updated_at = $4, identity_key = coalesce($5, identity_key),
        platform_username = coalesce($6, platform_username)
    WHERE id = $1 AND user_id = coalesce($7, user_id)
        AND NOT EXISTS (SELECT FROM platform_connections WHERE identity_key = $5 AND id <> $1)
    RETURNING id";
pub(super) const WRITE_BACK: &str = "
    SELECT id, user_id, write_back_mac AS mac FROM platform_connections
    WHERE id = $1 AND write_back_mac IS NOT NULL";
const ALLOW_WRITE_BACK: &str = "
    UPDATE platform_connections SET write_back_mac = $3 WHERE id = $1 AND user_id = $2 RETURNING id";
/// Deletes only the user's requests: row-level security hides others. Naming the user here could
/// make the planner search by user.
const DELETE_REQUESTS: &str = "DELETE FROM capture_requests WHERE creator_profile_id = $1";
const DELETE: &str = "DELETE FROM platform_connections WHERE id = $1 AND user_id = $2 RETURNING id";
/// Reads the stored number, because counting slows down with more rows.
const COUNT: &str = "
    SELECT coalesce((SELECT platform_connections FROM owner_usage WHERE owner_id = $1), 0)";
const PAGE: &str = "
    SELECT id, user_id, platform, platform_username, credentials_updated_at, created_at, updated_at
    FROM platform_connections WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2 OFFSET $3";

impl Connections for Postgres {
    async fn connection_by_identity(
        &self,
        user_id: Uuid,
        identity_key: String,
    ) -> Result<Option<Uuid>, StoreError> {
        let rows = self.read(Acting::User(user_id), &[Step(BY_IDENTITY, &[&identity_key])]).await?;
        row::optional(&rows, id)
    }

    async fn put_connection(&self, new: NewConnection, entry: Entry) -> Result<PutConnection, StoreError> {
        let mac = &self.signer()?.sign(&new)[..];
        let put = Step(
            PUT,
            &[
                &new.id,
                &new.user_id,
                &new.identity_key,
                &new.platform,
                &new.platform_username,
                &new.encrypted_credentials,
                &new.credentials_version,
                &new.now,
                &mac,
            ],
        );
        // If nothing was stored, the insertion has locked the row with the identity.
        let holder = Step(HOLDER, &[&new.identity_key]);
        let rows = self.write_audited(Acting::User(new.user_id), entry, &[put, holder], 0).await?;
        match row::optional(&rows[0], |row| Ok(row.try_get(0)?))? {
            Some(true) => Ok(PutConnection::Created),
            Some(false) => Ok(PutConnection::Updated),
            None => {
                let kept = row::optional(&rows[1], row::kept(row::connection))?;
                let holder = kept.as_ref().map(|(kept, _)| kept.id);
                // This reports the row if it is broken.
                self.genuine_one(kept).await?;
                holder.map(PutConnection::Clash).ok_or(StoreError::NotCommitted)
            }
        }
    }

    async fn update_credentials(
        &self,
        actor: Actor,
        update: CredentialsUpdate,
        entry: Entry,
    ) -> Result<UpdateCredentials, StoreError> {
        let (identity_key, username) = update.renamed.as_ref().map(|(key, name)| (key, name)).unzip();
        let owner = match actor {
            Actor::User(user_id) => Some(user_id),
            Actor::Service => None,
        };
        let taken = Step(TAKEN, &[&identity_key, &update.id]);
        let change = Step(
            UPDATE,
            &[
                &update.id,
                &update.encrypted_credentials,
                &update.credentials_version,
                &update.now,
                &identity_key,
                &username,
                &owner,
            ],
        );
        let lock = Step(LOCK_OWNER_OF, &[&update.id]);
        match self.write_audited(actor.into(), entry, &[lock, taken, change], 2).await {
            Ok(rows) if !rows[2].is_empty() => Ok(UpdateCredentials::Updated),
            Ok(rows) if rows[1].is_empty() => Ok(UpdateCredentials::Gone),
            Ok(_) => Ok(UpdateCredentials::Clash),
            // Another connection took the identity in between.
            Err(StoreError::Postgres(fault)) if fault.is_clash_of("identity_key") => {
                Ok(UpdateCredentials::Clash)
            }
            Err(error) => Err(error),
        }
    }

    async fn connection(&self, actor: Actor, id: Uuid) -> Result<Found<Connection>, StoreError> {
        let rows = self.read(actor.into(), &[Step(FIND, &[&id])]).await?;
        let found = self.genuine_one(row::optional(&rows, row::kept(row::connection))?).await?;
        match (found, actor) {
            (Some(connection), _) => Ok(Found::Own(connection)),
            (None, Actor::Service) => Ok(Found::Nothing),
            (None, Actor::User(user_id)) => self.absent("platform_connections", id, user_id).await,
        }
    }

    async fn reveal_connection(&self, id: Uuid, judge: Judge<SealedConnection>) -> Result<(), StoreError> {
        let rows = self.service_readers.read(&[Step(SEALED, &[&id])]).await?;
        let sealed = row::optional(&rows[0], |found| Ok(found.try_get("encrypted_credentials")?))?.flatten();
        let found = self.genuine_one(row::optional(&rows[0], row::kept(row::connection))?).await?;
        self.append(judge(found.map(|connection| (connection, sealed)))).await
    }

    async fn connections_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Connection>, u64), StoreError> {
        let (limit, offset) = bounds(page);
        let list = (Step(COUNT, &[&user_id]), Step(PAGE, &[&user_id, &limit, &offset]));
        self.read_page(user_id, list, row::connection).await
    }

    async fn is_write_back_allowed(&self, user_id: Uuid, id: Uuid) -> Result<bool, StoreError> {
        let rows = self.read(Acting::User(user_id), &[Step(WRITE_BACK, &[&id])]).await?;
        Ok(self.genuine_one(row::optional(&rows, row::kept(write_back))?).await?.is_some())
    }

    async fn allow_write_back(
        &self,
        user_id: Uuid,
        id: Uuid,
        allowed: bool,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        let permission = WriteBackPermission { creator_profile_id: id, user_id };
        let mac = if allowed { Some(self.signer()?.sign(&permission).to_vec()) } else { None };
        let steps = [Step(ALLOW_WRITE_BACK, &[&id, &user_id, &mac])];
        let rows = self.write_audited(Acting::User(user_id), entry, &steps, 0).await?;
        self.found(&rows[0], "platform_connections", id, user_id).await
    }

    async fn delete_connection(
        &self,
        user_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        // Lock the connection first: storing a session locks in the same order.
        let steps = [Step(DELETE, &[&id, &user_id]), Step(DELETE_REQUESTS, &[&id])];
        let rows = self.write_audited(Acting::User(user_id), entry, &steps, 0).await?;
        self.found(&rows[0], "platform_connections", id, user_id).await
    }
}

pub(super) fn write_back(row: &Row) -> Result<WriteBackPermission, StoreError> {
    Ok(WriteBackPermission { creator_profile_id: row.try_get("id")?, user_id: row.try_get("user_id")? })
}

fn id(row: &Row) -> Result<Uuid, StoreError> {
    Ok(row.try_get(0)?)
}
