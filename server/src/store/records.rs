//! The records of creators: connections, download credentials and sessions,
//! each with a sealed part.

use super::{Actor, Found, Page, StoreError};
use crate::audit::Entry;
use async_trait::async_trait;
use std::fmt::Debug;
use uuid::Uuid;

/// An account on a platform: a row of `platform_connections`, its sealed
/// credentials left out.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) platform: String,
    pub(crate) platform_username: Option<String>,
    pub(crate) credentials_updated_at: Option<i64>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

/// A connection to be stored with its sealed credentials.
#[derive(Clone, Debug)]
pub(crate) struct NewConnection {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    /// A hash of owner, platform and username; unique.
    pub(crate) identity_key: String,
    pub(crate) platform: String,
    pub(crate) platform_username: Option<String>,
    pub(crate) encrypted_credentials: String,
    /// The version of the sealed form.
    pub(crate) credentials_version: &'static str,
    pub(crate) now: i64,
}

/// What became of a connection that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutConnection {
    /// It is new.
    Created,
    /// The one with this id was there, and has the new credentials.
    Updated,
    /// Another id has this identity; nothing was stored.
    Clash(Uuid),
}

/// New credentials for a connection that is there.
#[derive(Clone, Debug)]
pub(crate) struct CredentialsUpdate {
    pub(crate) id: Uuid,
    /// The new identity key and username, where the owner renames it.
    pub(crate) renamed: Option<(String, String)>,
    pub(crate) encrypted_credentials: String,
    /// The version of the sealed form.
    pub(crate) credentials_version: &'static str,
    pub(crate) now: i64,
}

/// What became of [`CredentialsUpdate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpdateCredentials {
    Updated,
    /// There is no such connection.
    Gone,
    /// Another connection has the new identity; nothing was changed.
    Clash,
}

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

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionStatus {
    Active,
    Superseded,
    Revoked,
}

impl SessionStatus {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Superseded, Self::Revoked].into_iter().find(|status| status.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Superseded => "superseded",
            Self::Revoked => "revoked",
        }
    }
}

/// A captured session: a row of `platform_sessions`, its sealed cookies left out.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    pub(crate) platform: String,
    pub(crate) cookie_count: usize,
    pub(crate) user_agent: Option<String>,
    pub(crate) status: SessionStatus,
    pub(crate) captured_at: i64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) revoked_at: Option<i64>,
}

/// A session to be stored with its sealed cookies.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    pub(crate) platform: String,
    pub(crate) encrypted_cookies: String,
    /// The version of the sealed form.
    pub(crate) credentials_version: &'static str,
    pub(crate) cookie_count: usize,
    pub(crate) user_agent: Option<String>,
    pub(crate) captured_at: i64,
    pub(crate) expires_at: Option<i64>,
}

/// What became of a session that was to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PutSession {
    Stored,
    /// Its connection is another user's; nothing was stored.
    Foreign,
    /// There is no such connection.
    Nothing,
    /// Its connection is to this other platform; nothing was stored.
    OtherPlatform(String),
}

impl PutSession {
    pub(super) fn is_stored(&self) -> bool {
        *self == Self::Stored
    }

    /// Why a session can't be stored for the connection that was found.
    pub(super) fn refusal(new: &NewSession, found: Option<(Uuid, String)>) -> Option<Self> {
        match found {
            None => Some(Self::Nothing),
            Some((owner_id, _)) if owner_id != new.user_id => Some(Self::Foreign),
            Some((_, platform)) if platform != new.platform => Some(Self::OtherPlatform(platform)),
            Some(_) => None,
        }
    }
}

/// A connection, and what is sealed in it unless that is nothing.
pub(crate) type SealedConnection = (Connection, Option<String>);

/// A download credential, and what is sealed in it.
pub(crate) type SealedDownloadCredential = (DownloadCredential, String);

/// A connection, and its newest session on a platform with the sealed cookies
/// unless they are erased.
pub(crate) type NewestSession = (Connection, Option<(Session, Option<String>)>);

/// Decides, for a service, over the record that was found, and gives the row of
/// the audit log that tells of it. What is opened leaves only once that is on
/// disk. It is called where the record is read, which may be a thread that
/// others wait for.
pub(crate) type Judge<R> = Box<dyn FnOnce(Option<R>) -> Entry + Send>;

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

/// What every store of creators' records does. An [`Entry`] is appended to the
/// audit log where the operation did what was asked, with it or not at all.
#[async_trait]
pub(crate) trait Records: Debug + Send + Sync {
    /// Whether records that are kept elsewhere than in the own database can be
    /// reached.
    async fn check_records(&self) -> Result<(), StoreError>;

    /// Waits, before the server stops, for operations that go on though their
    /// callers have gone. Where an operation is a transaction, there are none.
    async fn finish_operations(&self) {}

    /// The id of the user's connection with this identity.
    async fn connection_by_identity(
        &self,
        user_id: Uuid,
        identity_key: String,
    ) -> Result<Option<Uuid>, StoreError>;

    /// Creates the connection, or gives the one with its id and identity new
    /// credentials.
    async fn put_connection(&self, new: NewConnection, entry: Entry) -> Result<PutConnection, StoreError>;

    /// Gives a connection new credentials and, where the owner renames it, a new
    /// identity.
    async fn update_credentials(
        &self,
        actor: Actor,
        update: CredentialsUpdate,
        entry: Entry,
    ) -> Result<UpdateCredentials, StoreError>;

    async fn connection(&self, actor: Actor, id: Uuid) -> Result<Found<Connection>, StoreError>;

    /// Has a connection judged, with what is sealed in it unless that is nothing.
    async fn reveal_connection(&self, id: Uuid, judge: Judge<SealedConnection>) -> Result<(), StoreError>;

    /// A page of the user's connections, newest first, and how many there are.
    async fn connections_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Connection>, u64), StoreError>;

    /// Deletes a connection of the user's with all that hangs on it.
    async fn delete_connection(&self, user_id: Uuid, id: Uuid, entry: Entry)
    -> Result<Found<()>, StoreError>;

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

    /// Stores a session, supersedes the one before, whose cookies are erased,
    /// and fulfils the capture request that waits for it.
    async fn put_session(&self, new: NewSession, entry: Entry) -> Result<PutSession, StoreError>;

    /// Has a connection judged, with its newest session on a platform: none where that is
    /// not of the connection's owner, which no server has written.
    async fn reveal_session(
        &self,
        creator_profile_id: Uuid,
        platform: String,
        judge: Judge<NewestSession>,
    ) -> Result<(), StoreError>;

    /// Revokes a session of the user's and erases its cookies; one that is
    /// revoked stays as it is.
    async fn revoke_session(
        &self,
        user_id: Uuid,
        id: Uuid,
        now: i64,
        entry: Entry,
    ) -> Result<Found<()>, StoreError>;

    /// The newest session of the user's connection on its platform, which alone decides
    /// what is served.
    async fn newest_session(
        &self,
        user_id: Uuid,
        creator_profile_id: Uuid,
        platform: &str,
    ) -> Result<Option<Session>, StoreError>;

    /// A page of the user's sessions, newest first, and how many there are.
    async fn sessions_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Session>, u64), StoreError>;

    /// Removes the metadata of sessions that ended before `ended_before`.
    async fn purge_sessions(&self, ended_before: i64) -> Result<(), StoreError>;

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
