//! Vault sessions, and their extractor.

use super::key::Key;
use super::{Vault, VaultFault};
use crate::audit::{Caller, Entry};
use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::{bearer_token, hash, known_caller};
use crate::store::{Hash, VaultSession, VaultWrite};
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// The lifetime of a session.
const LIFETIME_MS: i64 = 4 * 60 * 60 * 1000;
/// The most sessions at the same time: a further one ends the oldest.
const MOST: u32 = 5;
const TOKEN_PREFIX: &str = "fn_sess_";
const TOKEN_BYTES: usize = 32;

/// The vault, open for the request with a session's token.
#[derive(Debug)]
pub(crate) struct OpenVault {
    pub(super) key: Key,
    pub(super) key_epoch: i64,
    expires_at: i64,
    token: SecretString,
}

impl OpenVault {
    /// The hash of the session's token.
    pub(super) fn token_hash(&self) -> Hash {
        token_hash(&self.token)
    }

    /// The vault that the token opens.
    async fn with(vault: &Vault, token: SecretString) -> Result<Self, Error> {
        let found = vault.store.vault_session(token_hash(&token), now_ms()).await?;
        let (header, session) = found.ok_or(Error::Unauthorized)?;
        if !vault.is_genuine(&header) {
            return Err(VaultFault::Altered.into());
        }
        let VaultSession { sealed_master_key, key_epoch, expires_at, .. } = session;
        // A key that can't be opened, or that opens another vault, does not count: another program
        // put it there.
        let key = Key::of_token(&token)?.open_key(&sealed_master_key, &context(key_epoch, expires_at));
        let key = key.filter(|key| key.opens(&header)).ok_or(Error::Unauthorized)?;
        Ok(Self { key, key_epoch, expires_at, token })
    }

    /// The master key of the next epoch, sealed for this session's row.
    pub(super) fn seal_next(&self, key: &Key) -> Result<Vec<u8>, Error> {
        Key::of_token(&self.token)?.seal_key(key, &context(self.key_epoch + 1, self.expires_at))
    }

    /// The same session after a change of the master password: the one that made the change
    /// continues with another key.
    pub(super) async fn renewed(self, vault: &Vault) -> Result<Self, Error> {
        Self::with(vault, self.token).await
    }
}

/// The result of a write, if its key was the vault's all the time.
pub(super) fn done<T>(write: VaultWrite<T>) -> Result<T, Error> {
    match write {
        VaultWrite::Done(done) => Ok(done),
        VaultWrite::Stale => Err(Error::Unauthorized),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for OpenVault
where
    Vault: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let token = bearer_token(parts)?;
        // Other tokens belong to other APIs and are not looked up.
        if !token.expose_secret().starts_with(TOKEN_PREFIX) {
            return Err(Error::Unauthorized);
        }
        let open = Self::with(&Vault::from_ref(state), token).await?;
        known_caller::note(parts, || Caller::Vault);
        Ok(open)
    }
}

/// A row of the audit log about an action with the vault open.
pub(super) fn entry(action: &str) -> Entry {
    Entry::new(&Caller::Vault, action)
}

/// Begins a session after the master password was checked; returns its token and its end.
pub(super) async fn begin(vault: &Vault, key: &Key, key_epoch: i64) -> Result<(SecretString, i64), Error> {
    let token = generate_token()?;
    let expires_at = now_ms() + LIFETIME_MS;
    let session = VaultSession {
        token_hash: token_hash(&token),
        sealed_master_key: Key::of_token(&token)?.seal_key(key, &context(key_epoch, expires_at))?,
        key_epoch,
        expires_at,
    };
    match vault.store.add_vault_session(session, MOST, entry("vault login")).await? {
        VaultWrite::Done(()) => Ok((token, expires_at)),
        // The password that was right a moment ago has changed.
        VaultWrite::Stale => Err(Error::InvalidMasterPassword),
    }
}

/// The context with which a session's copy of the key is sealed: a row whose other columns were
/// changed can't be opened.
fn context(key_epoch: i64, expires_at: i64) -> [u8; 16] {
    let mut context = [0; 16];
    context[..8].copy_from_slice(&key_epoch.to_be_bytes());
    context[8..].copy_from_slice(&expires_at.to_be_bytes());
    context
}

fn generate_token() -> Result<SecretString, Error> {
    let mut random = Zeroizing::new([0; TOKEN_BYTES]);
    getrandom::fill(random.as_mut_slice())?;
    let digits = Zeroizing::new(hex::encode(random.as_slice()));
    Ok(format!("{TOKEN_PREFIX}{}", *digits).into())
}

fn token_hash(token: &SecretString) -> Hash {
    hash("vault session", token.expose_secret())
}
