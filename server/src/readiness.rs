//! Whether this server should be sent requests.

use std::sync::atomic::{AtomicBool, Ordering};

/// What a server that serves knows of itself.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    is_draining: AtomicBool,
}

impl Readiness {
    /// From now on the server is about to stop: nobody should send it more, and each
    /// answer ends its connection.
    pub(crate) fn begin_draining(&self) {
        self.is_draining.store(true, Ordering::Release);
    }

    /// Whether it is about to stop.
    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }
}
