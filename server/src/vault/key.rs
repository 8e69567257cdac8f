//! The keys of the vault: the master key, which Argon2id (RFC 9106) derives from the master
//! password, and those derived from sessions' tokens. They seal with libsodium's
//! `crypto_secretbox_easy`, with the nonce in front.
//!
//! Each key has a single copy on the heap, which is wiped; what computations leave on the stack is
//! wiped as well.

use crate::audit::Mac;
use crate::error::Error;
use crate::store::{VaultCredential, VaultHeader};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use crypto_secretbox::aead::AeadInPlace as _;
use crypto_secretbox::{KeyInit as _, Nonce, XSalsa20Poly1305};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing, zeroize_stack};

const KEY_BYTES: usize = 32;
/// A sealed text that distinguishes the right master password from a wrong one.
const CANARY: &[u8] = b"stagepass vault canary";
/// More than the deepest of these computations uses, and far less than a thread has.
const STACK_BYTES: usize = 64 * 1024;

/// The cost of Argon2id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cost {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

impl Cost {
    /// For the master key.
    pub(crate) const MASTER: Self = Self { memory_kib: 256 * 1024, passes: 3, lanes: 1 };

    /// The parameters for Argon2, which refuses some values.
    pub(super) fn params(self) -> Result<Params, Error> {
        let Self { memory_kib, passes, lanes } = self;
        let params = Params::new(memory_kib, passes, lanes, Some(KEY_BYTES));
        params.map_err(|_| Error::Internal("Argon2's parameters"))
    }
}

#[derive(Debug)]
pub(crate) struct Key(SecretBox<[u8; KEY_BYTES]>);

impl Key {
    /// Derives the master key from a password, which takes most of a second and 256 MiB of memory.
    pub(crate) fn derive(password: &SecretString, salt: &[u8; 16]) -> Result<Self, Error> {
        Self::derive_at(Cost::MASTER, password, salt)
    }

