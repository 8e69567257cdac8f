//! Records refused actions in the audit log. The stores record successes themselves, in the
//! transaction of the change where they have one.

use crate::audit::Entry;
use crate::error::Error;
use crate::store::Database;

/// Runs an action and records a refusal of it.
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
