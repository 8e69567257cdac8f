//! Connections: creators' accounts on platforms, with their sealed credentials.

use super::{Actor, Found, Judge, Page, StoreError, operations};
use crate::audit::Entry;
use uuid::Uuid;

/// An account on a platform: a row of `platform_connections` without its sealed credentials.
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

/// A connection to store, with its sealed credentials.
#[derive(Clone, Debug)]
pub(crate) struct NewConnection {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    /// A unique hash of owner, platform and username.
    pub(crate) identity_key: String,
    pub(crate) platform: String,
    pub(crate) platform_username: Option<String>,
    pub(crate) encrypted_credentials: String,
    /// The version of the sealed form.
    pub(crate) credentials_version: &'static str,
    pub(crate) now: i64,
}

/// The result of storing a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutConnection {
    /// The connection is new.
    Created,
    /// The connection with this id existed and has the new credentials.
    Updated,
    /// The connection with this other id has the identity; nothing was stored.
    Clash(Uuid),
}

/// New credentials for an existing connection.
#[derive(Clone, Debug)]
pub(crate) struct CredentialsUpdate {
    pub(crate) id: Uuid,
    /// The new identity key and username, if the owner renames it.
    pub(crate) renamed: Option<(String, String)>,
    pub(crate) encrypted_credentials: String,
    /// The version of the sealed form.
    pub(crate) credentials_version: &'static str,
    pub(crate) now: i64,
}

/// The result of a [`CredentialsUpdate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpdateCredentials {
    Updated,
    /// The connection does not exist.
    Gone,
    /// Another connection has the new identity; nothing was changed.
    Clash,
}

/// A connection with its sealed credentials, if it has any.
pub(crate) type SealedConnection = (Connection, Option<String>);

operations! {
    /// The operations on `platform_connections`.
    trait Connections as DynConnections {
        /// The id of the user's connection with this identity.
        async fn connection_by_identity(
            &self,
            user_id: Uuid,
            identity_key: String,
        ) -> Result<Option<Uuid>, StoreError>;

        /// Creates the connection, or replaces the credentials of the one with its id and identity.
        async fn put_connection(&self, new: NewConnection, entry: Entry) -> Result<PutConnection, StoreError>;

        /// Replaces a connection's credentials and, if the owner renames it, its identity.
        async fn update_credentials(
            &self,
            actor: Actor,
            update: CredentialsUpdate,
            entry: Entry,
        ) -> Result<UpdateCredentials, StoreError>;

        async fn connection(&self, actor: Actor, id: Uuid) -> Result<Found<Connection>, StoreError>;

        /// Passes a connection, with its sealed credentials if any, to `judge`.
        async fn reveal_connection(&self, id: Uuid, judge: Judge<SealedConnection>) -> Result<(), StoreError>;

        /// A page of the user's connections, newest first, and their total number.
        async fn connections_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Connection>, u64), StoreError>;

        /// Whether the user lets services renew the sessions of their connection.
        async fn is_write_back_allowed(&self, user_id: Uuid, id: Uuid) -> Result<bool, StoreError>;

        /// Lets services renew the sessions of a connection of the user, or no longer.
        async fn allow_write_back(
            &self,
            user_id: Uuid,
            id: Uuid,
            allowed: bool,
            entry: Entry,
        ) -> Result<Found<()>, StoreError>;

        /// Deletes a connection of the user with everything that belongs to it.
        async fn delete_connection(&self, user_id: Uuid, id: Uuid, entry: Entry)
        -> Result<Found<()>, StoreError>;
    }
}
