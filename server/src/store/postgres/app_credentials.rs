//! App credentials on PostgreSQL. Each operation first locks what it changes, so its later
//! statements see what was committed during the wait.

/// The ids of a list's records, from a query for ids and their sort columns.
macro_rules! ids {
    ($listed:expr) => {
        concat!("SELECT id FROM (", $listed, ") listed")
    };
}

/// The first of these ids: as many as can be read at once. `$bytes` is about how much memory a
/// `listed` record takes.
macro_rules! first_ids {
    ($bytes:literal, $order:literal, $listed:expr) => {
        concat!(
            "SELECT id FROM (
                SELECT id, sum(bytes) OVER (ORDER BY ",
            $order,
            ") - bytes AS bytes_before FROM (SELECT listed.*, ",
            $bytes,
            " AS bytes FROM (",
            $listed,
            ") listed) measured
            ) placed WHERE bytes_before < ",
            listed_bytes!()
        )
    };
}

pub(super) mod credentials;
pub(super) mod projects;
pub(super) mod types;

use super::row;
use crate::store::app_credentials::listed_bytes;
use crate::store::{Listed, StoreError};
use tokio_postgres::Row;
use uuid::Uuid;

/// A list from its first records and the ids of the rest. The first records are the genuine ones
/// among the rows `read`.
fn listed<T>(first: Vec<T>, read: &[Row], ids: &[Row], total: i64) -> Result<Listed<T>, StoreError> {
    let mut rest: Vec<Uuid> = row::all(ids, |found| Ok(found.try_get(0)?))?;
    // The rows read are the first of `ids`, in the same order.
    let last: Option<Uuid> = read.last().map(|found| found.try_get("id")).transpose()?;
    let read = last.and_then(|last| rest.iter().position(|listed| *listed == last));
    rest.drain(..read.map_or(0, |index| index + 1));
    Ok(Listed { first, rest, total: total.unsigned_abs() })
}
