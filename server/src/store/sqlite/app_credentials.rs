//! App credentials on SQLite.

pub(super) mod credentials;
pub(super) mod projects;
pub(super) mod types;

use crate::store::Listed;
use crate::store::app_credentials::listed_bytes;
use uuid::Uuid;

/// The first of these records by their ids, as many as can be read at once.
fn listed<T>(
    ids: Vec<Uuid>,
    total: u64,
    find: impl Fn(Uuid) -> rusqlite::Result<Option<T>>,
    bytes: impl Fn(&T) -> usize,
) -> rusqlite::Result<Listed<T>> {
    let (mut first, mut read, mut ids) = (Vec::new(), 0, ids.into_iter());
    while read < listed_bytes!()
        && let Some(id) = ids.next()
    {
        let found = find(id)?;
        read += found.as_ref().map_or(0, &bytes);
        first.extend(found);
    }
    Ok(Listed { first, rest: ids.collect(), total })
}
