//! The key of the audit log's chains, and what the server signs with it.

use super::Entry;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use std::{fmt, io};
use zeroize::Zeroizing;

/// An HMAC-SHA-256.
pub(crate) type Mac = [u8; 32];

/// One block of SHA-256, which RFC 2104 uses unchanged.
const KEY_BYTES: usize = 64;

/// The random key, as an HMAC that has already absorbed it: this saves two blocks for each
/// signature. The database keeps the key sealed.
// Decision: docs/decisions/keys-and-audit.md#macs-cost-a-reveal-about-a-microsecond
pub(crate) struct ChainKey(Hmac<Sha256>);

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainKey([REDACTED])")
    }
}

impl ChainKey {
    /// A random key in base64, ready for sealing.
    // Decision: docs/decisions/keys-and-audit.md#the-audit-logs-key-is-random-and-kept-sealed
    pub(crate) fn generate_base64() -> io::Result<SecretString> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(bytes.as_mut_slice()).map_err(io::Error::other)?;
        Ok(STANDARD.encode(bytes.as_slice()).into())
    }

    /// Parses a key from [`generate_base64`](Self::generate_base64).
    pub(crate) fn from_base64(text: &SecretString) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.expose_secret()).ok()?);
        let bytes: &[u8; KEY_BYTES] = bytes.as_slice().try_into().ok()?;
        Some(Self(Hmac::new(bytes.into())))
    }

    /// The signature of a row that follows one with the signature `previous`.
    pub(super) fn sign_row(&self, previous: &Mac, chain: i64, sequence: i64, entry: &Entry) -> Mac {
        let mut mac = self.start(b"row");
        mac.update(previous);
        mac.update(&chain.to_be_bytes());
        mac.update(&sequence.to_be_bytes());
        mac.update(&entry.at.to_be_bytes());
        let acting_for = entry.acting_for.map(|id| id.to_string());
        let texts = [
            Some(&entry.caller),
            acting_for.as_ref(),
            Some(&entry.action),
            entry.record.as_ref(),
            Some(&entry.outcome),
        ];
        for text in texts {
            // The length before each text keeps adjacent texts apart, and an absent text apart from
            // an empty one.
            mac.update(&text.map_or(u64::MAX, |text| text.len() as u64).to_be_bytes());
            mac.update(text.map_or("", String::as_str).as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    /// The signature of a chain's head.
    pub(super) fn sign_head(&self, chain: i64, sequence: i64, last: &Mac) -> Mac {
        let mut mac = self.start(b"head");
        mac.update(&chain.to_be_bytes());
        mac.update(&sequence.to_be_bytes());
        mac.update(last);
        mac.finalize().into_bytes().into()
    }

    /// The signature of an anchor.
    pub(super) fn sign_anchor(&self, numbers: [i64; 4], last: &Mac, removed_by: &str) -> Mac {
        let mut mac = self.start(b"anchor");
        for number in numbers {
            mac.update(&number.to_be_bytes());
        }
        mac.update(last);
        // The only part of variable length comes last.
        mac.update(removed_by.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The signature of what opens the vault together with its master password.
    pub(crate) fn sign_vault(&self, salt: &[u8], canary: &[u8], key_epoch: i64) -> Mac {
        let mut mac = self.start(b"vault");
        for bytes in [salt, canary] {
            mac.update(&(bytes.len() as u64).to_be_bytes());
            mac.update(bytes);
        }
        mac.update(&key_epoch.to_be_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The signature of a row of another table, by its fields in the form the stores provide.
    pub(crate) fn sign_fields(&self, table: &str, fields: &[u8]) -> Mac {
        let mut mac = self.start(b"signed row");
        mac.update(&(table.len() as u64).to_be_bytes());
        mac.update(table.as_bytes());
        mac.update(fields);
        mac.finalize().into_bytes().into()
    }

    /// The proof required to set up the vault from another machine.
    pub(crate) fn sign_set_up(&self) -> Mac {
        self.start(b"vault set-up").finalize().into_bytes().into()
    }

    /// An HMAC over `purpose`, which keeps the kinds of signatures apart.
    fn start(&self, purpose: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(purpose);
        mac.update(&[0]);
        mac
    }
}
