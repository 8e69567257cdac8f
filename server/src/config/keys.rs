//! The encryption keys, from settings or from the data directory.

use super::faults::Faults;
use super::named_file::NamedFile;
use super::{ConfigError, DatabaseSettings, keep};
use crate::sealing::{Key, KeyRing, generate_base64};
use clap::Args;
use std::path::PathBuf;

const KEY: &str = "CREDENTIALS_ENC_KEY_B64";
const OLD_KEYS: &str = "CREDENTIALS_ENC_OLD_KEYS_B64";
/// The file in the data directory for a key that the server generated.
const KEY_FILE: &str = "credentials-enc-key";

/// Which keys encrypt and decrypt the records.
// Decision: docs/decisions/keys-and-audit.md#secrets-come-from-variables-or-files-never-from-flags
#[derive(Args, Clone, Debug)]
pub(crate) struct KeyArgs {
    /// File with the encryption key, 32 bytes in base64 (or the key itself in
    /// CREDENTIALS_ENC_KEY_B64) [default on SQLite without Directus: one generated at first start]
    #[arg(long, env = "CREDENTIALS_ENC_KEY_B64_FILE", value_name = "FILE", global = true)]
    credentials_enc_key_file: Option<NamedFile>,
    /// File with older encryption keys, used only for decryption, separated by commas (or the keys
    /// themselves in CREDENTIALS_ENC_OLD_KEYS_B64)
    #[arg(long, env = "CREDENTIALS_ENC_OLD_KEYS_B64_FILE", value_name = "FILE", global = true)]
    credentials_enc_old_keys_file: Option<NamedFile>,
}

/// The keys that were set.
#[derive(Debug)]
pub(crate) struct KeySettings {
    key: Option<Key>,
    old_keys: Vec<Key>,
}

impl KeySettings {
    /// Reads the settings and reports all faults together.
    pub(crate) fn read(args: &KeyArgs, needed_with: Option<&str>) -> Result<Self, ConfigError> {
        let mut faults = Faults::default();
        let given = Self::gather(args, needed_with, &mut faults);
        if faults.0.is_empty() { Ok(given) } else { Err(ConfigError::Faults(faults.0)) }
    }

    /// If `needed_with` names a variable, the records are elsewhere, and the key must be set: a key
    /// that only this machine has would be missing at other servers, and lost with this machine.
    pub(super) fn gather(args: &KeyArgs, needed_with: Option<&str>, faults: &mut Faults) -> Self {
        let file = args.credentials_enc_key_file.as_ref();
        if let (Some(variable), false) = (needed_with, Faults::is_given(KEY, file)) {
            faults.must_be_given(KEY, variable);
        }
        let key = faults.secret(KEY, file).and_then(|text| faults.writing_key(KEY, &text));
        Self { key, old_keys: faults.keys(OLD_KEYS, args.credentials_enc_old_keys_file.as_ref()) }
    }

    /// If no key was set, takes the one from the data directory; without one, generates a key and
    /// adds its path to `made`. A database that is already encrypted gets no new key, which could
    /// decrypt nothing.
    pub(crate) fn complete(
        self,
        database: &DatabaseSettings,
        is_sealed: bool,
        made: &mut Vec<PathBuf>,
    ) -> Result<KeyRing, ConfigError> {
        let key = match (self.key, database) {
            (Some(key), _) => key,
            (None, DatabaseSettings::Sqlite(directory)) => {
                let path = directory.join(KEY_FILE);
                if is_sealed && !path.exists() {
                    return Err(ConfigError::KeyIsGone(path));
                }
                let kept = keep(directory, KEY_FILE, generate_base64, made)?;
                Key::from_base64(&kept).ok_or(ConfigError::BadKeyFile(path))?
            }
            (None, DatabaseSettings::Postgres(_)) => {
                return Err(ConfigError::Faults(vec![format!("{KEY} must be set")]));
            }
        };
        Ok(KeyRing::new(key, self.old_keys))
    }
}
