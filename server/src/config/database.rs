//! The server's own database: SQLite in the data directory, or PostgreSQL.

use super::faults::Faults;
use super::{ConfigError, DataArgs, DirectusArgs};
use crate::masking;
use crate::store::PostgresUrl;
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
    Postgres(Box<PostgresUrl>),
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
            Self::Postgres(url) => write!(f, "{url}"),
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
    /// Reads which database is used, and names every fault at once.
    pub(crate) fn database(&self) -> Result<GivenDatabase, ConfigError> {
        let mut faults = Faults::default();
        let given = self.gather_database(&mut faults);
        if faults.0.is_empty() { Ok(given) } else { Err(ConfigError::Faults(faults.0)) }
    }

    /// The same, with its faults among others.
    pub(super) fn gather_database(&self, faults: &mut Faults) -> GivenDatabase {
        let url = faults.secret(URL, self.database_url_file.as_ref());
        match url.as_ref().map(PostgresUrl::parse) {
            Some(Ok(url)) => {
                url.password().iter().for_each(masking::hold);
                return GivenDatabase::Postgres(Box::new(url));
            }
            Some(Err(fault)) => faults.add(format!("{URL} {fault}")),
            None => {}
        }
        let no_home = "there is no home directory; name a data directory with --data-dir";
        GivenDatabase::Sqlite(faults.required(self.directory(), no_home).unwrap_or_default())
    }
}
