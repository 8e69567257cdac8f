//! What a command can end with other than success, in words for the person who ran it.

use crate::config::ConfigError;
use crate::directus::BootstrapError;
use crate::error::Error;
use crate::identity::PasswordFault;
use crate::keyed_stores::OpenError;
use crate::rotation::RotationError;
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
    Rotation(#[from] RotationError),
    #[error(transparent)]
    Internal(Error),
}

impl CliError {
    /// A file that is to be new can't be written.
    pub(super) fn new_file(path: &Path, error: io::Error) -> Self {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Self::File { path: path.to_owned(), error };
        }
        let path = path.display();
        Self::User(format!("{path} is there already, and stays as it is: name another file"))
    }
}

/// Here, unlike to a caller of the API, is told what it is.
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

/// Refuses to write where something is already: before somebody waits, or is asked for a
/// password. It is looked at once more when the file is written.
pub(super) fn must_be_new(path: &Path) -> Result<(), CliError> {
    match path.symlink_metadata() {
        Ok(_) => Err(CliError::new_file(path, io::ErrorKind::AlreadyExists.into())),
        Err(_) => Ok(()),
    }
}
