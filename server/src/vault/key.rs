//! The keys of the vault: the master key, which Argon2id (RFC 9106) makes of the
//! master password, and those that sessions' tokens yield. What they seal is a
//! `crypto_secretbox_easy` of libsodium's, with its nonce before it.
//!
//! A key is held in one place on the heap and wiped there; what computing with
//! it leaves on the stack is wiped as well.

use super::CANARY;
use crate::audit::Mac;
use crate::error::Error;
use crate::store::{VaultCredential, VaultHeader};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use crypto_secretbox::aead::AeadInPlace as _;
use crypto_secretbox::{KeyInit as _, Nonce, XSalsa20Poly1305};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing, zeroize_stack};

const KEY_BYTES: usize = 32;
const MEMORY_KIB: u32 = 256 * 1024;
const PASSES: u32 = 3;
/// More than the deepest of these computations takes, and far less than a thread has.
const STACK_BYTES: usize = 64 * 1024;

/// A key.
#[derive(Debug)]
pub(crate) struct Key(SecretBox<[u8; KEY_BYTES]>);

impl Key {
    /// The master key that a password yields, after most of a second and with
    /// 256 MiB of memory.
    pub(crate) fn derive(password: &SecretString, salt: &[u8; 16]) -> Result<Self, Error> {
        let params = Params::new(MEMORY_KIB, PASSES, 1, Some(KEY_BYTES));
        let params = params.map_err(|_| Error::Internal("Argon2's parameters"))?;
        let blocks = params.block_count();
        let mut memory: Vec<Block> = Vec::new();
        memory.try_reserve_exact(blocks).map_err(|_| Error::Internal("no memory for Argon2"))?;
        memory.resize(blocks, Block::new());
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let password = password.expose_secret().as_bytes();
        let derived =
            Self::made(|key| argon2.hash_password_into_with_memory(password, salt, key, &mut memory).is_ok());
        memory.iter_mut().zeroize();
        derived.ok_or(Error::Internal("Argon2 failed"))
    }

    /// The key that a session's token yields: by HKDF (RFC 5869), since the
    /// token is random.
    pub(super) fn of_token(token: &SecretString) -> Result<Self, Error> {
        let token = token.expose_secret().as_bytes();
        Self::made(|key| Hkdf::<Sha256>::new(None, token).expand(b"stagepass vault session", key).is_ok())
            .ok_or(Error::Internal("HKDF failed"))
    }

    /// A key that `make` writes to where it stays; `None` where that fails.
    fn made(make: impl FnOnce(&mut [u8]) -> bool) -> Option<Self> {
        wiping_stack(|| {
            let mut key = Box::new([0; KEY_BYTES]);
            let is_made = make(&mut key[..]);
            let key = Self(SecretBox::new(key));
            is_made.then_some(key)
        })
    }

    /// Seals, with a random nonce.
    pub(crate) fn seal(&self, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = Nonce::default();
        getrandom::fill(&mut nonce).map_err(|_| Error::Internal("no random bytes"))?;
        let mut sealed = Vec::with_capacity(nonce.len() + XSalsa20Poly1305::TAG_SIZE + plaintext.len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&[0; XSalsa20Poly1305::TAG_SIZE]);
        sealed.extend_from_slice(plaintext);
        let (front, text) = sealed.split_at_mut(nonce.len() + XSalsa20Poly1305::TAG_SIZE);
        let tag = wiping_stack(|| self.cipher().encrypt_in_place_detached(&nonce, &[], text));
        let tag = tag.map_err(|_| {
            // Nothing fails here but what the sizes of the arguments rule out.
            Error::Internal("sealing failed")
        })?;
        front[nonce.len()..].copy_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens; `None` where it was not sealed with this key.
    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(XSalsa20Poly1305::NONCE_SIZE)?;
        let mut text = Zeroizing::new(sealed.to_vec());
        wiping_stack(|| self.cipher().decrypt_in_place(Nonce::from_slice(nonce), &[], &mut *text)).ok()?;
        Some(text)
    }

    /// Seals another key.
    pub(super) fn seal_key(&self, other: &Self) -> Result<Vec<u8>, Error> {
        self.seal(other.0.expose_secret())
    }

    /// Opens another key.
    pub(super) fn open_key(&self, sealed: &[u8]) -> Option<Self> {
        let opened = self.open(sealed).filter(|opened| opened.len() == KEY_BYTES)?;
        let mut key = Box::new([0; KEY_BYTES]);
        key.copy_from_slice(&opened);
        Some(Self(SecretBox::new(key)))
    }

    /// Whether it is the master key that a header was made with.
    pub(crate) fn opens(&self, header: &VaultHeader) -> bool {
        self.open(&header.canary).is_some_and(|canary| canary.as_slice() == CANARY)
    }

    /// Ties what is sealed to the credential that it is of: moved to another, or
    /// that one renamed, it is not taken.
    pub(super) fn mac(&self, credential: &VaultCredential, sealed_key: &[u8]) -> Result<Mac, Error> {
        wiping_stack(|| self.start_mac()).map(|mut mac| {
            let VaultCredential { id, service, name, created_at, last_used_at: _ } = credential;
            mac.update(id.as_bytes());
            mac.update(&created_at.to_be_bytes());
            for text in [service.as_bytes(), name.as_bytes(), sealed_key] {
                // The length before each text: none can run into the next.
                mac.update(&(text.len() as u64).to_be_bytes());
                mac.update(text);
            }
            mac.finalize().into_bytes().into()
        })
    }

    fn start_mac(&self) -> Result<Hmac<Sha256>, Error> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let expanded = Hkdf::<Sha256>::from_prk(self.0.expose_secret())
            .is_ok_and(|master| master.expand(b"stagepass vault credential", &mut *key).is_ok());
        let mac = Hmac::new_from_slice(&*key).ok().filter(|_| expanded);
        mac.ok_or(Error::Internal("HKDF failed"))
    }

    fn cipher(&self) -> XSalsa20Poly1305 {
        XSalsa20Poly1305::new(self.0.expose_secret().into())
    }
}

/// Runs what computes with a key, and wipes the part of the stack that it used.
fn wiping_stack<T>(work: impl FnOnce() -> T) -> T {
    #[inline(never)]
    fn run<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
    let done = run(work);
    zeroize_stack::<STACK_BYTES>();
    done
}
