//! The stores, in the domain's words. Each operation happens completely or not at all. When it
//! returns, its change is on disk, along with the [`Entry`] of the audit log that records a
//! success. Times are milliseconds since the Unix epoch. Stores know neither HTTP nor encryption:
//! credentials pass through as sealed text.
//!
//! Each resource has a module here with its types and operations, and a module of the same name in
//! each store with the SQL. Operations are declared here and implemented there.

mod app_credentials;
mod audit_log;
mod capture_requests;
mod connections;
mod directus;
mod download_credentials;
mod keys;
mod login_attempts;
mod migrations;
mod operations;
mod postgres;
mod refresh_tokens;
mod row_signer;
mod sealed;
mod service_tokens;
mod sessions;
mod signed_rows;
mod sqlite;
mod upkeep;
mod usage;
mod users;
mod vault;

pub(crate) use app_credentials::{
    AddProject, AppCredential, AppCredentialFilter, CredentialType, DeleteType, FieldType, Listed,
    MAX_CREDENTIALS_OF_PROJECT, MAX_OF_ONE_OWNER, Project, ProjectEdit, PutAppCredential, PutType, Revision,
    SealedValue, SetMembers, TypeField, fold, value_id,
};
pub(crate) use audit_log::AuditFilter;
pub(crate) use capture_requests::{CAPTURE_REQUEST_LIFETIME_MS, CaptureRequest};
pub(crate) use connections::{
    Connection, CredentialsUpdate, NewConnection, PutConnection, SealedConnection, UpdateCredentials,
};
pub(crate) use directus::DirectusRecords;
pub(crate) use download_credentials::{
    AuthType, DownloadCredential, NewDownloadCredential, SealedDownloadCredential,
};
pub(crate) use login_attempts::{AttemptLimit, MAX_ATTEMPT_WINDOW_MS};
pub(crate) use postgres::{Postgres, PostgresFault, PostgresSettings, PostgresUrl};
pub(crate) use refresh_tokens::{MAX_KEPT_TOKENS, MAX_SIGN_INS, MAX_SUCCESSORS, Refresh, RefreshToken};
pub(crate) use sealed::{Sealed, SealedColumn};
pub(crate) use service_tokens::ServiceToken;
pub(crate) use sessions::{
    NewSession, NewestSession, PutSession, SealedParts, SealedSession, Session, SessionStatus,
};
pub(crate) use sqlite::Sqlite;
pub(crate) use usage::{MIB, OverLimit, Usage, UsageLimits, Usages};
pub(crate) use users::{User, UserStatus};
pub(crate) use vault::{
    PasswordChange, SealedVaultCredential, VaultCredential, VaultHeader, VaultSession, VaultWrite,
};

use crate::audit::Entry;
use crate::directus::DirectusError;
use app_credentials::{
    AppCredentials, CredentialTypes, DynAppCredentials, DynCredentialTypes, DynProjects, Projects,
};
use audit_log::{AuditLog, DynAuditLog};
use capture_requests::{CaptureRequests, DynCaptureRequests};
use connections::{Connections, DynConnections};
use download_credentials::{DownloadCredentials, DynDownloadCredentials};
use keys::{DynKeys, Keys};
use login_attempts::{DynLoginAttempts, LoginAttempts};
use operations::{Timed, operations, store_of};
use refresh_tokens::{DynRefreshTokens, RefreshTokens};
use sealed::{DynSealedRecords, SealedRecords};
use service_tokens::{DynServiceTokens, ServiceTokens};
use sessions::{DynSessions, Sessions};
use signed_rows::{DynSignedRows, SignedRows};
use thiserror::Error;
use upkeep::{DynRecordsUpkeep, DynUpkeep, RecordsUpkeep, Upkeep};
use usage::{DynOwnerUsage, OwnerUsage};
use users::{DynUsers, Users};
use uuid::Uuid;
use vault::{DynVault, Vault};

pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

store_of! {
    /// The server's own database.
    trait Database {
        Upkeep as DynUpkeep,
        Users as DynUsers,
        RefreshTokens as DynRefreshTokens,
        LoginAttempts as DynLoginAttempts,
        ServiceTokens as DynServiceTokens,
        CaptureRequests as DynCaptureRequests,
        Keys as DynKeys,
        SignedRows as DynSignedRows,
        AuditLog as DynAuditLog,
        OwnerUsage as DynOwnerUsage,
    }
}

store_of! {
    /// The records of creators, in the server's own database or in a Directus.
    trait Records {
        RecordsUpkeep as DynRecordsUpkeep,
        Connections as DynConnections,
        DownloadCredentials as DynDownloadCredentials,
        Sessions as DynSessions,
        SealedRecords as DynSealedRecords,
    }
}

store_of! {
    /// The credentials that people keep for their apps, in the server's own database.
    trait AppCredentialStore {
        CredentialTypes as DynCredentialTypes,
        Projects as DynProjects,
        AppCredentials as DynAppCredentials,
    }
}

store_of! {
    /// The vault's tables in the server's own database.
    trait VaultStore { Vault as DynVault }
}

