//! What is sealed, whatever collection it is in.

use super::DirectusRecords;
use super::changes::Changes;
use super::items::{Items, Query};
use super::row::blob;
use crate::directus::{DirectusError, MAX_SEALED_ROWS};
use crate::store::{Sealed, SealedRecords, SealedTable, StoreError};
use serde::Deserialize;
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// How many records of each end are in a sample.
const SAMPLE: u32 = 5;

/// Where the last batch of a table ended: its last id, and how many rows came
/// up to it. Directus can sort by an id of type UUID, but can't be asked for
/// those after one.
#[derive(Debug, Default)]
pub(super) struct Positions([Mutex<(Uuid, u64)>; SealedTable::OF_RECORDS.len()]);

impl Positions {
    fn of(&self, table: SealedTable) -> &Mutex<(Uuid, u64)> {
        &self.0[table as usize]
    }

    /// Where to look first for rows after `after`.
    fn guess(&self, table: SealedTable, after: Uuid) -> u64 {
        let (id, position) = *self.of(table).lock().unwrap_or_else(PoisonError::into_inner);
        if id == after { position } else { 0 }
    }

    fn keep(&self, table: SealedTable, id: Uuid, position: u64) {
        *self.of(table).lock().unwrap_or_else(PoisonError::into_inner) = (id, position);
    }
}

#[derive(Debug, Deserialize)]
struct SealedRow {
    id: Uuid,
    user_id: Option<Uuid>,
    #[serde(
        default,
        alias = "encrypted_credentials",
        alias = "encrypted_cookies",
        deserialize_with = "blob"
    )]
    blob: Option<String>,
}

impl SealedRecords for DirectusRecords {
    async fn sealed(&self, table: SealedTable, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        let items = &self.items;
        let limit = limit.min(MAX_SEALED_ROWS);
        let mut offset = self.positions.guess(table, after);
        // Rows before the guess may have gone since: then it is too far.
        while offset > 0 && !starts_at_or_before(items, table, offset - 1, after).await? {
            offset = offset.saturating_sub(u64::from(MAX_SEALED_ROWS));
        }
        let fields = format!("id,user_id,{}", table.column());
        loop {
            let rows: Vec<SealedRow> =
                items.list(table.name(), &query(table, &fields, limit, offset)).await?;
            let Some(last) = rows.last().map(|row| row.id) else { return Ok(Vec::new()) };
            offset += u64::try_from(rows.len()).unwrap_or_default();
            self.positions.keep(table, last, offset);
            let sealed: Vec<_> =
                rows.into_iter().filter(|row| row.id > after).filter_map(of(table)).collect();
            if !sealed.is_empty() {
                return Ok(sealed);
            }
        }
    }

    async fn replace_sealed(
        &self,
        old: Sealed,
        blob: String,
        credentials_version: &'static str,
    ) -> Result<bool, StoreError> {
        let replacing = Arc::clone(&self.replacing);
        self.operations
            .carry_out(|changes| async move {
                // Directus looks for the old text first and changes the row then: one
                // at a time, so that it is busy with nothing else in between.
                let _replacing = replacing.lock().await;
                Ok(replace(&changes, &old, &blob, credentials_version).await?)
            })
            .await
    }
}

/// The newest and the oldest of what is sealed in a table.
pub(super) async fn sample(items: &Items, table: SealedTable) -> Result<Vec<Sealed>, DirectusError> {
    let fields = format!("id,user_id,{}", table.column());
    let sealed = async |sort: &str| {
        let rows = items.list(table.name(), &Query { sort, ..query(table, &fields, SAMPLE, 0) }).await?;
        Ok::<_, DirectusError>(rows.into_iter().filter_map(of(table)))
    };
    let (newest, oldest) = match table {
        SealedTable::Connections | SealedTable::DownloadCredentials => ("-updated_at,-id", "updated_at,id"),
        SealedTable::Sessions => ("-captured_at,-id", "captured_at,id"),
        // It is always in the own database.
        SealedTable::AppCredentialKeys => return Ok(Vec::new()),
    };
    let (newest, oldest) = tokio::try_join!(sealed(newest), sealed(oldest))?;
    let mut sample: Vec<_> = newest.chain(oldest).collect();
    sample.sort_by_key(|sealed| sealed.id);
    sample.dedup_by_key(|sealed| sealed.id);
    Ok(sample)
}

fn of(table: SealedTable) -> impl Fn(SealedRow) -> Option<Sealed> {
    move |row| Some(Sealed { table, id: row.id, user_id: row.user_id.unwrap_or_default(), blob: row.blob? })
}

/// Whether the row in this place has an id up to `after`, so that nothing after
/// `after` comes before it.
async fn starts_at_or_before(
    items: &Items,
    table: SealedTable,
    offset: u64,
    after: Uuid,
) -> Result<bool, DirectusError> {
    let rows: Vec<SealedRow> = items.list(table.name(), &query(table, "id,user_id", 1, offset)).await?;
    Ok(rows.first().is_some_and(|row| row.id <= after))
}

fn query<'a>(table: SealedTable, fields: &'a str, limit: u32, offset: u64) -> Query<'a> {
    Query { filter: json!({table.column(): {"_nnull": true}}), fields, sort: "id", limit, offset }
}

/// Puts `new` in the place of a blob that is still the one that was read.
async fn replace(changes: &Changes, old: &Sealed, new: &str, version: &str) -> Result<bool, DirectusError> {
    let column = old.table.column();
    let filter = json!({"id": {"_eq": old.id}, column: {"_eq": old.blob}});
    let data = json!({column: new, "credentials_version": version});
    Ok(!changes.update(old.table.name(), filter, data).await?.is_empty())
}
