//! The vault's tables: what opens it, the API keys in it, and who has it open.
//! Keys pass through sealed, and nothing here could open them.

use super::{Hash, StoreError, operations};
use crate::audit::{Entry, Mac};
use uuid::Uuid;

/// What opens the vault, together with the master password.
#[derive(Clone, Debug)]
pub(crate) struct VaultHeader {
    /// Argon2id's.
    pub(crate) salt: [u8; 16],
    /// A known text, sealed under the master key.
    pub(crate) canary: Vec<u8>,
    /// Counts the master passwords, from 1.
    pub(crate) key_epoch: i64,
    /// The server's, over the other fields.
    pub(crate) signature: Mac,
}

/// A sign-in to the vault, by its token's hash.
#[derive(Clone, Debug)]
pub(crate) struct VaultSession {
    pub(crate) token_hash: Hash,
    /// Under a key that the token yields.
    pub(crate) sealed_master_key: Vec<u8>,
    pub(crate) key_epoch: i64,
    pub(crate) expires_at: i64,
}

/// What is known of an API key while it stays sealed. Its service and name
/// together are its alone.
#[derive(Clone, Debug)]
pub(crate) struct VaultCredential {
    pub(crate) id: Uuid,
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) created_at: i64,
    pub(crate) last_used_at: Option<i64>,
}

/// An API key, sealed under the master key.
#[derive(Clone, Debug)]
pub(crate) struct SealedVaultCredential {
    pub(crate) credential: VaultCredential,
    pub(crate) sealed_key: Vec<u8>,
    /// Ties `sealed_key` to the credential.
    pub(crate) mac: Mac,
    /// Under which password's key it is sealed.
    pub(crate) key_epoch: i64,
}

/// What becomes of the vault when its master password is changed.
#[derive(Clone, Debug)]
pub(crate) struct PasswordChange {
    /// Of the next key epoch.
    pub(crate) header: VaultHeader,
    /// All that there is, sealed anew.
    pub(crate) credentials: Vec<SealedVaultCredential>,
    /// The only sign-in that goes on, with the new key; it must live at `now`.
    pub(crate) token_hash: Hash,
    pub(crate) sealed_master_key: Vec<u8>,
    pub(crate) now: i64,
}

/// What became of a write by somebody who has the vault open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VaultWrite<T> {
    Done(T),
    /// Nothing was written: the master password is another by now, and so is the key.
    Stale,
}

operations! {
    /// `vault`, `vault_sessions` and `vault_credentials`. What is written with a key is written
    /// only while that key's epoch is the vault's.
    trait Vault as DynVault {
        /// What opens the vault; `None` before it was set up.
        async fn vault_header(&self) -> Result<Option<VaultHeader>, StoreError>;

        /// Whether something is sealed under another epoch's key than this.
        async fn has_vault_strays(&self, key_epoch: i64) -> Result<bool, StoreError>;

        /// Keeps what opens a new vault; false where there is one already.
        async fn set_up_vault(&self, header: VaultHeader, now: i64, entry: Entry) -> Result<bool, StoreError>;

        /// Keeps a sign-in, and of all only the newest `most`.
        async fn add_vault_session(
            &self,
            session: VaultSession,
            most: u32,
            entry: Entry,
        ) -> Result<VaultWrite<()>, StoreError>;

        /// The sign-in with this token, and what opens the vault; unless the sign-in's
        /// time has passed at `now` or the master password is another since.
        async fn vault_session(
            &self,
            token_hash: Hash,
            now: i64,
        ) -> Result<Option<(VaultHeader, VaultSession)>, StoreError>;

        /// Ends a sign-in; false where there is none.
        async fn end_vault_session(&self, token_hash: Hash, entry: Entry) -> Result<bool, StoreError>;

        /// All credentials, newest first.
        async fn vault_credentials(&self) -> Result<Vec<VaultCredential>, StoreError>;

        async fn vault_credential(&self, id: Uuid) -> Result<Option<SealedVaultCredential>, StoreError>;

        /// All credentials as they are sealed, newest first.
        async fn sealed_vault_credentials(&self) -> Result<Vec<SealedVaultCredential>, StoreError>;

        /// Keeps those whose service and name nobody has, and gives their ids;
        /// `entry` tells of that where it is any. `None`, and none of them is kept,
        /// where that would be more than `most` in all.
        async fn add_vault_credentials(
            &self,
            new: Vec<SealedVaultCredential>,
            most: u32,
            key_epoch: i64,
            entry: Entry,
        ) -> Result<VaultWrite<Option<Vec<Uuid>>>, StoreError>;

        /// Notes that a credential is used at `now`; false where there is none.
        async fn use_vault_credential(
            &self,
            id: Uuid,
            key_epoch: i64,
            now: i64,
            entry: Entry,
        ) -> Result<VaultWrite<bool>, StoreError>;

        /// Deletes a credential; false where there is none.
        async fn delete_vault_credential(
            &self,
            id: Uuid,
            key_epoch: i64,
            entry: Entry,
        ) -> Result<VaultWrite<bool>, StoreError>;

        /// Changes the master password of the epoch before the given one's. False
        /// where other credentials are there by now than were sealed anew, stale where
        /// the sign-in has ended as well: then nothing was changed.
        async fn change_vault_password(
            &self,
            change: PasswordChange,
            entry: Entry,
        ) -> Result<VaultWrite<bool>, StoreError>;
    }
}
