//! Waiting for something to become true, never longer than a given time.

use anyhow::{Result, bail};
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(25);

/// Calls `probe` until it gives something.
///
/// # Errors
/// Those of `probe`, and after `timeout` one that names `what`.
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
            bail!("waited {} s in vain for {what}", timeout.as_secs_f32());
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
