//! Creators' accounts on platforms, with their sealed credentials.

use super::{Actor, Found, Judge, Page, StoreError, operations};
use crate::audit::Entry;
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

/// A connection, and what is sealed in it unless that is nothing.
pub(crate) type SealedConnection = (Connection, Option<String>);

operations! {
    /// `platform_connections`.
    trait Connections as DynConnections {
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
    }
}
