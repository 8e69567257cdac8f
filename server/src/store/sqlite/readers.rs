//! The threads that own the reading connections. They take reads from one
//! queue, so that none waits for another's slow one while a thread is free, and
//! one that is awake takes the next without being woken for it.

use crate::store::StoreError;
use crossbeam_channel::{Receiver, Sender, unbounded};
use rusqlite::Connection;
use std::thread;
use tokio::sync::oneshot;

/// A read, which answers by itself.
type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the reading threads; they end when this is dropped.
#[derive(Debug)]
pub(super) struct Readers {
    /// Not bounded here: a request has one read at a time, and the connections
    /// that bring requests are bounded.
    reads: Option<Sender<Read>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(connections: Vec<Connection>) -> Self {
        let (reads, queue) = unbounded();
        let start = |connection| {
            let queue: Receiver<Read> = queue.clone();
            thread::spawn(move || queue.iter().for_each(|read| read(&connection)))
        };
        Self { reads: Some(reads), threads: connections.into_iter().map(start).collect() }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            // A caller that has gone away wants no answer.
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
