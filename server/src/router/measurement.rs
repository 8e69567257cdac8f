//! How a request is counted and timed: from its head to the head of its answer, under the labels of
//! `metrics`.

use crate::identity::KnownCaller;
use crate::metrics::Metrics;
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use std::time::Instant;

/// Stands for all unknown routes and methods.
const OTHER: &str = "other";
const VERBS: &str = "/api/credentials/";
/// The verbs whose answer has a secret.
const REVEALS: [&str; 4] = ["reveal", "reveal-download-cred", "get-platform-session", "reveal-app-cred"];

/// A request being counted and timed.
pub(super) struct Measurement {
    method: &'static str,
    route: String,
    /// The verb, if the request asks for a secret.
    reveal: Option<&'static str>,
    caller: KnownCaller,
    start: Instant,
}

impl Measurement {
    /// Starts at the request's head.
    pub(super) fn begin(request: &Request, caller: &KnownCaller) -> Self {
        let route = request.extensions().get::<MatchedPath>().map_or(OTHER, MatchedPath::as_str).to_owned();
        let (method, reveal) = (method_label(request.method()), reveal_of(&route));
        Self { method, route, reveal, caller: caller.clone(), start: Instant::now() }
    }

    /// Ends at the head of the answer.
    pub(super) fn end(self, metrics: &Metrics, status: StatusCode) {
        metrics.count_request(self.method, self.route, status, self.start.elapsed());
        // Without a recognised service there is no one to count it for.
        if let Some(verb) = self.reveal
            && let Some(service) = self.caller.service()
        {
            metrics.count_reveal(service, verb, status);
        }
    }
}

fn method_label(method: &Method) -> &'static str {
    let known = ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"];
    known.into_iter().find(|known| method == known).unwrap_or(OTHER)
}

fn reveal_of(route: &str) -> Option<&'static str> {
    let verb = route.strip_prefix(VERBS)?;
    REVEALS.into_iter().find(|reveal| *reveal == verb)
}
