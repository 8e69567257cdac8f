//! What is sealed, whatever table it is in, for a rotation of keys.

use super::{StoreError, operations};
use uuid::Uuid;

/// The tables that hold sealed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealedTable {
    Connections,
    DownloadCredentials,
    Sessions,
    /// Always in the own database.
    AppCredentialKeys,
}

impl SealedTable {
    pub(crate) const ALL: [Self; 4] =
        [Self::Connections, Self::DownloadCredentials, Self::Sessions, Self::AppCredentialKeys];
    /// Those that are where creators' records are.
    pub(crate) const OF_RECORDS: [Self; 3] = [Self::Connections, Self::DownloadCredentials, Self::Sessions];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connections => "platform_connections",
            Self::DownloadCredentials => "download_credentials",
            Self::Sessions => "platform_sessions",
            Self::AppCredentialKeys => "app_credential_keys",
        }
    }

    /// The column with the sealed text.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Connections | Self::DownloadCredentials => "encrypted_credentials",
            Self::Sessions => "encrypted_cookies",
            Self::AppCredentialKeys => "encrypted_value",
        }
    }
}

/// A sealed text and where it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) table: SealedTable,
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) blob: String,
}

operations! {
    /// What is sealed in creators' records.
    trait SealedRecords as DynSealedRecords {
        /// What is sealed in a table of records, by id, after the given one.
        async fn sealed(&self, table: SealedTable, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError>;

        /// Puts `blob`, sealed anew, in the place of `old`; false, and nothing
        /// changed, where that has another text by now.
        async fn replace_sealed(
            &self,
            old: Sealed,
            blob: String,
            credentials_version: &'static str,
        ) -> Result<bool, StoreError>;
    }
}
