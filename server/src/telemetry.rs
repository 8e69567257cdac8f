//! Logs: structured, on standard error, one line a request. They hold a
//! request id, and never a body, a header's value or a query string.

mod lines;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::response::Response;
use clap::ValueEnum;
use lines::{JsonFields, JsonLines, text_fields};
use std::io::{self, IsTerminal as _};
use std::time::Instant;
use tracing::{Span, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, reload};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, which may be changed.
#[derive(Debug)]
pub(crate) struct LogFilter(reload::Handle<Targets, Registry>);

impl LogFilter {
    /// Logs by another filter from now on.
    pub(crate) fn replace(&self, filter: Targets) {
        // Without a subscriber nothing is logged at all.
        let _ = self.0.reload(filter);
    }
}

/// Starts logging. Does nothing where logging has begun.
pub(crate) fn start(filter: Targets, format: LogFormat) -> LogFilter {
    let lines = lines_to(io::stderr, io::stderr().is_terminal(), format);
    let (filter, handle) = reload::Layer::new(filter);
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    LogFilter(handle)
}

fn lines_to<S, W>(writer: W, is_terminal: bool, format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).with_ansi(is_terminal);
    match format {
        LogFormat::Text => lines.fmt_fields(text_fields()).boxed(),
        LogFormat::Json => lines.fmt_fields(JsonFields).event_format(JsonLines).boxed(),
    }
}

/// The log's line about a request, and the request's id for it and for the caller.
pub(crate) struct Line {
    id: String,
    method: Method,
    /// The route, not the path: a path holds ids.
    route: Option<MatchedPath>,
    span: Span,
    start: Instant,
}

impl Line {
    /// Begins at the request's head.
    pub(crate) fn begin(request: &Request) -> Self {
        let id = uuid::Uuid::now_v7().to_string();
        Self {
            method: request.method().clone(),
            route: request.extensions().get().cloned(),
            span: tracing::info_span!("request", %id),
            id,
            start: Instant::now(),
        }
    }

    /// What else is logged about the request belongs into it.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Writes the line, and the id into the answer.
    pub(crate) fn end(self, response: &mut Response) {
        let Self { id, method, route, start, .. } = self;
        let status = response.status().as_u16();
        let duration_ms = start.elapsed().as_millis();
        let route = route.as_ref().map_or("-", MatchedPath::as_str);
        tracing::info!(%method, route, status, duration_ms, "answered");
        if let Ok(value) = HeaderValue::try_from(id) {
            response.headers_mut().insert(REQUEST_ID.clone(), value);
        }
    }
}
