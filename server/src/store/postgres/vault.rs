//! The vault on PostgreSQL. Every write with a key locks the vault's row, so that the master
//! password can't change meanwhile.

use super::transaction::{Acting, Step};
use super::{Postgres, row};
use crate::audit::Entry;
use crate::store::{
    Hash, PasswordChange, SealedVaultCredential, StoreError, Vault, VaultCredential, VaultHeader,
    VaultSession, VaultWrite,
};
use tokio_postgres::Row;
use uuid::Uuid;

const HEADER: &str = "SELECT salt, canary, key_epoch, signature FROM vault";
const STRAYS: &str = "SELECT 1 FROM vault_credentials WHERE key_epoch <> $1 LIMIT 1";
const SET_UP: &str = "
    INSERT INTO vault (id, salt, canary, key_epoch, signature, created_at)
    VALUES (1, $1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id";
/// Several writes of credentials can run at the same time, but not during a change of the password.
/// Later statements of the transaction see what was committed during the wait.
const SHARE: &str = "SELECT key_epoch FROM vault FOR SHARE";
/// Exclusive: sessions are numbered in the order of their commits.
const LOCK: &str = "SELECT key_epoch FROM vault FOR UPDATE";
const ADD_SESSION: &str = "
    INSERT INTO vault_sessions (token_hash, sealed_master_key, key_epoch, expires_at)
    SELECT $1, $2, key_epoch, $4 FROM vault WHERE key_epoch = $3 RETURNING sequence";
const EVICT: &str = "
    DELETE FROM vault_sessions WHERE sequence NOT IN
        (SELECT sequence FROM vault_sessions ORDER BY sequence DESC LIMIT $1)";
const SESSION: &str = "
    SELECT salt, canary, key_epoch, signature, sealed_master_key, expires_at FROM vault_sessions
    JOIN vault USING (key_epoch) WHERE token_hash = $1 AND expires_at > $2";
const END_SESSION: &str = "DELETE FROM vault_sessions WHERE token_hash = $1 RETURNING sequence";
const CREDENTIALS: &str = "
    SELECT id, service, name, created_at, last_used_at FROM vault_credentials
    ORDER BY created_at DESC, id DESC";
const CREDENTIAL: &str = "
    SELECT id, service, name, created_at, last_used_at, sealed_key, mac, key_epoch
    FROM vault_credentials WHERE id = $1";
const SEALED: &str = "
    SELECT id, service, name, created_at, last_used_at, sealed_key, mac, key_epoch FROM vault_credentials
    ORDER BY created_at DESC, id DESC";
const ADD: &str = "
    INSERT INTO vault_credentials
        (id, service, name, created_at, last_used_at, sealed_key, mac, key_epoch)
    SELECT given.*, key_epoch FROM vault, unnest(
        $1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[]
    ) AS given (id, service, name)
    WHERE key_epoch = $8 AND (
        SELECT count(*) FROM (
            SELECT service, name FROM vault_credentials UNION SELECT * FROM unnest($2::text[], $3::text[])
        ) AS together
    ) <= $9
    ON CONFLICT (service, name) DO NOTHING RETURNING id";
/// Whether all of these are stored, now or before.
const THERE: &str = "
    SELECT NOT EXISTS (
        SELECT * FROM unnest($1::text[], $2::text[]) EXCEPT SELECT service, name FROM vault_credentials
    )";
const USE: &str = "
    UPDATE vault_credentials SET last_used_at = $2 WHERE id = $1 AND key_epoch = $3 RETURNING id";
const DELETE: &str = "
    DELETE FROM vault_credentials WHERE id = $1 AND key_epoch = $2 RETURNING id";
/// If the credentials are the ones that were re-encrypted.
const CHANGE: &str = "
    UPDATE vault SET salt = $1, canary = $2, key_epoch = $3, signature = $4
    WHERE key_epoch + 1 = $3 AND NOT EXISTS (
        SELECT FROM unnest($5::uuid[]) AS sealed (id)
        FULL JOIN vault_credentials there ON there.id = sealed.id
        WHERE there.id IS NULL OR sealed.id IS NULL
    ) AND EXISTS (SELECT FROM vault_sessions WHERE token_hash = $6 AND expires_at > $7)
    RETURNING key_epoch";
const IS_LIVE: &str = "SELECT 1 FROM vault_sessions WHERE token_hash = $1 AND expires_at > $2";
/// The new header's random canary proves that this transaction made the change.
const RESEAL: &str = "
    UPDATE vault_credentials there SET sealed_key = resealed.sealed_key, mac = resealed.mac, key_epoch = vault.key_epoch
    FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS resealed (id, sealed_key, mac), vault
    WHERE there.id = resealed.id AND vault.canary = $4";
const END_OTHERS: &str = "
    DELETE FROM vault_sessions USING vault WHERE token_hash <> $1 AND canary = $2";
const KEEP_SESSION: &str = "
    UPDATE vault_sessions SET sealed_master_key = $2, key_epoch = vault.key_epoch
    FROM vault WHERE token_hash = $1 AND canary = $3";

impl Postgres {
    /// Runs `lock`, which returns the key epoch, and then the steps; `entry` records the first step
    /// if it returns a row. Returns the rows of the steps.
    async fn write_to_vault(
        &self,
        key_epoch: i64,
        entry: Entry,
        lock: &'static str,
        steps: &[Step<'_>],
    ) -> Result<VaultWrite<Vec<Vec<Row>>>, StoreError> {
        let steps = [&[Step(lock, &[])], steps].concat();
        let mut rows = self.write_audited(Acting::Nobody, entry, &steps, 1).await?;
        let current: Option<i64> = row::optional(&rows.remove(0), |found| Ok(found.try_get(0)?))?;
        Ok(if current == Some(key_epoch) { VaultWrite::Done(rows) } else { VaultWrite::Stale })
    }
}

impl<T> VaultWrite<T> {
    fn try_map<U>(self, read: impl FnOnce(T) -> Result<U, StoreError>) -> Result<VaultWrite<U>, StoreError> {
        Ok(match self {
            Self::Done(done) => VaultWrite::Done(read(done)?),
            Self::Stale => VaultWrite::Stale,
        })
    }
}

impl Vault for Postgres {
    async fn vault_header(&self) -> Result<Option<VaultHeader>, StoreError> {
        row::optional(&self.read(Acting::Nobody, &[Step(HEADER, &[])]).await?, read_header)
    }

    async fn has_vault_strays(&self, key_epoch: i64) -> Result<bool, StoreError> {
        Ok(!self.read(Acting::Nobody, &[Step(STRAYS, &[&key_epoch])]).await?.is_empty())
    }

    async fn set_up_vault(&self, header: VaultHeader, now: i64, entry: Entry) -> Result<bool, StoreError> {
        let VaultHeader { salt, canary, key_epoch, signature } = &header;
        let steps = [Step(SET_UP, &[&&salt[..], canary, key_epoch, &&signature[..], &now])];
        Ok(!self.write_audited(Acting::Nobody, entry, &steps, 0).await?[0].is_empty())
    }

    async fn add_vault_session(
        &self,
        session: VaultSession,
        most: u32,
        entry: Entry,
    ) -> Result<VaultWrite<()>, StoreError> {
        let VaultSession { token_hash, sealed_master_key, key_epoch, expires_at } = &session;
        let add = Step(ADD_SESSION, &[&&token_hash[..], sealed_master_key, key_epoch, expires_at]);
        let most = i64::from(most);
        let steps = [add, Step(EVICT, &[&most])];
        self.write_to_vault(*key_epoch, entry, LOCK, &steps).await?.try_map(|_| Ok(()))
    }

    async fn vault_session(
        &self,
        token_hash: Hash,
        now: i64,
    ) -> Result<Option<(VaultHeader, VaultSession)>, StoreError> {
        let rows = self.read(Acting::Nobody, &[Step(SESSION, &[&&token_hash[..], &now])]).await?;
        row::optional(&rows, |found| {
            let session = VaultSession {
                token_hash,
                sealed_master_key: found.try_get("sealed_master_key")?,
                key_epoch: found.try_get("key_epoch")?,
                expires_at: found.try_get("expires_at")?,
            };
            Ok((read_header(found)?, session))
        })
    }

    async fn end_vault_session(&self, token_hash: Hash, entry: Entry) -> Result<bool, StoreError> {
        let steps = [Step(END_SESSION, &[&&token_hash[..]])];
        Ok(!self.write_audited(Acting::Nobody, entry, &steps, 0).await?[0].is_empty())
    }

    async fn vault_credentials(&self) -> Result<Vec<VaultCredential>, StoreError> {
        row::all(&self.read(Acting::Nobody, &[Step(CREDENTIALS, &[])]).await?, read_credential)
    }

    async fn vault_credential(&self, id: Uuid) -> Result<Option<SealedVaultCredential>, StoreError> {
        let rows = self.read(Acting::Nobody, &[Step(CREDENTIAL, &[&id])]).await?;
        row::optional(&rows, read_sealed)
    }

    async fn sealed_vault_credentials(&self) -> Result<Vec<SealedVaultCredential>, StoreError> {
        row::all(&self.read(Acting::Nobody, &[Step(SEALED, &[])]).await?, read_sealed)
    }

    async fn add_vault_credentials(
        &self,
        new: Vec<SealedVaultCredential>,
        most: u32,
        key_epoch: i64,
        entry: Entry,
    ) -> Result<VaultWrite<Option<Vec<Uuid>>>, StoreError> {
        let credentials = || new.iter().map(|sealed| &sealed.credential);
        let ids: Vec<_> = credentials().map(|credential| credential.id).collect();
        let services: Vec<_> = credentials().map(|credential| &*credential.service).collect();
        let names: Vec<_> = credentials().map(|credential| &*credential.name).collect();
        let created: Vec<_> = credentials().map(|credential| credential.created_at).collect();
        let used: Vec<_> = credentials().map(|credential| credential.last_used_at).collect();
        let (keys, macs) = sealed_columns(&new);
        let most = i64::from(most);
        let add = Step(ADD, &[&ids, &services, &names, &created, &used, &keys, &macs, &key_epoch, &most]);
        let there = Step(THERE, &[&services, &names]);
        // Exclusive: two at once could exceed the limit together.
        let added = self.write_to_vault(key_epoch, entry, LOCK, &[add, there]).await?;
        added.try_map(|rows| {
            let added = row::all(&rows[0], |found| Ok(found.try_get(0)?))?;
            let are_all_there: bool = rows[1][0].try_get(0)?;
            Ok(are_all_there.then_some(added))
        })
    }

    async fn use_vault_credential(
        &self,
        id: Uuid,
        key_epoch: i64,
        now: i64,
        entry: Entry,
    ) -> Result<VaultWrite<bool>, StoreError> {
        let steps = [Step(USE, &[&id, &now, &key_epoch])];
        let used = self.write_to_vault(key_epoch, entry, SHARE, &steps).await?;
        used.try_map(|rows| Ok(!rows[0].is_empty()))
    }

    async fn delete_vault_credential(
        &self,
        id: Uuid,
        key_epoch: i64,
        entry: Entry,
    ) -> Result<VaultWrite<bool>, StoreError> {
        let delete = Step(DELETE, &[&id, &key_epoch]);
        let deleted = self.write_to_vault(key_epoch, entry, SHARE, &[delete]).await?;
        deleted.try_map(|rows| Ok(!rows[0].is_empty()))
    }

    async fn change_vault_password(
        &self,
        change: PasswordChange,
        entry: Entry,
    ) -> Result<VaultWrite<bool>, StoreError> {
        let VaultHeader { salt, canary, key_epoch, signature } = &change.header;
        let ids: Vec<_> = change.credentials.iter().map(|sealed| sealed.credential.id).collect();
        let (keys, macs) = sealed_columns(&change.credentials);
        let token_hash = &change.token_hash[..];
        let steps = [
            Step(CHANGE, &[&&salt[..], canary, key_epoch, &&signature[..], &ids, &token_hash, &change.now]),
            Step(IS_LIVE, &[&token_hash, &change.now]),
            Step(RESEAL, &[&ids, &keys, &macs, canary]),
            Step(END_OTHERS, &[&token_hash, canary]),
            Step(KEEP_SESSION, &[&token_hash, &change.sealed_master_key, canary]),
        ];
        let changed = self.write_to_vault(key_epoch - 1, entry, LOCK, &steps).await?;
        Ok(match changed {
            VaultWrite::Done(rows) if !rows[1].is_empty() => VaultWrite::Done(!rows[0].is_empty()),
            _ => VaultWrite::Stale,
        })
    }
}

/// The sealed keys and their MACs, as columns.
fn sealed_columns(sealed: &[SealedVaultCredential]) -> (Vec<&[u8]>, Vec<&[u8]>) {
    sealed.iter().map(|sealed| (&sealed.sealed_key[..], &sealed.mac[..])).unzip()
}

fn read_header(found: &Row) -> Result<VaultHeader, StoreError> {
    Ok(VaultHeader {
        salt: array(found, "salt")?,
        canary: found.try_get("canary")?,
        key_epoch: found.try_get("key_epoch")?,
        signature: array(found, "signature")?,
    })
}

fn read_credential(found: &Row) -> Result<VaultCredential, StoreError> {
    Ok(VaultCredential {
        id: found.try_get("id")?,
        service: found.try_get("service")?,
        name: found.try_get("name")?,
        created_at: found.try_get("created_at")?,
        last_used_at: found.try_get("last_used_at")?,
    })
}

fn read_sealed(found: &Row) -> Result<SealedVaultCredential, StoreError> {
    let (sealed_key, mac) = (found.try_get("sealed_key")?, array(found, "mac")?);
    let key_epoch = found.try_get("key_epoch")?;
    Ok(SealedVaultCredential { credential: read_credential(found)?, sealed_key, mac, key_epoch })
}

/// Bytes of a fixed length; zeros, which no one signed, for another length.
fn array<const N: usize>(found: &Row, column: &str) -> Result<[u8; N], StoreError> {
    let bytes: &[u8] = found.try_get(column)?;
    Ok(bytes.try_into().unwrap_or([0; N]))
}
