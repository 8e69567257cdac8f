//! Password hashing: Argon2id (RFC 9106) with 19 MiB and two passes, off the async threads and with
//! a limited queue.

use crate::error::Error;
use argon2::password_hash::{PasswordHasher as _, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use thiserror::Error as ThisError;
use tokio::sync::Semaphore;
use zeroize::{Zeroize as _, Zeroizing};

/// The shortest password that is accepted.
const MIN_PASSWORD_CHARS: usize = 8;
/// The longest password that is accepted.
const MAX_PASSWORD_BYTES: usize = 1024;
// Decision: docs/decisions/http.md#users-passwords-are-hashed-with-argon2id
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Glibc never keeps a freed allocation of this size or larger (`M_MMAP_THRESHOLD` in mallopt(3)).
const NEVER_KEPT: usize = 33 * 1024 * 1024;
/// Hashes computed at the same time.
const WORKERS: usize = 2;
/// Hashes that are computed or wait; one more is refused.
const QUEUE: usize = 64;

/// Hashes and verifies passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    queue: Arc<Semaphore>,
    workers: Arc<Semaphore>,
    /// The hash of no existing password: an unknown user takes as long as a wrong password.
    decoy: SecretString,
}

impl Passwords {
    /// Starts with an empty queue.
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self {
            queue: Arc::new(Semaphore::new(QUEUE)),
            workers: Arc::new(Semaphore::new(WORKERS)),
            decoy: decoy()?,
        })
    }

    /// Whether `password` matches the hash `known`; without a hash, false after the same time.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        known: Option<SecretString>,
    ) -> Result<bool, Error> {
        let busy = || Error::TooManyRequests { retry_after_s: 1 };
        let permit = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| busy())?;
        let worker = Arc::clone(&self.workers).acquire_owned().await.map_err(|_| busy())?;
        let exists = known.is_some();
        let hash = known.unwrap_or_else(|| self.decoy.clone());
        // A caller that hangs up ends this future but not the thread, so the thread holds the
        // permits.
        let verified = tokio::task::spawn_blocking(move || {
            let _held = (permit, worker);
            verify(&password, &hash)
        })
        .await;
        Ok(verified.map_err(|_| Error::Internal("verifying a password panicked"))? && exists)
    }
}

/// Why a password can't be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub(crate) enum PasswordFault {
    #[error("a password must have at least {MIN_PASSWORD_CHARS} characters, not all of them white space")]
    TooShort,
    #[error("a password must have at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
}

impl PasswordFault {
    /// The same in the words of the vault's API.
    pub(crate) fn for_vault(self) -> String {
        match self {
            Self::TooShort => format!("password must be at least {MIN_PASSWORD_CHARS} characters"),
            Self::TooLong => format!("password must be at most {MAX_PASSWORD_BYTES} bytes"),
        }
    }
}

/// Checks a new password against the rules.
pub(crate) fn check(password: &SecretString) -> Result<(), PasswordFault> {
    // Exposed only for counting.
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

/// A value in the form of a password hash, of random bytes and so of no password.
fn decoy() -> Result<SecretString, Error> {
    let mut random = [0; 16 + Params::DEFAULT_OUTPUT_LEN];
    getrandom::fill(&mut random)?;
    let (salt, output) = random.split_at(16);
    let [salt, output] = [salt, output].map(|bytes| STANDARD_NO_PAD.encode(bytes));
    Ok(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${salt}${output}").into())
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).unwrap_or(Params::DEFAULT);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn verify(password: &SecretString, hash: &SecretString) -> bool {
    let password = password.expose_secret().as_bytes();
    password.len() <= MAX_PASSWORD_BYTES && is_hash_of(hash, password).unwrap_or(false)
}

/// `None` if it is not a hash of Argon2.
fn is_hash_of(hash: &SecretString, password: &[u8]) -> Option<bool> {
    let known = PasswordHash::new(hash.expose_secret()).ok()?;
    let (salt, expected) = (known.salt?, known.hash?);
    let params = Params::try_from(&known).ok()?;
    let mut memory = memory(params.block_count());
    let algorithm = Algorithm::try_from(known.algorithm.as_str()).ok()?;
    let argon2 = Argon2::new(algorithm, known.version?.try_into().ok()?, params);
    let mut computed = Zeroizing::new(vec![0; expected.len()]);
    let done = argon2.hash_password_into_with_memory(password, salt.as_ref(), &mut computed, &mut memory);
    // Only the slice: the room behind it was never written.
    memory.iter_mut().zeroize();
    done.ok()?;
    Some(computed.ct_eq(expected.as_bytes()).into())
}

/// Memory for this many blocks, which the system gets back when it is freed. Room that is never
/// written takes no memory.
fn memory(blocks: usize) -> Vec<Block> {
    let mut memory = Vec::with_capacity(blocks.max(NEVER_KEPT / Block::SIZE));
    memory.resize(blocks, Block::new());
    memory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepts_only_the_right_password_and_none_for_an_unknown_user() {
        let passwords = Passwords::new().unwrap();
        let known = hash(&"correct horse".into()).unwrap();
        assert!(known.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let verify = |password: &str, known| passwords.verify(password.into(), known);
        assert!(verify("correct horse", Some(known.clone())).await.unwrap());
        assert!(!verify("wrong", Some(known)).await.unwrap());
        let decoy = passwords.decoy.clone();
        assert_eq!(is_hash_of(&decoy, b"x"), Some(false), "it costs as much as any other");
        assert!(decoy.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(!verify(decoy.expose_secret(), None).await.unwrap());
    }

    #[test]
    fn a_password_has_8_characters_to_1024_bytes_of_any_kind() {
        assert_eq!(check(&"1234567".into()), Err(PasswordFault::TooShort));
        assert_eq!(check(&" ".repeat(10).into()), Err(PasswordFault::TooShort));
        assert_eq!(check(&"p".repeat(1025).into()), Err(PasswordFault::TooLong));
        for good in ["12345678", "tab\tpassword", "pässwörd"] {
            assert_eq!(check(&good.into()), Ok(()), "{good}");
        }
    }

    #[tokio::test]
    async fn refuses_a_call_if_the_queue_is_full() {
        let passwords = Passwords::new().unwrap();
        let _taken = passwords.queue.try_acquire_many(QUEUE as u32).unwrap();
        let refused = passwords.verify("x".into(), None).await;
        assert!(matches!(refused, Err(Error::TooManyRequests { .. })));
    }
}