/// Why a store operation failed. The texts can quote a driver: they go to the log, never to a
/// caller.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    #[error("SQLite: {0}")]
    Sqlite(rusqlite::Error),
    #[error("PostgreSQL: {0}")]
    Postgres(PostgresFault),
    /// The text to store is sealed with a retired key.
    #[error(
        "`rotate-keys` has retired this server's encryption key; restart the server with the key that \
         replaced it"
    )]
    RetiredKey,
    /// The owner would exceed a limit.
    #[error("{0}")]
    OverLimit(OverLimit),
    /// The owner's user was deleted while the request was under way.
    #[error("the user was deleted")]
    OwnerGone,
    /// TLS lacks something on this machine.
    #[error("TLS: {0}")]
    Tls(String),
    #[error("PostgreSQL {found} is too old: {oldest} or newer is needed")]
    TooOld { found: u32, oldest: u32 },
    /// Row-level security would not apply to the role.
    #[error(
        "the database role is a superuser or has BYPASSRLS, or is a member of such a role, so nothing would \
         keep users' records apart; give the server an ordinary role that owns its database"
    )]
    PrivilegedRole,
    /// No database exists, and the command must not create one.
    #[error(
        "no Stagepass database found; set --data-dir or DATABASE_URL, or create one with `serve`, `user \
         add`, `service-token add` or `vault add`"
    )]
    Missing,
    /// All connections were in use for too long, or none could be opened.
    #[error("timed out waiting for a connection to the database")]
    Busy,
    /// A column has a value that no version of this program writes.
    #[error("the column {0} has an unknown value")]
    UnknownWord(&'static str),
    /// The transaction with this write could not be committed.
    #[error("the write was not committed")]
    NotCommitted,
    /// The store is shutting down, or its thread is gone.
    #[error("the store is closed")]
    Closed,
    /// A newer version of Stagepass wrote the database.
    #[error("the database has schema version {found}, but this program supports only {known}")]
    Newer { found: usize, known: usize },
    /// An applied migration differs from the one in this program.
    #[error("migration {0} of the database differs from the one in this program")]
    Altered(usize),
    /// An action came before the key of the audit log was set.
    #[error("the audit log has no key yet")]
    NoAuditKey,
    #[error(transparent)]
    Directus(#[from] DirectusError),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(code, Some(message)) = &error else {
            return Self::Sqlite(error);
        };
        if code.extended_code != rusqlite::ffi::SQLITE_CONSTRAINT_TRIGGER {
            return Self::Sqlite(error);
        }
        match OverLimit::parse(message) {
            Some(limit) => Self::OverLimit(limit),
            None if message == usage::GONE => Self::OwnerGone,
            // No other trigger of the schema raises an error.
            None => Self::RetiredKey,
        }
    }
}

impl From<PostgresFault> for StoreError {
    fn from(fault: PostgresFault) -> Self {
        if fault.is_retired_key() {
            Self::RetiredKey
        } else if fault.is_owner_gone() {
            Self::OwnerGone
        } else {
            fault.over_limit().map_or(Self::Postgres(fault), Self::OverLimit)
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        PostgresFault::from(error).into()
    }
}

/// What to do if there is no database yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfMissing {
    Make,
    Refuse,
}

/// The party for whom records are read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// The owner; other users' records are [`Found::Foreign`].
    User(Uuid),
    /// A service, whose rights the handlers check.
    Service,
}

impl Actor {
    /// Whether the actor is the owner or may access any owner's records.
    fn may_have(self, owner_id: Uuid) -> bool {
        match self {
            Self::User(user_id) => user_id == owner_id,
            Self::Service => true,
        }
    }
}

/// The result of a search for a record.
// Decision: docs/decisions/storage.md#the-store-tells-not-yours-from-not-found
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<T> {
    /// The record exists, and the actor may access it.
    Own(T),
    /// The record belongs to another user.
    Foreign,
    Nothing,
}

impl<T> Found<T> {
    /// The same, with the record converted.
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Found<U> {
        match self {
            Self::Own(record) => Found::Own(change(record)),
            Self::Foreign => Found::Foreign,
            Self::Nothing => Found::Nothing,
        }
    }

    fn of(record: Option<T>, actor: Actor, owner_id: impl Fn(&T) -> Uuid) -> Self {
        match record {
            None => Self::Nothing,
            Some(record) if actor.may_have(owner_id(&record)) => Self::Own(record),
            Some(_) => Self::Foreign,
        }
    }
}

/// The SHA-256 of a token, or of a subject that a limit counts.
pub(crate) type Hash = [u8; 32];

/// Decides whether a service gets the record that was found, and returns the audit row for the
/// decision. The decrypted record leaves the server only after the row is on disk. Called where the
/// record is read, possibly on a thread for which others wait.
pub(crate) type Judge<R> = Box<dyn FnOnce(Option<R>) -> Entry + Send>;

/// A page of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Counted from 1.
    pub(crate) number: u32,
    /// Rows on a page, 1 to 100.
    pub(crate) size: u32,
}

impl Page {
    /// The number of rows before this page.
    pub(crate) fn offset(self) -> u64 {
        u64::from(self.number - 1) * u64::from(self.size)
    }
}

#[cfg(test)]
mod tests;
