//! The load: so many callers at once, each of which calls again as soon as it
//! is answered (a closed loop), or at a pace of its own. One thread does it all, so
//! that little of the machine is taken from what is measured.

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
    /// What is done before counts for nothing.
    pub(crate) warm_up: Duration,
    /// Calls that begin within it count.
    pub(crate) window: Duration,
    /// How long after one call of a caller's the next is due; none where that is
    /// as soon as the one is answered.
    pub(crate) pace: Option<Duration>,
}

/// Something that can be done again and again, by several at once.
pub(crate) trait Workload: Send + Sync {
    /// Does it for as long as `timing` says, with so many callers at once.
    fn run(&self, callers: usize, timing: Timing) -> Result<Sample>;
}

/// One who does it.
pub(crate) trait Caller {
    /// Does it once.
    async fn call(&mut self) -> Result<()>;
}

/// Has the callers that `connect` gives call until the time is over.
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
        let sample = Rc::into_inner(sample).context("a caller goes on")?;
        Ok(sample.into_inner())
    })
}

/// When a caller calls.
struct Pace {
    due: Instant,
    interval: Option<Duration>,
}

impl Pace {
    /// Waits until the next call is due, and gives that time: a call that is late
    /// since the one before it took long has taken long as well.
    async fn next(&mut self) -> Instant {
        let Some(interval) = self.interval else { return Instant::now() };
        let due = self.due;
        self.due += interval;
        tokio::time::sleep_until(due.into()).await;
        due
    }
}

/// Calls until the end, and in any case until one call counts.
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

/// Runs work that blocks on a thread of its own, which the end of this program
/// does not wait for.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = oneshot::channel();
    // Nobody waits any more where sending fails.
    std::thread::spawn(move || sender.send(work()).map_err(drop));
    receiver.await?
}
