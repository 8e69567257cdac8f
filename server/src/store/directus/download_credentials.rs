//! The operations on `download_credentials` in Directus.

use super::DirectusRecords;
use super::changes::Changes;
use super::items::by_id;
use super::row::{self, DownloadRow, time};
use crate::audit::Entry;
use crate::directus::DirectusError;
use crate::store::{
    DownloadCredential, DownloadCredentials, Found, Judge, NewDownloadCredential, Page,
    SealedDownloadCredential, StoreError,
};
use crate::words::Word as _;
use serde_json::json;
use uuid::Uuid;

pub(super) const TABLE: &str = "download_credentials";
/// Directus's code for a reference to a missing item.
pub(super) const NO_SUCH_REFERENCE: &str = "INVALID_FOREIGN_KEY";

impl DownloadCredentials for DirectusRecords {
    async fn add_download_credential(
        &self,
        new: NewDownloadCredential,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        self.operations
            .carry_out(|changes| async move {
                changes.audited_sealed(entry, |stored| *stored, add(&changes, &new)).await
            })
            .await
    }

    async fn reveal_download_credential(
        &self,
        id: Uuid,
        judge: Judge<SealedDownloadCredential>,
    ) -> Result<(), StoreError> {
        let fields = format!("{},encrypted_credentials", row::DOWNLOAD_CREDENTIAL);
        let found: Option<DownloadRow> = self.items.first(TABLE, by_id(id), &fields).await?;
        let found = found.and_then(|mut row| {
            let blob = row.encrypted_credentials.take()?;
            Some((row.into(), blob))
        });
        self.database.append(judge(found)).await
    }

    async fn download_credentials_of(
        &self,
        user_id: Uuid,
        page: Page,
    ) -> Result<(Vec<DownloadCredential>, u64), StoreError> {
        let form = (row::DOWNLOAD_CREDENTIAL, "-created_at,id");
        let (rows, total) = self.items.page::<DownloadRow>(TABLE, user_id, page, form).await?;
        Ok((rows.into_iter().map(DownloadCredential::from).collect(), total))
    }

    async fn delete_download_credential(
        &self,
        user_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        self.operations
            .carry_out(|changes| async move {
                let delete = changes.delete(TABLE, by_id(id));
                changes.with_own((TABLE, id, user_id), entry, delete).await
            })
            .await
    }
}

/// Stores a download credential; false if its connection does not exist.
async fn add(changes: &Changes, new: &NewDownloadCredential) -> Result<bool, DirectusError> {
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
