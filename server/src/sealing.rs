//! Sealing: AES-256-GCM over the credentials that the stores keep.
//!
//! A blob is text. In version 2 it is `v2:<key id>:<iv>:<tag>:<ciphertext>`, with the last three in
//! base64. Its associated data names where it is kept, so that it opens nowhere else. Version 1,
//! which other services read from Directus, is `iv:tag:ciphertext`, without a key id or associated
//! data. Blobs of version 1 are read in all forms ever written, but only where version 1 is kept:
//! otherwise someone with write access to a record of version 2 could put another record's blob
//! there. This module knows no store and no request.

mod blob_form;
mod key_ring;
#[cfg(test)]
mod wycheproof;

pub(crate) use blob_form::Version;
pub(crate) use key_ring::{Key, KeyRing, generate_base64};

use aes_gcm::aead::{Aead as _, AeadInOut as _, Nonce, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use blob_form::{Blob, IV_BYTES, Parts, TAG_BYTES};
use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;
use uuid::Uuid;
use zeroize::Zeroize as _;

/// Where a blob is kept. A blob of version 2 opens only here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SealedAt {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    pub(crate) record_id: Uuid,
    pub(crate) owner_id: Uuid,
}

impl SealedAt {
    /// The associated data that binds a blob to this record. It is unambiguous, because no part
    /// contains a NUL. Version 1 has no associated data.
    fn associated_data(&self, version: Version) -> Vec<u8> {
        let Self { table, column, record_id, owner_id } = self;
        match version {
            Version::V1 => Vec::new(),
            Version::V2 => {
                let [mut record, mut owner] = [Uuid::encode_buffer(); 2];
                let record = record_id.hyphenated().encode_lower(&mut record);
                let owner = owner_id.hyphenated().encode_lower(&mut owner);
                ["stagepass v2", table, column, record, owner].join("\0").into_bytes()
            }
        }
    }
}

/// Why a blob can't be opened or sealed. Never says what was in it.
#[derive(Debug, Error)]
pub(crate) enum SealingError {
    #[error("the blob has an unknown form")]
    Malformed,
    #[error("the blob was encrypted with a key that is not set (key id {0})")]
    UnknownKey(String),
    #[error("the blob fails authentication: it has another key, belongs to another record, or is damaged")]
    Authentication,
    #[error(
        "the blob has version 1, which this server never writes to its own database: another program put it there"
    )]
    Misplaced,
    #[error("the operating system gives no random bytes")]
    Random,
}

/// Seals `plaintext` with the ring's writing key, bound to where it will be kept.
pub(crate) fn seal(
    keys: &KeyRing,
    version: Version,
    at: &SealedAt,
    plaintext: &[u8],
) -> Result<String, SealingError> {
    let key = keys.writing();
    let mut iv = [0; IV_BYTES];
    getrandom::fill(&mut iv).map_err(|_| SealingError::Random)?;
    let payload = Payload { msg: plaintext, aad: &at.associated_data(version) };
    let sealed = (cipher(key).encrypt(&Nonce::<Aes256Gcm>::from(iv), payload))
        .map_err(|_| SealingError::Authentication)?;
    let (ciphertext, tag) = sealed.split_at(sealed.len() - TAG_BYTES);
    let [iv, tag, ciphertext] = [&iv, tag, ciphertext].map(|bytes| STANDARD.encode(bytes));
    Ok(match version {
        Version::V1 => format!("{iv}:{tag}:{ciphertext}"),
        Version::V2 => format!("v2:{}:{iv}:{tag}:{ciphertext}", key.id()),
    })
}

/// Opens the blob that is kept at `at`, among blobs of `version`. The plaintext is UTF-8 because only
/// text is sealed.
pub(crate) fn open(
    keys: &KeyRing,
    version: Version,
    at: &SealedAt,
    blob: &str,
) -> Result<SecretString, SealingError> {
    open_parsed(keys, at, parse(version, blob)?).map(|(_, text)| text)
}

