//! Counters and timings, rendered as OpenMetrics or in Prometheus's text format. This module knows
//! no request and no caller: the code that counts provides the labels.
//!
//! Callers can't choose label values: routes come from the router, methods from HTTP, and service
//! names from the operator.

mod exposition;

use axum::http::{HeaderMap, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::time::{Duration, Instant};

/// The upper bounds of the histograms' buckets, in seconds.
const BUCKETS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RevealLabels {
    service: String,
    verb: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct CacheLabels {
    result: &'static str,
}

type Histograms<Labels> = Family<Labels, Histogram, fn() -> Histogram>;

/// All counters and timings.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_durations: Histograms<RouteLabels>,
    reveals: Family<RevealLabels, Counter>,
    store_operation_durations: Histograms<OperationLabels>,
    identity_cache: Family<CacheLabels, Counter>,
    connections: Gauge,
    refused_connections: Counter,
    dropped_connections: Counter,
}

impl Metrics {
    /// All at zero.
    pub(crate) fn new() -> Self {
        let histograms: fn() -> Histogram = || Histogram::new(BUCKETS);
        let mut metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            request_durations: Family::new_with_constructor(histograms),
            reveals: Family::default(),
            store_operation_durations: Family::new_with_constructor(histograms),
            identity_cache: Family::default(),
            connections: Gauge::default(),
            refused_connections: Counter::default(),
            dropped_connections: Counter::default(),
        };
        metrics.register();
        metrics
    }

    /// Counters get the suffix `_total`, and durations `_seconds`.
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("http_requests", "Answered requests", self.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from the head of a request to the head of its answer",
            Unit::Seconds,
            self.request_durations.clone(),
        );
        registry.register("reveals", "Requests for a secret by services", self.reveals.clone());
        registry.register_with_unit(
            "store_operation_duration",
            "Time taken by the store, including waiting",
            Unit::Seconds,
            self.store_operation_durations.clone(),
        );
        registry.register(
            "identity_cache",
            "Look-ups in the cache of Directus users",
            self.identity_cache.clone(),
        );
        registry.register("http_connections_open", "Open connections", self.connections.clone());
        registry.register(
            "http_connections_refused",
            "Connections closed because their address reached its limit",
            self.refused_connections.clone(),
        );
        registry.register(
            "http_connections_dropped",
            "Connections without a request that were closed to make room for others",
            self.dropped_connections.clone(),
        );
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("stagepass_build", "The running program", build);
    }

    /// Records how long an operation of a store took.
    pub(crate) fn note_store_operation(&self, operation: &'static str, start: Instant) {
        let labels = OperationLabels { operation };
        self.store_operation_durations.get_or_create(&labels).observe(start.elapsed().as_secs_f64());
    }

    /// Counts a look-up in the cache of identities.
    pub(crate) fn count_identity_lookup(&self, is_hit: bool) {
        let result = if is_hit { "hit" } else { "miss" };
        self.identity_cache.get_or_create(&CacheLabels { result }).inc();
    }

    /// Counts a connection until the value is dropped.
    pub(crate) fn open_connection(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    /// Counts a connection that was closed at once.
    pub(crate) fn count_refused_connection(&self) {
        self.refused_connections.inc();
    }

    /// Counts a waiting connection that was closed to make room.
    pub(crate) fn count_dropped_connection(&self) {
        self.dropped_connections.inc();
    }

    /// Counts and times a request.
    pub(crate) fn count_request(
        &self,
        method: &'static str,
        route: String,
        status: StatusCode,
        taken: Duration,
    ) {
        let labels = RequestLabels { method, route, status: status.as_u16() };
        self.requests.get_or_create(&labels).inc();
        let labels = RouteLabels { route: labels.route };
        self.request_durations.get_or_create(&labels).observe(taken.as_secs_f64());
    }

    /// Counts a request for a secret by a service.
    pub(crate) fn count_reveal(&self, service: &str, verb: &'static str, status: StatusCode) {
        let outcome = match status.as_u16() {
            ..400 => "revealed",
            400..500 => "refused",
            _ => "failed",
        };
        self.reveals.get_or_create(&RevealLabels { service: service.to_owned(), verb, outcome }).inc();
    }

    /// Renders all metrics in the form that the request's headers ask for, with its media type.
    pub(crate) fn render(&self, headers: &HeaderMap) -> Result<(&'static str, String), fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(if exposition::asks_for_text(headers) {
            (exposition::TEXT, exposition::as_text(&text))
        } else {
            (exposition::OPEN_METRICS, text)
        })
    }
}

/// Counts one open connection.
#[derive(Debug)]
pub(crate) struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}
