//! The opened stores and the keys that decrypt their records, for serving and for every command
//! that reads or writes sealed data.

use crate::audit::{Caller, ChainKey, Entry};
use crate::clock::now_ms;
use crate::config::{ConfigError, DatabaseSettings, KeySettings};
use crate::directus::Directus;
use crate::error::Error;
use crate::masking;
use crate::proof::ServerKey;
use crate::sealing::{self, KeyRing, SealedAt, SealingError, Version};
use crate::secret_file;
use crate::store::{
    AppCredentialStore, Database, DirectusRecords, IfMissing, Postgres, Records, Sealed, SealedColumn,
    Sqlite, StoreError, UsageLimits, VaultStore,
};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error as ThisError;
use uuid::Uuid;

/// The name of the database file in the data directory.
const DATABASE_FILE: &str = "stagepass.db";
const CANARY: &str = "stagepass canary";
/// What a key's canary is bound to.
const CANARY_SEALED_AT: SealedAt =
    SealedAt { table: "sealing_keys", column: "canary", record_id: Uuid::nil(), owner_id: Uuid::nil() };

/// The prefix of the sealed audit log key once the rows that grant rights are signed. From then on
/// a row without a MAC is broken, whatever else the database says.
// Decision: docs/decisions/keys-and-audit.md#the-mark-of-signed-rows-is-sealed-with-their-key
const ROWS_SIGNED: &str = "rows signed ";

/// One of the server's own keys: random, created with the database, and sealed in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnKey {
    /// The key's name in the database.
    pub(crate) name: &'static str,
    /// What the sealed key is bound to.
    pub(crate) sealed_at: SealedAt,
}

impl OwnKey {
    /// The key of the audit log. Its table is the one that first held it.
    const AUDIT: Self = Self::new("audit", "audit_key", "encrypted_key");
    /// The key that identifies the server.
    const PROOF: Self = Self::new("proof", "own_keys", "proof");

    const fn new(name: &'static str, table: &'static str, column: &'static str) -> Self {
        Self { name, sealed_at: SealedAt { table, column, record_id: Uuid::nil(), owner_id: Uuid::nil() } }
    }
}

