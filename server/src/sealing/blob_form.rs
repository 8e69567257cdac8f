//! The text forms of blobs, and the parts that the cipher needs.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

/// NIST SP 800-38D, section 8.2.2: a random IV of 96 bits.
pub(super) const IV_BYTES: usize = 12;
/// NIST SP 800-38D, section 5.2.1.2: the longest tag, 128 bits.
pub(super) const TAG_BYTES: usize = 16;

/// The versions of blobs. Where blobs of version 2 are kept, only these open; where blobs of version
/// 1 are kept, both versions do.
// Decision: docs/decisions/keys-and-audit.md#a-blob-of-version-1-opens-only-in-directus
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// The version for records in Directus, which other services also read.
    V1,
    /// The version for records in this server's own database.
    V2,
}

impl Version {
    /// The version's name, stored with each blob.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

/// A parsed blob.
pub(super) struct Blob {
    /// Blobs of version 2 name their key.
    pub(super) key_id: Option<String>,
    pub(super) parts: Parts,
}

impl Blob {
    pub(super) fn version(&self) -> Version {
        if self.key_id.is_some() { Version::V2 } else { Version::V1 }
    }
}

/// The parts of a blob that the cipher needs.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) iv: [u8; IV_BYTES],
    pub(super) tag: [u8; TAG_BYTES],
    pub(super) ciphertext: Vec<u8>,
}

/// Parses a blob; `None` if it has an unknown form.
pub(super) fn parse(text: &str) -> Option<Blob> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("v2:") {
        let (key_id, parts) = rest.split_once(':')?;
        return Some(Blob { key_id: Some(key_id.to_owned()), parts: parse_parts(parts)? });
    }
    let parts = if text.starts_with('{') { parse_v1(&enc_member(text)?) } else { parse_v1(text) };
    parts.map(|parts| Blob { key_id: None, parts })
}

/// The object `{"enc": "…"}`.
fn enc_member(json: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Wrapped {
        enc: String,
    }
    serde_json::from_str::<Wrapped>(json).ok().map(|wrapped| wrapped.enc)
}

/// `iv:tag:ciphertext`, or all of it encoded once more in base64; either may start with `v1:`, also
/// inside the base64.
fn parse_v1(text: &str) -> Option<Parts> {
    let text = without_prefix(text);
    if text.contains(':') {
        return parse_parts(text);
    }
    let inner = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    parse_parts(without_prefix(&inner))
}

fn without_prefix(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix("v1:").unwrap_or(text)
}

/// Three parts, all in base64 or all in hexadecimal; the length of the IV decides.
fn parse_parts(text: &str) -> Option<Parts> {
    let parts: Vec<_> = text.split(':').collect();
    let &[iv, tag, ciphertext] = parts.as_slice() else { return None };
    let is_hexadecimal = iv.len() == 2 * IV_BYTES;
    let decode =
        |part: &str| if is_hexadecimal { hex::decode(part).ok() } else { STANDARD.decode(part).ok() };
    let (iv, tag) = (decode(iv)?.try_into().ok()?, decode(tag)?.try_into().ok()?);
    Some(Parts { iv, tag, ciphertext: decode(ciphertext)? })
}
