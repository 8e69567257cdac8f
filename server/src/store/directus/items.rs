//! Reading and writing the items of Directus's collections.
//!
//! Everything goes by filters: to an administrator Directus answers 403 for an
//! item that does not exist, and 204 for the change of one.

use crate::directus::{Call, Directus, DirectusError};
use crate::store::Page;
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// The collections of one Directus.
#[derive(Debug)]
pub(super) struct Items {
    directus: Arc<Directus>,
}

/// Which items are asked for, and what of them.
#[derive(Debug)]
pub(super) struct Query<'a> {
    pub(super) filter: Value,
    /// Separated by commas.
    pub(super) fields: &'a str,
    pub(super) sort: &'a str,
    pub(super) limit: u32,
    pub(super) offset: u64,
}

/// An item of which nothing but its id is asked for.
#[derive(Debug, Deserialize)]
struct IdOnly {
    id: Uuid,
}

/// The filter for one item.
pub(super) fn by_id(id: Uuid) -> Value {
    json!({"id": {"_eq": id}})
}

impl Items {
    pub(super) fn new(directus: Arc<Directus>) -> Self {
        Self { directus }
    }

    /// Whether Directus answers as it should.
    pub(super) async fn check(&self) -> Result<(), DirectusError> {
        self.first::<IdOnly>(super::connections::TABLE, json!({}), "id").await.map(drop)
    }

    /// The items that a query asks for.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        table: &str,
        query: &Query<'_>,
    ) -> Result<Vec<T>, DirectusError> {
        let (filter, limit, offset) =
            (query.filter.to_string(), query.limit.to_string(), query.offset.to_string());
        let query = [
            ("filter", filter.as_str()),
            ("fields", query.fields),
            ("sort", query.sort),
            ("limit", &limit),
            ("offset", &offset),
        ];
        self.directus.call(&Call::get(&path(table), &query)).await
    }

    /// The only item that a filter lets through, if there is one.
    pub(super) async fn first<T: DeserializeOwned>(
        &self,
        table: &str,
        filter: Value,
        fields: &str,
    ) -> Result<Option<T>, DirectusError> {
        let query = Query { filter, fields, sort: "id", limit: 1, offset: 0 };
        Ok(self.list(table, &query).await?.into_iter().next())
    }

    /// The id of an item that a filter lets through, if there is one.
    pub(super) async fn id(&self, table: &str, filter: Value) -> Result<Option<Uuid>, DirectusError> {
        Ok(self.first::<IdOnly>(table, filter, "id").await?.map(|found| found.id))
    }

    /// Whose an item is; nobody's has the nil id.
    pub(super) async fn owner(&self, table: &str, id: Uuid) -> Result<Option<Uuid>, DirectusError> {
        #[derive(Deserialize)]
        struct Owned {
            user_id: Option<Uuid>,
        }
        let found: Option<Owned> = self.first(table, by_id(id), "user_id").await?;
        Ok(found.map(|owned| owned.user_id.unwrap_or_default()))
    }

    /// A page of a user's items, and how many there are.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        table: &str,
        user_id: Uuid,
        page: Page,
        (fields, sort): (&str, &str),
    ) -> Result<(Vec<T>, u64), DirectusError> {
        let filter = json!({"user_id": {"_eq": user_id}}).to_string();
        let (limit, offset) = (page.size.to_string(), page.offset().to_string());
        let query = [
            ("filter", filter.as_str()),
            ("fields", fields),
            ("sort", sort),
            ("limit", &limit),
            ("offset", &offset),
            ("meta", "filter_count"),
        ];
        self.directus.page(&Call::get(&path(table), &query)).await
    }

    /// Creates an item.
    pub(super) async fn create(&self, table: &str, item: Value) -> Result<(), DirectusError> {
        let query = [("fields", "id")];
        let call = Call { method: Method::POST, path: &path(table), query: &query, body: Some(item) };
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
        let query = [("fields", "id")];
        let call = Call { method: Method::PATCH, path: &path(table), query: &query, body: Some(body) };
        let changed: Vec<IdOnly> = self.directus.call(&call).await?;
        Ok(changed.into_iter().map(|item| item.id).collect())
    }

    /// Deletes all items that a filter lets through.
    pub(super) async fn delete(&self, table: &str, filter: Value) -> Result<(), DirectusError> {
        let body = json!({"query": {"filter": filter, "limit": -1}});
        self.directus.perform(&Call::with_body(Method::DELETE, &path(table), body)).await
    }
}

fn path(table: &str) -> String {
    format!("/items/{table}")
}
