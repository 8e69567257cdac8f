//! The encryption keys: one for writing, any number for reading.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The length of an AES-256 key.
const KEY_BYTES: usize = 32;

/// An AES-256 key and its id. `Debug` shows only the id.
#[derive(Debug)]
pub(crate) struct Key {
    id: String,
    bytes: SecretBox<[u8; KEY_BYTES]>,
}

impl Key {
    pub(crate) fn new(bytes: [u8; KEY_BYTES]) -> Self {
        let id = hex::encode(&Sha256::digest(bytes)[..4]);
        Self { id, bytes: SecretBox::new(Box::new(bytes)) }
    }

    /// Parses a key from exactly 32 bytes in base64.
    pub(crate) fn from_base64(text: &SecretString) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.expose_secret().trim()).ok()?);
        bytes.as_slice().try_into().ok().map(Self::new)
    }

    /// Whether it is all zero: a placeholder, not a secret.
    pub(crate) fn is_zero(&self) -> bool {
        *self.expose() == [0; KEY_BYTES]
    }

    /// The first 8 hexadecimal digits of the key's SHA-256.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The key itself, only for the cipher.
    pub(super) fn expose(&self) -> &[u8; KEY_BYTES] {
        self.bytes.expose_secret()
    }
}

/// A random key in base64.
pub(crate) fn generate_base64() -> Result<SecretString, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(bytes.as_mut_slice())?;
    Ok(STANDARD.encode(bytes.as_slice()).into())
}

/// One key for writing, and all keys for reading.
#[derive(Debug)]
pub(crate) struct KeyRing {
    /// The first one writes.
    keys: Vec<Key>,
}

impl KeyRing {
    pub(crate) fn new(writing: Key, reading: Vec<Key>) -> Self {
        let mut keys = vec![writing];
        keys.extend(reading);
        Self { keys }
    }

    pub(crate) fn writing(&self) -> &Key {
        &self.keys[0]
    }

    /// All keys, the writing one first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_exactly_32_bytes_in_base64() {
        let encode = |length| SecretString::from(STANDARD.encode(vec![9; length]));
        assert_eq!(Key::from_base64(&encode(32)).unwrap().id(), Key::new([9; 32]).id());
        // 16 and 24 bytes would be keys for AES-128 and AES-192.
        for length in [0, 16, 24, 31, 33, 64] {
            assert!(Key::from_base64(&encode(length)).is_none(), "{length}");
        }
        assert!(Key::from_base64(&SecretString::from("not base64!")).is_none());
        assert!(Key::from_base64(&generate_base64().unwrap()).is_some());
    }

    #[test]
    fn hides_its_bytes_in_debug_output() {
        let shown = format!("{:?}", KeyRing::new(Key::new([0xab; 32]), vec![]));
        assert!(!shown.contains("171") && !shown.to_lowercase().contains("abab"), "{shown}");
    }
}
