//! The vault on SQLite.

use super::{Sqlite, row};
use crate::audit::Entry;
use crate::store::{
    Hash, PasswordChange, SealedVaultCredential, StoreError, Vault, VaultCredential, VaultHeader,
    VaultSession, VaultWrite,
};
use rusqlite::{Connection as DbConnection, OptionalExtension as _, Result, Row, params};
use std::collections::BTreeSet;
use uuid::Uuid;

const CREDENTIAL: &str = "id, service, name, created_at, last_used_at";
const SEALED_CREDENTIAL: &str = "id, service, name, created_at, last_used_at, sealed_key, mac, key_epoch";

impl Sqlite {
    /// Writes something made with the key of an epoch, if that is the vault's; `entry` records it
    /// if `did` says that something was done.
    async fn write_to_vault<T: Send + 'static>(
        &self,
        key_epoch: i64,
        (entry, did): (Entry, fn(&T) -> bool),
        operation: impl FnOnce(&DbConnection) -> Result<T> + Send + 'static,
    ) -> Result<VaultWrite<T>, StoreError> {
        let key = self.chain_key()?;
        self.write(move |batch| {
            let is_current = "SELECT EXISTS (SELECT 1 FROM vault WHERE key_epoch = ?1)";
            if !batch.query_row(is_current, [key_epoch], |found| found.get(0))? {
                return Ok(VaultWrite::Stale);
            }
            let outcome = operation(batch)?;
            if did(&outcome) {
                batch.append(&key, entry)?;
            }
            Ok(VaultWrite::Done(outcome))
        })
        .await
    }
}

impl Vault for Sqlite {
    async fn vault_header(&self) -> Result<Option<VaultHeader>, StoreError> {
        let select = "SELECT salt, canary, key_epoch, signature FROM vault";
        self.read(move |c| c.prepare_cached(select)?.query_row([], read_header).optional()).await
    }

    async fn has_vault_strays(&self, key_epoch: i64) -> Result<bool, StoreError> {
        let select = "SELECT EXISTS (SELECT 1 FROM vault_credentials WHERE key_epoch <> ?1)";
        self.read(move |c| c.query_row(select, [key_epoch], |found| found.get(0))).await
    }

    async fn set_up_vault(&self, header: VaultHeader, now: i64, entry: Entry) -> Result<bool, StoreError> {
        let insert = "INSERT INTO vault (id, salt, canary, key_epoch, signature, created_at)
                      VALUES (1, ?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
        self.write_audited((entry, |is_new| *is_new), move |c| {
            let VaultHeader { salt, canary, key_epoch, signature } = &header;
            c.execute(insert, params![salt, canary, key_epoch, signature, now]).map(|rows| rows > 0)
        })
        .await
    }

    async fn add_vault_session(
        &self,
        session: VaultSession,
        most: u32,
        entry: Entry,
    ) -> Result<VaultWrite<()>, StoreError> {
        self.write_to_vault(session.key_epoch, (entry, |()| true), move |c| {
            let VaultSession { token_hash, sealed_master_key, key_epoch, expires_at } = &session;
            c.execute(
                "INSERT INTO vault_sessions (token_hash, sealed_master_key, key_epoch, expires_at)
                 VALUES (?1, ?2, ?3, ?4)",
                params![token_hash, sealed_master_key, key_epoch, expires_at],
            )?;
            let evict = "DELETE FROM vault_sessions WHERE sequence NOT IN
                         (SELECT sequence FROM vault_sessions ORDER BY sequence DESC LIMIT ?1)";
            c.execute(evict, [most]).map(drop)
        })
        .await
    }

    async fn vault_session(
        &self,
        token_hash: Hash,
        now: i64,
    ) -> Result<Option<(VaultHeader, VaultSession)>, StoreError> {
        let select = "SELECT salt, canary, key_epoch, signature, sealed_master_key, expires_at
                      FROM vault_sessions JOIN vault USING (key_epoch)
                      WHERE token_hash = ?1 AND expires_at > ?2";
        let read = move |found: &Row<'_>| {
            let header = read_header(found)?;
            let (key_epoch, sealed_master_key, expires_at) = (header.key_epoch, found.get(4)?, found.get(5)?);
            Ok((header, VaultSession { token_hash, sealed_master_key, key_epoch, expires_at }))
        };
        self.read(move |c| c.prepare_cached(select)?.query_row(params![token_hash, now], read).optional())
            .await
    }

