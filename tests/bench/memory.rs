//! How much memory a process takes.

use anyhow::Result;
use stagepass_tests::system::process_memory::resident_kib;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often to look.
const INTERVAL: Duration = Duration::from_millis(50);

/// Measures a process's memory now and then, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    most_kib: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins to watch.
    ///
    /// # Errors
    /// When the process can't be examined.
    pub(crate) fn start(pid: u32) -> Result<Self> {
        let most_kib = Arc::new(AtomicU64::new(resident_kib(pid)?));
        let most = Arc::clone(&most_kib);
        let task = tokio::spawn(async move {
            while let Ok(kib) = resident_kib(pid) {
                most.fetch_max(kib, Ordering::Relaxed);
                tokio::time::sleep(INTERVAL).await;
            }
        });
        Ok(Self { most_kib, task })
    }

    /// The most resident memory so far, in MiB.
    pub(crate) fn most_mib(&self) -> f64 {
        self.most_kib.load(Ordering::Relaxed) as f64 / 1024.0
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}
