//! The load: a number of callers, each of which calls again as soon as it has an answer
//! (a closed loop), or at a fixed pace. One thread does it all, so that little of the
//! machine is taken from what is measured.

use crate::sample::Sample;
use anyhow::{Context as _, Result};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

/// How long a measurement takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Calls that begin before this do not count.
    pub(crate) warm_up: Duration,
    /// Calls that begin within it count.
    pub(crate) window: Duration,
    /// How long after a caller's call the next one is due; without it the next one is due as
    /// soon as the answer is there.
    pub(crate) pace: Option<Duration>,
}

/// Something that several callers can do again and again.
pub(crate) trait Workload: Send + Sync {
    /// Does it for as long as `timing` says, with this many callers at once.
    fn run(&self, callers: usize, timing: Timing) -> Result<Sample>;
}

/// A single caller.
pub(crate) trait Caller {
    /// Does it once.
    async fn call(&mut self) -> Result<()>;
}

/// Makes the callers from `connect` call until the time is over.
pub(crate) fn drive<C: Caller + 'static>(
    timing: Timing,
    connect: impl AsyncFnOnce() -> Result<Vec<C>>,
) -> Result<Sample> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let callers = connect().await?;
        let now = Instant::now();
        let begin = now + timing.warm_up;
        let count = u32::try_from(callers.len())?;
        let sample = Rc::new(RefCell::new(Sample::starting_at(begin)?));
        let tasks: Vec<_> = callers
            .into_iter()
            .zip(0..)
            .map(|(caller, number)| {
                let first = now + timing.pace.unwrap_or_default() * number / count;
                let pace = Pace { due: first, interval: timing.pace };
                tokio::task::spawn_local(call_until(begin + timing.window, caller, pace, Rc::clone(&sample)))
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        let sample = Rc::into_inner(sample).context("a caller is still running")?;
        Ok(sample.into_inner())
    })
}

/// When a caller makes its calls.
struct Pace {
    due: Instant,
    interval: Option<Duration>,
}

impl Pace {
    /// Waits until the next call is due, and returns that time: a call that starts late because
    /// the one before was slow counts as slow as well.
    async fn next(&mut self) -> Instant {
        let Some(interval) = self.interval else { return Instant::now() };
        let due = self.due;
        self.due += interval;
        tokio::time::sleep_until(due.into()).await;
        due
    }
}

/// Calls until the end, and at least until one call counts.
async fn call_until(
    end: Instant,
    mut caller: impl Caller,
    mut pace: Pace,
    sample: Rc<RefCell<Sample>>,
) -> Result<()> {
    loop {
        let called_at = pace.next().await;
        caller.call().await?;
        let answered_at = Instant::now();
        let is_counted = sample.borrow_mut().record(called_at, answered_at);
        if is_counted && answered_at >= end {
            return Ok(());
        }
    }
}

/// Runs blocking work on a thread of its own. The program's end does not wait for that
/// thread.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = oneshot::channel();
    // If sending fails, nobody waits any more.
    std::thread::spawn(move || sender.send(work()).map_err(drop));
    receiver.await?
}
