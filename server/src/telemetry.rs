//! Logs: structured, on standard error, one line a request. They hold a
//! request id, who calls and from where, and never a body, a query string or the value of
//! another header.

mod lines;

use crate::client::TrustedProxies;
use crate::identity::KnownCaller;
use crate::request::Peer;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use clap::ValueEnum;
use lines::{JsonFields, JsonLines, text_fields};
use std::io::{self, IsTerminal as _};
use std::net::IpAddr;
use std::time::{Duration, Instant};
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

/// What monitoring asks for again and again: of less interest than all else.
const POLLS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// The longest id of a request that is taken over, in characters.
const MAX_ID_CHARS: usize = 128;

/// The log's line about a request, and the request's id for it and for the caller.
pub(crate) struct Line {
    id: String,
    method: Method,
    /// Where it comes from.
    client: Option<IpAddr>,
    caller: KnownCaller,
    /// The route, not the path: a path holds ids.
    route: Option<MatchedPath>,
    span: Span,
    start: Instant,
}

impl Line {
    /// Begins at the request's head.
    pub(crate) fn begin(
        request: &Request,
        client: Option<IpAddr>,
        caller: &KnownCaller,
        proxies: &TrustedProxies,
    ) -> Self {
        let given = given_id(request, proxies).map(str::to_owned);
        let id = given.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        Self {
            client,
            caller: caller.clone(),
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
        let Self { id, method, client, caller, route, start, .. } = self;
        let status = response.status();
        let route = route.as_ref().map_or("-", MatchedPath::as_str);
        let (client, caller, caller_id) = (client.map(tracing::field::display), caller.kind(), caller.id());
        let duration_ms = milliseconds(start.elapsed());
        macro_rules! answered {
            ($level:ident) => {
                tracing::$level!(
                    %method, route, status = status.as_u16(), duration_ms, client, caller, caller_id,
                    "answered"
                )
            };
        }
        // That a server is not ready has a line of its own.
        let is_expected = status.is_success() || status == StatusCode::SERVICE_UNAVAILABLE;
        if POLLS.contains(&route) && is_expected {
            answered!(debug);
        } else {
            answered!(info);
        }
        if let Ok(value) = HeaderValue::try_from(id) {
            response.headers_mut().insert(REQUEST_ID.clone(), value);
        }
    }
}

/// With three digits after the point: most requests take less than one.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

/// The id that a proxy gave a request, so that its log and ours can be read together. Only
/// one that is trusted may choose what stands in the log.
fn given_id<'a>(request: &'a Request, proxies: &TrustedProxies) -> Option<&'a str> {
    let Peer(peer) = request.extensions().get()?;
    if !proxies.contain(peer.ip().to_canonical()) {
        return None;
    }
    let mut given = request.headers().get_all(&REQUEST_ID).iter();
    let id = given.next().filter(|_| given.next().is_none())?.to_str().ok()?;
    let is_fit = (1..=MAX_ID_CHARS).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_fit.then_some(id)
}
