//! What yt-dlp signs in with.

use super::{Found, Judge, Page, StoreError, operations};
use crate::audit::Entry;
use uuid::Uuid;

/// How a download signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthType {
    Password,
    Cookies,
}

impl AuthType {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Password, Self::Cookies].into_iter().find(|auth_type| auth_type.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Cookies => "cookies",
        }
    }
}

/// What yt-dlp signs in with: a row of `download_credentials`, the sealed part
/// left out.
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

/// A download credential to be stored with its sealed part.
#[derive(Clone, Debug)]
pub(crate) struct NewDownloadCredential {
    pub(crate) credential: DownloadCredential,
    pub(crate) encrypted_credentials: String,
    /// The version of the sealed form.
    pub(crate) credentials_version: &'static str,
}

/// A download credential, and what is sealed in it.
pub(crate) type SealedDownloadCredential = (DownloadCredential, String);

operations! {
    /// `download_credentials`.
    trait DownloadCredentials as DynDownloadCredentials {
        /// Stores a download credential. False, and nothing stored, where its
        /// connection is gone.
        async fn add_download_credential(
            &self,
            new: NewDownloadCredential,
            entry: Entry,
        ) -> Result<bool, StoreError>;

        /// Has a download credential judged, with what is sealed in it.
        async fn reveal_download_credential(
            &self,
            id: Uuid,
            judge: Judge<SealedDownloadCredential>,
        ) -> Result<(), StoreError>;

        /// A page of the user's download credentials, newest first, and how many there are.
        async fn download_credentials_of(
            &self,
            user_id: Uuid,
            page: Page,
        ) -> Result<(Vec<DownloadCredential>, u64), StoreError>;

        /// Deletes a download credential of the user's.
        async fn delete_download_credential(
            &self,
            user_id: Uuid,
            id: Uuid,
            entry: Entry,
        ) -> Result<Found<()>, StoreError>;
    }
}
