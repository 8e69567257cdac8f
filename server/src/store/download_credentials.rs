//! Credentials that yt-dlp signs in with.

use super::{Found, Judge, Page, StoreError, operations};
use crate::audit::Entry;
use crate::words::words;
use uuid::Uuid;

words! {
    /// How a download signs in.
    enum AuthType { Password = "password", Cookies = "cookies" }
}

/// A login for yt-dlp: a row of `download_credentials` without its sealed part.
#[derive(Clone, Debug)]
pub(crate) struct DownloadCredential {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    pub(crate) platform: String,
    pub(crate) auth_type: AuthType,
    pub(crate) username: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) created_at: i64,
}

/// A download credential to store, with its sealed part.
#[derive(Clone, Debug)]
pub(crate) struct NewDownloadCredential {
    pub(crate) credential: DownloadCredential,
    pub(crate) encrypted_credentials: String,
    /// The version of the sealed form.
    pub(crate) credentials_version: &'static str,
}

/// A download credential with its sealed part.
pub(crate) type SealedDownloadCredential = (DownloadCredential, String);

operations! {
    /// The operations on `download_credentials`.
    trait DownloadCredentials as DynDownloadCredentials {
        /// Adds a download credential; false if its connection does not exist.
        async fn add_download_credential(
            &self,
            new: NewDownloadCredential,
            entry: Entry,
        ) -> Result<bool, StoreError>;

        /// Passes a download credential with its sealed part to `judge`.
        async fn reveal_download_credential(
            &self,
            id: Uuid,
            judge: Judge<SealedDownloadCredential>,
        ) -> Result<(), StoreError>;

        /// A page of the user's download credentials, newest first, and their total number.
        async fn download_credentials_of(
            &self,
            user_id: Uuid,
            page: Page,
        ) -> Result<(Vec<DownloadCredential>, u64), StoreError>;

        /// Deletes a download credential of the user.
        async fn delete_download_credential(
            &self,
            user_id: Uuid,
            id: Uuid,
            entry: Entry,
        ) -> Result<Found<()>, StoreError>;
    }
}
