//! The operations on `login_attempts` in PostgreSQL.

use super::transaction::{Acting, Step};
use super::{Postgres, row};
use crate::store::{AttemptLimit, Hash, LoginAttempts, StoreError};

/// Only one transaction at a time counts against a subject. The order is always the same, so that
/// none deadlock.
const LOCK: &str = "SELECT pg_advisory_xact_lock(subject) FROM unnest($1::bigint[]) AS subject";
/// Counts against all limits. If one is reached, counts nothing and returns a row: after how many
/// milliseconds there is room.
const COUNT: &str = "
    WITH limits AS (
        SELECT l.*, a.attempts, a.window_started_at,
            coalesce(a.window_started_at + window_ms > $4, false) AS is_running
        FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) WITH ORDINALITY
            AS l (subject, most, window_ms, number)
        LEFT JOIN login_attempts a USING (subject)
    ), full_ones AS (
        SELECT window_started_at + window_ms - $4 AS wait_ms FROM limits
        WHERE is_running AND attempts >= most ORDER BY number LIMIT 1
    ), counted AS (
        INSERT INTO login_attempts (subject, attempts, window_started_at)
        SELECT subject, CASE WHEN is_running THEN attempts + 1 ELSE 1 END,
            CASE WHEN is_running THEN window_started_at ELSE $4 END
        FROM limits WHERE NOT EXISTS (SELECT FROM full_ones)
        ON CONFLICT (subject) DO UPDATE SET
            attempts = excluded.attempts, window_started_at = excluded.window_started_at
    ) SELECT wait_ms FROM full_ones";
const WAIT: &str = "
    SELECT window_started_at + window_ms - $4 FROM login_attempts
    JOIN unnest($1::bytea[], $2::bigint[], $3::bigint[]) WITH ORDINALITY
        AS l (subject, most, window_ms, number) USING (subject)
    WHERE attempts >= most AND window_started_at + window_ms > $4 ORDER BY number LIMIT 1";
const UNCOUNT: &str = "
    UPDATE login_attempts SET attempts = attempts - 1 WHERE subject = ANY ($1) AND attempts > 0";

impl LoginAttempts for Postgres {
    async fn count_attempt(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError> {
        let (subjects, most, windows) = columns(&limits);
        let locks = locks(limits.iter().map(|limit| &limit.subject));
        let steps = [Step(LOCK, &[&locks]), Step(COUNT, &[&subjects, &most, &windows, &now])];
        let rows = self.write(Acting::Nobody, &steps).await?;
        row::optional(&rows, |found| Ok(found.try_get(0)?))
    }

    async fn attempt_wait(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError> {
        let (subjects, most, windows) = columns(&limits);
        let rows = self.read(Acting::Nobody, &[Step(WAIT, &[&subjects, &most, &windows, &now])]).await?;
        row::optional(&rows, |found| Ok(found.try_get(0)?))
    }

    async fn uncount_attempt(&self, subjects: Vec<Hash>) -> Result<(), StoreError> {
        let locks = locks(subjects.iter());
        let subjects: Vec<_> = subjects.iter().map(|subject| &subject[..]).collect();
        self.write(Acting::Nobody, &[Step(LOCK, &[&locks]), Step(UNCOUNT, &[&subjects])]).await.map(drop)
    }
}

fn columns(limits: &[AttemptLimit]) -> (Vec<&[u8]>, Vec<i64>, Vec<i64>) {
    let subjects = limits.iter().map(|limit| &limit.subject[..]).collect();
    let most = limits.iter().map(|limit| i64::from(limit.attempts)).collect();
    (subjects, most, limits.iter().map(|limit| limit.window_ms).collect())
}

/// The numbers of the subjects' locks, in order. Two subjects with the same number only wait for
/// each other unnecessarily.
fn locks<'a>(subjects: impl Iterator<Item = &'a Hash>) -> Vec<i64> {
    let mut locks: Vec<_> = subjects
        .filter_map(|subject| subject.first_chunk().map(|start| i64::from_be_bytes(*start)))
        .collect();
    locks.sort_unstable();
    locks
}
