//! What other users of the machine can see of its programs: their arguments.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// The arguments of every process on the machine, collected over and over: some programs only run
/// for moments.
#[derive(Debug)]
pub struct ProcessList {
    is_over: Arc<AtomicBool>,
    thread: thread::JoinHandle<BTreeSet<Vec<u8>>>,
}

impl ProcessList {
    /// Starts to collect.
    #[must_use]
    pub fn watch() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !ends.load(Ordering::Relaxed) {
                let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
                // A process may end during the search.
                seen.extend(entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok()));
                thread::sleep(Duration::from_millis(2));
            }
            seen
        });
        Self { is_over, thread }
    }

    /// Ends, and returns what was seen.
    #[must_use]
    pub fn seen(self) -> BTreeSet<Vec<u8>> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}
