//! Sealed texts in all collections.

use super::DirectusRecords;
use super::changes::Changes;
use super::items::{Items, Query};
use super::row::sealed_text;
use crate::directus::{DirectusError, MAX_SEALED_ROWS};
use crate::store::{Sealed, SealedColumn, SealedRecords, StoreError};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// How many records from each end are in a sample.
const SAMPLE: u32 = 5;

/// Where the last batch of a column ended: its last id and the number of rows up to it. Directus can
/// sort by a UUID, but can't filter for ids after one.
#[derive(Debug, Default)]
pub(super) struct Positions([Mutex<(Uuid, u64)>; SealedColumn::OF_RECORDS.len()]);

impl Positions {
    fn of(&self, column: SealedColumn) -> &Mutex<(Uuid, u64)> {
        &self.0[column as usize]
    }

    /// Where to start looking for rows after `after`.
    fn guess(&self, column: SealedColumn, after: Uuid) -> u64 {
        let (id, position) = *self.of(column).lock().unwrap_or_else(PoisonError::into_inner);
        if id == after { position } else { 0 }
    }

    fn keep(&self, column: SealedColumn, id: Uuid, position: u64) {
        *self.of(column).lock().unwrap_or_else(PoisonError::into_inner) = (id, position);
    }
}

#[derive(Debug, Deserialize)]
struct SealedRow {
    id: Uuid,
    user_id: Option<Uuid>,
    /// The one that was asked for, under its own name.
    #[serde(flatten)]
    columns: HashMap<String, Value>,
}

impl SealedRecords for DirectusRecords {
    async fn sealed(&self, column: SealedColumn, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        let items = &self.items;
        let limit = limit.min(MAX_SEALED_ROWS);
        let mut offset = self.positions.guess(column, after);
        // Rows before the guess may have been deleted since: then the guess is too far.
        while offset > 0 && !starts_at_or_before(items, column, offset - 1, after).await? {
            offset = offset.saturating_sub(u64::from(MAX_SEALED_ROWS));
        }
        let fields = format!("id,user_id,{}", column.name());
        loop {
            let rows: Vec<SealedRow> =
                items.list(column.table(), &query(column, &fields, limit, offset)).await?;
            let Some(last) = rows.last().map(|row| row.id) else { return Ok(Vec::new()) };
            offset += u64::try_from(rows.len()).unwrap_or_default();
            self.positions.keep(column, last, offset);
            let sealed: Vec<_> =
                rows.into_iter().filter(|row| row.id > after).filter_map(of(column)).collect();
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
                // Directus finds the old text first and then changes the row: run one replacement
                // at a time, so that nothing comes between.
                let _replacing = replacing.lock().await;
                Ok(replace(&changes, &old, &blob, credentials_version).await?)
            })
            .await
    }
}

/// The newest and the oldest sealed texts of a column.
pub(super) async fn sample(items: &Items, column: SealedColumn) -> Result<Vec<Sealed>, DirectusError> {
    let fields = format!("id,user_id,{}", column.name());
    let sealed = async |sort: &str| {
        let rows = items.list(column.table(), &Query { sort, ..query(column, &fields, SAMPLE, 0) }).await?;
        Ok::<_, DirectusError>(rows.into_iter().filter_map(of(column)))
    };
    let (newest, oldest) = match column {
        SealedColumn::Connections | SealedColumn::DownloadCredentials => ("-updated_at,-id", "updated_at,id"),
        SealedColumn::SessionCookies | SealedColumn::SessionOrigins => ("-captured_at,-id", "captured_at,id"),
        // This table is always in the server's own database.
        SealedColumn::AppCredentialKeys => return Ok(Vec::new()),
    };
    let (newest, oldest) = tokio::try_join!(sealed(newest), sealed(oldest))?;
    let mut sample: Vec<_> = newest.chain(oldest).collect();
    sample.sort_by_key(|sealed| sealed.id);
    sample.dedup_by_key(|sealed| sealed.id);
    Ok(sample)
}

fn of(column: SealedColumn) -> impl Fn(SealedRow) -> Option<Sealed> {
    move |mut row| {
        let blob = sealed_text(row.columns.remove(column.name())?)?;
        Some(Sealed { column, id: row.id, user_id: row.user_id.unwrap_or_default(), blob })
    }
}

/// Whether the row at this position has an id up to `after`, so that no row after `after` precedes
/// it.
async fn starts_at_or_before(
    items: &Items,
    column: SealedColumn,
    offset: u64,
    after: Uuid,
) -> Result<bool, DirectusError> {
    let rows: Vec<SealedRow> = items.list(column.table(), &query(column, "id,user_id", 1, offset)).await?;
    Ok(rows.first().is_some_and(|row| row.id <= after))
}

fn query<'a>(column: SealedColumn, fields: &'a str, limit: u32, offset: u64) -> Query<'a> {
    Query { filter: json!({column.name(): {"_nnull": true}}), fields, sort: "id", limit, offset }
}

/// Replaces a blob if it is unchanged since it was read.
async fn replace(changes: &Changes, old: &Sealed, new: &str, version: &str) -> Result<bool, DirectusError> {
    let column = old.column.name();
    let filter = json!({"id": {"_eq": old.id}, column: {"_eq": old.blob}});
    let data = json!({column: new, "credentials_version": version});
    Ok(!changes.update(old.column.table(), filter, data).await?.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_is_read_under_its_own_name() {
        for column in SealedColumn::OF_RECORDS {
            let row = json!({"id": Uuid::nil(), "user_id": null, column.name(): "sealed"});
            let row: SealedRow = serde_json::from_value(row).unwrap();
            assert_eq!(of(column)(row).unwrap().blob, "sealed", "{column:?}");
        }
    }
}
