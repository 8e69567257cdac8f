//! How often somebody has tried to log in.

use super::{Hash, StoreError, operations};

/// The longest window in which attempts are counted; older counts are removed.
pub(crate) const MAX_ATTEMPT_WINDOW_MS: i64 = 5 * 60 * 1000;

/// A count of attempts within a window of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttemptLimit {
    pub(crate) subject: Hash,
    pub(crate) attempts: u32,
    pub(crate) window_ms: i64,
}

operations! {
    /// `login_attempts`.
    trait LoginAttempts as DynLoginAttempts {
        /// Counts an attempt against each limit, or against none of them: then in
        /// how many milliseconds there is room again.
        async fn count_attempt(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError>;

        /// In how many milliseconds there is room for an attempt against each limit,
        /// where there is none now. Counts nothing.
        async fn attempt_wait(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError>;

        /// Takes back a counted attempt, which turned out to be a right one.
        async fn uncount_attempt(&self, subjects: Vec<Hash>) -> Result<(), StoreError>;
    }
}
