//! `download_credentials`.

use super::changes::Changes;
use super::items::{Items, by_id};
use super::row::{self, DownloadRow, time};
use crate::directus::DirectusError;
use crate::store::{DownloadCredential, NewDownloadCredential, Page};
use serde_json::json;
use uuid::Uuid;

pub(super) const TABLE: &str = "download_credentials";
/// Directus's word for a reference to what is not there.
pub(super) const NO_SUCH_REFERENCE: &str = "INVALID_FOREIGN_KEY";

/// Stores a download credential; false where its connection is gone.
pub(super) async fn add(changes: &Changes, new: &NewDownloadCredential) -> Result<bool, DirectusError> {
    let credential = &new.credential;
    let item = json!({
        "id": credential.id,
        "user_id": credential.user_id,
        "creator_profile_id": credential.creator_profile_id,
        "platform": credential.platform,
        "auth_type": credential.auth_type.as_str(),
        "username": credential.username,
        "display_name": credential.display_name,
        "encrypted_credentials": new.encrypted_credentials,
        "credentials_version": new.credentials_version,
        "created_at": time(credential.created_at),
        "updated_at": time(credential.created_at),
    });
    match changes.create(TABLE, item).await {
        Err(error) if error.has_code(NO_SUCH_REFERENCE) => Ok(false),
        created => created.map(|()| true),
    }
}

/// A download credential and what is sealed in it.
pub(super) async fn sealed(
    items: &Items,
    id: Uuid,
) -> Result<Option<(DownloadCredential, String)>, DirectusError> {
    let fields = format!("{},encrypted_credentials", row::DOWNLOAD_CREDENTIAL);
    let found: Option<DownloadRow> = items.first(TABLE, by_id(id), &fields).await?;
    Ok(found.and_then(|mut row| {
        let blob = row.encrypted_credentials.take()?;
        Some((row.into(), blob))
    }))
}

pub(super) async fn page(
    items: &Items,
    user_id: Uuid,
    page: Page,
) -> Result<(Vec<DownloadCredential>, u64), DirectusError> {
    let form = (row::DOWNLOAD_CREDENTIAL, "-created_at,id");
    let (rows, total) = items.page::<DownloadRow>(TABLE, user_id, page, form).await?;
    Ok((rows.into_iter().map(DownloadCredential::from).collect(), total))
}
