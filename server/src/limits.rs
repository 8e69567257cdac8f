//! Rate limits: how often a user may call, and how often an address may fail to authenticate,
//! counted separately for users and services. An authenticated service is never limited. Each
//! process counts separately, in memory.

use crate::client::Client;
use crate::error::Error;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Limits are averages over this many seconds, so this many seconds' worth of calls can come at
/// once.
const BURST_S: u32 = 10;
/// The most users and addresses to remember at the same time: a few hundred KiB.
const MAX_KEYS: usize = 10_000;

/// All rate limits.
// Decision: docs/decisions/http.md#each-process-counts-for-itself
#[derive(Debug)]
pub(crate) struct Limits {
    users: Option<RateLimit<Uuid>>,
    user_failures: Option<RateLimit<IpAddr>>,
    service_failures: Option<RateLimit<IpAddr>>,
    /// The hashes of valid user tokens, and the addresses they came from.
    passed: Mutex<HashSet<(IpAddr, [u8; 32])>>,
}

impl Limits {
    /// Limits are in calls per second; 0 is no limit.
    pub(crate) fn new(user_rate: u32, failed_auth_rate: u32) -> Self {
        Self {
            users: RateLimit::per_second(user_rate),
            user_failures: RateLimit::per_second(failed_auth_rate),
            service_failures: RateLimit::per_second(failed_auth_rate),
            passed: Mutex::default(),
        }
    }

    /// Counts a call of a user, or refuses it.
    pub(crate) fn count_user(&self, user: Uuid) -> Result<(), Error> {
        self.users.as_ref().map_or(Ok(()), |limit| limit.count(user, Instant::now())).map_err(too_many)
    }

    /// Refuses to check a token that may be a guess: one from an address that recently failed too
    /// often, unless it was valid from there before or was issued to it.
    // Decision: docs/decisions/http.md#after-too-many-failures-only-known-tokens-are-checked
    pub(crate) fn check_guess(&self, client: Client, token: &SecretString) -> Result<(), Error> {
        let (Some(failures), Some(network)) = (&self.user_failures, client.limited_network()) else {
            return Ok(());
        };
        let allowed = failures.check(network, Instant::now());
        if allowed.is_err() && self.passed().contains(&(network, hash(token))) {
            return Ok(());
        }
        allowed.map_err(too_many)
    }

    /// Remembers that a token was valid.
    pub(crate) fn note_passed(&self, client: Client, token: &SecretString) {
        if let (Some(_), Some(network)) = (&self.user_failures, client.limited_network()) {
            let mut passed = self.passed();
            if passed.len() >= MAX_KEYS {
                passed.clear();
            }
            passed.insert((network, hash(token)));
        }
    }

    /// Counts a call that was answered with 401 because of `error`. Fails if the limit is exceeded.
    pub(crate) fn count_failure(&self, client: Client, error: Option<&Error>) -> Result<(), Error> {
        let is_services = matches!(error, Some(Error::UnknownService));
        let failures = if is_services { &self.service_failures } else { &self.user_failures };
        match (failures, client.limited_network()) {
            (Some(failures), Some(network)) => failures.count(network, Instant::now()).map_err(too_many),
            _ => Ok(()),
        }
    }

    fn passed(&self) -> MutexGuard<'_, HashSet<(IpAddr, [u8; 32])>> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Exposes the token only to hash it: only the hash is kept.
fn hash(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret()).into()
}

fn too_many(wait: Duration) -> Error {
    let rounded_up = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Error::TooManyRequests { retry_after_s: rounded_up.max(1) }
}

