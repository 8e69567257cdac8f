//! What is kept, in the domain's words. Each operation happens as a whole or not at all; what
//! it changed is on disk when it returns, and with it the [`Entry`] of the audit log that
//! tells of it, where it did what was asked. Times are milliseconds since the Unix epoch.
//! Stores know no HTTP and no cipher: credentials pass through as sealed text.
//!
//! Each resource has a module here with its types and operations, and one of the same name
//! in each store with the SQL. An operation is declared here, and implemented there.

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
pub(crate) use sealed::{Sealed, SealedTable};
pub(crate) use service_tokens::ServiceToken;
pub(crate) use sessions::{NewSession, NewestSession, PutSession, Session, SessionStatus};
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
    /// The records of creators, in the own database or in a Directus.
    trait Records {
        RecordsUpkeep as DynRecordsUpkeep,
        Connections as DynConnections,
        DownloadCredentials as DynDownloadCredentials,
        Sessions as DynSessions,
        SealedRecords as DynSealedRecords,
    }
}

store_of! {
    /// What people keep for their apps, in the own database.
    trait AppCredentialStore {
        CredentialTypes as DynCredentialTypes,
        Projects as DynProjects,
        AppCredentials as DynAppCredentials,
    }
}

store_of! {
    /// The vault's tables in the own database.
    trait VaultStore { Vault as DynVault }
}

/// Why a store could not do what it was asked. The texts hold a driver's own
/// words: they go to the log, never to a caller.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    #[error("SQLite: {0}")]
    Sqlite(rusqlite::Error),
    #[error("PostgreSQL: {0}")]
    Postgres(PostgresFault),
    /// Something was to be stored that is sealed with a key that was replaced.
    #[error(
        "`rotate-keys` has retired the encryption key that this server seals with: start the server anew \
         with the key that replaced it"
    )]
    RetiredKey,
    /// An owner would have more than he may.
    #[error("{0}")]
    OverLimit(OverLimit),
    /// The owner's user was deleted while the request was under way.
    #[error("the user was deleted")]
    OwnerGone,
    /// What TLS needs on this machine is not there.
    #[error("TLS: {0}")]
    Tls(String),
    #[error("PostgreSQL {found} is too old: {oldest} or newer is needed")]
    TooOld { found: u32, oldest: u32 },
    /// Row-level security would not bind it.
    #[error(
        "the database role is a superuser or has BYPASSRLS, or is a member of such a role, so that nothing \
         would keep users' records apart; give the server an ordinary role that owns its database"
    )]
    PrivilegedRole,
    /// There is none, and none was to be made.
    #[error(
        "there is no database of Stagepass's here; name its place with --data-dir or DATABASE_URL, or let \
         `serve`, `user add`, `service-token add` or `vault add` make one"
    )]
    Missing,
    /// All connections are in use, or none could be made, for too long.
    #[error("no connection to the database was to be had in time")]
    Busy,
    /// A column holds what no version of this program writes.
    #[error("the column {0} holds an unknown word")]
    UnknownWord(&'static str),
    /// The batch that this write was part of could not be committed.
    #[error("the write was not committed")]
    NotCommitted,
    /// The store is shutting down, or its thread is gone.
    #[error("the store is closed")]
    Closed,
    /// The database was written by a newer Stagepass.
    #[error("the database has schema version {found}, but this program knows {known} at most")]
    Newer { found: usize, known: usize },
    /// A landed migration is not the one that was applied.
    #[error("migration {0} of the database is not the one of this program")]
    Altered(usize),
    /// Something was to be noted in the audit log before its key was known.
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
            // The schema's other triggers do nothing else.
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

/// What is done where there is no database yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfMissing {
    Make,
    Refuse,
}

/// On whose behalf records are read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// Their owner: others' records are [`Found::Foreign`].
    User(Uuid),
    /// A service, which the handlers hold to its rights.
    Service,
}

impl Actor {
    /// Whether this is the owner, or somebody who may have any owner's records.
    fn may_have(self, owner_id: Uuid) -> bool {
        match self {
            Self::User(user_id) => user_id == owner_id,
            Self::Service => true,
        }
    }
}

/// What became of the search for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<T> {
    /// It is there, and the actor may have it.
    Own(T),
    /// It is another user's.
    Foreign,
    Nothing,
}

impl<T> Found<T> {
    /// The same with something else about the record.
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

/// The SHA-256 of a token, or of what a limit counts.
pub(crate) type Hash = [u8; 32];

/// Decides, for a service, over the record that was found, and gives the row of
/// the audit log that tells of it. What is opened leaves only once that is on
/// disk. It is called where the record is read, which may be a thread that
/// others wait for.
pub(crate) type Judge<R> = Box<dyn FnOnce(Option<R>) -> Entry + Send>;

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// From 1.
    pub(crate) number: u32,
    /// Rows on a page, 1 to 100.
    pub(crate) size: u32,
}

impl Page {
    /// How many rows come before this page.
    pub(crate) fn offset(self) -> u64 {
        u64::from(self.number - 1) * u64::from(self.size)
    }
}

#[cfg(test)]
mod tests;
