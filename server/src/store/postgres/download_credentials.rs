//! The operations on `download_credentials` in PostgreSQL.

use super::transaction::{Acting, Step};
use super::{Postgres, bounds, row};
use crate::audit::Entry;
use crate::store::{
    AuditLog as _, DownloadCredential, DownloadCredentials, Found, Judge, NewDownloadCredential, Page,
    SealedDownloadCredential, StoreError,
};
use crate::words::Word as _;
use uuid::Uuid;

/// Returns no row if the connection does not exist.
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
/// The stored number, because counting slows down with more rows.
const COUNT: &str = "
    SELECT coalesce((SELECT download_credentials FROM owner_usage WHERE owner_id = $1), 0)";
const PAGE: &str = "
    SELECT id, user_id, creator_profile_id, platform, auth_type, username, display_name, created_at
    FROM download_credentials WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT $2 OFFSET $3";

impl DownloadCredentials for Postgres {
    async fn add_download_credential(
        &self,
        new: NewDownloadCredential,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        let NewDownloadCredential { credential, encrypted_credentials, credentials_version } = &new;
        let mac = &self.signer()?.sign(credential)[..];
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
        let rows = self.write_audited(Acting::User(credential.user_id), entry, &[insert], 0).await?;
        Ok(!rows[0].is_empty())
    }

    async fn reveal_download_credential(
        &self,
        id: Uuid,
        judge: Judge<SealedDownloadCredential>,
    ) -> Result<(), StoreError> {
        let rows = self.service_readers.read(&[Step(SEALED, &[&id])]).await?;
        let sealed: Option<String> =
            row::optional(&rows[0], |found| Ok(found.try_get("encrypted_credentials")?))?;
        let found = self.genuine_one(row::optional(&rows[0], row::kept(row::download_credential))?).await?;
        self.append(judge(found.zip(sealed))).await
    }

    async fn download_credentials_of(
        &self,
        user_id: Uuid,
        page: Page,
    ) -> Result<(Vec<DownloadCredential>, u64), StoreError> {
        let (limit, offset) = bounds(page);
        let list = (Step(COUNT, &[&user_id]), Step(PAGE, &[&user_id, &limit, &offset]));
        self.read_page(user_id, list, row::download_credential).await
    }

    async fn delete_download_credential(
        &self,
        user_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        let steps = [Step(DELETE, &[&id, &user_id])];
        let rows = self.write_audited(Acting::User(user_id), entry, &steps, 0).await?;
        self.found(&rows[0], "download_credentials", id, user_id).await
    }
}
