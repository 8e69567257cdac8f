//! The encrypted file that carries API keys from one vault to another: JSON that says how to derive
//! its key from a password, around one libsodium `crypto_secretbox` with the credentials. It knows
//! no vault, and not where files are.

use super::generate_salt;
use super::key::{Cost, Key};
use crate::error::Error;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error as ThisError;
use zeroize::Zeroizing;

const FORMAT: &str = "stagepass vault export";
const VERSION: u32 = 1;
/// The most that opening a file may cost.
const MOST: Cost = Cost { memory_kib: 1024 * 1024, passes: 10, lanes: 16 };

/// The largest file to read; even a full vault makes a smaller one.
pub(crate) const MAX_EXPORT_BYTES: u64 = 128 * 1024 * 1024;

/// A credential with its key, outside a vault.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlainCredential {
    pub(crate) service: String,
    pub(crate) name: String,
    #[serde(with = "base64_text")]
    pub(crate) key: SecretString,
    /// Milliseconds since the Unix epoch.
    #[serde(with = "time")]
    pub(crate) created_at: i64,
}

/// Why a file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub(crate) enum ExportFault {
    #[error("is not a file written by `vault export`, or is damaged")]
    Foreign,
    #[error("has version {0}, which this program does not know; use a newer program")]
    Version(u32),
    #[error(
        "needs more to open than any file written by `vault export`; the limit is {} MiB of memory, {} passes \
         and {} lanes of Argon2id",
        MOST.memory_kib / 1024, MOST.passes, MOST.lanes
    )]
    Cost,
    #[error("can be decrypted, but does not contain credentials")]
    Contents,
}

/// The file, still sealed.
// Decision: docs/decisions/vault.md#an-exported-vault-has-its-own-salt-and-key
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ExportFile {
    cost: Cost,
    salt: [u8; 16],
    sealed: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Heading<'a> {
    format: &'a str,
    version: u32,
}

/// The file as it is written. Its first bytes say what it is.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    format: &'a str,
    version: u32,
    argon2id: Cost,
    salt: String,
    /// The nonce and the sealed contents.
    secretbox: &'a str,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents<C> {
    credentials: C,
}

impl ExportFile {
    /// Seals credentials with a password.
    pub(crate) fn seal(password: &SecretString, credentials: &[PlainCredential]) -> Result<Self, Error> {
        let (cost, salt) = (Cost::MASTER, generate_salt()?);
        let key = Key::derive_at(cost, password, &salt)?;
        // Reserved at once: growing would leave copies of keys behind.
        let mut contents =
            Zeroizing::new(Vec::with_capacity(64 + credentials.iter().map(most_bytes).sum::<usize>()));
        serde_json::to_writer(&mut *contents, &Contents { credentials })
            .map_err(|_| Error::Internal("rendering credentials failed"))?;
        Ok(Self { cost, salt, sealed: key.seal(&contents)? })
    }

    /// The file's text.
    pub(crate) fn render(&self) -> Result<Vec<u8>, Error> {
        let secretbox = STANDARD.encode(&self.sealed);
        let document = Document {
            format: FORMAT,
            version: VERSION,
            argon2id: self.cost,
            salt: STANDARD.encode(self.salt),
            secretbox: &secretbox,
        };
        let mut text =
            serde_json::to_vec(&document).map_err(|_| Error::Internal("rendering a file failed"))?;
        text.push(b'\n');
        Ok(text)
    }

