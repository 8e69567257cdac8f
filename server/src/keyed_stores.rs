//! The stores, opened, with the keys that open what is sealed in them: what
//! serving needs, and whatever command reads or notes something sealed.

use crate::audit::{Caller, ChainKey, Entry};
use crate::clock::now_ms;
use crate::config::{ConfigError, GivenDatabase, GivenKeys};
use crate::directus::Directus;
use crate::error::Error;
use crate::masking;
use crate::proof::ServerKey;
use crate::sealing::{self, KeyRing, Place, SealingError, Version};
use crate::secret_file;
use crate::store::{
    AppCredentialStore, Database, DirectusRecords, IfMissing, Postgres, Records, Sealed, SealedTable, Sqlite,
    StoreError, UsageLimits, VaultStore,
};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error as ThisError;
use uuid::Uuid;

/// The database's name in the data directory.
const DATABASE_FILE: &str = "stagepass.db";
const CANARY: &str = "stagepass canary";
/// Where a key's canary belongs.
const CANARY_PLACE: Place =
    Place { table: "sealing_keys", column: "canary", record_id: Uuid::nil(), owner_id: Uuid::nil() };

/// Stands before the key of the audit log, sealed with it, once the rows that grant
/// rights are signed: from then on one without a MAC is broken, whatever else the
/// database says.
const ROWS_SIGNED: &str = "rows signed ";

/// A key of the server's own: random, made with the database, and kept sealed in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnKey {
    /// Its name among those that the database keeps.
    pub(crate) name: &'static str,
    /// What its sealed form is bound to.
    pub(crate) place: Place,
}

impl OwnKey {
    /// That of the audit log. The table is the one that had it at first.
    const AUDIT: Self = Self::new("audit", "audit_key", "encrypted_key");
    /// That by which the server is known.
    const PROOF: Self = Self::new("proof", "own_keys", "proof");

    const fn new(name: &'static str, table: &'static str, column: &'static str) -> Self {
        Self { name, place: Place { table, column, record_id: Uuid::nil(), owner_id: Uuid::nil() } }
    }
}

/// Why the stores can't be used.
#[derive(Debug, ThisError)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{place}: {error}")]
    Store { place: String, error: StoreError },
    #[error("{}: {error}; name another data directory with --data-dir", directory.display())]
    Directory { directory: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("the database failed: {0}")]
    Database(#[from] StoreError),
    #[error(
        "the encryption key has the id {given}, but the database was sealed with {known}; \
         give that key in CREDENTIALS_ENC_KEY_B64, or list it in CREDENTIALS_ENC_OLD_KEYS_B64"
    )]
    WrongKey { given: String, known: String },
    #[error(
        "the encryption key has the id {0}, which `rotate-keys` has retired: give the key that replaced it \
         in CREDENTIALS_ENC_KEY_B64; a retired key never comes back"
    )]
    RetiredKey(String),
    #[error(
        "the encryption key has the id {given}, but of {tried} records of {table} none opens with it, \
         {id} among them; give the key of these records in CREDENTIALS_ENC_KEY_B64, or list it in \
         CREDENTIALS_ENC_OLD_KEYS_B64; if it is lost, delete the records"
    )]
    WrongKeyForRecords { given: String, table: &'static str, tried: usize, id: Uuid },
    #[error("the key {name} in the database does not open: {error}")]
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
    /// The records' store where it is a Directus.
    directus: Option<Arc<DirectusRecords>>,
    pub(crate) keys: KeyRing,
    /// In which version records are sealed: where they are kept decides.
    pub(crate) blob_version: Version,
    /// The key of the audit log.
    pub(crate) chain_key: Arc<ChainKey>,
    /// What this server is known by.
    pub(crate) server_key: Arc<ServerKey>,
    /// These two as they are kept.
    pub(crate) sealed_own_keys: [(OwnKey, String); 2],
    /// How many rows of a former version were signed just now.
    pub(crate) rows_signed: u64,
    /// Files with secrets that were made just now, to be backed up.
    pub(crate) made: Vec<PathBuf>,
}

