//! Creators' records in a Directus, by its API and as its administrator.
//!
//! Directus has no transaction over several calls. Each operation is one call
//! where that is possible; where it takes more, they are made in an order in
//! which a stop in between leaves what is served right, and only something to
//! be cleared away. A change is noted in the audit log, which is in the own
//! database, before it is made and after, and is carried to its end once begun.

mod changes;
mod connections;
mod download_credentials;
mod items;
mod names;
mod row;
mod sealed;
mod sessions;

use crate::directus::{Directus, DirectusError};
use crate::store::{Database, RecordsUpkeep, Sealed, SealedTable, StoreError};
use changes::Operations;
use items::Items;
use sealed::Positions;
use sessions::Turns;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Mutex;
use uuid::Uuid;

/// The records of creators in a Directus.
#[derive(Debug)]
pub(crate) struct DirectusRecords {
    items: Items,
    operations: Operations,
    /// Keeps the audit log.
    database: Arc<dyn Database>,
    positions: Positions,
    turns: Turns,
    /// Held while a sealed text is replaced.
    replacing: Arc<Mutex<()>>,
}

impl DirectusRecords {
    /// What people call the records with these ids, and users, by table and id as rows of the
    /// audit log have them.
    pub(crate) async fn names(&self, ids: &[Uuid]) -> Result<HashMap<String, String>, DirectusError> {
        names::find(&self.items, ids).await
    }

    /// Records in `directus`, sealed with the key `key_id`; what is done to them is noted in `database`.
    pub(crate) fn new(directus: Arc<Directus>, database: Arc<dyn Database>, key_id: String) -> Self {
        Self {
            items: Items::new(Arc::clone(&directus)),
            operations: Operations::new(directus, Arc::clone(&database), key_id),
            database,
            positions: Positions::default(),
            turns: Turns::default(),
            replacing: Arc::default(),
        }
    }

    /// What is sealed in the records of a table that were changed last, and in
    /// those that were not for longest.
    pub(crate) async fn sample(&self, table: SealedTable) -> Result<Vec<Sealed>, StoreError> {
        Ok(sealed::sample(&self.items, table).await?)
    }
}

impl RecordsUpkeep for DirectusRecords {
    async fn check_records(&self) -> Result<(), StoreError> {
        Ok(self.items.check().await?)
    }

    async fn finish_operations(&self) {
        self.operations.finish().await;
    }
}