/// Parses a blob from where blobs of `version` are kept.
fn parse(version: Version, blob: &str) -> Result<Blob, SealingError> {
    let blob = blob_form::parse(blob).ok_or(SealingError::Malformed)?;
    match (version, blob.version()) {
        (Version::V2, Version::V1) => Err(SealingError::Misplaced),
        _ => Ok(blob),
    }
}

/// The length of a blob's plaintext in bytes; `None` if the blob has an unknown form.
pub(crate) fn sealed_bytes(blob: &str) -> Option<usize> {
    blob_form::parse(blob).map(|blob| blob.parts.ciphertext.len())
}

/// Seals a blob's plaintext again, in `version` and with the writing key, for a key rotation.
/// `None` if that would change nothing.
pub(crate) fn reseal(
    keys: &KeyRing,
    version: Version,
    at: &SealedAt,
    blob: &str,
) -> Result<Option<String>, SealingError> {
    let blob = parse(version, blob)?;
    let writing = keys.writing();
    let is_wanted_version = blob.version() == version;
    // A named key is compared without opening the blob, so that an interrupted rotation quickly
    // skips what it has done.
    if is_wanted_version && blob.key_id.as_deref() == Some(writing.id()) {
        return Ok(None);
    }
    let (key, text) = open_parsed(keys, at, blob)?;
    if is_wanted_version && key.id() == writing.id() {
        return Ok(None);
    }
    seal(keys, version, at, text.expose_secret().as_bytes()).map(Some)
}

/// The plaintext, and the key that opened it.
fn open_parsed<'a>(
    keys: &'a KeyRing,
    at: &SealedAt,
    blob: Blob,
) -> Result<(&'a Key, SecretString), SealingError> {
    let associated_data = at.associated_data(blob.version());
    let try_key = |key, parts| decrypt(key, parts, &associated_data).map(|plaintext| (key, plaintext));
    let opened = match blob.key_id {
        Some(id) => try_key(keys.find(&id).ok_or(SealingError::UnknownKey(id))?, blob.parts),
        // The blob names no key: try all of them.
        None => keys.all().find_map(|key| try_key(key, blob.parts.clone())),
    };
    let (key, plaintext) = opened.ok_or(SealingError::Authentication)?;
    Ok((key, text(plaintext)?))
}

fn decrypt(key: &Key, parts: Parts, associated_data: &[u8]) -> Option<Vec<u8>> {
    let Parts { iv, tag, ciphertext: mut text } = parts;
    let buffer = text.as_mut_slice().into();
    cipher(key).decrypt_inout_detached(&iv.into(), associated_data, buffer, &tag.into()).ok()?;
    Some(text)
}

/// The sealed text without a copy: every copy in memory must be wiped.
fn text(plaintext: Vec<u8>) -> Result<SecretString, SealingError> {
    String::from_utf8(plaintext).map(SecretString::from).map_err(|error| {
        error.into_bytes().zeroize();
        SealingError::Malformed
    })
}

