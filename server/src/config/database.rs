//! The server's own database: SQLite in the data directory, or PostgreSQL.

use super::faults::Faults;
use super::{ConfigError, DataArgs, DirectusArgs};
use crate::masking;
use crate::store::{PostgresSettings, PostgresUrl};
use std::fmt;
use std::path::{Path, PathBuf};

/// A secret, because it can hold a password.
const URL: &str = "DATABASE_URL";

/// Which database to use.
#[derive(Clone, Debug)]
pub(crate) enum DatabaseSettings {
    /// SQLite in this data directory, which may not exist yet.
    Sqlite(PathBuf),
    /// PostgreSQL, which other servers may share.
    Postgres(Box<PostgresSettings>),
}

impl DatabaseSettings {
    /// The data directory, if the database is in it: otherwise nothing is kept there.
    pub(crate) fn directory(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(directory) => Some(directory),
            Self::Postgres(_) => None,
        }
    }
}

/// Shows where the database is, without the password.
impl fmt::Display for DatabaseSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(directory) => write!(f, "{}", directory.display()),
            Self::Postgres(settings) => write!(f, "{}", settings.url),
        }
    }
}

/// The variable that says that records are kept outside the data directory, if it is set. Then no
/// secret is generated, because other servers would not have it.
pub(crate) fn secrets_needed_with(
    database: &DatabaseSettings,
    directus: &DirectusArgs,
) -> Option<&'static str> {
    let shared = database.directory().is_none().then_some(URL);
    shared.or_else(|| directus.is_given().then_some(super::directus::URL))
}

impl DataArgs {
    /// Reads which database a command uses, and reports all faults together. Commands wait for
    /// PostgreSQL without a time limit.
    pub(crate) fn database(&self) -> Result<DatabaseSettings, ConfigError> {
        let mut faults = Faults::default();
        let mut given = self.gather_database(&mut faults);
        if let DatabaseSettings::Postgres(settings) = &mut given {
            settings.round_trip = None;
        }
        if faults.0.is_empty() { Ok(given) } else { Err(ConfigError::Faults(faults.0)) }
    }

    /// The same settings; adds what is wrong to other faults.
    pub(super) fn gather_database(&self, faults: &mut Faults) -> DatabaseSettings {
        let url = faults.secret(URL, self.database_url_file.as_ref());
        let url = url.and_then(|url| match PostgresUrl::parse(&url) {
            Ok(url) => Some(url),
            Err(fault) => {
                faults.add(format!("{URL} {fault}"));
                None
            }
        });
        url.iter().filter_map(PostgresUrl::password).for_each(|password| masking::register(&password));
        if let Some(settings) = self.postgres.check(url, faults) {
            return DatabaseSettings::Postgres(Box::new(settings));
        }
        let no_home = "there is no home directory; set a data directory with --data-dir";
        DatabaseSettings::Sqlite(faults.required(self.directory(), no_home).unwrap_or_default())
    }
}
