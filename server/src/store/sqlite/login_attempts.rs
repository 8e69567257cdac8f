//! The operations on `login_attempts` in SQLite.

use super::Sqlite;
use crate::store::{AttemptLimit, Hash, LoginAttempts, StoreError};
use rusqlite::{Connection as DbConnection, OptionalExtension as _, Result};

impl LoginAttempts for Sqlite {
    async fn count_attempt(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError> {
        self.write(move |c| {
            if let Some(wait) = wait(c, &limits, now)? {
                return Ok(Some(wait));
            }
            for limit in limits {
                let count =
                    "INSERT INTO login_attempts VALUES (?1, 1, ?3) ON CONFLICT (subject) DO UPDATE SET
                        attempts = iif(window_started_at + ?2 > ?3, attempts + 1, 1),
                        window_started_at = iif(window_started_at + ?2 > ?3, window_started_at, ?3)";
                c.prepare_cached(count)?.execute((&limit.subject[..], limit.window_ms, now))?;
            }
            Ok(None)
        })
        .await
    }

    async fn attempt_wait(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError> {
        self.read(move |c| wait(c, &limits, now)).await
    }

    async fn uncount_attempt(&self, subjects: Vec<Hash>) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "UPDATE login_attempts SET attempts = attempts - 1 WHERE subject = ?1 AND attempts > 0";
            subjects.iter().try_for_each(|subject| c.execute(sql, [&subject[..]]).map(drop))
        })
        .await
    }
}

/// After how many milliseconds there is room; `None` if there is room now.
fn wait(c: &DbConnection, limits: &[AttemptLimit], now: i64) -> Result<Option<i64>> {
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
