//! `download_credentials`.

use super::{Store, StoreError, row};
use crate::store::{DownloadCredential, NewDownloadCredential, Page};
use rusqlite::{OptionalExtension as _, Row, params};
use uuid::Uuid;

impl Store {
    /// Stores a download credential. False, and nothing stored, where its
    /// connection is gone.
    pub(crate) async fn add_download_credential(
        &self,
        new: NewDownloadCredential,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO download_credentials (id, user_id, creator_profile_id, platform, auth_type, username,
                display_name, encrypted_credentials, credentials_version, created_at, updated_at)
            SELECT ?1, user_id, id, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10
            FROM platform_connections WHERE id = ?3 AND user_id = ?2";
        self.write(move |c| {
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
                credential.created_at
            ])?;
            Ok(inserted > 0)
        })
        .await
    }

    /// A download credential and what is sealed in it.
    pub(crate) async fn download_credential(
        &self,
        id: Uuid,
    ) -> Result<Option<(DownloadCredential, String)>, StoreError> {
        let sql = format!(
            "SELECT {}, encrypted_credentials FROM download_credentials WHERE id = ?1",
            row::DOWNLOAD_CREDENTIAL
        );
        let read =
            |found: &Row<'_>| Ok((row::download_credential(found)?, found.get("encrypted_credentials")?));
        self.read(move |c| c.prepare_cached(&sql)?.query_row([id.to_string()], read).optional()).await
    }

    /// A page of the user's download credentials, newest first, and how many there are.
    pub(crate) async fn download_credentials_of(
        &self,
        user_id: Uuid,
        page: Page,
    ) -> Result<(Vec<DownloadCredential>, u64), StoreError> {
        let list = ("download_credentials", row::DOWNLOAD_CREDENTIAL, "created_at DESC, id");
        self.read_page(list, user_id, page, row::download_credential).await
    }

    pub(crate) async fn delete_download_credential(&self, id: Uuid) -> Result<(), StoreError> {
        let sql = "DELETE FROM download_credentials WHERE id = ?1";
        self.write(move |c| c.execute(sql, [id.to_string()]).map(drop)).await
    }
}
