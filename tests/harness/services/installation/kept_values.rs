//! All that an installation's databases and Directus keep, to look for what must not be there.

use super::{Installation, Person};
use crate::services::directus::{Directus, User};
use crate::services::postgres::{Database, connect};
use crate::system::secret_search::SecretSearch;
use anyhow::Result;
use rusqlite::types::ValueRef;
use serde_json::json;
use std::collections::BTreeSet;

/// The collections that the server makes in Directus.
const COLLECTIONS: [&str; 3] = ["platform_connections", "download_credentials", "platform_sessions"];

/// A value, as bytes, and the table or collection that it is in.
type Kept = (String, Vec<u8>);

impl Installation {
    /// The tables and collections that hold one of the secrets. All tests share one Directus, so only
    /// what belongs to these people is searched there.
    ///
    /// # Errors
    /// When one can't be read.
    pub async fn tables_with(&self, secrets: &SecretSearch, people: &[Person]) -> Result<BTreeSet<String>> {
        let mut kept = match &self.postgres {
            Some(database) => of_postgres(database).await?,
            None => of_sqlite(&self.sqlite()?)?,
        };
        if let Some(directus) = &self.directus {
            kept.extend(of_directus(directus, people).await?);
        }
        let found = kept.into_iter().filter(|(_, value)| secrets.is_in(value));
        Ok(found.map(|(table, _)| table).collect())
    }
}

/// Every column of every table. The superuser also sees what row-level security hides.
async fn of_postgres(database: &Database) -> Result<Vec<Kept>> {
    let database = connect(&database.superuser_url()).await?;
    let tables = "SELECT format('%I.%I', table_schema, table_name), table_name::text,
            string_agg(CASE WHEN data_type = 'bytea' THEN format('%I', column_name)
                ELSE format('convert_to(%I::text, ''UTF8'')', column_name) END, ', ')
        FROM information_schema.columns
        WHERE table_schema NOT IN ('information_schema', 'pg_catalog')
        GROUP BY table_schema, table_name";
    let mut kept = Vec::new();
    for table in database.query(tables, &[]).await? {
        let (table, name, columns): (String, String, String) =
            (table.try_get(0)?, table.try_get(1)?, table.try_get(2)?);
        for row in database.query(&format!("SELECT {columns} FROM {table}"), &[]).await? {
            for column in 0..row.len() {
                let value: Option<Vec<u8>> = row.try_get(column)?;
                kept.extend(value.map(|value| (name.clone(), value)));
            }
        }
    }
    Ok(kept)
}

/// Every text and blob of every table.
fn of_sqlite(database: &rusqlite::Connection) -> Result<Vec<Kept>> {
    let mut tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let tables: Vec<String> = tables.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut kept = Vec::new();
    for table in tables {
        let mut select = database.prepare(&format!("SELECT * FROM \"{table}\""))?;
        let columns = select.column_count();
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                if let ValueRef::Text(value) | ValueRef::Blob(value) = row.get_ref(column)? {
                    kept.push((table.clone(), value.to_vec()));
                }
            }
        }
    }
    Ok(kept)
}

/// Every item of these people.
async fn of_directus(directus: &Directus, people: &[Person]) -> Result<Vec<Kept>> {
    let owners: Vec<_> =
        people.iter().filter_map(|person| person.in_directus.as_ref()).map(User::id).collect();
    let query = json!({"filter": {"user_id": {"_in": owners}}, "limit": -1});
    let mut kept = Vec::new();
    for collection in COLLECTIONS {
        let items = directus.search(&format!("/items/{collection}"), &query).await?;
        kept.extend(items.iter().map(|item| (collection.to_owned(), item.to_string().into_bytes())));
    }
    Ok(kept)
}
