//! The vault's store, timed.

use super::Timed;
use crate::audit::Entry;
use crate::store::{
    Hash, PasswordChange, SealedVaultCredential, StoreError, VaultCredential, VaultHeader, VaultSession,
    VaultStore, VaultWrite,
};
use async_trait::async_trait;
use uuid::Uuid;

#[async_trait]
impl VaultStore for Timed<dyn VaultStore> {
    async fn vault_header(&self) -> Result<Option<VaultHeader>, StoreError> {
        self.time("vault_header", self.inner.vault_header()).await
    }

    async fn has_vault_strays(&self, key_epoch: i64) -> Result<bool, StoreError> {
        self.time("has_vault_strays", self.inner.has_vault_strays(key_epoch)).await
    }

    async fn set_up_vault(&self, header: VaultHeader, now: i64, entry: Entry) -> Result<bool, StoreError> {
        self.time("set_up_vault", self.inner.set_up_vault(header, now, entry)).await
    }

    async fn add_vault_session(
        &self,
        session: VaultSession,
        most: u32,
        entry: Entry,
    ) -> Result<VaultWrite<()>, StoreError> {
        self.time("add_vault_session", self.inner.add_vault_session(session, most, entry)).await
    }

    async fn vault_session(
        &self,
        token_hash: Hash,
        now: i64,
    ) -> Result<Option<(VaultHeader, VaultSession)>, StoreError> {
        self.time("vault_session", self.inner.vault_session(token_hash, now)).await
    }

    async fn end_vault_session(&self, token_hash: Hash, entry: Entry) -> Result<bool, StoreError> {
        self.time("end_vault_session", self.inner.end_vault_session(token_hash, entry)).await
    }

    async fn vault_credentials(&self) -> Result<Vec<VaultCredential>, StoreError> {
        self.time("vault_credentials", self.inner.vault_credentials()).await
    }

    async fn vault_credential(&self, id: Uuid) -> Result<Option<SealedVaultCredential>, StoreError> {
        self.time("vault_credential", self.inner.vault_credential(id)).await
    }

    async fn sealed_vault_credentials(&self) -> Result<Vec<SealedVaultCredential>, StoreError> {
        self.time("sealed_vault_credentials", self.inner.sealed_vault_credentials()).await
    }

    async fn add_vault_credentials(
        &self,
        new: Vec<SealedVaultCredential>,
        most: u32,
        key_epoch: i64,
        entry: Entry,
    ) -> Result<VaultWrite<Option<Vec<Uuid>>>, StoreError> {
        self.time("add_vault_credentials", self.inner.add_vault_credentials(new, most, key_epoch, entry))
            .await
    }

    async fn use_vault_credential(
        &self,
        id: Uuid,
        key_epoch: i64,
        now: i64,
        entry: Entry,
    ) -> Result<VaultWrite<bool>, StoreError> {
        self.time("use_vault_credential", self.inner.use_vault_credential(id, key_epoch, now, entry)).await
    }

    async fn delete_vault_credential(
        &self,
        id: Uuid,
        key_epoch: i64,
        entry: Entry,
    ) -> Result<VaultWrite<bool>, StoreError> {
        self.time("delete_vault_credential", self.inner.delete_vault_credential(id, key_epoch, entry)).await
    }

    async fn change_vault_password(
        &self,
        change: PasswordChange,
        entry: Entry,
    ) -> Result<VaultWrite<bool>, StoreError> {
        self.time("change_vault_password", self.inner.change_vault_password(change, entry)).await
    }
}