    async fn end_vault_session(&self, token_hash: Hash, entry: Entry) -> Result<bool, StoreError> {
        let delete = "DELETE FROM vault_sessions WHERE token_hash = ?1";
        let end = move |c: &DbConnection| c.execute(delete, [token_hash]).map(|rows| rows > 0);
        self.write_audited((entry, |ended| *ended), end).await
    }

    async fn vault_credentials(&self) -> Result<Vec<VaultCredential>, StoreError> {
        let select = format!("SELECT {CREDENTIAL} FROM vault_credentials ORDER BY created_at DESC, id DESC");
        self.read(move |c| c.prepare_cached(&select)?.query_map([], read_credential)?.collect()).await
    }

    async fn vault_credential(&self, id: Uuid) -> Result<Option<SealedVaultCredential>, StoreError> {
        let select = format!("SELECT {SEALED_CREDENTIAL} FROM vault_credentials WHERE id = ?1");
        self.read(move |c| c.prepare_cached(&select)?.query_row([id.to_string()], read_sealed).optional())
            .await
    }

    async fn sealed_vault_credentials(&self) -> Result<Vec<SealedVaultCredential>, StoreError> {
        let select =
            format!("SELECT {SEALED_CREDENTIAL} FROM vault_credentials ORDER BY created_at DESC, id DESC");
        self.read(move |c| c.prepare(&select)?.query_map([], read_sealed)?.collect()).await
    }

    async fn add_vault_credentials(
        &self,
        new: Vec<SealedVaultCredential>,
        most: u32,
        key_epoch: i64,
        entry: Entry,
    ) -> Result<VaultWrite<Option<Vec<Uuid>>>, StoreError> {
        let did = |added: &Option<Vec<Uuid>>| added.as_ref().is_some_and(|added| !added.is_empty());
        self.write_to_vault(key_epoch, (entry, did), move |c| {
            if count_with(c, &new)? > most as usize {
                return Ok(None);
            }
            let mut insert = c.prepare_cached(
                "INSERT INTO vault_credentials
                     (id, service, name, created_at, last_used_at, sealed_key, mac, key_epoch)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            )?;
            let mut added = Vec::new();
            for SealedVaultCredential { credential, sealed_key, mac, .. } in &new {
                let VaultCredential { id, service, name, created_at, last_used_at } = credential;
                let columns = params![
                    id.to_string(),
                    service,
                    name,
                    created_at,
                    last_used_at,
                    sealed_key,
                    mac,
                    key_epoch
                ];
                if insert.execute(columns)? > 0 {
                    added.push(*id);
                }
            }
            Ok(Some(added))
        })
        .await
    }

    async fn use_vault_credential(
        &self,
        id: Uuid,
        key_epoch: i64,
        now: i64,
        entry: Entry,
    ) -> Result<VaultWrite<bool>, StoreError> {
        let update = "UPDATE vault_credentials SET last_used_at = ?2 WHERE id = ?1";
        self.write_to_vault(key_epoch, (entry, |used| *used), move |c| {
            c.prepare_cached(update)?.execute(params![id.to_string(), now]).map(|rows| rows > 0)
        })
        .await
    }

    async fn delete_vault_credential(
        &self,
        id: Uuid,
        key_epoch: i64,
        entry: Entry,
    ) -> Result<VaultWrite<bool>, StoreError> {
        let delete = "DELETE FROM vault_credentials WHERE id = ?1";
        self.write_to_vault(key_epoch, (entry, |deleted| *deleted), move |c| {
            c.execute(delete, [id.to_string()]).map(|rows| rows > 0)
        })
        .await
    }