/// A limit for each key by the generic cell rate algorithm (ITU-T I.371). It stores only the time
/// at which a key's burst is available in full again. The crate `governor` can neither look without
/// counting nor bound its keys.
#[derive(Debug)]
struct RateLimit<K> {
    /// The time between two calls at the limit's rate.
    interval: Duration,
    /// How far a key may be ahead of that rate.
    tolerance: Duration,
    whole_again_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Copy + Eq + Hash> RateLimit<K> {
    fn per_second(rate: u32) -> Option<Self> {
        let interval = Duration::from_secs(1).checked_div(rate)?;
        let tolerance = interval * (rate * BURST_S - 1);
        Some(Self { interval, tolerance, whole_again_at: Mutex::default() })
    }

    /// Counts a call, or returns how long to wait for the next.
    fn count(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut keys = self.keys();
        let whole_again_at = self.whole_again_or_wait(&keys, key, now)?;
        if keys.len() >= MAX_KEYS && !keys.contains_key(&key) {
            keys.retain(|_, idle_from| *idle_from > now);
            // Forgetting all these keys is better than refusing a new one.
            if keys.len() >= MAX_KEYS {
                keys.clear();
            }
        }
        keys.insert(key, whole_again_at + self.interval);
        Ok(())
    }

    /// The result that [`count`](Self::count) would give.
    fn check(&self, key: K, now: Instant) -> Result<(), Duration> {
        self.whole_again_or_wait(&self.keys(), key, now).map(drop)
    }

    /// When the key's burst is available in full again, if a call is allowed now; otherwise how
    /// long to wait.
    fn whole_again_or_wait(
        &self,
        keys: &HashMap<K, Instant>,
        key: K,
        now: Instant,
    ) -> Result<Instant, Duration> {
        let whole_again_at = keys.get(&key).map_or(now, |known| now.max(*known));
        match (whole_again_at - now).checked_sub(self.tolerance) {
            None | Some(Duration::ZERO) => Ok(whole_again_at),
            Some(wait) => Err(wait),
        }
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<K, Instant>> {
        self.whole_again_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(limit: &RateLimit<u32>, key: u32, now: Instant) -> usize {
        (0..1000).take_while(|_| limit.count(key, now).is_ok()).count()
    }

    #[test]
    fn allows_a_burst_and_then_enforces_the_rate() {
        let limit = RateLimit::per_second(4).unwrap();
        let start = Instant::now();
        assert_eq!(counted(&limit, 1, start), 40);
        assert_eq!(limit.count(1, start), Err(Duration::from_millis(250)));
        assert_eq!(limit.check(1, start), Err(Duration::from_millis(250)));
        assert_eq!(counted(&limit, 1, start + Duration::from_secs(1)), 4);
        assert_eq!(counted(&limit, 2, start), 40, "another key is not affected");
        assert_eq!(counted(&limit, 1, start + Duration::from_secs(60)), 40);
    }

    #[test]
    fn no_rate_overflows() {
        assert!(RateLimit::<u32>::per_second(0).is_none());
        for rate in [1, 3, 1_000_000] {
            let limit = RateLimit::per_second(rate).unwrap();
            assert!(limit.tolerance < Duration::from_secs(10) && limit.count(1, Instant::now()).is_ok());
        }
    }

    #[test]
    fn bounds_the_number_of_keys_and_forgets_idle_ones() {
        let limit = RateLimit::per_second(1).unwrap();
        let start = Instant::now();
        assert_eq!(counted(&limit, u32::MAX, start), 10);
        for key in 1..MAX_KEYS as u32 {
            limit.count(key, start).unwrap();
        }
        // All keys but the first are idle now, and the first is still remembered.
        let later = start + Duration::from_secs(2);
        limit.count(0, later).unwrap();
        assert_eq!(limit.keys().len(), 2);
        assert_eq!(counted(&limit, u32::MAX, later), 2);
        for key in 0..3 * MAX_KEYS as u32 {
            limit.count(key, later).unwrap();
            assert!(limit.keys().len() <= MAX_KEYS);
        }
    }

    #[test]
    fn rounds_a_wait_up_to_whole_seconds() {
        for (wait_ms, seconds) in [(1, 1), (1000, 1), (1001, 2)] {
            let error = too_many(Duration::from_millis(wait_ms));
            assert!(matches!(error, Error::TooManyRequests { retry_after_s } if retry_after_s == seconds));
        }
    }
}
