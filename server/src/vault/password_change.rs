//! Changes the master password: everything sealed with the former key is re-encrypted, in one
//! transaction with the change.

use super::credentials::{open, seal};
use super::session::{OpenVault, entry};
use super::{Key, Vault};
use crate::clock::now_ms;
use crate::error::Error;
use crate::store::{PasswordChange, SealedVaultCredential, VaultWrite};
use std::collections::HashMap;
use uuid::Uuid;

/// How often it starts over because someone wrote meanwhile.
const TRIES: usize = 20;

/// Changes the password from the session's key to another. The session continues.
// Decision: docs/decisions/vault.md#a-password-change-seals-again-outside-a-transaction
pub(super) async fn change(
    vault: &Vault,
    session: OpenVault,
    (key, salt): (&Key, [u8; 16]),
) -> Result<(), Error> {
    let mut resealing = Resealing { session: &session, key, done: HashMap::new() };
    for _ in 0..TRIES {
        let sealed = vault.store.sealed_vault_credentials().await?;
        if sealed.iter().any(|sealed| sealed.key_epoch > session.key_epoch) {
            return Err(overtaken(vault, session).await);
        }
        let change = PasswordChange {
            header: vault.new_header(key, salt, session.key_epoch + 1)?,
            // Up to 16 MiB are opened and sealed.
            credentials: tokio::task::block_in_place(|| resealing.run(sealed))?,
            token_hash: session.token_hash(),
            sealed_master_key: session.seal_next(key)?,
            now: now_ms(),
        };
        match vault.store.change_vault_password(change, entry("vault change-password")).await? {
            VaultWrite::Done(true) => return Ok(()),
            // A credential was added or deleted.
            VaultWrite::Done(false) => {}
            VaultWrite::Stale => return Err(overtaken(vault, session).await),
        }
    }
    Err(Error::Conflict("the vault kept changing; try again"))
}

/// Another change came first: it ended the session, or made the current password wrong.
async fn overtaken(vault: &Vault, session: OpenVault) -> Error {
    session.renewed(vault).await.err().unwrap_or(Error::InvalidMasterPassword)
}

/// What was re-encrypted, by id, so that the next try does not repeat it.
struct Resealing<'a> {
    session: &'a OpenVault,
    key: &'a Key,
    done: HashMap<Uuid, SealedVaultCredential>,
}

impl Resealing<'_> {
    fn run(&mut self, sealed: Vec<SealedVaultCredential>) -> Result<Vec<SealedVaultCredential>, Error> {
        let resealed = sealed.into_iter().map(|sealed| {
            let id = sealed.credential.id;
            if let Some(done) = self.done.get(&id) {
                return Ok(done.clone());
            }
            let api_key = open(&self.session.key, &sealed)?;
            let resealed = seal((self.key, self.session.key_epoch + 1), sealed.credential, &api_key)?;
            self.done.insert(id, resealed.clone());
            Ok(resealed)
        });
        resealed.collect()
    }
}
