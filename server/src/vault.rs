//! The vault: an operator's API keys, sealed with a key that is derived from the master password
//! and stored nowhere. It shares the server's database and audit log, but nothing that opens data
//! of other modules.
//!
//! The master key is in memory only while a request with a session's token is served: the database
//! keeps it sealed with a key derived from that token. So every server on the database can serve
//! every session.

pub(crate) mod auth;
pub(crate) mod credentials;
mod derivations;
mod export_file;
mod key;
mod password_change;
mod session;
mod set_up;
mod set_up_file;

pub(crate) use export_file::{ExportFile, MAX_EXPORT_BYTES, PlainCredential};
pub(crate) use key::Key;

use crate::audit::ChainKey;
use crate::error::Error;
use crate::store::{Database, StoreError, VaultHeader, VaultStore};
use derivations::Derivations;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use thiserror::Error as ThisError;

/// The most credentials: a list has no pages, and a change of the password re-encrypts all of them
/// at once.
pub(crate) const MAX_CREDENTIALS: u32 = 1000;

/// Why the vault can't be used.
#[derive(Debug, ThisError)]
pub(crate) enum VaultFault {
    #[error(
        "another program changed the vault's salt, canary or key epoch in the database, so no master password \
         would open it; restore the database from a backup"
    )]
    Altered,
    #[error(
        "the vault has API keys of another key epoch, which its master password can't decrypt; restore the \
         database from a backup"
    )]
    Strays,
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
}

impl From<VaultFault> for Error {
    fn from(fault: VaultFault) -> Self {
        match fault {
            VaultFault::Store(error) => error.into(),
            fault => {
                tracing::error!(%fault, "the vault can't be used");
                Self::Internal("the vault can't be used")
            }
        }
    }
}

/// The vault of the server's own database. Clones share it.
// Decision: docs/decisions/vault.md#the-vault-is-separate-from-the-other-parts
#[derive(Clone, Debug)]
pub(crate) struct Vault {
    store: Arc<dyn VaultStore>,
    /// Counts wrong passwords, and has the audit log.
    database: Arc<dyn Database>,
    chain_key: Arc<ChainKey>,
    derivations: Arc<Derivations>,
}

impl Vault {
    /// Opens the vault, set up or not, and refuses one that another program changed.
    pub(crate) async fn open(
        store: Arc<dyn VaultStore>,
        database: Arc<dyn Database>,
        chain_key: Arc<ChainKey>,
    ) -> Result<Self, VaultFault> {
        let vault = Self { store, database, chain_key, derivations: Arc::new(Derivations::new()) };
        let mut key_epoch = vault.key_epoch().await?;
        while vault.store.has_vault_strays(key_epoch).await? {
            let before = std::mem::replace(&mut key_epoch, vault.key_epoch().await?);
            // Otherwise someone has just changed the password.
            if before == key_epoch {
                return Err(VaultFault::Strays);
            }
        }
        Ok(vault)
    }

    async fn key_epoch(&self) -> Result<i64, VaultFault> {
        Ok(self.header().await?.map_or(0, |header| header.key_epoch))
    }

    /// What opens the vault; `None` before its set-up.
    pub(crate) async fn header(&self) -> Result<Option<VaultHeader>, VaultFault> {
        let header = self.store.vault_header().await?;
        match &header {
            Some(found) if !self.is_genuine(found) => Err(VaultFault::Altered),
            _ => Ok(header),
        }
    }

    /// Whether this server signed it.
    fn is_genuine(&self, header: &VaultHeader) -> bool {
        let VaultHeader { salt, canary, key_epoch, signature } = header;
        self.chain_key.sign_vault(salt, canary, *key_epoch).ct_eq(signature).into()
    }
}

/// A salt for Argon2id.
pub(crate) fn generate_salt() -> Result<[u8; 16], Error> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)?;
    Ok(salt)
}
