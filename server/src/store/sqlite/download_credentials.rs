//! `download_credentials`.

use super::row;
use crate::store::row_signer::RowSigner;
use crate::store::{DownloadCredential, NewDownloadCredential};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};
use uuid::Uuid;

/// Stores a download credential. False where its connection is gone.
pub(super) fn add(c: &Connection, signer: &RowSigner, new: &NewDownloadCredential) -> Result<bool> {
    let sql =
        "INSERT INTO download_credentials (id, user_id, creator_profile_id, platform, auth_type, username,
            display_name, encrypted_credentials, credentials_version, created_at, updated_at, mac)
        SELECT ?1, user_id, id, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11
        FROM platform_connections WHERE id = ?3 AND user_id = ?2";
    let NewDownloadCredential { credential, encrypted_credentials, credentials_version } = new;
    let [id, user_id, connection_id] =
        [credential.id, credential.user_id, credential.creator_profile_id].map(|id| id.to_string());
    let inserted = c.prepare_cached(sql)?.execute(params![
        id,
        user_id,
        connection_id,
        credential.platform,
        credential.auth_type.as_str(),
        credential.username,
        credential.display_name,
        encrypted_credentials,
        credentials_version,
        credential.created_at,
        signer.sign(credential)
    ])?;
    Ok(inserted > 0)
}

/// A download credential and what is sealed in it.
pub(super) fn sealed(
    c: &Connection,
    signer: &RowSigner,
    id: Uuid,
) -> Result<Option<(DownloadCredential, String)>> {
    let columns = row::DOWNLOAD_CREDENTIAL;
    let sql = format!("SELECT {columns}, mac, encrypted_credentials FROM download_credentials WHERE id = ?1");
    let read = |found: &Row<'_>| {
        Ok((row::kept(row::download_credential)(found)?, found.get("encrypted_credentials")?))
    };
    let found = c.prepare_cached(&sql)?.query_row([id.to_string()], read).optional()?;
    Ok(found.and_then(|(kept, sealed)| Some((signer.check(kept)?, sealed))))
}

pub(super) fn delete(c: &Connection, id: Uuid) -> Result<()> {
    c.execute("DELETE FROM download_credentials WHERE id = ?1", [id.to_string()]).map(drop)
}
