//! Sealing: AES-256-GCM over the credentials that the stores keep.
//!
//! A blob is text, `v2:<key id>:<iv>:<tag>:<ciphertext>`, the last three in
//! base64. Its associated data names the place it belongs to, so that it opens
//! nowhere else. This module knows no store and no request.

mod key_ring;

pub(crate) use key_ring::{Key, KeyRing, generate_base64};

use aes_gcm::aead::{Aead as _, Nonce, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::SecretString;
use thiserror::Error;
use uuid::Uuid;

/// The version that new blobs have.
pub(crate) const VERSION: &str = "v2";
/// NIST SP 800-38D, section 8.2.2: a random IV of 96 bits.
const IV_BYTES: usize = 12;
/// NIST SP 800-38D, section 5.2.1.2: the longest tag, 128 bits.
const TAG_BYTES: usize = 16;

/// Where a blob is kept. It opens in this place alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    pub(crate) record_id: Uuid,
    pub(crate) owner_id: Uuid,
}

impl Place {
    /// Unambiguous, since no part holds a NUL.
    fn associated_data(&self) -> Vec<u8> {
        let Self { table, column, record_id, owner_id } = self;
        format!("stagepass {VERSION}\0{table}\0{column}\0{record_id}\0{owner_id}").into_bytes()
    }
}

/// Why a blob can't be opened or made. Never says what was in it.
#[derive(Debug, Error)]
pub(crate) enum SealingError {
    #[error("the blob is in no known form")]
    Malformed,
    #[error("the blob was sealed with a key that was not given (key id {0})")]
    UnknownKey(String),
    #[error("the blob fails authentication: another key, another place, or damage")]
    Authentication,
    #[error("the operating system gives no random bytes")]
    Random,
}

/// Seals `plaintext` for `place` under the ring's writing key.
pub(crate) fn seal(keys: &KeyRing, place: &Place, plaintext: &[u8]) -> Result<String, SealingError> {
    let key = keys.writing();
    let mut iv = [0; IV_BYTES];
    getrandom::fill(&mut iv).map_err(|_| SealingError::Random)?;
    let payload = Payload { msg: plaintext, aad: &place.associated_data() };
    let sealed = (cipher(key).encrypt(&Nonce::<Aes256Gcm>::from(iv), payload))
        .map_err(|_| SealingError::Authentication)?;
    let (ciphertext, tag) = sealed.split_at(sealed.len() - TAG_BYTES);
    let [iv, tag, ciphertext] = [&iv, tag, ciphertext].map(|bytes| STANDARD.encode(bytes));
    Ok(format!("{VERSION}:{}:{iv}:{tag}:{ciphertext}", key.id()))
}

/// Opens a blob that was sealed for `place`. The plaintext is UTF-8, since
/// everything that is sealed is JSON text.
pub(crate) fn open(keys: &KeyRing, place: &Place, blob: &str) -> Result<SecretString, SealingError> {
    let parts: Vec<_> = blob.split(':').collect();
    let &[VERSION, key_id, iv, tag, ciphertext] = parts.as_slice() else {
        return Err(SealingError::Malformed);
    };
    let key = keys.find(key_id).ok_or_else(|| SealingError::UnknownKey(key_id.to_owned()))?;
    let decode = |part: &str| STANDARD.decode(part).map_err(|_| SealingError::Malformed);
    let iv: [u8; IV_BYTES] = decode(iv)?.try_into().map_err(|_| SealingError::Malformed)?;
    let tag: [u8; TAG_BYTES] = decode(tag)?.try_into().map_err(|_| SealingError::Malformed)?;
    let sealed = [decode(ciphertext)?, tag.to_vec()].concat();
    let payload = Payload { msg: &sealed, aad: &place.associated_data() };
    let plaintext = (cipher(key).decrypt(&Nonce::<Aes256Gcm>::from(iv), payload))
        .map_err(|_| SealingError::Authentication)?;
    let text = String::from_utf8(plaintext).map_err(|_| SealingError::Malformed)?;
    Ok(text.into())
}

fn cipher(key: &Key) -> Aes256Gcm {
    Aes256Gcm::new(key.expose().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    fn place() -> Place {
        Place {
            table: "platform_sessions",
            column: "encrypted_cookies",
            record_id: Uuid::from_u128(1),
            owner_id: Uuid::from_u128(2),
        }
    }

    fn ring(bytes: u8) -> KeyRing {
        KeyRing::new(Key::new([bytes; 32]), vec![])
    }

    #[test]
    fn opens_what_it_sealed_and_never_seals_twice_alike() {
        let keys = ring(7);
        let [one, two] = [(), ()].map(|()| seal(&keys, &place(), b"{\"a\":1}").unwrap());
        assert_ne!(one, two);
        assert!(one.starts_with(&format!("v2:{}:", keys.writing().id())));
        assert_eq!(open(&keys, &place(), &one).unwrap().expose_secret(), "{\"a\":1}");
    }

    #[test]
    fn a_blob_opens_in_its_own_place_alone() {
        let keys = ring(7);
        let blob = seal(&keys, &place(), b"x").unwrap();
        for other in [
            Place { table: "platform_connections", ..place() },
            Place { column: "encrypted_credentials", ..place() },
            Place { record_id: Uuid::from_u128(3), ..place() },
            Place { owner_id: Uuid::from_u128(3), ..place() },
        ] {
            assert!(matches!(open(&keys, &other, &blob), Err(SealingError::Authentication)), "{other:?}");
        }
    }

    #[test]
    fn an_older_key_still_opens_and_a_missing_one_is_named() {
        let blob = seal(&ring(1), &place(), b"x").unwrap();
        let rotated = KeyRing::new(Key::new([2; 32]), vec![Key::new([1; 32])]);
        assert_eq!(open(&rotated, &place(), &blob).unwrap().expose_secret(), "x");
        let id = ring(1).writing().id().to_owned();
        assert!(
            matches!(open(&ring(2), &place(), &blob), Err(SealingError::UnknownKey(missing)) if missing == id)
        );
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let keys = ring(7);
        let blob = seal(&keys, &place(), b"secret").unwrap();
        for index in 0..blob.len() {
            let mut changed = blob.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(open(&keys, &place(), &changed).is_err(), "{index}");
        }
    }
}
