//! Counts login attempts.

use super::{Hash, StoreError, operations};

/// The longest window in which attempts are counted; older counts are removed.
pub(crate) const MAX_ATTEMPT_WINDOW_MS: i64 = 5 * 60 * 1000;

/// A limit of the attempts on one subject within a window of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttemptLimit {
    pub(crate) subject: Hash,
    pub(crate) attempts: u32,
    pub(crate) window_ms: i64,
}

operations! {
    /// The operations on `login_attempts`.
    trait LoginAttempts as DynLoginAttempts {
        /// Counts an attempt against every limit. If one of them has no room, counts nothing and
        /// returns after how many milliseconds there is room again.
        async fn count_attempt(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError>;

        /// After how many milliseconds there is room for an attempt within every limit; `None` if
        /// there is room now. Counts nothing.
        async fn attempt_wait(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError>;

        /// Removes a counted attempt, because it had the right password.
        async fn uncount_attempt(&self, subjects: Vec<Hash>) -> Result<(), StoreError>;
    }
}
