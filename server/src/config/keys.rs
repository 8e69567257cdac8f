//! The encryption keys: as given, or kept in the data directory.

use super::faults::Faults;
use super::named_file::NamedFile;
use super::{ConfigError, GivenDatabase, keep};
use crate::sealing::{Key, KeyRing, generate_base64};
use clap::Args;
use std::path::PathBuf;

const KEY: &str = "CREDENTIALS_ENC_KEY_B64";
const OLD_KEYS: &str = "CREDENTIALS_ENC_OLD_KEYS_B64";
/// Where a key that was made is kept in the data directory.
const KEY_FILE: &str = "credentials-enc-key";

/// Which keys seal and open what is kept.
#[derive(Args, Clone, Debug)]
pub(crate) struct KeyArgs {
    /// File with the encryption key, base64 of 32 bytes (or the key itself in
    /// CREDENTIALS_ENC_KEY_B64) [default: one made at first start]
    #[arg(long, env = "CREDENTIALS_ENC_KEY_B64_FILE", value_name = "FILE", global = true)]
    credentials_enc_key_file: Option<NamedFile>,
    /// File with older encryption keys, for reading, separated by commas (or
    /// the keys themselves in CREDENTIALS_ENC_OLD_KEYS_B64)
    #[arg(long, env = "CREDENTIALS_ENC_OLD_KEYS_B64_FILE", value_name = "FILE", global = true)]
    credentials_enc_old_keys_file: Option<NamedFile>,
}

/// The keys that were given.
#[derive(Debug)]
pub(crate) struct GivenKeys {
    key: Option<Key>,
    old_keys: Vec<Key>,
}

impl GivenKeys {
    /// Reads what is given, and names every fault at once.
    pub(crate) fn read(args: &KeyArgs, needed_with: Option<&str>) -> Result<Self, ConfigError> {
        let mut faults = Faults::default();
        let given = Self::gather(args, needed_with, &mut faults);
        if faults.0.is_empty() { Ok(given) } else { Err(ConfigError::Faults(faults.0)) }
    }

    /// The key must be given with the variable `needed_with`, which says that
    /// the records are elsewhere: one that is kept here alone would be missing
    /// at other servers, and lost with this machine.
    pub(super) fn gather(args: &KeyArgs, needed_with: Option<&str>, faults: &mut Faults) -> Self {
        let file = args.credentials_enc_key_file.as_ref();
        if let (Some(variable), false) = (needed_with, Faults::is_given(KEY, file)) {
            faults.must_be_given(KEY, variable);
        }
        let key = faults.secret(KEY, file).and_then(|text| faults.writing_key(KEY, &text));
        Self { key, old_keys: faults.keys(OLD_KEYS, args.credentials_enc_old_keys_file.as_ref()) }
    }

    /// The key that is kept in the data directory where none was given; a new
    /// one, which is added to `made`, where there is none. Where the database
    /// is sealed already, a new key would open nothing: then none is made.
    pub(crate) fn complete(
        self,
        database: &GivenDatabase,
        is_sealed: bool,
        made: &mut Vec<PathBuf>,
    ) -> Result<KeyRing, ConfigError> {
        let key = match (self.key, database) {
            (Some(key), _) => key,
            (None, GivenDatabase::Sqlite(directory)) => {
                let path = directory.join(KEY_FILE);
                if is_sealed && !path.exists() {
                    return Err(ConfigError::KeyIsGone(path));
                }
                let kept = keep(directory, KEY_FILE, generate_base64, made)?;
                Key::from_base64(&kept).ok_or(ConfigError::BadKeyFile(path))?
            }
            (None, GivenDatabase::Postgres(_)) => {
                return Err(ConfigError::Faults(vec![format!("{KEY} must be given")]));
            }
        };
        Ok(KeyRing::new(key, self.old_keys))
    }
}
