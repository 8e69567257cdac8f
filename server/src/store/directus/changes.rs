//! Changing what Directus keeps. It has no transaction over calls, so an
//! operation that was begun must be carried to its end, also where whoever
//! asked for it has hung up or was told that it takes too long: it runs in a
//! task of its own. Nothing else is given [`Changes`].

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

/// What Directus is to answer of an item that it has changed.
const ID_ALONE: [(&str, &str); 1] = [("fields", "id")];

/// The operations that change something.
#[derive(Debug)]
pub(super) struct Operations {
    changes: Changes,
    running: TaskTracker,
}

impl Operations {
    /// On `directus`, sealed with the key `key_id`; what is done there is noted in `database`.
    pub(super) fn new(directus: Arc<Directus>, database: Arc<dyn Database>, key_id: String) -> Self {
        let items = Items::new(Arc::clone(&directus));
        Self {
            changes: Changes { items, directus, database, key_id: key_id.into() },
            running: TaskTracker::new(),
        }
    }

    /// Carries an operation out to its end, whether or not anybody waits for it.
    pub(super) async fn carry_out<T, F>(&self, operation: impl FnOnce(Changes) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let operation = operation(self.changes.clone()).in_current_span();
        // An error is a panic, whose words are in the log.
        self.running.spawn(operation).await.unwrap_or(Err(StoreError::Closed))
    }

    /// Waits for those that have begun.
    pub(super) async fn finish(&self) {
        self.running.close();
        self.running.wait().await;
    }
}

/// What an operation reads, changes and notes.
///
/// Changes go by filters: Directus answers 204 for the change of an item that
/// does not exist.
#[derive(Clone, Debug)]
pub(super) struct Changes {
    pub(super) items: Items,
    /// Keeps the audit log and the capture requests.
    pub(super) database: Arc<dyn Database>,
    directus: Arc<Directus>,
    /// The key that is sealed with here.
    key_id: Arc<str>,
}

impl Changes {
    /// Creates an item.
    pub(super) async fn create(&self, table: &str, item: Value) -> Result<(), DirectusError> {
        let path = path(table);
        let call = Call { query: &ID_ALONE, ..Call::with_body(Method::POST, &path, item) };
        self.directus.perform(&call).await
    }

    /// Changes all items that a filter lets through; gives their ids.
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

    /// Deletes all items that a filter lets through.
    pub(super) async fn delete(&self, table: &str, filter: Value) -> Result<(), DirectusError> {
        let body = json!({"query": {"filter": filter, "limit": -1}});
        self.directus.perform(&Call::with_body(Method::DELETE, &path(table), body)).await
    }

    /// Notes that something is about to be done, does it, and notes how that
    /// ended.
    pub(super) async fn noting<T>(
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
            // A proxy before it says so of calls that Directus had begun, too.
            Err(DirectusError::Busy { .. }) => entry.with_outcome("unknown: Directus busy"),
            Err(DirectusError::TimedOut | DirectusError::Unavailable) => {
                entry.with_outcome("unknown: Directus unavailable")
            }
            Err(DirectusError::Status { status, .. }) => entry.with_outcome(format!("Directus {status}")),
        };
        self.database.append(entry).await?;
        Ok(done?)
    }

    /// The same with something that stores what is sealed; not with a retired
    /// key, of which Directus knows nothing.
    pub(super) async fn noting_sealed<T>(
        &self,
        entry: Entry,
        is_done: impl Fn(&T) -> bool,
        doing: impl Future<Output = Result<T, DirectusError>>,
    ) -> Result<T, StoreError> {
        self.intend(&entry).await?;
        // The last thing before: a rotation waits as long as what follows may take.
        if self.database.is_retired(self.key_id.to_string()).await? {
            self.database.append(entry.with_outcome("not done: the key is retired")).await?;
            return Err(StoreError::RetiredKey);
        }
        self.conclude(entry, is_done, doing.await).await
    }

    /// Does something to a record of the user's and notes it; to nobody else's.
    pub(super) async fn with_own(
        &self,
        (table, id, user_id): (&str, Uuid, Uuid),
        entry: Entry,
        doing: impl Future<Output = Result<(), DirectusError>>,
    ) -> Result<Found<()>, StoreError> {
        let owner = self.items.owner(table, id).await?;
        let found = Found::of(owner, Actor::User(user_id), |owner| *owner);
        if matches!(found, Found::Own(_)) {
            self.noting(entry, |()| true, doing).await?;
        }
        Ok(found.map(drop))
    }
}
