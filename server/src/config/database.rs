//! The server's own database: SQLite in the data directory, or PostgreSQL.

use super::faults::Faults;
use super::{ConfigError, DataArgs, DirectusArgs};
use crate::masking;
use crate::store::{PostgresSettings, PostgresUrl};
use std::fmt;
use std::path::{Path, PathBuf};

/// Names the database. Its password makes it a secret.
const URL: &str = "DATABASE_URL";

/// The database that was given.
#[derive(Clone, Debug)]
pub(crate) enum GivenDatabase {
    /// In the data directory, which need not be there.
    Sqlite(PathBuf),
    /// Which other servers may share.
    Postgres(Box<PostgresSettings>),
}

impl GivenDatabase {
    /// The data directory, where there is one: nothing is kept in it unless the
    /// database is.
    pub(crate) fn directory(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(directory) => Some(directory),
            Self::Postgres(_) => None,
        }
    }
}

/// Where it is, without a password.
impl fmt::Display for GivenDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(directory) => write!(f, "{}", directory.display()),
            Self::Postgres(settings) => write!(f, "{}", settings.url),
        }
    }
}

/// The variable that says that records are not here alone, if one does. No
/// secret is made then: it would be missing wherever else they are used.
pub(crate) fn secrets_needed_with(database: &GivenDatabase, directus: &DirectusArgs) -> Option<&'static str> {
    let shared = database.directory().is_none().then_some(URL);
    shared.or_else(|| directus.is_given().then_some(super::directus::URL))
}

impl DataArgs {
    /// Reads which database a command uses, and names every fault at once. A command
    /// waits for PostgreSQL as long as it needs.
    pub(crate) fn database(&self) -> Result<GivenDatabase, ConfigError> {
        let mut faults = Faults::default();
        let mut given = self.gather_database(&mut faults);
        if let GivenDatabase::Postgres(settings) = &mut given {
            settings.round_trip = None;
        }
        if faults.0.is_empty() { Ok(given) } else { Err(ConfigError::Faults(faults.0)) }
    }

    /// The same, with its faults among others.
    pub(super) fn gather_database(&self, faults: &mut Faults) -> GivenDatabase {
        let url = faults.secret(URL, self.database_url_file.as_ref());
        let url = url.and_then(|url| match PostgresUrl::parse(&url) {
            Ok(url) => Some(url),
            Err(fault) => {
                faults.add(format!("{URL} {fault}"));
                None
            }
        });
        url.iter().filter_map(PostgresUrl::password).for_each(|password| masking::hold(&password));
        if let Some(settings) = self.postgres.check(url, faults) {
            return GivenDatabase::Postgres(Box::new(settings));
        }
        let no_home = "there is no home directory; name a data directory with --data-dir";
        GivenDatabase::Sqlite(faults.required(self.directory(), no_home).unwrap_or_default())
    }
}
