//! Derives master keys off the async threads, one at a time, because each takes 256 MiB.

use super::Key;
use crate::error::Error;
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Derivations that run or wait for each kind of caller; one more is refused.
const QUEUE: usize = 8;
/// The longest wait, on any machine. A slow one that is busy takes 10 seconds for the two
/// derivations that a known caller waits for, and a request may take 30 unless set otherwise.
const WAIT_TIMEOUT: Duration = Duration::from_secs(20);
/// When to try again if the queue is full: some of it is done by then.
const RETRY_AFTER_S: u64 = 5;

/// The queue.
#[derive(Debug)]
pub(super) struct Derivations {
    known: Arc<Semaphore>,
    others: Arc<Semaphore>,
    /// Held by the unknown caller whose turn is next, so that a known caller waits for at most one
    /// of them, and not for all who came before.
    first_of_others: Semaphore,
    worker: Arc<Semaphore>,
}

/// Who wants a derivation. Each kind has its own queue, so that a crowd of guessers keeps no known
/// caller out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Callers {
    /// Programs on this machine, and callers who have shown a token.
    Known,
    Others,
}

/// The right to derive: no one else in this process derives meanwhile.
#[derive(Debug)]
pub(super) struct Turn {
    _permit: OwnedSemaphorePermit,
    _worker: OwnedSemaphorePermit,
}

impl Derivations {
    pub(super) fn new() -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self {
            known: semaphore(QUEUE),
            others: semaphore(QUEUE),
            first_of_others: Semaphore::new(1),
            worker: semaphore(1),
        }
    }

    /// Waits for a turn; an error if too many wait already, or for too long.
    pub(super) async fn turn(&self, callers: Callers) -> Result<Turn, Error> {
        let busy = || Error::TooManyRequests { retry_after_s: RETRY_AFTER_S };
        let permits = match callers {
            Callers::Known => &self.known,
            Callers::Others => &self.others,
        };
        let permit = Arc::clone(permits).try_acquire_owned().map_err(|_| busy())?;
        let waiting = async {
            let _first = match callers {
                Callers::Known => None,
                Callers::Others => Some(self.first_of_others.acquire().await?),
            };
            Arc::clone(&self.worker).acquire_owned().await
        };
        let worker = tokio::time::timeout(WAIT_TIMEOUT, waiting).await;
        let worker = worker.map_err(|_| busy())?.map_err(|_| busy())?;
        Ok(Turn { _permit: permit, _worker: worker })
    }
}

impl Turn {
    /// Derives a key. A caller that hangs up ends this future but not the thread, so the thread
    /// holds the turn.
    pub(super) async fn derive(self, password: SecretString, salt: [u8; 16]) -> Result<(Self, Key), Error> {
        let deriving = tokio::task::spawn_blocking(move || (self, Key::derive(&password, &salt)));
        let (turn, key) = deriving.await.map_err(|_| Error::Internal("deriving a key panicked"))?;
        Ok((turn, key?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_derives_and_others_wait_while_the_queue_has_room() {
        let derivations = Derivations::new();
        let turn = derivations.turn(Callers::Others).await.unwrap();
        let mut waiting: Vec<_> = (1..QUEUE).map(|_| Box::pin(derivations.turn(Callers::Others))).collect();
        for next in &mut waiting {
            assert!(futures_util::poll!(next.as_mut()).is_pending());
        }
        let refused = derivations.turn(Callers::Others).await;
        assert!(matches!(refused, Err(Error::TooManyRequests { retry_after_s: RETRY_AFTER_S })));
        assert!(futures_util::poll!(Box::pin(derivations.turn(Callers::Known))).is_pending(), "it may wait");
        // A caller who gives up makes room in the queue; one who is done lets the next one in.
        drop(waiting.pop());
        drop(turn);
        let next = futures_util::poll!(waiting[0].as_mut());
        assert!(matches!(next, std::task::Poll::Ready(Ok(_))));
        assert!(futures_util::poll!(waiting[1].as_mut()).is_pending());
    }

    #[tokio::test]
    async fn a_known_caller_waits_for_at_most_one_of_a_crowd() {
        let derivations = Derivations::new();
        let turn = derivations.turn(Callers::Others).await.unwrap();
        let mut crowd: Vec<_> = (1..QUEUE).map(|_| Box::pin(derivations.turn(Callers::Others))).collect();
        for next in &mut crowd {
            assert!(futures_util::poll!(next.as_mut()).is_pending());
        }
        let mut known = Box::pin(derivations.turn(Callers::Known));
        assert!(futures_util::poll!(known.as_mut()).is_pending());
        drop(turn);
        let std::task::Poll::Ready(Ok(turn)) = futures_util::poll!(crowd[0].as_mut()) else {
            panic!("no one is next");
        };
        drop(turn);
        for next in &mut crowd[1..] {
            assert!(futures_util::poll!(next.as_mut()).is_pending());
        }
        assert!(matches!(futures_util::poll!(known.as_mut()), std::task::Poll::Ready(Ok(_))));
    }
}
