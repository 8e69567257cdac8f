//! Changes records in Directus. It has no transaction over several calls, so an operation must be
//! completed once begun, even if the caller hung up or was told that it takes too long. So it runs
//! in a task of its own. Only operations get [`Changes`].

use super::items::{IdOnly, Items, path};
use crate::audit::Entry;
use crate::directus::{Call, Directus, DirectusError};
use crate::store::{Actor, Database, Found, StoreError};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use uuid::Uuid;

/// What Directus returns of a changed item.
const ID_ALONE: [(&str, &str); 1] = [("fields", "id")];

/// Runs the operations that change records.
#[derive(Debug)]
pub(super) struct Operations {
    changes: Changes,
    running: TaskTracker,
}

impl Operations {
    /// Operations on `directus` with records sealed with the key `key_id`; `database` gets the
    /// audit rows.
    pub(super) fn new(directus: Arc<Directus>, database: Arc<dyn Database>, key_id: String) -> Self {
        let items = Items::new(Arc::clone(&directus));
        Self {
            changes: Changes { items, directus, database, key_id: key_id.into() },
            running: TaskTracker::new(),
        }
    }

    /// Completes an operation, whether or not anyone waits for it.
    // Decision: docs/decisions/storage.md#a-change-in-directus-is-carried-to-its-end
    pub(super) async fn carry_out<T, F>(&self, operation: impl FnOnce(Changes) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let operation = operation(self.changes.clone()).in_current_span();
        // An error is a panic, which is in the log.
        self.running.spawn(operation).await.unwrap_or(Err(StoreError::Closed))
    }

    /// Waits for operations that have begun.
    pub(super) async fn finish(&self) {
        self.running.close();
        self.running.wait().await;
    }
}

/// The access that an operation has to Directus and to the audit log.
///
/// Changes use filters, because Directus answers 204 to a change of an item that does not exist.
#[derive(Clone, Debug)]
pub(super) struct Changes {
    pub(super) items: Items,
    /// The database with the audit log and the capture requests.
    pub(super) database: Arc<dyn Database>,
    directus: Arc<Directus>,
    /// The key used for sealing here.
    key_id: Arc<str>,
}

impl Changes {
    pub(super) async fn create(&self, table: &str, item: Value) -> Result<(), DirectusError> {
        let path = path(table);
        let call = Call { query: &ID_ALONE, ..Call::with_body(Method::POST, &path, item) };
        self.directus.perform(&call).await
    }

    /// Changes all items that match a filter; returns their ids.
    pub(super) async fn update(
        &self,
        table: &str,
        filter: Value,
        data: Value,
    ) -> Result<Vec<Uuid>, DirectusError> {
        let body = json!({"query": {"filter": filter, "limit": -1}, "data": data});
        let path = path(table);
        let call = Call { query: &ID_ALONE, ..Call::with_body(Method::PATCH, &path, body) };
        let changed: Vec<IdOnly> = self.directus.call(&call).await?;
        Ok(changed.into_iter().map(|item| item.id).collect())
    }

    /// Deletes all items that match a filter.
    pub(super) async fn delete(&self, table: &str, filter: Value) -> Result<(), DirectusError> {
        let body = json!({"query": {"filter": filter, "limit": -1}});
        self.directus.perform(&Call::with_body(Method::DELETE, &path(table), body)).await
    }

    /// Records that an action is about to start, runs it, and records its outcome.
    pub(super) async fn audited<T>(
        &self,
        entry: Entry,
        is_done: impl Fn(&T) -> bool,
        doing: impl Future<Output = Result<T, DirectusError>>,
    ) -> Result<T, StoreError> {
        self.intend(&entry).await?;
        self.conclude(entry, is_done, doing.await).await
    }

    async fn intend(&self, entry: &Entry) -> Result<(), StoreError> {
        self.database.append(entry.with_outcome("intent")).await
    }

    async fn conclude<T>(
        &self,
        entry: Entry,
        is_done: impl Fn(&T) -> bool,
        done: Result<T, DirectusError>,
    ) -> Result<T, StoreError> {
        let entry = match &done {
            Ok(outcome) if is_done(outcome) => entry,
            Ok(_) => entry.with_outcome("not done"),
            // A proxy can also report "busy" for calls that Directus had begun.
            Err(DirectusError::Busy { .. }) => entry.with_outcome("unknown: Directus busy"),
            Err(DirectusError::TimedOut | DirectusError::Unavailable) => {
                entry.with_outcome("unknown: Directus unavailable")
            }
            Err(DirectusError::Status { status, .. }) => entry.with_outcome(format!("Directus {status}")),
        };
        self.database.append(entry).await?;
        Ok(done?)
    }

    /// The same for an action that stores sealed text; refused with a retired key, because Directus
    /// does not know about retired keys.
    pub(super) async fn audited_sealed<T>(
        &self,
        entry: Entry,
        is_done: impl Fn(&T) -> bool,
        doing: impl Future<Output = Result<T, DirectusError>>,
    ) -> Result<T, StoreError> {
        self.intend(&entry).await?;
        // Check this last: a key rotation waits as long as the following calls can take.
        if self.database.is_retired(self.key_id.to_string()).await? {
            self.database.append(entry.with_outcome("not done: the key is retired")).await?;
            return Err(StoreError::RetiredKey);
        }
        self.conclude(entry, is_done, doing.await).await
    }

    /// Changes a record if it belongs to the user, and records it.
    pub(super) async fn with_own(
        &self,
        (table, id, user_id): (&str, Uuid, Uuid),
        entry: Entry,
        doing: impl Future<Output = Result<(), DirectusError>>,
    ) -> Result<Found<()>, StoreError> {
        let owner = self.items.owner(table, id).await?;
        let found = Found::of(owner, Actor::User(user_id), |owner| *owner);
        if matches!(found, Found::Own(_)) {
            self.audited(entry, |()| true, doing).await?;
        }
        Ok(found.map(drop))
    }
}
