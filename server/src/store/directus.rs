//! Creators' records in a Directus, through its API and as its administrator.
//!
//! Directus has no transaction over several calls. Each operation is one call if possible;
//! otherwise the calls are ordered so that an interruption leaves the served data right, with only
//! something to clean up. A change is recorded in the audit log, which is in the server's own
//! database, before and after it is made, and once begun it is always completed.

mod changes;
mod connections;
mod download_credentials;
mod items;
mod names;
mod row;
mod sealed;
mod sessions;

use crate::directus::{self, Directus, DirectusError};
use crate::store::{Database, RecordsUpkeep, Sealed, SealedColumn, StoreError};
use changes::Operations;
use items::Items;
use sealed::Positions;
use serde::de::IgnoredAny;
use serde_json::json;
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
    /// Has the audit log.
    database: Arc<dyn Database>,
    positions: Positions,
    turns: Turns,
    /// Held while a sealed text is replaced.
    replacing: Arc<Mutex<()>>,
}

impl DirectusRecords {
    /// The names of users, and of the records with these ids, keyed by table and id as in rows of
    /// the audit log.
    pub(crate) async fn names(&self, ids: &[Uuid]) -> Result<HashMap<String, String>, DirectusError> {
        names::find(&self.items, ids).await
    }

    /// Records in `directus`, sealed with the key `key_id`; `database` gets the audit rows.
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

    /// Directus's reasons why fields that the server needs can't be read, such as those that only a later
    /// `directus bootstrap` adds.
    pub(crate) async fn unreadable_fields(&self) -> Vec<DirectusError> {
        let mut faults = Vec::new();
        for (collection, fields) in directus::fields_of_collections() {
            let Err(fault) = self.items.first::<IgnoredAny>(collection, json!({}), &fields).await else {
                continue;
            };
            let is_answer = matches!(fault, DirectusError::Status { .. });
            faults.push(fault);
            // Who doesn't answer once is not asked again.
            if !is_answer {
                break;
            }
        }
        faults
    }

    /// The sealed texts of a column that were changed most recently, and those that were unchanged
    /// for longest.
    pub(crate) async fn sample(&self, column: SealedColumn) -> Result<Vec<Sealed>, StoreError> {
        Ok(sealed::sample(&self.items, column).await?)
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