    async fn change_vault_password(
        &self,
        change: PasswordChange,
        entry: Entry,
    ) -> Result<VaultWrite<bool>, StoreError> {
        let former_epoch = change.header.key_epoch - 1;
        let key = self.chain_key()?;
        self.write(move |batch| {
            let c: &DbConnection = batch;
            let may_change = "SELECT EXISTS (
                SELECT 1 FROM vault_sessions JOIN vault USING (key_epoch)
                WHERE key_epoch = ?1 AND token_hash = ?2 AND expires_at > ?3)";
            let session = params![former_epoch, change.token_hash, change.now];
            if !c.query_row(may_change, session, |found| found.get(0))? {
                return Ok(VaultWrite::Stale);
            }
            let resealed: BTreeSet<_> =
                change.credentials.iter().map(|sealed| sealed.credential.id).collect();
            let there = c
                .prepare("SELECT id FROM vault_credentials")?
                .query_map([], |found| row::id(found, 0))?
                .collect::<Result<BTreeSet<_>>>()?;
            if there != resealed {
                return Ok(VaultWrite::Done(false));
            }
            apply(c, &change)?;
            batch.append(&key, entry)?;
            Ok(VaultWrite::Done(true))
        })
        .await
    }
}

fn apply(c: &DbConnection, change: &PasswordChange) -> Result<()> {
    let VaultHeader { salt, canary, key_epoch, signature } = &change.header;
    c.execute(
        "UPDATE vault SET salt = ?1, canary = ?2, key_epoch = ?3, signature = ?4",
        params![salt, canary, key_epoch, signature],
    )?;
    let mut update =
        c.prepare("UPDATE vault_credentials SET sealed_key = ?2, mac = ?3, key_epoch = ?4 WHERE id = ?1")?;
    for SealedVaultCredential { credential, sealed_key, mac, .. } in &change.credentials {
        update.execute(params![credential.id.to_string(), sealed_key, mac, key_epoch])?;
    }
    c.execute("DELETE FROM vault_sessions WHERE token_hash <> ?1", [change.token_hash])?;
    let keep = "UPDATE vault_sessions SET sealed_master_key = ?1, key_epoch = ?2";
    c.execute(keep, params![change.sealed_master_key, key_epoch]).map(drop)
}

/// How many credentials there would be with those new ones whose service and name are free.
fn count_with(c: &DbConnection, new: &[SealedVaultCredential]) -> Result<usize> {
    let there: usize = c.query_row("SELECT count(*) FROM vault_credentials", [], |found| found.get(0))?;
    let mut taken = c.prepare_cached("SELECT 1 FROM vault_credentials WHERE service = ?1 AND name = ?2")?;
    let mut free = BTreeSet::new();
    for VaultCredential { service, name, .. } in new.iter().map(|sealed| &sealed.credential) {
        if !taken.exists((service, name))? {
            free.insert((service, name));
        }
    }
    Ok(there + free.len())
}

fn read_header(found: &Row<'_>) -> Result<VaultHeader> {
    Ok(VaultHeader {
        salt: array(found, 0)?,
        canary: found.get(1)?,
        key_epoch: found.get(2)?,
        signature: array(found, 3)?,
    })
}

fn read_credential(found: &Row<'_>) -> Result<VaultCredential> {
    Ok(VaultCredential {
        id: row::id(found, 0)?,
        service: found.get(1)?,
        name: found.get(2)?,
        created_at: found.get(3)?,
        last_used_at: found.get(4)?,
    })
}

fn read_sealed(found: &Row<'_>) -> Result<SealedVaultCredential> {
    let (sealed_key, mac, key_epoch) = (found.get(5)?, array(found, 6)?, found.get(7)?);
    Ok(SealedVaultCredential { credential: read_credential(found)?, sealed_key, mac, key_epoch })
}

/// Bytes of a fixed length; zeros, which no one signed, for another length.
fn array<const N: usize>(found: &Row<'_>, index: usize) -> Result<[u8; N]> {
    Ok(found.get_ref(index)?.as_blob()?.try_into().unwrap_or([0; N]))
}
