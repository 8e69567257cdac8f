//! How a command can fail, in words for the person who ran it.

use crate::config::ConfigError;
use crate::directus::BootstrapError;
use crate::error::Error;
use crate::identity::PasswordFault;
use crate::key_rotation::KeyRotationError;
use crate::keyed_stores::OpenError;
use crate::serve::ServeError;
use crate::store::StoreError;
use crate::vault::VaultFault;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error as ThisError;

#[derive(Debug, ThisError)]
pub(super) enum CliError {
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Bootstrap(BootstrapError),
    #[error(transparent)]
    Vault(#[from] VaultFault),
    #[error("{0}")]
    User(String),
    #[error(transparent)]
    Password(#[from] PasswordFault),
    #[error("the password can't be read: {0}")]
    PasswordInput(io::Error),
    #[error("{what}: can't be asked for: {error}; {otherwise}")]
    Prompt { what: String, error: io::Error, otherwise: String },
    #[error("the API key can't be read: {0}")]
    KeyInput(io::Error),
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("the output can't be written: {0}")]
    Output(io::Error),
    #[error("interrupted")]
    Interrupted,
    #[error(transparent)]
    Rotation(#[from] KeyRotationError),
    #[error(transparent)]
    Internal(Error),
}

impl CliError {
    /// The new file can't be written.
    pub(super) fn new_file(path: &Path, error: io::Error) -> Self {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Self::File { path: path.to_owned(), error };
        }
        let path = path.display();
        Self::User(format!("{path} already exists; choose another file"))
    }
}

/// The operator sees internal details, which a caller of the API does not.
impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => Self::Store(error),
            Error::Internal(what) => Self::User(what.to_owned()),
            error => Self::Internal(error),
        }
    }
}

impl From<BootstrapError> for CliError {
    fn from(error: BootstrapError) -> Self {
        match error {
            BootstrapError::Io(error) => Self::Output(error),
            error => Self::Bootstrap(error),
        }
    }
}

/// Refuses an existing file before the command does any work or asks for a password. Writing the
/// file checks again.
pub(super) fn must_be_new(path: &Path) -> Result<(), CliError> {
    match path.symlink_metadata() {
        Ok(_) => Err(CliError::new_file(path, io::ErrorKind::AlreadyExists.into())),
        Err(_) => Ok(()),
    }
}