    /// Derives the key from a password at another cost.
    pub(crate) fn derive_at(cost: Cost, password: &SecretString, salt: &[u8; 16]) -> Result<Self, Error> {
        let params = cost.params()?;
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

    /// Derives the key from a session's token: by HKDF (RFC 5869), since the token is random.
    pub(super) fn of_token(token: &SecretString) -> Result<Self, Error> {
        let token = token.expose_secret().as_bytes();
        Self::made(|key| Hkdf::<Sha256>::new(None, token).expand(b"stagepass vault session", key).is_ok())
            .ok_or(Error::Internal("HKDF failed"))
    }

    /// A key that `make` writes directly to its final memory; `None` if that fails.
    fn made(make: impl FnOnce(&mut [u8]) -> bool) -> Option<Self> {
        wiping_stack(|| {
            let mut key = Box::new([0; KEY_BYTES]);
            let is_made = make(&mut key[..]);
            let key = Self(SecretBox::new(key));
            is_made.then_some(key)
        })
    }

    /// Seals with a random nonce.
    pub(crate) fn seal(&self, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = Nonce::default();
        getrandom::fill(&mut nonce)?;
        let mut sealed = Vec::with_capacity(nonce.len() + XSalsa20Poly1305::TAG_SIZE + plaintext.len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&[0; XSalsa20Poly1305::TAG_SIZE]);
        sealed.extend_from_slice(plaintext);
        let (front, text) = sealed.split_at_mut(nonce.len() + XSalsa20Poly1305::TAG_SIZE);
        let tag = wiping_stack(|| self.cipher().encrypt_in_place_detached(&nonce, &[], text));
        let tag = tag.map_err(|_| {
            // Only sizes of arguments could cause a failure, and they are fixed.
            Error::Internal("sealing failed")
        })?;
        front[nonce.len()..].copy_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens; `None` if it was not sealed with this key.
    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(XSalsa20Poly1305::NONCE_SIZE)?;
        let mut text = Zeroizing::new(sealed.to_vec());
        wiping_stack(|| self.cipher().decrypt_in_place(Nonce::from_slice(nonce), &[], &mut *text)).ok()?;
        Some(text)
    }

    /// Seals another key for a context.
    pub(super) fn seal_key(&self, other: &Self, context: &[u8]) -> Result<Vec<u8>, Error> {
        let mut text = Zeroizing::new(Vec::with_capacity(KEY_BYTES + context.len()));
        text.extend_from_slice(other.0.expose_secret());
        text.extend_from_slice(context);
        self.seal(&text)
    }

    /// Opens another key of this context.
    pub(super) fn open_key(&self, sealed: &[u8], context: &[u8]) -> Option<Self> {
        let opened = self.open(sealed)?;
        let (opened, found) = opened.split_at_checked(KEY_BYTES)?;
        let mut key = Box::new([0; KEY_BYTES]);
        key.copy_from_slice(opened);
        let key = Self(SecretBox::new(key));
        (found == context).then_some(key)
    }

    /// Seals the canary, by which a header shows its master key.
    pub(super) fn seal_canary(&self) -> Result<Vec<u8>, Error> {
        self.seal(CANARY)
    }

    /// Whether it is the master key of a header.
    pub(crate) fn opens(&self, header: &VaultHeader) -> bool {
        self.open(&header.canary).is_some_and(|canary| canary.as_slice() == CANARY)
    }

    /// Binds a sealed key to its credential: it is refused if it is moved to another, or if the
    /// credential is renamed.
    pub(super) fn mac(&self, credential: &VaultCredential, sealed_key: &[u8]) -> Result<Mac, Error> {
        wiping_stack(|| self.start_mac()).map(|mut mac| {
            let VaultCredential { id, service, name, created_at, last_used_at: _ } = credential;
            mac.update(id.as_bytes());
            mac.update(&created_at.to_be_bytes());
            for text in [service.as_bytes(), name.as_bytes(), sealed_key] {
                // The length before each text keeps adjacent texts apart.
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

    // Decision: docs/decisions/vault.md#sealing-uses-crypto_secretbox-01
    fn cipher(&self) -> XSalsa20Poly1305 {
        XSalsa20Poly1305::new(self.0.expose_secret().into())
    }
}

/// Runs a computation with a key, and wipes the part of the stack that it used.
fn wiping_stack<T>(work: impl FnOnce() -> T) -> T {
    #[inline(never)]
    fn run<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
    let done = run(work);
    zeroize_stack::<STACK_BYTES>();
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn key(bytes: &str) -> Key {
        Key(SecretBox::new(Box::new(hex::decode(bytes).unwrap().try_into().unwrap())))
    }

    fn credential() -> VaultCredential {
        VaultCredential {
            id: Uuid::from_u128(1),
            service: "openai".to_owned(),
            name: "production".to_owned(),
            created_at: 5,
            last_used_at: None,
        }
    }

    /// Computed with libsodium's `crypto_pwhash_argon2id`, opslimit 3 and memlimit 256 MiB.
    #[test]
    fn derives_the_key_that_libsodium_derives() {
        let salt: Vec<u8> = (0..16).collect();
        let derived = Key::derive(&"correct horse battery staple".into(), &salt.try_into().unwrap()).unwrap();
        let expected = "aad608b5866cef907f47d5cae529ed01a91301c92c5d5fef46e1a65e394e5742";
        assert_eq!(hex::encode(derived.0.expose_secret()), expected);
    }

    /// The vector of NaCl's own tests (Bernstein, "Cryptography in NaCl", section 10).
    #[test]
    fn opens_only_the_unchanged_box_of_nacls_own_tests() {
        let key = key("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
        let nonce = "69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37";
        let sealed = concat!(
            "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186a",
            "c0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae",
            "90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74",
            "e355a5"
        );
        let opened = concat!(
            "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c6129",
            "6cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde",
            "048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705"
        );
        let sealed = hex::decode(format!("{nonce}{sealed}")).unwrap();
        assert_eq!(hex::encode(key.open(&sealed).unwrap().as_slice()), opened);
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(key.open(&changed).is_none(), "byte {index}");
            assert!(key.open(&sealed[..index]).is_none(), "{index} bytes");
        }
    }

    #[test]
    fn seals_with_a_new_nonce_each_time_and_opens_again() {
        let key = key(&"01".repeat(32));
        for text in [&b""[..], b"sk-proj-1", &[0xff; 70_000]] {
            let (one, two) = (key.seal(text).unwrap(), key.seal(text).unwrap());
            assert_ne!(one[..24], two[..24]);
            assert_eq!(key.open(&one).unwrap().as_slice(), text);
            assert_eq!(one.len(), text.len() + 40);
        }
    }

    #[test]
    fn a_tokens_key_seals_and_opens_another_key() {
        let master = key(&"02".repeat(32));
        let [own, other] = ["fn_sess_1", "fn_sess_2"].map(|token| Key::of_token(&token.into()).unwrap());
        let sealed = own.seal_key(&master, b"session").unwrap();
        let opened = own.open_key(&sealed, b"session").unwrap();
        assert_eq!(opened.0.expose_secret(), master.0.expose_secret());
        assert!(other.open_key(&sealed, b"session").is_none());
        assert!(own.open_key(&sealed, b"").is_none() && own.open_key(&sealed, b"another").is_none());
        assert!(own.open_key(&own.seal(b"no key").unwrap(), b"").is_none());
    }

    #[test]
    fn a_mac_is_valid_for_one_credential_and_its_sealed_key() {
        let key = key(&"03".repeat(32));
        let mac = |credential: &VaultCredential, sealed: &[u8]| key.mac(credential, sealed).unwrap();
        let own = mac(&credential(), b"sealed");
        assert_eq!(own, mac(&VaultCredential { last_used_at: Some(1), ..credential() }, b"sealed"));
        for other in [
            VaultCredential { id: Uuid::from_u128(2), ..credential() },
            VaultCredential { service: "binance".to_owned(), ..credential() },
            VaultCredential { service: "openaip".to_owned(), name: "roduction".to_owned(), ..credential() },
            VaultCredential { created_at: 6, ..credential() },
        ] {
            assert_ne!(own, mac(&other, b"sealed"), "{other:?}");
        }
        assert_ne!(own, mac(&credential(), b"seale"));
    }

    #[test]
    fn hides_a_key_in_debug_output() {
        assert_eq!(format!("{:?}", key(&"04".repeat(32))), "Key(SecretBox<[u8; 32]>([REDACTED]))");
    }
}
