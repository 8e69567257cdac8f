//! The vault's tables: the header that opens it, its API keys, and its sessions. Keys pass through
//! sealed, and nothing here could decrypt them.

use super::{Hash, StoreError, operations};
use crate::audit::{Entry, Mac};
use uuid::Uuid;

/// The header, which opens the vault together with the master password.
#[derive(Clone, Debug)]
pub(crate) struct VaultHeader {
    /// The salt for Argon2id.
    pub(crate) salt: [u8; 16],
    /// A known text, sealed with the master key.
    pub(crate) canary: Vec<u8>,
    /// The number of the master password, from 1.
    pub(crate) key_epoch: i64,
    /// The server's signature over the other fields.
    pub(crate) signature: Mac,
}

/// A vault session, by its token's hash.
#[derive(Clone, Debug)]
pub(crate) struct VaultSession {
    pub(crate) token_hash: Hash,
    /// Sealed with a key derived from the token.
    pub(crate) sealed_master_key: Vec<u8>,
    pub(crate) key_epoch: i64,
    pub(crate) expires_at: i64,
}

/// An API key's description without the sealed key. Its service and name together are unique.
#[derive(Clone, Debug)]
pub(crate) struct VaultCredential {
    pub(crate) id: Uuid,
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) created_at: i64,
    pub(crate) last_used_at: Option<i64>,
}

/// An API key, sealed with the master key.
#[derive(Clone, Debug)]
pub(crate) struct SealedVaultCredential {
    pub(crate) credential: VaultCredential,
    pub(crate) sealed_key: Vec<u8>,
    /// Binds `sealed_key` to the credential.
    pub(crate) mac: Mac,
    /// The number of the password whose key sealed it.
    pub(crate) key_epoch: i64,
}

/// The new state of the vault after a change of its master password.
#[derive(Clone, Debug)]
pub(crate) struct PasswordChange {
    /// The new header, with the next key epoch.
    pub(crate) header: VaultHeader,
    /// All credentials, re-encrypted.
    pub(crate) credentials: Vec<SealedVaultCredential>,
    /// The only session that stays, with the new key; it must be valid at `now`.
    pub(crate) token_hash: Hash,
    pub(crate) sealed_master_key: Vec<u8>,
    pub(crate) now: i64,
}

/// The result of a write by someone who has the vault open.
// Decision: docs/decisions/vault.md#every-write-to-the-vault-names-its-key-epoch
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VaultWrite<T> {
    Done(T),
    /// Nothing was written: the master password, and so the key, has changed.
    Stale,
}

operations! {
    /// The operations on `vault`, `vault_sessions` and `vault_credentials`. Data made with a key is
    /// written only while that key's epoch is the vault's.
    trait Vault as DynVault {
        /// The vault's header; `None` before its set-up.
        async fn vault_header(&self) -> Result<Option<VaultHeader>, StoreError>;

        /// Whether anything is sealed with the key of another epoch.
        async fn has_vault_strays(&self, key_epoch: i64) -> Result<bool, StoreError>;

        /// Sets up a new vault; false if there already is one.
        async fn set_up_vault(&self, header: VaultHeader, now: i64, entry: Entry) -> Result<bool, StoreError>;

        /// Stores a session, and keeps only the newest `most`.
        async fn add_vault_session(
            &self,
            session: VaultSession,
            most: u32,
            entry: Entry,
        ) -> Result<VaultWrite<()>, StoreError>;

        /// The session with this token, and what opens the vault, unless the session has expired at
        /// `now` or the master password has changed since.
        async fn vault_session(
            &self,
            token_hash: Hash,
            now: i64,
        ) -> Result<Option<(VaultHeader, VaultSession)>, StoreError>;

        /// Ends a session; false if there is none.
        async fn end_vault_session(&self, token_hash: Hash, entry: Entry) -> Result<bool, StoreError>;

        /// All credentials, newest first.
        async fn vault_credentials(&self) -> Result<Vec<VaultCredential>, StoreError>;

        async fn vault_credential(&self, id: Uuid) -> Result<Option<SealedVaultCredential>, StoreError>;

        /// All credentials with their sealed keys, newest first.
        async fn sealed_vault_credentials(&self) -> Result<Vec<SealedVaultCredential>, StoreError>;

        /// Stores those credentials whose service and name are free, and returns their ids; `entry`
        /// records it if there are any. `None`, without a change, if there would be more than
        /// `most` in total.
        async fn add_vault_credentials(
            &self,
            new: Vec<SealedVaultCredential>,
            most: u32,
            key_epoch: i64,
            entry: Entry,
        ) -> Result<VaultWrite<Option<Vec<Uuid>>>, StoreError>;

        /// Records that a credential is used at `now`; false if there is none.
        async fn use_vault_credential(
            &self,
            id: Uuid,
            key_epoch: i64,
            now: i64,
            entry: Entry,
        ) -> Result<VaultWrite<bool>, StoreError>;

        /// Deletes a credential; false if there is none.
        async fn delete_vault_credential(
            &self,
            id: Uuid,
            key_epoch: i64,
            entry: Entry,
        ) -> Result<VaultWrite<bool>, StoreError>;

        /// Changes the master password of the previous epoch. False if the credentials differ from
        /// the re-encrypted ones, stale if the session has ended too; both without a change.
        async fn change_vault_password(
            &self,
            change: PasswordChange,
            entry: Entry,
        ) -> Result<VaultWrite<bool>, StoreError>;
    }
}
