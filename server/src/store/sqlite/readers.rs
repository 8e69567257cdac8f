//! The threads with the reading connections. They share one queue, so that no read waits for a slow
//! one while a thread is free, and a running thread takes the next read without a wake-up.

use crate::store::StoreError;
use crossbeam_channel::{Receiver, Sender, unbounded};
use rusqlite::Connection as DbConnection;
use std::thread;
use tokio::sync::oneshot;

/// A read, which sends its own answer.
type Read = Box<dyn FnOnce(&DbConnection) + Send>;

/// The queue to the reading threads, which end when this is dropped.
// Decision: docs/decisions/storage.md#sqlite-has-reading-threads-of-its-own
#[derive(Debug)]
pub(super) struct Readers {
    /// The queue. It needs no limit: each request has one read at a time, and the connections for
    /// requests are limited.
    reads: Option<Sender<Read>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(connections: Vec<DbConnection>) -> Self {
        let (reads, queue) = unbounded();
        let start = |connection| {
            let queue: Receiver<Read> = queue.clone();
            thread::spawn(move || queue.iter().for_each(|read| read(&connection)))
        };
        Self { reads: Some(reads), threads: connections.into_iter().map(start).collect() }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&DbConnection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            // A caller that gave up needs no answer.
            let _ = sender.send(operation(connection));
        });
        let reads = self.reads.as_ref().ok_or(StoreError::Closed)?;
        reads.send(read).map_err(|_| StoreError::Closed)?;
        Ok(receiver.await.map_err(|_| StoreError::Closed)??)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.reads = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
