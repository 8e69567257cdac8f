//! `stagepass-server directus`: what is to be done in the Directus that keeps
//! the records.

use super::error::CliError;
use super::output;
use crate::config::DirectusArgs;
use crate::directus::{Directus, SCHEMA_TIMEOUT, bootstrap};
use crate::error::Error;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum DirectusCommand {
    /// Make the collections that are missing in the Directus of DIRECTUS_URL,
    /// with their fields and relations; can be run again
    Bootstrap,
}

impl DirectusCommand {
    pub(super) async fn run(self, args: &DirectusArgs) -> Result<(), CliError> {
        let given = args.read()?.ok_or_else(|| {
            CliError::User("DIRECTUS_URL and DIRECTUS_ADMIN_TOKEN must say which Directus".to_owned())
        })?;
        let directus = Directus::new(given.settings, SCHEMA_TIMEOUT).map_err(Error::from)?;
        match self {
            Self::Bootstrap => Ok(bootstrap(&directus, output::print).await?),
        }
    }
}
