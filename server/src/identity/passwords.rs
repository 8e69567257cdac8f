//! Password hashing: Argon2id (RFC 9106) with 19 MiB and two passes, off the
//! async threads and with a bounded queue.

use crate::error::Error;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use thiserror::Error as ThisError;
use tokio::sync::Semaphore;

/// The shortest password that is taken.
const MIN_PASSWORD_CHARS: usize = 8;
/// The longest password that is taken.
const MAX_PASSWORD_BYTES: usize = 1024;
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Hashes computed at the same time.
const WORKERS: usize = 2;
/// Hashes that are computed or wait; one more is refused.
const QUEUE: usize = 64;

/// Hashes and verifies passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    queue: Arc<Semaphore>,
    workers: Arc<Semaphore>,
    /// Of no password anybody has: an unknown user takes as long as a wrong password.
    decoy: SecretString,
}

impl Passwords {
    /// Takes as long as hashing one password.
    pub(crate) fn new() -> Result<Self, Error> {
        let decoy = super::token::generate().map_err(|_| Error::Internal("no random bytes"))?;
        Ok(Self {
            queue: Arc::new(Semaphore::new(QUEUE)),
            workers: Arc::new(Semaphore::new(WORKERS)),
            decoy: hash(&decoy)?,
        })
    }

    /// Whether `password` is the one that `known` is the hash of; false after
    /// the same time where there is no hash.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        known: Option<SecretString>,
    ) -> Result<bool, Error> {
        let busy = || Error::TooManyRequests { retry_after_s: 1 };
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| busy())?;
        let worker = Arc::clone(&self.workers).acquire_owned().await.map_err(|_| busy())?;
        let exists = known.is_some();
        let hash = known.unwrap_or_else(|| self.decoy.clone());
        // A caller that hangs up ends this future, not the thread: the thread holds the places.
        let verified = tokio::task::spawn_blocking(move || {
            let _held = (place, worker);
            verify(&password, &hash)
        })
        .await;
        Ok(verified.map_err(|_| Error::Internal("verifying a password panicked"))? && exists)
    }
}

/// Why a password can't be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub(crate) enum PasswordFault {
    #[error("a password needs at least {MIN_PASSWORD_CHARS} characters that are not all white space")]
    TooShort,
    #[error("a password has at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
}

/// Holds a new password against the rules.
pub(crate) fn check(password: &SecretString) -> Result<(), PasswordFault> {
    // Only counted: nothing of it goes anywhere.
    let text = password.expose_secret();
    if text.trim().is_empty() || text.chars().count() < MIN_PASSWORD_CHARS {
        Err(PasswordFault::TooShort)
    } else if text.len() > MAX_PASSWORD_BYTES {
        Err(PasswordFault::TooLong)
    } else {
        Ok(())
    }
}

/// The hash of a new password as a PHC string.
pub(crate) fn hash(password: &SecretString) -> Result<SecretString, Error> {
    let hash = argon2().hash_password(password.expose_secret().as_bytes());
    Ok(hash.map_err(|_| Error::Internal("a password could not be hashed"))?.to_string().into())
}

fn verify(password: &SecretString, hash: &SecretString) -> bool {
    let password = password.expose_secret().as_bytes();
    let known = PasswordHash::new(hash.expose_secret());
    password.len() <= MAX_PASSWORD_BYTES
        && known.is_ok_and(|known| argon2().verify_password(password, &known).is_ok())
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).unwrap_or(Params::DEFAULT);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tells_right_from_wrong_and_knows_no_password_for_nobody() {
        let passwords = Passwords::new().unwrap();
        let known = hash(&"correct horse".into()).unwrap();
        assert!(known.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let verify = |password: &str, known| passwords.verify(password.into(), known);
        assert!(verify("correct horse", Some(known.clone())).await.unwrap());
        assert!(!verify("wrong", Some(known)).await.unwrap());
        let decoy = passwords.decoy.expose_secret().to_owned();
        assert!(!verify(&decoy, None).await.unwrap());
    }

    #[test]
    fn a_password_has_8_characters_and_1024_bytes_at_most_and_may_hold_anything() {
        assert_eq!(check(&"1234567".into()), Err(PasswordFault::TooShort));
        assert_eq!(check(&" ".repeat(10).into()), Err(PasswordFault::TooShort));
        assert_eq!(check(&"p".repeat(1025).into()), Err(PasswordFault::TooLong));
        for good in ["12345678", "tab\tpassword", "pässwörd"] {
            assert_eq!(check(&good.into()), Ok(()), "{good}");
        }
    }

    #[tokio::test]
    async fn refuses_what_does_not_fit_in_the_queue() {
        let passwords = Passwords::new().unwrap();
        let _taken = passwords.queue.try_acquire_many(QUEUE as u32).unwrap();
        let refused = passwords.verify("x".into(), None).await;
        assert!(matches!(refused, Err(Error::TooManyRequests { .. })));
    }
}
