//! Rate limits: how often a user may call, and how often an address may fail
//! to say who it is, services and users apart. A service that says so is never
//! limited. Each process counts for itself, in memory.

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

/// A limit holds on the average over so many seconds: that many more may come
/// at once.
const BURST_S: u32 = 10;
/// Users, and addresses, that are known at the same time: some hundred KiB.
const MAX_KEYS: usize = 10_000;

/// All rate limits.
#[derive(Debug)]
pub(crate) struct Limits {
    users: Option<RateLimit<Uuid>>,
    user_failures: Option<RateLimit<IpAddr>>,
    service_failures: Option<RateLimit<IpAddr>>,
    /// Which tokens of users were right, by their hash, and where they came from.
    passed: Mutex<HashSet<(IpAddr, [u8; 32])>>,
}

impl Limits {
    /// Limits in calls a second; 0 is none.
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

    /// Refuses to look at a token that may be a guess: one from an address that
    /// failed too often lately, unless it was right from there before, or given
    /// out to it. To look at it is to ask Directus, or to write into the database.
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

    /// Remembers that a token was right.
    pub(crate) fn note_passed(&self, client: Client, token: &SecretString) {
        if let (Some(_), Some(network)) = (&self.user_failures, client.limited_network()) {
            let mut passed = self.passed();
            if passed.len() >= MAX_KEYS {
                passed.clear();
            }
            passed.insert((network, hash(token)));
        }
    }

    /// Counts a call without a valid caller, which was answered with 401 because
    /// of `error`; an error where it was one too many.
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

/// It leaves its wrapper to be told from others, and is kept as a hash alone.
fn hash(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret()).into()
}

fn too_many(wait: Duration) -> Error {
    let rounded_up = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Error::TooManyRequests { retry_after_s: rounded_up.max(1) }
}

/// A limit for each key, by the generic cell rate algorithm (ITU-T I.371): of a
/// key only the time is kept at which its burst is whole again. Not the crate
/// `governor`, which neither looks without counting nor bounds its keys.
#[derive(Debug)]
struct RateLimit<K> {
    /// From one call to the next at the limit's rate.
    interval: Duration,
    /// How far ahead of that rate a key may be.
    tolerance: Duration,
    whole_again_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Copy + Eq + Hash> RateLimit<K> {
    fn per_second(rate: u32) -> Option<Self> {
        let interval = Duration::from_secs(1).checked_div(rate)?;
        let tolerance = interval * (rate * BURST_S - 1);
        Some(Self { interval, tolerance, whole_again_at: Mutex::default() })
    }

    /// Counts a call, or tells how long to wait for the next.
    fn count(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut keys = self.keys();
        let whole_again_at = self.judge(&keys, key, now)?;
        if keys.len() >= MAX_KEYS && !keys.contains_key(&key) {
            keys.retain(|_, idle_from| *idle_from > now);
            // So many at once: better to forget what they did than to refuse somebody new.
            if keys.len() >= MAX_KEYS {
                keys.clear();
            }
        }
        keys.insert(key, whole_again_at + self.interval);
        Ok(())
    }

    /// What [`count`](Self::count) would say.
    fn check(&self, key: K, now: Instant) -> Result<(), Duration> {
        self.judge(&self.keys(), key, now).map(drop)
    }

    fn judge(&self, keys: &HashMap<K, Instant>, key: K, now: Instant) -> Result<Instant, Duration> {
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
    fn a_burst_passes_and_then_the_rate_holds() {
        let limit = RateLimit::per_second(4).unwrap();
        let start = Instant::now();
        assert_eq!(counted(&limit, 1, start), 40);
        assert_eq!(limit.count(1, start), Err(Duration::from_millis(250)));
        assert_eq!(limit.check(1, start), Err(Duration::from_millis(250)));
        assert_eq!(counted(&limit, 1, start + Duration::from_secs(1)), 4);
        assert_eq!(counted(&limit, 2, start), 40, "another key is not touched");
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
    fn keys_are_bounded_and_idle_ones_make_room() {
        let limit = RateLimit::per_second(1).unwrap();
        let start = Instant::now();
        assert_eq!(counted(&limit, u32::MAX, start), 10);
        for key in 1..MAX_KEYS as u32 {
            limit.count(key, start).unwrap();
        }
        // All but the first are idle by now, and that one is still remembered.
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
    fn a_wait_is_told_in_whole_seconds_rounded_up() {
        for (wait_ms, seconds) in [(1, 1), (1000, 1), (1001, 2)] {
            let error = too_many(Duration::from_millis(wait_ms));
            assert!(matches!(error, Error::TooManyRequests { retry_after_s } if retry_after_s == seconds));
        }
    }
}
