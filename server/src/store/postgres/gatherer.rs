//! Combines the work of many callers: all waiting jobs are taken at once and share a transaction,
//! its round trips and its sync.

use crate::store::StoreError;
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

/// The most waiting jobs; further callers are told to try later.
const QUEUE: usize = 1024;

/// A job, and where to send its outcome.
type Waiting<J, T> = (J, oneshot::Sender<T>);

/// The queue to the working task, which ends after the queued jobs when this is dropped.
#[derive(Debug)]
pub(super) struct Gatherer<J, T>(mpsc::Sender<Waiting<J, T>>);

impl<J: Send + 'static, T: Send + 'static> Gatherer<J, T> {
    /// Starts a task that passes up to `most` jobs at a time to `run`, which returns an outcome for
    /// each in order.
    pub(super) fn start<R>(most: usize, run: impl Fn(Vec<J>) -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output = Vec<T>> + Send,
    {
        let (sender, mut queue) = mpsc::channel::<Waiting<J, T>>(QUEUE);
        tokio::spawn(async move {
            let mut waiting = Vec::new();
            while queue.recv_many(&mut waiting, most).await > 0 {
                let (jobs, answers): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
                // Work that panics fails, and the task continues. Its connection is reused only if
                // nothing was running on it.
                let outcomes = AssertUnwindSafe(async { run(jobs).await }).catch_unwind().await;
                for (answer, outcome) in answers.into_iter().zip(outcomes.into_iter().flatten()) {
                    // A caller that gave up needs no answer.
                    let _ = answer.send(outcome);
                }
            }
        });
        Self(sender)
    }

    /// Runs a job and waits for its outcome. It is completed even if its caller gives up.
    pub(super) async fn run(&self, job: J) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send((job, answer)).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Busy,
            TrySendError::Closed(_) => StoreError::Closed,
        })?;
        answered.await.map_err(|_| StoreError::NotCommitted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;

    #[tokio::test]
    async fn runs_waiting_jobs_together_and_returns_each_outcome_to_its_caller() {
        const MOST: usize = 4;
        let gatherer = Gatherer::start(MOST, async |jobs: Vec<usize>| {
            let count = jobs.len();
            jobs.into_iter().map(|job| (job, count)).collect()
        });
        let outcomes = join_all((0..10).map(|job| gatherer.run(job))).await;
        let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
        let expected = [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4), (5, 4), (6, 4), (7, 4), (8, 2), (9, 2)];
        assert_eq!(outcomes, expected);
    }

    #[tokio::test]
    async fn completes_a_job_whose_caller_gave_up_even_if_it_is_the_last() {
        let (done, mut is_done) = mpsc::unbounded_channel();
        let gatherer = Gatherer::start(1, move |jobs: Vec<u32>| {
            let _ = done.send(jobs.clone());
            async move { jobs }
        });
        assert!(gatherer.run(1).now_or_never().is_none(), "its caller gives up before it is done");
        drop(gatherer);
        assert_eq!(is_done.recv().await, Some(vec![1]));
        assert_eq!(is_done.recv().await, None, "the task has ended");
    }

    #[tokio::test]
    async fn refuses_a_job_at_once_if_the_queue_is_full() {
        let gatherer = Gatherer::start(1, async |jobs: Vec<usize>| jobs);
        let mut waiting: Vec<_> = (0..QUEUE).map(|job| Box::pin(gatherer.run(job))).collect();
        for caller in &mut waiting {
            assert!(caller.now_or_never().is_none(), "it waits");
        }
        assert!(matches!(gatherer.run(QUEUE).now_or_never(), Some(Err(StoreError::Busy))));
        for outcome in join_all(waiting).await {
            outcome.unwrap();
        }
    }

    #[tokio::test]
    async fn work_that_panics_ends_no_other_work() {
        let gatherer = Gatherer::start(1, async |jobs: Vec<u32>| {
            assert_ne!(jobs, [1], "on purpose");
            jobs
        });
        let outcomes = join_all([0, 1, 2].map(|job| gatherer.run(job))).await;
        assert!(matches!(outcomes[..], [Ok(0), Err(StoreError::NotCommitted), Ok(2)]), "{outcomes:?}");
    }
}