/// Why the stores can't be used.
#[derive(Debug, ThisError)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{location}: {error}")]
    Store { location: String, error: StoreError },
    #[error("{}: {error}; set another data directory with --data-dir", directory.display())]
    Directory { directory: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("the database failed: {0}")]
    Database(#[from] StoreError),
    #[error(
        "the encryption key has the id {given}, but the database was encrypted with {known}; \
         set that key in CREDENTIALS_ENC_KEY_B64, or list it in CREDENTIALS_ENC_OLD_KEYS_B64"
    )]
    WrongKey { given: String, known: String },
    #[error(
        "the encryption key has the id {0}, which `rotate-keys` has retired; a retired key can't be used \
         again, so set the key that replaced it in CREDENTIALS_ENC_KEY_B64"
    )]
    RetiredKey(String),
    #[error(
        "the encryption key has the id {given}, but decrypts none of {tried} records of {table}, such as \
         {id}; set the key of these records in CREDENTIALS_ENC_KEY_B64, or list it in \
         CREDENTIALS_ENC_OLD_KEYS_B64; if it is lost, delete the records"
    )]
    WrongKeyForRecords { given: String, table: &'static str, tried: usize, id: Uuid },
    #[error("the key {name} in the database can't be decrypted: {error}")]
    OwnKey { name: &'static str, error: SealingError },
    #[error(transparent)]
    Internal(#[from] Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The stores and their keys.
#[derive(Debug)]
pub(crate) struct KeyedStores {
    pub(crate) database: Arc<dyn Database>,
    pub(crate) records: Arc<dyn Records>,
    pub(crate) vault: Arc<dyn VaultStore>,
    pub(crate) app_credentials: Arc<dyn AppCredentialStore>,
    /// The records' store, if it is a Directus.
    directus: Option<Arc<DirectusRecords>>,
    pub(crate) keys: KeyRing,
    /// The version in which records are sealed, which depends on the store.
    pub(crate) blob_version: Version,
    /// The key of the audit log.
    pub(crate) chain_key: Arc<ChainKey>,
    /// The key that identifies this server.
    pub(crate) server_key: Arc<ServerKey>,
    /// The sealed forms of both keys.
    pub(crate) sealed_own_keys: [(OwnKey, String); 2],
    /// How many rows of an earlier version were just signed.
    pub(crate) rows_signed: u64,
    /// Files with secrets that were just generated and need a backup.
    pub(crate) made: Vec<PathBuf>,
}

impl KeyedStores {
    /// Opens the stores and checks the keys against them. The records are in `directus`, if set.
    pub(crate) async fn open(
        given_database: &DatabaseSettings,
        given: KeySettings,
        directus: Option<Arc<Directus>>,
        if_missing: IfMissing,
        limits: UsageLimits,
    ) -> Result<Self, OpenError> {
        let OwnStore { database, records: own_records, vault, app_credentials } =
            open_own(given_database, if_missing, limits).await?;
        let canaries = database.canaries().await?;
        // A database without a key was never completed.
        if canaries.is_empty() && if_missing == IfMissing::Refuse {
            return Err(OpenError::Store {
                location: given_database.to_string(),
                error: StoreError::Missing,
            });
        }
        let mut made = Vec::new();
        let keys = given.complete(given_database, !canaries.is_empty(), &mut made)?;
        check_keys(&*database, &canaries, &keys).await?;
        if if_missing == IfMissing::Make {
            keep_canary(&*database, &keys).await?;
        }
        let OpenedAuditLog { chain_key, sealed_chain_key, rows_signed } =
            open_audit_log(&*database, &keys).await?;
        let new = ServerKey::generate_base64()?;
        let (server_key, sealed_server_key) =
            open_own_key(&*database, &keys, OwnKey::PROOF, &new, ServerKey::from_base64).await?;
        let key_id = keys.writing().id();
        let directus = directus.map(|directus| {
            Arc::new(DirectusRecords::new(directus, Arc::clone(&database), key_id.to_owned()))
        });
        let (records, blob_version): (Arc<dyn Records>, _) = match &directus {
            Some(directus) => (directus.clone(), Version::V1),
            None => (own_records, Version::V2),
        };
        Ok(Self {
            database,
            records,
            vault,
            app_credentials,
            directus,
            keys,
            blob_version,
            chain_key,
            server_key,
            sealed_own_keys: [(OwnKey::AUDIT, sealed_chain_key), (OwnKey::PROOF, sealed_server_key)],
            rows_signed,
            made,
        })
    }

    /// Records that the writing key is in use: from now on it must be set.
    pub(crate) async fn keep_canary(&self) -> Result<(), OpenError> {
        keep_canary(&*self.database, &self.keys).await
    }

    /// Detects a wrong key with a few records of each column if the records are in a Directus: a new
    /// database knows nothing of them. A single record that can't be decrypted may be another
    /// writer's fault.
    pub(crate) async fn check_records(&self) -> Result<(), OpenError> {
        let Some(directus) = &self.directus else { return Ok(()) };
        for error in directus.unreadable_fields().await {
            tracing::warn!(%error, "a field can't be read; if it is missing, create it with `stagepass-server directus bootstrap`");
        }
        for column in SealedColumn::OF_RECORDS {
            match directus.sample(column).await {
                Ok(sample) => self.check_sample(column, &sample)?,
                // A missing column is among the fields above.
                Err(error) => {
                    tracing::warn!(%error, table = column.table(), column = column.name(), "a column can't be read");
                }
            }
        }
        Ok(())
    }

    /// The names of users, and of records with these ids, that are in a Directus.
    pub(crate) async fn names_in_directus(
        &self,
        ids: &[Uuid],
    ) -> Result<HashMap<String, String>, StoreError> {
        match &self.directus {
            Some(directus) => Ok(directus.names(ids).await?),
            None => Ok(HashMap::new()),
        }
    }

    fn check_sample(&self, column: SealedColumn, sample: &[Sealed]) -> Result<(), OpenError> {
        let (table, column) = (column.table(), column.name());
        let mut does_any_open = false;
        let mut sealed_otherwise = Vec::new();
        for Sealed { id, user_id, blob, .. } in sample {
            let sealed_at = SealedAt { table, column, record_id: *id, owner_id: *user_id };
            match sealing::open(&self.keys, self.blob_version, &sealed_at, blob) {
                Ok(_) => does_any_open = true,
                Err(SealingError::Authentication | SealingError::UnknownKey(_)) => sealed_otherwise.push(*id),
                // A text that is not sealed is not the key's fault.
                Err(error) => {
                    tracing::warn!(%error, table, %id, "a record can't be decrypted")
                }
            }
        }
        match sealed_otherwise.first() {
            Some(id) if !does_any_open => Err(OpenError::WrongKeyForRecords {
                given: self.keys.writing().id().to_owned(),
                table,
                tried: sample.len(),
                id: *id,
            }),
            Some(_) => {
                tracing::warn!(table, ids = ?sealed_otherwise, "records can't be decrypted with any of the keys");
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Detects a wrong key before anything is read or written with it: each key that was used here must
/// be set and open its canary, and the writing key must not be retired.
async fn check_keys(
    database: &dyn Database,
    canaries: &[(String, String)],
    keys: &KeyRing,
) -> Result<(), OpenError> {
    let given = keys.writing().id().to_owned();
    if database.is_retired(given.clone()).await? {
        return Err(OpenError::RetiredKey(given));
    }
    for (key_id, canary) in canaries {
        let opened = sealing::open(keys, Version::V2, &CANARY_SEALED_AT, canary);
        if !opened.is_ok_and(|text| text.expose_secret() == CANARY) {
            return Err(OpenError::WrongKey { given, known: key_id.clone() });
        }
    }
    Ok(())
}

async fn keep_canary(database: &dyn Database, keys: &KeyRing) -> Result<(), OpenError> {
    let canary = seal(keys, &CANARY_SEALED_AT, CANARY.as_bytes())?;
    Ok(database.add_canary(keys.writing().id().to_owned(), canary, now_ms()).await?)
}

/// The key of the audit log, its sealed form, and how many rows were signed with it.
struct OpenedAuditLog {
    chain_key: Arc<ChainKey>,
    sealed_chain_key: String,
    rows_signed: u64,
}

/// Opens the key of the audit log. A new key is created with the database, which has no rows that
/// grant rights yet. In a database of an earlier version those rows are signed once.
async fn open_audit_log(database: &dyn Database, keys: &KeyRing) -> Result<OpenedAuditLog, OpenError> {
    let OwnKey { name, sealed_at } = OwnKey::AUDIT;
    let new = with_rows_signed(&ChainKey::generate_base64()?);
    let (key, kept) = open_own_key(database, keys, OwnKey::AUDIT, &new, AuditKey::read).await?;
    let chain_key = Arc::clone(&key.chain_key);
    let Some(unsigned) = &key.unsigned else {
        database.set_chain_key(Arc::clone(&chain_key)).await;
        return Ok(OpenedAuditLog { chain_key, sealed_chain_key: kept, rows_signed: 0 });
    };
    // The key is exposed only to seal it.
    let signed = seal(keys, &sealed_at, with_rows_signed(unsigned).expose_secret().as_bytes())?;
    let rows = database.sign_rows(Arc::clone(&chain_key), name, kept, signed.clone()).await?;
    database.set_chain_key(Arc::clone(&chain_key)).await;
    let Some(rows_signed) = rows else {
        // Another process has signed the rows first: read the sealed key that it stored.
        let (_, kept) = open_own_key(database, keys, OwnKey::AUDIT, &new, AuditKey::read).await?;
        return Ok(OpenedAuditLog { chain_key, sealed_chain_key: kept, rows_signed: 0 });
    };
    let entry = Entry::new(&Caller::Server, "sign-rows").with_outcome(format!("ok: {rows_signed} rows"));
    database.append(entry).await?;
    Ok(OpenedAuditLog { chain_key, sealed_chain_key: signed, rows_signed })
}

/// The decrypted key of the audit log.
struct AuditKey {
    chain_key: Arc<ChainKey>,
    /// The key in base64, if rows must still be signed with it.
    unsigned: Option<SecretString>,
}

impl AuditKey {
    fn read(text: &SecretString) -> Option<Self> {
        let signed = text.expose_secret().strip_prefix(ROWS_SIGNED).map(SecretString::from);
        let key = signed.as_ref().unwrap_or(text);
        // The key by itself too, without its prefix.
        masking::register(key);
        let chain_key = Arc::new(ChainKey::from_base64(key)?);
        Some(Self { chain_key, unsigned: signed.is_none().then(|| text.clone()) })
    }
}

fn with_rows_signed(key: &SecretString) -> SecretString {
    [ROWS_SIGNED, key.expose_secret()].concat().into()
}

/// One of the server's own keys with its sealed form. If missing, it becomes `new`.
async fn open_own_key<K>(
    database: &dyn Database,
    keys: &KeyRing,
    OwnKey { name, sealed_at }: OwnKey,
    new: &SecretString,
    read: fn(&SecretString) -> Option<K>,
) -> Result<(Arc<K>, String), OpenError> {
    let new = seal(keys, &sealed_at, new.expose_secret().as_bytes())?;
    let kept = database.own_key(name, new).await?;
    let opened = sealing::open(keys, Version::V2, &sealed_at, &kept).and_then(|text| {
        masking::register(&text);
        read(&text).ok_or(SealingError::Malformed)
    });
    let key = opened.map_err(|error| OpenError::OwnKey { name, error })?;
    Ok((Arc::new(key), kept))
}

fn seal(keys: &KeyRing, sealed_at: &SealedAt, plaintext: &[u8]) -> Result<String, OpenError> {
    sealing::seal(keys, Version::V2, sealed_at, plaintext)
        .map_err(|_| Error::Internal("sealing failed").into())
}

/// Opens an existing database for work that needs no key.
pub(crate) async fn open_database(given: &DatabaseSettings) -> Result<Arc<dyn Database>, OpenError> {
    Ok(open_own(given, IfMissing::Refuse, UsageLimits::default()).await?.database)
}

/// Opens the vault's store in the same way.
pub(crate) async fn open_vault_store(given: &DatabaseSettings) -> Result<Arc<dyn VaultStore>, OpenError> {
    Ok(open_own(given, IfMissing::Refuse, UsageLimits::default()).await?.vault)
}

/// The server's own database in all its roles.
struct OwnStore {
    database: Arc<dyn Database>,
    records: Arc<dyn Records>,
    vault: Arc<dyn VaultStore>,
    app_credentials: Arc<dyn AppCredentialStore>,
}

impl OwnStore {
    fn of(store: Arc<impl Database + Records + VaultStore + AppCredentialStore + 'static>) -> Self {
        Self { database: store.clone(), records: store.clone(), vault: store.clone(), app_credentials: store }
    }
}

async fn open_own(
    given: &DatabaseSettings,
    if_missing: IfMissing,
    limits: UsageLimits,
) -> Result<OwnStore, OpenError> {
    let at_location = |error| OpenError::Store { location: given.to_string(), error };
    Ok(match given {
        DatabaseSettings::Sqlite(directory) => {
            let path = directory.join(DATABASE_FILE);
            if if_missing == IfMissing::Make {
                make_database_file(directory, &path)?;
            } else if !path.exists() {
                return Err(at_location(StoreError::Missing));
            }
            let path = check_database_files(directory)?;
            OwnStore::of(Arc::new(Sqlite::open(&path, limits).map_err(at_location)?))
        }
        DatabaseSettings::Postgres(settings) => {
            OwnStore::of(Arc::new(Postgres::open(settings, if_missing, limits).await.map_err(at_location)?))
        }
    })
}

/// Creates the directory and the database file if they are missing, accessible only to their owner.
fn make_database_file(directory: &Path, path: &Path) -> Result<(), OpenError> {
    let made = stagepass_private_files::make_folder(directory)
        // Check the directory before anything is created in it.
        .and_then(|()| secret_file::check_directory(directory))
        .and_then(|()| secret_file::make_private_file(path));
    made.map_err(|error| OpenError::Directory { directory: directory.to_owned(), error })
}

/// Refuses a data directory or database that others could read or change, and returns the
/// database's path without links.
fn check_database_files(directory: &Path) -> Result<PathBuf, OpenError> {
    let fault = |error| OpenError::Directory { directory: directory.to_owned(), error };
    secret_file::check_directory(directory).map_err(fault)?;
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let path = directory.join(format!("{DATABASE_FILE}{suffix}"));
        match secret_file::open_own(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(OpenError::File { path, error });
            }
            _ => {}
        }
    }
    Ok(directory.canonicalize().map_err(fault)?.join(DATABASE_FILE))
}
