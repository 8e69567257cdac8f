//! The files that the server reloads while it serves.

use super::directus::{DirectusAccess, DirectusArgs};
use super::faults::Faults;
use super::named_file::NamedFile;
use super::tls::{TlsFiles, TlsPair};
use super::{JWT_SECRET, JWT_SECRET_FILE, SERVICE_SECRET, SERVICE_SECRET_FILE};
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use tracing_subscriber::filter::Targets;

/// Where reloadable settings are read from. Variables can't change while the program runs.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(super) log_filter: Option<PathBuf>,
    pub(super) service_secret: Option<NamedFile>,
    pub(super) previous_service_secrets: Option<NamedFile>,
    pub(super) jwt_secret: Option<NamedFile>,
    pub(super) directus: DirectusArgs,
    pub(super) tls: Option<TlsFiles>,
    /// The data directory, if it keeps secrets that were not set.
    pub(super) kept_in: Option<PathBuf>,
}

/// The settings that were read: those that come from a file and are valid.
#[derive(Debug)]
pub(crate) struct Reread {
    pub(crate) log_filter: Option<Targets>,
    /// The current secret and the former ones.
    pub(crate) service_secrets: Option<Vec<SecretString>>,
    pub(crate) jwt_secret: Option<SecretString>,
    pub(crate) directus: Option<DirectusAccess>,
    pub(crate) tls: Option<TlsPair>,
    /// What is wrong with the other settings.
    pub(crate) faults: Vec<String>,
}

impl Sources {
    /// Reads all files.
    pub(crate) fn read(&self) -> Reread {
        let mut all = Vec::new();
        let log_filter = sound(&mut all, |faults| faults.log_filter(None, self.log_filter.as_deref()));
        Reread {
            log_filter: log_filter.filter(|_| self.log_filter.is_some()),
            service_secrets: sound(&mut all, |faults| self.service_secrets(faults)),
            jwt_secret: sound(&mut all, |faults| self.jwt_secret(faults)),
            directus: sound(&mut all, |faults| self.directus(faults)),
            tls: sound(&mut all, |faults| self.tls.as_ref()?.gather(faults)),
            faults: all,
        }
    }

    fn service_secrets(&self, faults: &mut Faults) -> Option<Vec<SecretString>> {
        let file = self.service_secret.as_ref();
        let is_given = Faults::is_given(SERVICE_SECRET, file);
        let kept = self.kept_in.as_ref().filter(|_| !is_given);
        if file.is_none() && self.previous_service_secrets.is_none() && kept.is_none() {
            return None;
        }
        let secret = match kept {
            Some(directory) => faults.kept_secret(&directory.join(SERVICE_SECRET_FILE)),
            None => faults.secret(SERVICE_SECRET, file),
        };
        faults.check_sent(&self.name(kept.is_some(), SERVICE_SECRET, SERVICE_SECRET_FILE), secret.as_ref());
        let previous = faults.previous(self.previous_service_secrets.as_ref());
        Some(secret.into_iter().chain(previous).collect())
    }

    fn jwt_secret(&self, faults: &mut Faults) -> Option<SecretString> {
        let file = self.jwt_secret.as_ref();
        let is_given = Faults::is_given(JWT_SECRET, file);
        let kept = self.kept_in.as_ref().filter(|_| !is_given);
        let secret = match (kept, file) {
            (Some(directory), _) => faults.kept_secret(&directory.join(JWT_SECRET_FILE)),
            (None, Some(_)) => faults.secret(JWT_SECRET, file),
            (None, None) => None,
        };
        faults.check_signing(&self.name(kept.is_some(), JWT_SECRET, JWT_SECRET_FILE), secret.as_ref());
        secret
    }

    fn directus(&self, faults: &mut Faults) -> Option<DirectusAccess> {
        if self.directus.has_files() { self.directus.gather(faults) } else { None }
    }

    fn name(&self, is_kept: bool, variable: &str, file: &str) -> String {
        let path = self.kept_in.as_deref().unwrap_or(Path::new("")).join(file);
        if is_kept { path.display().to_string() } else { variable.to_owned() }
    }
}

/// The result of `read`, unless it reported a fault.
fn sound<T>(all: &mut Vec<String>, read: impl FnOnce(&mut Faults) -> Option<T>) -> Option<T> {
    let mut faults = Faults::default();
    let value = read(&mut faults).filter(|_| faults.0.is_empty());
    all.append(&mut faults.0);
    value
}
