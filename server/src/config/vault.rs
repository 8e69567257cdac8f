//! The passwords for vault commands: from settings, or else prompted for.

use super::ConfigError;
use super::faults::Faults;
use super::named_file::NamedFile;
use clap::Args;
use secrecy::SecretString;

/// The password that opens the vault.
#[derive(Args, Debug)]
pub(crate) struct MasterPasswordArgs {
    /// File with the vault's master password (or the password itself in STAGEPASS_VAULT_PASSWORD)
    /// [default: prompt at the terminal]
    #[arg(long, env = "STAGEPASS_VAULT_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<NamedFile>,
}

/// The password of an exported file, if it differs from the vault's.
#[derive(Args, Debug)]
pub(crate) struct FilePasswordArgs {
    /// File with the password of the exported file, if it is not the vault's (or the password
    /// itself in STAGEPASS_VAULT_FILE_PASSWORD) [default: prompt at the terminal]
    #[arg(long, env = "STAGEPASS_VAULT_FILE_PASSWORD_FILE", value_name = "FILE")]
    file_password_file: Option<NamedFile>,
}

impl MasterPasswordArgs {
    /// The password from the settings; `None` if a prompt must ask for it.
    pub(crate) fn read(&self) -> Result<Option<SecretString>, ConfigError> {
        read("STAGEPASS_VAULT_PASSWORD", self.password_file.as_ref())
    }
}

impl FilePasswordArgs {
    /// The password from the settings; `None` if a prompt must ask for it.
    pub(crate) fn read(&self) -> Result<Option<SecretString>, ConfigError> {
        read("STAGEPASS_VAULT_FILE_PASSWORD", self.file_password_file.as_ref())
    }
}

fn read(variable: &str, file: Option<&NamedFile>) -> Result<Option<SecretString>, ConfigError> {
    let mut faults = Faults::default();
    let password = faults.password(variable, file);
    if faults.0.is_empty() { Ok(password) } else { Err(ConfigError::Faults(faults.0)) }
}
