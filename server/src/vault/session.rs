//! Sign-ins to the vault, and the extractor of one.

use super::Vault;
use super::key::Key;
use crate::app::App;
use crate::audit::{Caller, Entry};
use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::{bearer_token, hash};
use crate::store::{Hash, VaultSession, VaultWrite};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use zeroize::Zeroizing;

/// How long a session lives.
const LIFETIME_MS: i64 = 4 * 60 * 60 * 1000;
/// Sessions that live at the same time: a further one ends the oldest.
const MOST: u32 = 5;
const TOKEN_PREFIX: &str = "fn_sess_";
const TOKEN_BYTES: usize = 32;

/// The vault, open for the request that brought a session's token.
#[derive(Debug)]
pub(crate) struct OpenVault {
    pub(super) key: Key,
    pub(super) key_epoch: i64,
    pub(super) token: SecretString,
}

impl OpenVault {
    /// The hash of the session's token.
    pub(super) fn token_hash(&self) -> Hash {
        token_hash(&self.token)
    }

    /// The vault that the token opens.
    async fn with(vault: &Vault, token: SecretString) -> Result<Self, Error> {
        let session = vault.store.vault_session(token_hash(&token), now_ms()).await?;
        let VaultSession { sealed_master_key, key_epoch, .. } = session.ok_or(Error::Unauthorized)?;
        // One that does not open is none: somebody has put it there.
        let key = Key::of_token(&token)?.open_key(&sealed_master_key).ok_or(Error::Unauthorized)?;
        Ok(Self { key, key_epoch, token })
    }
}

impl FromRequestParts<Arc<App>> for OpenVault {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let token = bearer_token(parts)?;
        // Every other token is somebody else's, and is not looked for.
        if !token.expose_secret().starts_with(TOKEN_PREFIX) {
            return Err(Error::Unauthorized);
        }
        Self::with(&app.vault, token).await
    }
}

/// A row of the audit log about what is done with the vault open.
pub(super) fn entry(action: &str) -> Entry {
    Entry::new(&Caller::Vault, action)
}

/// Begins a session for whoever has just shown the master password: its token,
/// and its end.
pub(super) async fn begin(vault: &Vault, key: &Key, key_epoch: i64) -> Result<(SecretString, i64), Error> {
    let token = generate_token()?;
    let expires_at = now_ms() + LIFETIME_MS;
    let session = VaultSession {
        token_hash: token_hash(&token),
        sealed_master_key: Key::of_token(&token)?.seal_key(key)?,
        key_epoch,
        expires_at,
    };
    match vault.store.add_vault_session(session, MOST, entry("vault login")).await? {
        VaultWrite::Done(()) => Ok((token, expires_at)),
        // The password that was right a moment ago is not any more.
        VaultWrite::Stale => Err(Error::InvalidMasterPassword),
    }
}

fn generate_token() -> Result<SecretString, Error> {
    let mut random = Zeroizing::new([0; TOKEN_BYTES]);
    getrandom::fill(random.as_mut_slice()).map_err(|_| Error::Internal("no random bytes"))?;
    let digits = Zeroizing::new(hex::encode(random.as_slice()));
    Ok(format!("{TOKEN_PREFIX}{}", *digits).into())
}

fn token_hash(token: &SecretString) -> Hash {
    hash("vault session", token.expose_secret())
}