    /// Parses a file's text.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, ExportFault> {
        let heading: Heading<'_> = serde_json::from_slice(text).map_err(|_| ExportFault::Foreign)?;
        match heading {
            Heading { format: FORMAT, version: VERSION } => {}
            Heading { format: FORMAT, version } => return Err(ExportFault::Version(version)),
            Heading { .. } => return Err(ExportFault::Foreign),
        }
        let document: Document<'_> = serde_json::from_slice(text).map_err(|_| ExportFault::Foreign)?;
        let decode = |text| STANDARD.decode(text).map_err(|_| ExportFault::Foreign);
        let cost = document.argon2id;
        if cost.memory_kib > MOST.memory_kib || cost.passes > MOST.passes || cost.lanes > MOST.lanes {
            return Err(ExportFault::Cost);
        }
        if cost.params().is_err() {
            return Err(ExportFault::Foreign);
        }
        let salt = decode(&*document.salt)?.try_into().map_err(|_| ExportFault::Foreign)?;
        Ok(Self { cost, salt, sealed: decode(document.secretbox)? })
    }

    /// The file's key, derived from a password.
    pub(crate) fn derive_key(&self, password: &SecretString) -> Result<Key, Error> {
        Key::derive_at(self.cost, password, &self.salt)
    }

    /// The credentials in the file; `None` if the key is wrong or the file was changed.
    pub(crate) fn open(&self, key: &Key) -> Result<Option<Vec<PlainCredential>>, ExportFault> {
        let Some(contents) = key.open(&self.sealed) else { return Ok(None) };
        let contents: Contents<Vec<PlainCredential>> =
            serde_json::from_slice(&contents).map_err(|_| ExportFault::Contents)?;
        Ok(Some(contents.credentials))
    }
}

/// More bytes than a credential takes in JSON.
fn most_bytes(credential: &PlainCredential) -> usize {
    let PlainCredential { service, name, key, created_at: _ } = credential;
    // Only the key's length is read. Escaping takes one more byte for a character of a name.
    let key_bytes = key.expose_secret().len().div_ceil(3) * 4;
    128 + service.len() + 2 * name.len() + key_bytes
}

/// A key in base64: JSON's escapes would make it up to six times as long, and a full vault's file
/// larger than the limit.
mod base64_text {
    use super::{STANDARD, SecretString, Zeroizing};
    use base64::Engine as _;
    use secrecy::ExposeSecret as _;
    use serde::de::{Deserialize as _, Deserializer, Error};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(key: &SecretString, to: S) -> Result<S::Ok, S::Error> {
        // Exposed for sealing.
        to.serialize_str(&Zeroizing::new(STANDARD.encode(key.expose_secret())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
        let bytes = STANDARD.decode(<&str>::deserialize(from)?).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| D::Error::custom("not base64"))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| D::Error::custom("not text"))?;
        Ok(text.into())
    }
}

