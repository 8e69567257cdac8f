//! What a caller was refused, in the audit log. What succeeds, the stores note themselves,
//! in the transaction that does it.

use crate::audit::Entry;
use crate::error::Error;
use crate::store::Database;

/// Does what `entry` tells of, and notes it where it was refused.
pub(crate) async fn noting_refusal<T>(
    database: &dyn Database,
    entry: &Entry,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let result = work.await;
    if let Err(error) = &result
        && error.is_refusal()
    {
        database.append(entry.with_outcome(error)).await?;
    }
    result
}
