//! The key that identifies a server, and what it signs. The extension
//! (`extension/background/proof.js`) computes the same text and fingerprint.

use crate::body::NONCE_BYTES;
use crate::error::Error;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Prefixes of the signed texts, so that no signature is valid for another purpose.
const DOMAIN: &[u8] = b"stagepass server proof\0";
const EXPORT_DOMAIN: &[u8] = b"stagepass audit export\0";
/// The length of a fingerprint, from the key's SHA-256. Finding another key with the same one takes
/// 2^128 attempts.
const FINGERPRINT_BYTES: usize = 16;
/// The size of a group in a fingerprint.
const GROUP_BYTES: usize = 2;

/// A random value that a client chooses for one proof.
pub(super) type Nonce = [u8; NONCE_BYTES];

/// A key of P-256. The database keeps it sealed, so that servers that share a database have one
/// identity.
#[derive(Debug)]
pub(crate) struct ServerKey(EcdsaKeyPair);

impl ServerKey {
    /// A random key as base64 of PKCS#8, to be sealed.
    pub(crate) fn generate_base64() -> Result<SecretString, Error> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let pkcs8 = pkcs8.map_err(|_| Error::Internal("no key could be generated"))?;
        Ok(STANDARD.encode(pkcs8.as_ref()).into())
    }

    /// Parses a key from [`generate_base64`](Self::generate_base64).
    pub(crate) fn from_base64(text: &SecretString) -> Option<Self> {
        let pkcs8 = Zeroizing::new(STANDARD.decode(text.expose_secret()).ok()?);
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).ok().map(Self)
    }

    /// The uncompressed point.
    pub(crate) fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// The fingerprint that people compare: `3F2A 91C0 …`.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint_of(self.public_key())
    }

    /// Signs an export of the audit log by its SHA-256.
    pub(crate) fn sign_export(&self, digest: &[u8; 32]) -> Result<Vec<u8>, Error> {
        let signature = self.0.sign(&SystemRandom::new(), &[EXPORT_DOMAIN, digest].concat());
        Ok(signature.map_err(|_| Error::Internal("signing failed"))?.as_ref().to_owned())
    }

    /// Signs that this server answers a nonce at an address. The host comes last and everything
    /// before it has a fixed length, so that no two of these texts are equal.
    pub(super) fn sign(&self, nonce: &Nonce, host: &str, port: u16) -> Result<Vec<u8>, Error> {
        let text = [DOMAIN, nonce, &port.to_be_bytes(), host.as_bytes()].concat();
        let signature = self.0.sign(&SystemRandom::new(), &text);
        Ok(signature.map_err(|_| Error::Internal("signing failed"))?.as_ref().to_owned())
    }
}

/// The fingerprint of a public key.
pub(crate) fn fingerprint_of(public_key: &[u8]) -> String {
    shown(&Sha256::digest(public_key)[..FINGERPRINT_BYTES])
}

/// Parses a fingerprint with any grouping.
pub(crate) fn read_fingerprint(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    let bytes = hex::decode(digits).ok().filter(|bytes| bytes.len() == FINGERPRINT_BYTES)?;
    Some(shown(&bytes))
}

fn shown(fingerprint: &[u8]) -> String {
    let groups = fingerprint.chunks(GROUP_BYTES).map(hex::encode_upper);
    groups.collect::<Vec<_>>().join(" ")
}

/// Whether the holder of a key signed an export of the audit log with this SHA-256.
pub(crate) fn verify_export(public_key: &[u8], digest: &[u8; 32], signature: &[u8]) -> bool {
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public_key);
    key.verify(&[EXPORT_DOMAIN, digest].concat(), signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ServerKey {
        ServerKey::from_base64(&ServerKey::generate_base64().unwrap()).unwrap()
    }

    #[test]
    fn a_signature_is_for_one_nonce_host_and_port() {
        let key = key();
        let signature = key.sign(&[7; NONCE_BYTES], "127.0.0.1", 3001).unwrap();
        assert_eq!(signature.len(), 64);
        let public_key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key());
        let verifies = |nonce: u8, host: &str, port: u16| {
            let text = [&b"stagepass server proof\0"[..], &[nonce; 32], &port.to_be_bytes(), host.as_bytes()];
            public_key.verify(&text.concat(), &signature).is_ok()
        };
        assert!(verifies(7, "127.0.0.1", 3001));
        assert!(!verifies(8, "127.0.0.1", 3001));
        assert!(!verifies(7, "127.0.0.2", 3001));
        assert!(!verifies(7, "127.0.0.1", 3002));
    }

    #[test]
    fn a_fingerprint_has_eight_groups_and_is_this_keys_own() {
        let (one, other) = (key().fingerprint(), key().fingerprint());
        assert_ne!(one, other);
        let is_group = |group: &str| group.len() == 4 && group.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(one.split(' ').count() == 8 && one.split(' ').all(is_group), "{one}");
    }
}
