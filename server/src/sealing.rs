//! Sealing: AES-256-GCM over the credentials that the stores keep.
//!
//! A blob is text, `v2:<key id>:<iv>:<tag>:<ciphertext>`, the last three in
//! base64. Its associated data names the place it belongs to, so that it opens
//! nowhere else. Blobs of the former form, `iv:tag:ciphertext` without a key id
//! or associated data, are read in all the ways they were written. This module
//! knows no store and no request.

mod blob_form;
mod key_ring;

pub(crate) use key_ring::{Key, KeyRing, generate_base64};

use aes_gcm::aead::{Aead as _, Nonce, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use blob_form::Parts;
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

/// Opens a blob that was sealed for `place`, or one of the former form, which
/// names no place. The plaintext is UTF-8, since everything that is sealed is
/// JSON text.
pub(crate) fn open(keys: &KeyRing, place: &Place, blob: &str) -> Result<SecretString, SealingError> {
    let (key_id, parts) = blob_form::parse(blob).ok_or(SealingError::Malformed)?;
    let plaintext = match key_id {
        Some(key_id) => {
            let key = keys.find(&key_id).ok_or(SealingError::UnknownKey(key_id))?;
            decrypt(key, &parts, &place.associated_data())
        }
        // No key is named: whichever opens it.
        None => keys.all().find_map(|key| decrypt(key, &parts, b"")),
    };
    let text = String::from_utf8(plaintext.ok_or(SealingError::Authentication)?);
    text.map(SecretString::from).map_err(|_| SealingError::Malformed)
}

fn decrypt(key: &Key, parts: &Parts, associated_data: &[u8]) -> Option<Vec<u8>> {
    let payload = Payload { msg: &parts.ciphertext_and_tag, aad: associated_data };
    cipher(key).decrypt(&Nonce::<Aes256Gcm>::from(parts.iv), payload).ok()
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

    /// Seals as the former service does, in Node, and prints the parts in hexadecimal.
    const NODE: &str = r#"
        const { createCipheriv, randomBytes } = require("node:crypto");
        const [key, text] = process.argv.slice(1);
        const iv = randomBytes(12);
        const cipher = createCipheriv("aes-256-gcm", Buffer.from(key, "base64"), iv);
        const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
        console.log([iv, cipher.getAuthTag(), sealed].map((part) => part.toString("hex")).join(":"));
    "#;

    #[test]
    fn opens_what_node_sealed_in_every_way_it_was_written() {
        let text = "{\"sessionToken\":\"sess_ä\"}";
        let key = STANDARD.encode([7; 32]);
        let output = std::process::Command::new("node").args(["-e", NODE, &key, text]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let hexadecimal = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        let parts: Vec<_> =
            hexadecimal.split(':').map(|part| STANDARD.encode(hex::decode(part).unwrap())).collect();
        let base64 = parts.join(":");
        // A key that is for reading alone opens it as well.
        let keys = KeyRing::new(Key::new([1; 32]), vec![Key::new([7; 32])]);
        for blob in [
            base64.clone(),
            hexadecimal,
            format!("v1:{base64}"),
            STANDARD.encode(&base64),
            serde_json::json!({ "enc": base64 }).to_string(),
            serde_json::json!({ "enc": STANDARD.encode(&base64) }).to_string(),
        ] {
            assert_eq!(open(&keys, &place(), &blob).unwrap().expose_secret(), text, "{blob}");
            assert!(matches!(open(&ring(1), &place(), &blob), Err(SealingError::Authentication)));
        }
    }

    #[test]
    fn what_is_no_blob_is_malformed() {
        for blob in ["", ":", "a:b:c", "{}", "{\"enc\":{}}", "v1:", "v2:0:a:b:c", "bm90IGEgYmxvYg==", "null"]
        {
            assert!(matches!(open(&ring(7), &place(), blob), Err(SealingError::Malformed)), "{blob}");
        }
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
