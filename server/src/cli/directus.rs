//! `stagepass-server directus`: prepares the Directus that keeps the records.

use super::error::CliError;
use super::output;
use crate::config::DirectusArgs;
use crate::directus::{Directus, SCHEMA_TIMEOUT, bootstrap};
use crate::error::Error;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum DirectusCommand {
    /// Create the collections, fields and relations that are missing in the Directus at
    /// DIRECTUS_URL. Safe to run again
    Bootstrap,
}

impl DirectusCommand {
    pub(super) async fn run(self, args: &DirectusArgs) -> Result<(), CliError> {
        let given = args.read()?.ok_or_else(|| {
            CliError::User("set DIRECTUS_URL and DIRECTUS_ADMIN_TOKEN to name the Directus".to_owned())
        })?;
        let directus = Directus::new(given.settings, SCHEMA_TIMEOUT).map_err(Error::from)?;
        match self {
            Self::Bootstrap => Ok(bootstrap(&directus, output::print).await?),
        }
    }
}
