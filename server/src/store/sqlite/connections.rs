//! `platform_connections`.

use super::row;
use crate::store::row_signer::RowSigner;
use crate::store::{Actor, Connection, CredentialsUpdate, NewConnection, PutConnection, UpdateCredentials};
use rusqlite::{OptionalExtension as _, Result, params};
use uuid::Uuid;

pub(super) fn find(c: &rusqlite::Connection, signer: &RowSigner, id: Uuid) -> Result<Option<Connection>> {
    let sql = format!("SELECT {}, mac FROM platform_connections WHERE id = ?1", row::CONNECTION);
    let kept = c.prepare_cached(&sql)?.query_row([id.to_string()], row::kept(row::connection)).optional()?;
    Ok(kept.and_then(|kept| signer.check(kept)))
}

/// The id of the connection with this identity.
pub(super) fn by_identity(c: &rusqlite::Connection, identity_key: &str) -> Result<Option<Uuid>> {
    let sql = "SELECT id FROM platform_connections WHERE identity_key = ?1";
    c.prepare_cached(sql)?.query_row([identity_key], |found| row::id(found, 0)).optional()
}

/// Creates the connection, or gives the user's own with its id and identity new
/// credentials. One that is another's, or broken, is not signed anew.
pub(super) fn put(
    c: &rusqlite::Connection,
    signer: &RowSigner,
    new: &NewConnection,
) -> Result<PutConnection> {
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

/// Gives a connection new credentials and, where it is renamed, a new identity.
pub(super) fn update(
    c: &rusqlite::Connection,
    actor: Actor,
    update: &CredentialsUpdate,
) -> Result<UpdateCredentials> {
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

/// A connection, and what is sealed in it.
pub(super) fn sealed(
    c: &rusqlite::Connection,
    signer: &RowSigner,
    id: Uuid,
) -> Result<Option<(Connection, Option<String>)>> {
    let columns = row::CONNECTION;
    let sql = format!("SELECT {columns}, mac, encrypted_credentials FROM platform_connections WHERE id = ?1");
    let read = |found: &rusqlite::Row<'_>| {
        Ok((row::kept(row::connection)(found)?, found.get("encrypted_credentials")?))
    };
    let found = c.prepare_cached(&sql)?.query_row([id.to_string()], read).optional()?;
    Ok(found.and_then(|(kept, sealed)| Some((signer.check(kept)?, sealed))))
}

/// Deletes a connection with all that hangs on it.
pub(super) fn delete(c: &rusqlite::Connection, id: Uuid) -> Result<()> {
    c.execute("DELETE FROM capture_requests WHERE creator_profile_id = ?1", [id.to_string()])?;
    c.execute("DELETE FROM platform_connections WHERE id = ?1", [id.to_string()]).map(drop)
}