fn cipher(key: &Key) -> Aes256Gcm {
    Aes256Gcm::new(key.expose().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn sealed_at() -> SealedAt {
        SealedAt {
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
    fn opens_what_it_sealed_and_never_repeats_a_blob() {
        let keys = ring(7);
        let [one, two] = [(), ()].map(|()| seal(&keys, Version::V2, &sealed_at(), b"{\"a\":1}").unwrap());
        assert_ne!(one, two);
        assert_eq!((sealed_bytes(&one), sealed_bytes("x")), (Some(7), None));
        assert!(one.starts_with(&format!("v2:{}:", keys.writing().id())));
        assert_eq!(open(&keys, Version::V2, &sealed_at(), &one).unwrap().expose_secret(), "{\"a\":1}");
    }

    #[test]
    fn a_blob_opens_only_where_it_belongs() {
        let keys = ring(7);
        let blob = seal(&keys, Version::V2, &sealed_at(), b"x").unwrap();
        for other in [
            SealedAt { table: "platform_connections", ..sealed_at() },
            SealedAt { column: "encrypted_credentials", ..sealed_at() },
            SealedAt { record_id: Uuid::from_u128(3), ..sealed_at() },
            SealedAt { owner_id: Uuid::from_u128(3), ..sealed_at() },
        ] {
            assert!(
                matches!(open(&keys, Version::V2, &other, &blob), Err(SealingError::Authentication)),
                "{other:?}"
            );
        }
    }

    #[test]
    fn opens_with_an_older_key_and_names_a_missing_one() {
        let blob = seal(&ring(1), Version::V2, &sealed_at(), b"x").unwrap();
        let rotated = KeyRing::new(Key::new([2; 32]), vec![Key::new([1; 32])]);
        assert_eq!(open(&rotated, Version::V2, &sealed_at(), &blob).unwrap().expose_secret(), "x");
        let id = ring(1).writing().id().to_owned();
        assert!(
            matches!(open(&ring(2), Version::V2, &sealed_at(), &blob), Err(SealingError::UnknownKey(missing)) if missing == id)
        );
    }

    /// Runs a script in Node; its first argument is the key in base64.
    fn node(script: &str, arguments: &[&str]) -> String {
        let key = STANDARD.encode([7; 32]);
        let output = Command::new("node").args(["-e", script, &key]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Seals as the other services do, and prints the parts in hexadecimal.
    const NODE_SEALS: &str = r#"
        const { createCipheriv, randomBytes } = require("node:crypto");
        const [key, text] = process.argv.slice(1);
        const iv = randomBytes(12);
        const cipher = createCipheriv("aes-256-gcm", Buffer.from(key, "base64"), iv);
        const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
        console.log([iv, cipher.getAuthTag(), sealed].map((part) => part.toString("hex")).join(":"));
    "#;

    #[test]
    fn opens_every_form_that_node_sealed() {
        let text = "{\"sessionToken\":\"sess_ä\"}";
        let hexadecimal = node(NODE_SEALS, &[text]).trim().to_owned();
        let parts: Vec<_> =
            hexadecimal.split(':').map(|part| STANDARD.encode(hex::decode(part).unwrap())).collect();
        let base64 = parts.join(":");
        // A key that is only for reading opens the blob as well.
        let keys = KeyRing::new(Key::new([1; 32]), vec![Key::new([7; 32])]);
        let bare = [base64.clone(), hexadecimal.to_uppercase(), hexadecimal];
        let prefixed = bare.iter().map(|blob| format!("v1:{blob}"));
        let plain: Vec<_> = bare.iter().cloned().chain(prefixed).collect();
        let encoded = plain.iter().map(|blob| STANDARD.encode(blob));
        let prefix_outside = format!("v1:{}", STANDARD.encode(&base64));
        let all: Vec<_> = plain.iter().cloned().chain(encoded).chain([prefix_outside]).collect();
        let wrapped = all.iter().map(|blob| serde_json::json!({ "enc": blob }).to_string());
        for blob in all.iter().cloned().chain(wrapped) {
            let open = |keys: &KeyRing, version| open(keys, version, &sealed_at(), &blob);
            assert_eq!(open(&keys, Version::V1).unwrap().expose_secret(), text, "{blob}");
            assert!(matches!(open(&ring(1), Version::V1), Err(SealingError::Authentication)));
            assert!(matches!(open(&keys, Version::V2), Err(SealingError::Misplaced)), "{blob}");
        }
    }

    /// Opens as the other services do.
    const NODE_OPENS: &str = r#"
        const { createDecipheriv } = require("node:crypto");
        const [key, blob] = process.argv.slice(1);
        const [iv, tag, sealed] = blob.split(":").map((part) => Buffer.from(part, "base64"));
        const cipher = createDecipheriv("aes-256-gcm", Buffer.from(key, "base64"), iv);
        cipher.setAuthTag(tag);
        const text = Buffer.concat([cipher.update(sealed), cipher.final()]).toString("utf8");
        process.stdout.write(text);
    "#;

    #[test]
    fn node_opens_a_blob_of_version_1() {
        for text in ["{}", "{\"sessionToken\":\"sess_ä\"}"] {
            let blob = seal(&ring(7), Version::V1, &sealed_at(), text.as_bytes()).unwrap();
            assert_eq!(node(NODE_OPENS, &[&blob]), text);
            assert_eq!(open(&ring(7), Version::V1, &sealed_at(), &blob).unwrap().expose_secret(), text);
        }
    }

    #[test]
    fn resealing_ends_under_the_writing_key_in_the_wanted_version() {
        let rotated = KeyRing::new(Key::new([2; 32]), vec![Key::new([1; 32])]);
        let seals = |keys: &KeyRing, version| seal(keys, version, &sealed_at(), b"{}").unwrap();
        for (wanted, written) in
            [(Version::V1, Version::V1), (Version::V1, Version::V2), (Version::V2, Version::V2)]
        {
            let old = seals(&ring(1), written);
            let resealed = reseal(&rotated, wanted, &sealed_at(), &old).unwrap().unwrap();
            assert_eq!(blob_form::parse(&resealed).unwrap().version(), wanted);
            // The new key is enough to open the blob, and no further change is needed.
            assert_eq!(open(&ring(2), wanted, &sealed_at(), &resealed).unwrap().expose_secret(), "{}");
            assert_eq!(reseal(&rotated, wanted, &sealed_at(), &resealed).unwrap(), None);
        }
        let other_version = seals(&ring(2), Version::V2);
        assert!(reseal(&rotated, Version::V1, &sealed_at(), &other_version).unwrap().is_some());
    }

    #[test]
    fn resealing_does_not_turn_version_1_into_version_2() {
        let rotated = KeyRing::new(Key::new([2; 32]), vec![Key::new([1; 32])]);
        for key in [1, 2] {
            let blob = seal(&ring(key), Version::V1, &sealed_at(), b"{}").unwrap();
            assert!(matches!(
                reseal(&rotated, Version::V2, &sealed_at(), &blob),
                Err(SealingError::Misplaced)
            ));
        }
    }

    #[test]
    fn resealing_refuses_a_blob_that_it_cannot_open() {
        let rotated = KeyRing::new(Key::new([2; 32]), vec![Key::new([1; 32])]);
        let reseal = |at: &SealedAt, blob: &str| reseal(&rotated, Version::V2, at, blob);
        let blob = seal(&ring(1), Version::V2, &sealed_at(), b"{}").unwrap();
        let elsewhere = SealedAt { record_id: Uuid::from_u128(3), ..sealed_at() };
        assert!(matches!(reseal(&elsewhere, &blob), Err(SealingError::Authentication)));
        let foreign = seal(&ring(3), Version::V2, &sealed_at(), b"{}").unwrap();
        assert!(matches!(reseal(&sealed_at(), &foreign), Err(SealingError::UnknownKey(_))));
        assert!(matches!(reseal(&sealed_at(), "no blob"), Err(SealingError::Malformed)));
    }

    #[test]
    fn a_text_that_is_not_a_blob_is_malformed() {
        for blob in [
            "",
            ":",
            "a:b:c",
            "{}",
            "{\"enc\":{}}",
            "v1:",
            "v2:",
            "v2:0:a:b:c",
            "v3:AAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAA==:",
            "bm90IGEgYmxvYg==",
            "null",
        ] {
            assert!(
                matches!(open(&ring(7), Version::V1, &sealed_at(), blob), Err(SealingError::Malformed)),
                "{blob}"
            );
        }
    }

    #[test]
    fn notices_every_changed_character() {
        let keys = ring(7);
        for version in [Version::V1, Version::V2] {
            let blob = seal(&keys, version, &sealed_at(), b"secret").unwrap();
            for index in 0..blob.len() {
                let mut changed = blob.clone().into_bytes();
                changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
                let changed = String::from_utf8(changed).unwrap();
                assert!(open(&keys, version, &sealed_at(), &changed).is_err(), "{version:?} {index}");
            }
        }
    }
}
