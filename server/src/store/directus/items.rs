//! Reads items of Directus's collections, bypassing its cache.
//!
//! Every read uses a filter, because Directus answers 403 to an administrator for an item that does
//! not exist.

use crate::directus::{Call, Directus, DirectusError};
use crate::store::{Page, SealedColumn};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// The collections of one Directus.
#[derive(Clone, Debug)]
pub(super) struct Items {
    directus: Arc<Directus>,
}

/// Which items to read, and which of their fields.
#[derive(Debug)]
pub(super) struct Query<'a> {
    pub(super) filter: Value,
    /// Separated by commas.
    pub(super) fields: &'a str,
    pub(super) sort: &'a str,
    pub(super) limit: u32,
    pub(super) offset: u64,
}

/// An item reduced to its id.
#[derive(Debug, Deserialize)]
pub(super) struct IdOnly {
    pub(super) id: Uuid,
}

/// The filter for one item.
pub(super) fn by_id(id: Uuid) -> Value {
    json!({"id": {"_eq": id}})
}

impl Items {
    pub(super) fn new(directus: Arc<Directus>) -> Self {
        Self { directus }
    }

    /// Whether Directus answers properly.
    pub(super) async fn check(&self) -> Result<(), DirectusError> {
        self.first::<IdOnly>(SealedColumn::Connections.table(), json!({}), "id").await.map(drop)
    }

    /// The items that match a query.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        table: &str,
        query: &Query<'_>,
    ) -> Result<Vec<T>, DirectusError> {
        self.directus.call(&Call::search(&path(table), query.to_json())).await
    }

    /// The users that match a query.
    pub(super) async fn users<T: DeserializeOwned>(
        &self,
        query: &Query<'_>,
    ) -> Result<Vec<T>, DirectusError> {
        self.directus.call(&Call::search("/users", query.to_json())).await
    }

    /// The only item that matches a filter, if any.
    pub(super) async fn first<T: DeserializeOwned>(
        &self,
        table: &str,
        filter: Value,
        fields: &str,
    ) -> Result<Option<T>, DirectusError> {
        let query = Query { filter, fields, sort: "id", limit: 1, offset: 0 };
        Ok(self.list(table, &query).await?.into_iter().next())
    }

    /// The id of an item that matches a filter, if any.
    pub(super) async fn id(&self, table: &str, filter: Value) -> Result<Option<Uuid>, DirectusError> {
        Ok(self.first::<IdOnly>(table, filter, "id").await?.map(|found| found.id))
    }

    /// The owner of an item, or the nil id if it has none.
    pub(super) async fn owner(&self, table: &str, id: Uuid) -> Result<Option<Uuid>, DirectusError> {
        #[derive(Deserialize)]
        struct Owned {
            user_id: Option<Uuid>,
        }
        let found: Option<Owned> = self.first(table, by_id(id), "user_id").await?;
        Ok(found.map(|owned| owned.user_id.unwrap_or_default()))
    }

    /// A page of a user's items, and their total number. Items that another writer left incomplete
    /// are skipped.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        table: &str,
        user_id: Uuid,
        page: Page,
        (fields, sort): (&str, &str),
    ) -> Result<(Vec<T>, u64), DirectusError> {
        let filter = json!({"user_id": {"_eq": user_id}});
        let mut query = Query { filter, fields, sort, limit: page.size, offset: page.offset() }.to_json();
        query["meta"] = json!("filter_count");
        let (rows, total): (Vec<Value>, _) = self.directus.page(&Call::search(&path(table), query)).await?;
        Ok((rows.into_iter().filter_map(|row| read(table, row)).collect(), total))
    }
}

/// Parses an item; `None` if it is invalid.
fn read<T: DeserializeOwned>(table: &str, row: Value) -> Option<T> {
    let id = row["id"].as_str().and_then(|id| Uuid::parse_str(id).ok());
    // Log this without serde's message, which may quote a value.
    serde_json::from_value(row)
        .inspect_err(|_| tracing::warn!(table, ?id, "an item is incomplete, so it is not listed"))
        .ok()
}

impl Query<'_> {
    fn to_json(&self) -> Value {
        let Self { filter, fields, sort, limit, offset } = self;
        json!({"filter": filter, "fields": fields, "sort": sort, "limit": limit, "offset": offset})
    }
}

/// The path of a collection in Directus.
pub(super) fn path(table: &str) -> String {
    format!("/items/{table}")
}
