//! The operations on `download_credentials` in SQLite.

use super::{Sqlite, row};
use crate::audit::Entry;
use crate::store::{
    DownloadCredential, DownloadCredentials, Found, Judge, NewDownloadCredential, Page,
    SealedDownloadCredential, StoreError,
};
use crate::words::Word as _;
use rusqlite::{OptionalExtension as _, Result, Row, params};
use uuid::Uuid;

impl DownloadCredentials for Sqlite {
    async fn add_download_credential(
        &self,
        new: NewDownloadCredential,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        let signer = self.signer()?;
        self.write_audited((entry, |added| *added), move |c| {
            let sql =
                "INSERT INTO download_credentials (id, user_id, creator_profile_id, platform, auth_type,
                    username, display_name, encrypted_credentials, credentials_version, created_at,
                    updated_at, mac)
                SELECT ?1, user_id, id, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11
                FROM platform_connections WHERE id = ?3 AND user_id = ?2";
            let NewDownloadCredential { credential, encrypted_credentials, credentials_version } = &new;
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
        })
        .await
    }

    async fn reveal_download_credential(
        &self,
        id: Uuid,
        judge: Judge<SealedDownloadCredential>,
    ) -> Result<(), StoreError> {
        self.reveal(judge, move |c, signer| {
            let columns = row::DOWNLOAD_CREDENTIAL;
            let sql = format!(
                "SELECT {columns}, mac, encrypted_credentials FROM download_credentials WHERE id = ?1"
            );
            let read = |found: &Row<'_>| {
                Ok((row::kept(row::download_credential)(found)?, found.get("encrypted_credentials")?))
            };
            let found = c.prepare_cached(&sql)?.query_row([id.to_string()], read).optional()?;
            Ok(found.and_then(|(kept, sealed)| Some((signer.check(kept)?, sealed))))
        })
        .await
    }

    async fn download_credentials_of(
        &self,
        user_id: Uuid,
        page: Page,
    ) -> Result<(Vec<DownloadCredential>, u64), StoreError> {
        let list = ("download_credentials", row::DOWNLOAD_CREDENTIAL, "created_at DESC, id");
        self.read_page(list, user_id, page, row::download_credential).await
    }

    async fn delete_download_credential(
        &self,
        user_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        self.change_own(("download_credentials", id, user_id), entry, move |c| {
            c.execute("DELETE FROM download_credentials WHERE id = ?1", [id.to_string()]).map(drop)
        })
        .await
    }
}
