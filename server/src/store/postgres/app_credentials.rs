//! App credentials on PostgreSQL. What is changed is locked first, and what
//! follows sees what was committed while that was waited for.

/// The ids of the records of a list, which is a query for ids and what they are ordered by.
macro_rules! ids {
    ($listed:expr) => {
        concat!("SELECT id FROM (", $listed, ") listed")
    };
}

/// The first of these ids, as far as their records may be read at once. `$bytes` is what
/// one of the `listed` takes in memory, about.
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

/// The first records of a list, those of the rows `read` that are genuine, with the ids
/// of all of them.
fn listed<T>(first: Vec<T>, read: &[Row], ids: &[Row], total: i64) -> Result<Listed<T>, StoreError> {
    let mut rest: Vec<Uuid> = row::all(ids, |found| Ok(found.try_get(0)?))?;
    // Those that are read are the first in the same order.
    let last: Option<Uuid> = read.last().map(|found| found.try_get("id")).transpose()?;
    let read = last.and_then(|last| rest.iter().position(|listed| *listed == last));
    rest.drain(..read.map_or(0, |place| place + 1));
    Ok(Listed { first, rest, total: total.unsigned_abs() })
}
