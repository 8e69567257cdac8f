//! The forms in which blobs are written: what is text, and what the cipher needs.

use super::{IV_BYTES, TAG_BYTES, VERSION};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

/// What the cipher needs of a blob.
pub(super) struct Parts {
    pub(super) iv: [u8; IV_BYTES],
    pub(super) ciphertext_and_tag: Vec<u8>,
}

/// A blob's parts, and its key's id where it names one; `None` where it is in
/// no known form.
pub(super) fn parse(blob: &str) -> Option<(Option<String>, Parts)> {
    let blob = blob.trim();
    if let Some(rest) = blob.strip_prefix(VERSION).and_then(|rest| rest.strip_prefix(':')) {
        let (key_id, parts) = rest.split_once(':')?;
        return Some((Some(key_id.to_owned()), parse_parts(parts)?));
    }
    let former = if blob.starts_with('{') { enc_member(blob)? } else { blob.to_owned() };
    parse_former(&former).map(|parts| (None, parts))
}

/// The object `{"enc": "…"}`.
fn enc_member(json: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Wrapped {
        enc: String,
    }
    serde_json::from_str::<Wrapped>(json).ok().map(|wrapped| wrapped.enc)
}

/// `iv:tag:ciphertext`, with or without `v1:` before it, or the whole of it in
/// base64 once more.
fn parse_former(blob: &str) -> Option<Parts> {
    if blob.contains(':') {
        return parse_parts(blob.strip_prefix("v1:").unwrap_or(blob));
    }
    let inner = String::from_utf8(STANDARD.decode(blob).ok()?).ok()?;
    parse_parts(&inner)
}

/// Three parts, all in base64 or all in hexadecimal; the IV's length tells which.
fn parse_parts(text: &str) -> Option<Parts> {
    let parts: Vec<_> = text.split(':').collect();
    let &[iv, tag, ciphertext] = parts.as_slice() else { return None };
    let is_hexadecimal = iv.len() == 2 * IV_BYTES;
    let decode =
        |part: &str| if is_hexadecimal { hex::decode(part).ok() } else { STANDARD.decode(part).ok() };
    let tag: [u8; TAG_BYTES] = decode(tag)?.try_into().ok()?;
    let mut ciphertext_and_tag = decode(ciphertext)?;
    ciphertext_and_tag.extend(tag);
    Some(Parts { iv: decode(iv)?.try_into().ok()?, ciphertext_and_tag })
}
