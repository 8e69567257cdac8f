//! Opens the vault with its master password for one command.

use super::super::error::CliError;
use super::super::output::tell;
use super::super::prompt::{ask, ask_twice};
use super::entry;
use crate::audit::{Caller, Entry};
use crate::error::Error;
use crate::identity::check_password;
use crate::keyed_stores::KeyedStores;
use crate::store::{SealedVaultCredential, VaultCredential, VaultHeader, VaultStore, VaultWrite};
use crate::vault::credentials::{self, FULL};
use crate::vault::{Key, MAX_CREDENTIALS, Vault, generate_salt};
use secrecy::SecretString;
use std::sync::Arc;
use uuid::Uuid;

const OTHERWISE: &str = "set STAGEPASS_VAULT_PASSWORD, or name a file that holds it with --password-file";

/// The vault with its master key, or a vault that is about to get one.
pub(super) struct OpenVault {
    vault: Vault,
    store: Arc<dyn VaultStore>,
    password: SecretString,
    key: Key,
    key_epoch: i64,
    /// Set if the vault is not set up yet.
    new_salt: Option<[u8; 16]>,
}

impl OpenVault {
    /// Opens a vault with the password from the settings or a prompt. A wrong one is logged as a
    /// failure of `action`.
    pub(super) async fn open(
        stores: &KeyedStores,
        given: Option<SecretString>,
        action: &str,
    ) -> Result<Self, CliError> {
        let vault = vault_of(stores).await?;
        let header = vault
            .header()
            .await?
            .ok_or_else(|| CliError::User("the vault has no master password yet and is empty".to_owned()))?;
        Self::with(stores, vault, &header, given, action).await
    }

    /// The same, but a vault without a master password gets one, which [`OpenVault::set_up`]
    /// stores.
    pub(super) async fn open_or_new(
        stores: &KeyedStores,
        given: Option<SecretString>,
        action: &str,
    ) -> Result<Self, CliError> {
        let vault = vault_of(stores).await?;
        if let Some(header) = vault.header().await? {
            return Self::with(stores, vault, &header, given, action).await;
        }
        let how = if given.is_some() { "using the one from the settings" } else { "choose one" };
        tell(&format!(
            "the vault has no master password yet: {how}. Keep it safe, because it can't be recovered"
        ));
        let password = given.map_or_else(|| ask_twice("New master password", OTHERWISE), Ok)?;
        check_password(&password)?;
        let salt = generate_salt()?;
        let key = Key::derive(&password, &salt)?;
        let store = Arc::clone(&stores.vault);
        Ok(Self { vault, store, password, key, key_epoch: 1, new_salt: Some(salt) })
    }

    async fn with(
        stores: &KeyedStores,
        vault: Vault,
        header: &VaultHeader,
        given: Option<SecretString>,
        action: &str,
    ) -> Result<Self, CliError> {
        let password = given.map_or_else(|| ask("Master password", OTHERWISE), Ok)?;
        let key = Key::derive(&password, &header.salt)?;
        if !key.opens(header) {
            stores.database.append(entry(action).with_outcome(Error::InvalidMasterPassword)).await?;
            return Err(CliError::User("wrong master password".to_owned()));
        }
        let store = Arc::clone(&stores.vault);
        Ok(Self { vault, store, password, key, key_epoch: header.key_epoch, new_salt: None })
    }

    pub(super) fn password(&self) -> &SecretString {
        &self.password
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Encrypts an API key and binds it to its credential.
    pub(super) fn seal(
        &self,
        credential: VaultCredential,
        api_key: &SecretString,
    ) -> Result<SealedVaultCredential, CliError> {
        Ok(credentials::seal((&self.key, self.key_epoch), credential, api_key)?)
    }

    /// Stores the master password of a vault that has none.
    pub(super) async fn set_up(&self) -> Result<(), CliError> {
        let Some(salt) = self.new_salt else { return Ok(()) };
        match self.vault.set_up(&self.key, salt, &Caller::Operator).await {
            Err(Error::Conflict(_)) => Err(stale()),
            set_up => Ok(set_up?),
        }
    }

    /// Stores the credentials whose service and name are free, and returns their ids.
    pub(super) async fn add(
        &self,
        new: Vec<SealedVaultCredential>,
        entry: Entry,
    ) -> Result<Vec<Uuid>, CliError> {
        self.set_up().await?;
        let added = self.store.add_vault_credentials(new, MAX_CREDENTIALS, self.key_epoch, entry).await?;
        Ok(done(added)?.ok_or(FULL)?)
    }

    /// Fails if the master password has changed.
    pub(super) async fn check_current(&self) -> Result<(), CliError> {
        let header = self.vault.header().await?;
        if header.is_some_and(|header| header.key_epoch == self.key_epoch) { Ok(()) } else { Err(stale()) }
    }
}

pub(super) async fn vault_of(stores: &KeyedStores) -> Result<Vault, CliError> {
    let (store, database) = (Arc::clone(&stores.vault), Arc::clone(&stores.database));
    Ok(Vault::open(store, database, Arc::clone(&stores.chain_key)).await?)
}

/// The result of a write, if the password did not change meanwhile.
pub(super) fn done<T>(write: VaultWrite<T>) -> Result<T, CliError> {
    match write {
        VaultWrite::Done(done) => Ok(done),
        VaultWrite::Stale => Err(stale()),
    }
}

fn stale() -> CliError {
    let changed = "the master password was changed meanwhile, so nothing was done; run this again";
    CliError::User(changed.to_owned())
}
