//! Limits how often a password may be tried, on one account and from one address, wherever it is
//! checked.

use super::{Identity, hash};
use crate::client::Client;
use crate::clock::{now_ms, whole_seconds};
use crate::error::Error;
use crate::store::{AttemptLimit, Hash, MAX_ATTEMPT_WINDOW_MS};
use std::net::IpAddr;

/// Failed attempts on one account within a window.
const PER_ACCOUNT: u32 = 10;
/// Failed attempts from one address within a window.
const PER_ADDRESS: u32 = 50;

/// A counted attempt.
#[derive(Debug)]
#[must_use = "take back the attempt if the password was right or never checked"]
pub(super) struct LoginAttempt {
    subjects: Vec<Hash>,
}

impl LoginAttempt {
    /// Counts an attempt before the password is checked, or refuses it.
    pub(super) async fn count(
        identity: &Identity,
        email: Option<&str>,
        client: Client,
    ) -> Result<Self, Error> {
        let limits = limits(email, client.limited_network());
        let subjects = limits.iter().map(|limit| limit.subject).collect();
        match identity.database.count_attempt(limits, now_ms()).await? {
            Some(wait_ms) => Err(Error::TooManyRequests { retry_after_s: whole_seconds(wait_ms) }),
            None => Ok(Self { subjects }),
        }
    }

    /// Takes the attempt back: the password was not wrong.
    pub(super) async fn take_back(self, identity: &Identity) -> Result<(), Error> {
        Ok(identity.database.uncount_attempt(self.subjects).await?)
    }
}

// Decision: docs/decisions/http.md#local-login-attempts-are-limited-by-account-only
fn limits(email: Option<&str>, network: Option<IpAddr>) -> Vec<AttemptLimit> {
    let limit = |subject, attempts| AttemptLimit { subject, attempts, window_ms: MAX_ATTEMPT_WINDOW_MS };
    // Beyond ASCII, because Directus lower-cases a Kelvin sign to a k.
    let account = email.map(|email| limit(hash("account", &email.to_lowercase()), PER_ACCOUNT));
    let address = network.map(|network| limit(hash("address", &network.to_string()), PER_ADDRESS));
    account.into_iter().chain(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_an_account_from_everywhere_and_an_address_that_identifies_callers() {
        let subjects = |email: Option<&str>, network: Option<&str>| -> Vec<Hash> {
            let network = network.map(|network| network.parse().unwrap());
            limits(email, network).iter().map(|limit| limit.subject).collect()
        };
        assert_eq!(subjects(Some("A@B"), None), subjects(Some("a@b"), None));
        assert_eq!(subjects(Some("\u{212a}@b"), None), subjects(Some("k@b"), None));
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|network| subjects(Some("a@b"), Some(network)));
        assert_eq!(one[0], subjects(Some("a@b"), None)[0]);
        assert_eq!(one[0], two[0]);
        assert_ne!(one[1], two[1]);
        assert_eq!(subjects(None, Some("192.0.2.1")), one[1..]);
    }
}
