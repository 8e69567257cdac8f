//! An address whose requests wait until the test answers them.

use super::{Platform, State as Shared};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct Hanging {
    requests: AtomicUsize,
    answer: Notify,
}

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/hanging", get(hang))
}

async fn hang(State(shared): State<Arc<Shared>>) {
    // From here on it takes notice of the answer.
    let answer = shared.hanging.answer.notified();
    shared.hanging.requests.fetch_add(1, Ordering::SeqCst);
    answer.await;
}

impl Platform {
    /// How many requests have come that wait, or waited, for [`Self::answer_hanging`].
    #[must_use]
    pub fn hanging(&self) -> usize {
        self.state.hanging.requests.load(Ordering::SeqCst)
    }

    /// Answers the requests that wait.
    pub fn answer_hanging(&self) {
        self.state.hanging.answer.notify_waiters();
    }
}
