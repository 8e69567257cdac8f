//! How often somebody has tried to log in.

use crate::store::{AttemptLimit, Hash};
use rusqlite::{Connection, OptionalExtension as _, Result};

/// Counts an attempt against each limit, or against none of them: then in how
/// many milliseconds there is room again.
pub(super) fn count(c: &Connection, limits: &[AttemptLimit], now: i64) -> Result<Option<i64>> {
    if let Some(wait) = wait(c, limits, now)? {
        return Ok(Some(wait));
    }
    for limit in limits {
        let count = "INSERT INTO login_attempts VALUES (?1, 1, ?3) ON CONFLICT (subject) DO UPDATE SET
            attempts = iif(window_started_at + ?2 > ?3, attempts + 1, 1),
            window_started_at = iif(window_started_at + ?2 > ?3, window_started_at, ?3)";
        c.prepare_cached(count)?.execute((&limit.subject[..], limit.window_ms, now))?;
    }
    Ok(None)
}

/// In how many milliseconds there is room, where there is none now.
pub(super) fn wait(c: &Connection, limits: &[AttemptLimit], now: i64) -> Result<Option<i64>> {
    let mut select = c.prepare_cached(
        "SELECT window_started_at + ?2 - ?3 FROM login_attempts
         WHERE subject = ?1 AND attempts >= ?4 AND window_started_at + ?2 > ?3",
    )?;
    for limit in limits {
        let parameters = (&limit.subject[..], limit.window_ms, now, limit.attempts);
        let wait = select.query_row(parameters, |found| found.get(0)).optional()?;
        if wait.is_some() {
            return Ok(wait);
        }
    }
    Ok(None)
}

/// Takes back a counted attempt.
pub(super) fn uncount(c: &Connection, subjects: &[Hash]) -> Result<()> {
    let sql = "UPDATE login_attempts SET attempts = attempts - 1 WHERE subject = ?1 AND attempts > 0";
    subjects.iter().try_for_each(|subject| c.execute(sql, [&subject[..]]).map(drop))
}
