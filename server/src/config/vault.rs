//! The passwords that commands of the vault need: given, or else asked for.

use super::ConfigError;
use super::faults::Faults;
use super::named_file::NamedFile;
use clap::Args;
use secrecy::SecretString;

/// What opens the vault.
#[derive(Args, Debug)]
pub(crate) struct MasterPasswordArgs {
    /// File with the vault's master password (or the password itself in
    /// STAGEPASS_VAULT_PASSWORD) [default: asked for at the terminal]
    #[arg(long, env = "STAGEPASS_VAULT_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<NamedFile>,
}

/// What opens an exported file that has another password than the vault.
#[derive(Args, Debug)]
pub(crate) struct FilePasswordArgs {
    /// File with the password of the exported file, if it is not the vault's (or
    /// the password itself in STAGEPASS_VAULT_FILE_PASSWORD) [default: asked for
    /// at the terminal]
    #[arg(long, env = "STAGEPASS_VAULT_FILE_PASSWORD_FILE", value_name = "FILE")]
    file_password_file: Option<NamedFile>,
}

impl MasterPasswordArgs {
    /// The password that was given; `None` where it is to be asked for.
    pub(crate) fn read(&self) -> Result<Option<SecretString>, ConfigError> {
        read("STAGEPASS_VAULT_PASSWORD", self.password_file.as_ref())
    }
}

impl FilePasswordArgs {
    /// The password that was given; `None` where it is to be asked for.
    pub(crate) fn read(&self) -> Result<Option<SecretString>, ConfigError> {
        read("STAGEPASS_VAULT_FILE_PASSWORD", self.file_password_file.as_ref())
    }
}

fn read(variable: &str, file: Option<&NamedFile>) -> Result<Option<SecretString>, ConfigError> {
    let mut faults = Faults::default();
    let password = faults.password(variable, file);
    if faults.0.is_empty() { Ok(password) } else { Err(ConfigError::Faults(faults.0)) }
}