impl KeyedStores {
    /// Opens the stores and holds the keys against them.
    /// The records are in `directus`, if there is one.
    pub(crate) async fn open(
        given_database: &GivenDatabase,
        given: GivenKeys,
        directus: Option<Arc<Directus>>,
        if_missing: IfMissing,
        limits: UsageLimits,
    ) -> Result<Self, OpenError> {
        let OwnStore { database, records: own_records, vault, app_credentials } =
            open_own(given_database, if_missing, limits).await?;
        let canaries = database.canaries().await?;
        // What is there without a key was never completed.
        if canaries.is_empty() && if_missing == IfMissing::Refuse {
            return Err(OpenError::Store { place: given_database.to_string(), error: StoreError::Missing });
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

    /// Notes that the writing key is in use, so that it must be given from now on.
    pub(crate) async fn keep_canary(&self) -> Result<(), OpenError> {
        keep_canary(&*self.database, &self.keys).await
    }

    /// Notices a wrong key by a few records of each table, where the records
    /// are in a Directus: the own database knows nothing of them when it is new.
    /// One that does not open may be another writer's fault.
    pub(crate) async fn check_records(&self) -> Result<(), OpenError> {
        let Some(directus) = &self.directus else { return Ok(()) };
        for table in SealedTable::OF_RECORDS {
            match directus.sample(table).await {
                Ok(sample) => self.check_sample(table, &sample)?,
                Err(error) => {
                    tracing::warn!(%error, table = table.name(), "a table can't be read; if it is missing, `stagepass-server directus bootstrap` makes it");
                }
            }
        }
        Ok(())
    }

    /// What people call the records with these ids that are in a Directus, and its users.
    pub(crate) async fn names_in_directus(
        &self,
        ids: &[Uuid],
    ) -> Result<HashMap<String, String>, StoreError> {
        match &self.directus {
            Some(directus) => Ok(directus.names(ids).await?),
            None => Ok(HashMap::new()),
        }
    }

    fn check_sample(&self, table: SealedTable, sample: &[Sealed]) -> Result<(), OpenError> {
        let mut does_any_open = false;
        let mut sealed_otherwise = Vec::new();
        for Sealed { id, user_id, blob, .. } in sample {
            let place =
                Place { table: table.name(), column: table.column(), record_id: *id, owner_id: *user_id };
            match sealing::open(&self.keys, self.blob_version, &place, blob) {
                Ok(_) => does_any_open = true,
                Err(SealingError::Authentication | SealingError::UnknownKey(_)) => sealed_otherwise.push(*id),
                // No key is to blame for what is no sealed text.
                Err(error) => tracing::warn!(%error, table = table.name(), %id, "a record does not open"),
            }
        }
        match sealed_otherwise.first() {
            Some(id) if !does_any_open => Err(OpenError::WrongKeyForRecords {
                given: self.keys.writing().id().to_owned(),
                table: table.name(),
                tried: sample.len(),
                id: *id,
            }),
            Some(_) => {
                tracing::warn!(table = table.name(), ids = ?sealed_otherwise, "records do not open with any key that was given");
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Notices a wrong key before anything is read or written with it: each key
/// that was used here must be given and open its canary, and the writing one
/// must be none that was replaced.
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
        let opened = sealing::open(keys, Version::V2, &CANARY_PLACE, canary);
        if !opened.is_ok_and(|text| text.expose_secret() == CANARY) {
            return Err(OpenError::WrongKey { given, known: key_id.clone() });
        }
    }
    Ok(())
}

async fn keep_canary(database: &dyn Database, keys: &KeyRing) -> Result<(), OpenError> {
    let canary = seal(keys, &CANARY_PLACE, CANARY.as_bytes())?;
    Ok(database.add_canary(keys.writing().id().to_owned(), canary, now_ms()).await?)
}

/// The key of the audit log, its sealed form, and how many rows were signed with it.
struct OpenedAuditLog {
    chain_key: Arc<ChainKey>,
    sealed_chain_key: String,
    rows_signed: u64,
}

/// The key is made with the database, which has no rows yet that grant rights. In a
/// database of a former version these are signed once.
async fn open_audit_log(database: &dyn Database, keys: &KeyRing) -> Result<OpenedAuditLog, OpenError> {
    let OwnKey { name, place } = OwnKey::AUDIT;
    let new = with_rows_signed(&ChainKey::generate_base64()?);
    let (key, kept) = open_own_key(database, keys, OwnKey::AUDIT, &new, AuditKey::read).await?;
    let chain_key = Arc::clone(&key.chain_key);
    let Some(unsigned) = &key.unsigned else {
        database.set_chain_key(Arc::clone(&chain_key)).await;
        return Ok(OpenedAuditLog { chain_key, sealed_chain_key: kept, rows_signed: 0 });
    };
    // To be sealed is why it leaves its wrapper.
    let signed = seal(keys, &place, with_rows_signed(unsigned).expose_secret().as_bytes())?;
    let rows = database.sign_rows(Arc::clone(&chain_key), name, kept, signed.clone()).await?;
    database.set_chain_key(Arc::clone(&chain_key)).await;
    let Some(rows_signed) = rows else {
        // Another process has done it.
        let (_, kept) = open_own_key(database, keys, OwnKey::AUDIT, &new, AuditKey::read).await?;
        return Ok(OpenedAuditLog { chain_key, sealed_chain_key: kept, rows_signed: 0 });
    };
    let entry = Entry::new(&Caller::Server, "sign-rows").with_outcome(format!("ok: {rows_signed} rows"));
    database.append(entry).await?;
    Ok(OpenedAuditLog { chain_key, sealed_chain_key: signed, rows_signed })
}

/// What is sealed as the key of the audit log.
struct AuditKey {
    chain_key: Arc<ChainKey>,
    /// The key in base64 where rows are yet to be signed with it.
    unsigned: Option<SecretString>,
}

impl AuditKey {
    fn read(text: &SecretString) -> Option<Self> {
        let signed = text.expose_secret().strip_prefix(ROWS_SIGNED).map(SecretString::from);
        let key = signed.as_ref().unwrap_or(text);
        // By itself as well, without what stands before it.
        masking::hold(key);
        let chain_key = Arc::new(ChainKey::from_base64(key)?);
        Some(Self { chain_key, unsigned: signed.is_none().then(|| text.clone()) })
    }
}

fn with_rows_signed(key: &SecretString) -> SecretString {
    [ROWS_SIGNED, key.expose_secret()].concat().into()
}

/// A key of the server's own, and its sealed form. It is `new` where there is none yet.
async fn open_own_key<K>(
    database: &dyn Database,
    keys: &KeyRing,
    OwnKey { name, place }: OwnKey,
    new: &SecretString,
    read: fn(&SecretString) -> Option<K>,
) -> Result<(Arc<K>, String), OpenError> {
    let new = seal(keys, &place, new.expose_secret().as_bytes())?;
    let kept = database.own_key(name, new).await?;
    let opened = sealing::open(keys, Version::V2, &place, &kept).and_then(|text| {
        masking::hold(&text);
        read(&text).ok_or(SealingError::Malformed)
    });
    let key = opened.map_err(|error| OpenError::OwnKey { name, error })?;
    Ok((Arc::new(key), kept))
}

fn seal(keys: &KeyRing, place: &Place, plaintext: &[u8]) -> Result<String, OpenError> {
    sealing::seal(keys, Version::V2, place, plaintext).map_err(|_| Error::Internal("sealing failed").into())
}

/// Opens the own database for what needs no key, where there is one.
pub(crate) async fn open_database(given: &GivenDatabase) -> Result<Arc<dyn Database>, OpenError> {
    Ok(open_own(given, IfMissing::Refuse, UsageLimits::default()).await?.database)
}

/// The same for what the vault keeps in it.
pub(crate) async fn open_vault_store(given: &GivenDatabase) -> Result<Arc<dyn VaultStore>, OpenError> {
    Ok(open_own(given, IfMissing::Refuse, UsageLimits::default()).await?.vault)
}

/// The own database as all that it is.
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
    given: &GivenDatabase,
    if_missing: IfMissing,
    limits: UsageLimits,
) -> Result<OwnStore, OpenError> {
    let in_place = |error| OpenError::Store { place: given.to_string(), error };
    Ok(match given {
        GivenDatabase::Sqlite(directory) => {
            let path = directory.join(DATABASE_FILE);
            if if_missing == IfMissing::Make {
                make_database_file(directory, &path)?;
            } else if !path.exists() {
                return Err(in_place(StoreError::Missing));
            }
            let path = check_database_files(directory)?;
            OwnStore::of(Arc::new(Sqlite::open(&path, limits).map_err(in_place)?))
        }
        GivenDatabase::Postgres(settings) => {
            OwnStore::of(Arc::new(Postgres::open(settings, if_missing, limits).await.map_err(in_place)?))
        }
    })
}

/// Makes the database's file and its directory where they are missing, for
/// their owner alone.
fn make_database_file(directory: &Path, path: &Path) -> Result<(), OpenError> {
    let made = stagepass_private_files::make_folder(directory)
        // Before anything is made in it.
        .and_then(|()| secret_file::check_directory(directory))
        .and_then(|()| secret_file::make_private_file(path));
    made.map_err(|error| OpenError::Directory { directory: directory.to_owned(), error })
}

/// Refuses a data directory or a database that somebody else could read or change,
/// and gives the database's path without links.
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
