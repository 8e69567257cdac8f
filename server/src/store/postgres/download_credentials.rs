//! `download_credentials`.

use super::transaction::{Acting, Step};
use super::{Postgres, row};
use crate::audit::Entry;
use crate::store::{DownloadCredential, Found, NewDownloadCredential, StoreError};
use uuid::Uuid;

/// Gives no row where the connection is gone.
const INSERT: &str = "
    INSERT INTO download_credentials (id, user_id, creator_profile_id, platform, auth_type, username,
        display_name, encrypted_credentials, credentials_version, created_at, updated_at, mac)
    SELECT $1, user_id, id, $4, $5, $6, $7, $8, $9, $10, $10, $11
    FROM platform_connections WHERE id = $3 AND user_id = $2
    RETURNING id";
pub(super) const SEALED: &str = "
    SELECT id, user_id, creator_profile_id, platform, auth_type, username, display_name, created_at,
        mac, encrypted_credentials
    FROM download_credentials WHERE id = $1";
const DELETE: &str = "DELETE FROM download_credentials WHERE id = $1 AND user_id = $2 RETURNING id";
/// As it is kept: counting takes longer the more there are.
pub(super) const COUNT: &str = "
    SELECT coalesce((SELECT download_credentials FROM owner_usage WHERE owner_id = $1), 0)";
pub(super) const PAGE: &str = "
    SELECT id, user_id, creator_profile_id, platform, auth_type, username, display_name, created_at
    FROM download_credentials WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2 OFFSET $3";

/// Stores a download credential. False where its connection is gone.
pub(super) async fn add(
    store: &Postgres,
    new: &NewDownloadCredential,
    entry: Entry,
) -> Result<bool, StoreError> {
    let NewDownloadCredential { credential, encrypted_credentials, credentials_version } = new;
    let mac = &store.signer()?.sign(credential)[..];
    let insert = Step(
        INSERT,
        &[
            &credential.id,
            &credential.user_id,
            &credential.creator_profile_id,
            &credential.platform,
            &credential.auth_type.as_str(),
            &credential.username,
            &credential.display_name,
            encrypted_credentials,
            credentials_version,
            &credential.created_at,
            &mac,
        ],
    );
    let rows = store.write_noting(Acting::User(credential.user_id), entry, &[insert], 0).await?;
    Ok(!rows[0].is_empty())
}

/// A download credential and what is sealed in it.
pub(super) async fn sealed(
    store: &Postgres,
    id: Uuid,
) -> Result<Option<(DownloadCredential, String)>, StoreError> {
    let rows = store.service_readers.read(&[Step(SEALED, &[&id])]).await?;
    let sealed: Option<String> =
        row::optional(&rows[0], |found| Ok(found.try_get("encrypted_credentials")?))?;
    let found = store.genuine_one(row::optional(&rows[0], row::kept(row::download_credential))?).await?;
    Ok(found.zip(sealed))
}

/// Deletes a download credential of the user's.
pub(super) async fn delete(
    store: &Postgres,
    user_id: Uuid,
    id: Uuid,
    entry: Entry,
) -> Result<Found<()>, StoreError> {
    let steps = [Step(DELETE, &[&id, &user_id])];
    let rows = store.write_noting(Acting::User(user_id), entry, &steps, 0).await?;
    store.found(&rows[0], "download_credentials", id, user_id).await
}
