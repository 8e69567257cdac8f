//! Opens the stores that the command line names.

use super::error::CliError;
use super::output::tell;
use crate::config::{DataArgs, DirectusArgs, KeyArgs, KeySettings, secrets_needed_with};
use crate::directus::{Directus, TIMEOUT};
use crate::error::Error;
use crate::keyed_stores::{self, KeyedStores};
use crate::store::{Database, IfMissing, UsageLimits, VaultStore};
use clap::Args;
use std::sync::Arc;

/// The settings of the stores and their keys.
#[derive(Args, Debug)]
pub(super) struct StoreArgs {
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) keys: KeyArgs,
    #[command(flatten)]
    pub(super) directus: DirectusArgs,
}

impl StoreArgs {
    /// Opens the stores with their keys.
    pub(super) async fn open(&self, if_missing: IfMissing) -> Result<KeyedStores, CliError> {
        let database = self.data.database()?;
        let keys = KeySettings::read(&self.keys, secrets_needed_with(&database, &self.directus))?;
        let given = self.directus.read()?;
        let client = given.map(|given| Directus::new(given.settings, TIMEOUT).map(Arc::new)).transpose();
        let client = client.map_err(Error::from)?;
        let stores = KeyedStores::open(&database, keys, client, if_missing, UsageLimits::default()).await?;
        for path in &stores.made {
            let path = path.display();
            tell(&format!("generated a new secret in {path}; back it up, because it can't be recovered"));
        }
        if stores.rows_signed > 0 {
            let rows = stores.rows_signed;
            tell(&format!(
                "signed {rows} rows that grant rights, written by an earlier version; this happens only once"
            ));
        }
        Ok(stores)
    }

    /// The vault's store without keys, for commands that neither decrypt nor write to the audit
    /// log.
    pub(super) async fn open_vault_store(&self) -> Result<Arc<dyn VaultStore>, CliError> {
        Ok(keyed_stores::open_vault_store(&self.data.database()?).await?)
    }

    /// The server's own database without keys, for the same commands.
    pub(super) async fn open_database(&self) -> Result<Arc<dyn Database>, CliError> {
        Ok(keyed_stores::open_database(&self.data.database()?).await?)
    }
}
