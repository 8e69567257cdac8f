//! Waiting for something to become true, never longer than a given time.

use anyhow::{Result, bail};
use std::future::Future;
use std::time::{Duration, Instant};

/// How often to check a condition.
const INTERVAL: Duration = Duration::from_millis(25);

/// Calls `probe` until it returns something.
///
/// # Errors
/// Errors of `probe`, and after `timeout` one that names `what`.
pub async fn until<T>(
    what: &str,
    timeout: Duration,
    mut probe: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = probe().await? {
            return Ok(found);
        }
        if start.elapsed() >= timeout {
            bail!("timed out after {} s waiting for {what}", timeout.as_secs_f32());
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Runs `future` to its end on a thread and a runtime of its own: for `Drop`,
/// which can't await and may run inside a runtime.
pub(crate) fn on_another_thread<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) {
    let ended = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map(|runtime| runtime.block_on(future))
    });
    // An error there must not become a panic in a drop.
    let _ = ended.join();
}
