//! Sealed texts of all columns, for key rotation.

use super::{StoreError, operations};
use uuid::Uuid;

/// The columns that have sealed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealedColumn {
    Connections,
    DownloadCredentials,
    SessionCookies,
    SessionOrigins,
    /// Always in the server's own database.
    AppCredentialKeys,
}

impl SealedColumn {
    pub(crate) const ALL: [Self; 5] = [
        Self::Connections,
        Self::DownloadCredentials,
        Self::SessionCookies,
        Self::SessionOrigins,
        Self::AppCredentialKeys,
    ];
    /// The columns of creators' records.
    pub(crate) const OF_RECORDS: [Self; 4] =
        [Self::Connections, Self::DownloadCredentials, Self::SessionCookies, Self::SessionOrigins];

    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Connections => "platform_connections",
            Self::DownloadCredentials => "download_credentials",
            Self::SessionCookies | Self::SessionOrigins => "platform_sessions",
            Self::AppCredentialKeys => "app_credential_keys",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connections | Self::DownloadCredentials => "encrypted_credentials",
            Self::SessionCookies => "encrypted_cookies",
            Self::SessionOrigins => "encrypted_origins",
            Self::AppCredentialKeys => "encrypted_value",
        }
    }
}

/// A sealed text and where it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) column: SealedColumn,
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) blob: String,
}

operations! {
    /// The sealed texts of creators' records.
    trait SealedRecords as DynSealedRecords {
        /// The sealed texts of a column of records in order of their ids, after the given one.
        async fn sealed(&self, column: SealedColumn, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError>;

        /// Replaces the `old` blob by the re-encrypted `blob`; false, without a change, if it is
        /// different by now.
        async fn replace_sealed(
            &self,
            old: Sealed,
            blob: String,
            credentials_version: &'static str,
        ) -> Result<bool, StoreError>;
    }
}