/// A time as the API writes it.
mod time {
    use crate::clock::{parse_ms, render_ms};
    use serde::de::{Deserialize as _, Deserializer, Error};
    use serde::ser::Serializer;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    pub(super) fn serialize<S: Serializer>(time_ms: &i64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&render_ms(*time_ms))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        parse_ms(<&str>::deserialize(from)?).ok_or_else(|| D::Error::custom("not a time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const KEY: &str = "sk-\"planted\\key\u{1}\n";

    fn credential() -> PlainCredential {
        PlainCredential {
            service: "openai".to_owned(),
            name: "the \"first\" \u{1f511}".to_owned(),
            key: KEY.into(),
            created_at: 1_768_473_000_123,
        }
    }

    /// A file that is cheap to open.
    fn cheap(contents: &[u8]) -> (ExportFile, Key) {
        let (cost, salt) = (Cost { memory_kib: 8, passes: 1, lanes: 1 }, [7; 16]);
        let key = Key::derive_at(cost, &"a password".into(), &salt).unwrap();
        (ExportFile { cost, salt, sealed: key.seal(contents).unwrap() }, key)
    }

    fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut document = serde_json::from_slice(&cheap(b"{}").0.render().unwrap()).unwrap();
        change(&mut document);
        document.to_string().into_bytes()
    }

    #[test]
    fn opens_unchanged_and_only_with_the_same_password() {
        let file = ExportFile::seal(&"a password".into(), &[credential()]).unwrap();
        let text = file.render().unwrap();
        assert!(text.starts_with(br#"{"format":"stagepass vault export","version":1,"#));
        let read = ExportFile::parse(&text).unwrap();
        assert_eq!(read, file);
        let opened = read.open(&read.derive_key(&"a password".into()).unwrap()).unwrap().unwrap();
        let [PlainCredential { service, name, key, created_at }] = &opened[..] else { panic!("not one") };
        assert_eq!((&**service, &**name), ("openai", "the \"first\" \u{1f511}"));
        assert_eq!((key.expose_secret(), *created_at), (KEY, 1_768_473_000_123));
        let other = cheap(b"").1;
        assert!(read.open(&other).unwrap().is_none());
    }

    #[test]
    fn rendering_never_reallocates_the_memory_with_keys() {
        let credentials: Vec<_> = (0..3).map(|_| credential()).collect();
        let room = 64 + credentials.iter().map(most_bytes).sum::<usize>();
        let text = serde_json::to_vec(&Contents { credentials: &credentials }).unwrap();
        assert!(text.len() <= room, "{} > {room}", text.len());
    }

    #[test]
    fn a_full_vaults_file_can_be_read() {
        let largest = PlainCredential {
            service: "c".repeat("custom.".len() + 64),
            name: "\u{1f511}".repeat(1024),
            key: "\u{1}".repeat(crate::request::MAX_KEY_BYTES).into(),
            created_at: 0,
        };
        let contents = most_bytes(&largest) * (crate::vault::MAX_CREDENTIALS as usize + 1);
        assert!((contents.div_ceil(3) * 4) as u64 + 1024 <= MAX_EXPORT_BYTES);
    }

    #[test]
    fn distinguishes_other_files_from_newer_or_too_costly_exports() {
        let parse = |text: &[u8]| ExportFile::parse(text).unwrap_err();
        for foreign in [&b""[..], b"{}", b"[]", b"\xff", br#"{"format":"x","version":1}"#] {
            assert_eq!(parse(foreign), ExportFault::Foreign);
        }
        let newer = br#"{"format":"stagepass vault export","version":2,"more":[]}"#;
        assert_eq!(parse(newer), ExportFault::Version(2));
        for (field, value, fault) in [
            ("memory_kib", json!(1024 * 1024 + 1), ExportFault::Cost),
            ("passes", json!(11), ExportFault::Cost),
            ("lanes", json!(17), ExportFault::Cost),
            ("memory_kib", json!(7), ExportFault::Foreign),
            ("passes", json!(0), ExportFault::Foreign),
            ("lanes", json!(-1), ExportFault::Foreign),
            ("more", json!(1), ExportFault::Foreign),
        ] {
            let text = changed(|document| document["argon2id"][field] = value.clone());
            assert_eq!(parse(&text), fault, "{field}: {value}");
        }
        for (field, value) in
            [("salt", "AAAA"), ("salt", "not base64"), ("secretbox", "not base64"), ("a", "b")]
        {
            let text = changed(|document| document[field] = value.into());
            assert_eq!(parse(&text), ExportFault::Foreign, "{field}: {value}");
        }
    }

    #[test]
    fn refuses_a_file_without_credentials() {
        let entry =
            json!({"service": "openai", "name": "n", "key": "a2V5", "created_at": "2026-01-15T10:30:00Z"});
        let with = |field: &str, value: Value| {
            let mut entry = entry.clone();
            entry[field] = value;
            cheap(json!({"credentials": [entry]}).to_string().as_bytes())
        };
        let (good, key) = with("name", json!("other"));
        assert_eq!(good.open(&key).unwrap().unwrap().len(), 1);
        for (field, value) in [
            ("key", json!("not base64")),
            ("key", json!("//8=")),
            ("created_at", json!("soon")),
            ("id", json!(1)),
        ] {
            let (file, key) = with(field, value);
            assert_eq!(file.open(&key).unwrap_err(), ExportFault::Contents, "{field}");
        }
        let (file, key) = cheap(b"stagepass vault canary");
        assert_eq!(file.open(&key).unwrap_err(), ExportFault::Contents);
        let (file, key) = cheap(b"");
        assert!(ExportFile { sealed: file.sealed[..20].to_vec(), ..file }.open(&key).unwrap().is_none());
    }
}
