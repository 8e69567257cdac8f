//! Another master password: all that is sealed under the former key is sealed
//! anew, in one transaction with the change.

use super::credentials::{open, seal};
use super::session::{OpenVault, entry};
use super::{Key, Vault};
use crate::error::Error;
use crate::store::{PasswordChange, VaultWrite};

/// How often it is begun anew since somebody wrote meanwhile.
const TRIES: usize = 10;

/// Changes the password from one key to another. The session whose token was
/// brought goes on.
pub(super) async fn change(
    vault: &Vault,
    session: &OpenVault,
    (former, former_epoch): (&Key, i64),
    (key, salt): (&Key, [u8; 16]),
) -> Result<(), Error> {
    for _ in 0..TRIES {
        let sealed = vault.store.sealed_vault_credentials().await?;
        // Up to 64 MiB are opened and sealed.
        let credentials = tokio::task::block_in_place(|| {
            let anew = sealed.into_iter().map(|sealed| {
                let api_key = open(former, &sealed)?;
                seal(key, sealed.credential, &api_key)
            });
            anew.collect::<Result<Vec<_>, Error>>()
        })?;
        let change = PasswordChange {
            header: vault.new_header(key, salt, former_epoch + 1)?,
            credentials,
            token_hash: session.token_hash(),
            sealed_master_key: Key::of_token(&session.token)?.seal_key(key)?,
        };
        match vault.store.change_vault_password(change, entry("vault change-password")).await? {
            VaultWrite::Done(true) => return Ok(()),
            // A credential came or went.
            VaultWrite::Done(false) => {}
            VaultWrite::Stale => return Err(Error::Unauthorized),
        }
    }
    Err(Error::Conflict("the vault was written to all the while; try again"))
}
