//! Logs: structured, on standard error, one line per request. A line has a request id, the caller
//! and the address, and never a body, a query string or other headers.

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
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, reload};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The log filter, which can be replaced.
#[derive(Debug)]
pub(crate) struct LogFilter(reload::Handle<Targets, Registry>);

impl LogFilter {
    /// Uses another filter from now on.
    pub(crate) fn replace(&self, filter: Targets) {
        // Fails only if there is no subscriber. Then nothing is logged anyway.
        let _ = self.0.reload(filter);
    }
}

/// Starts logging, unless it already started.
pub(crate) fn start(filter: Targets, format: LogFormat) -> LogFilter {
    let lines = lines_to(io::stderr, io::stderr().is_terminal(), format);
    let (filter, handle) = reload::Layer::new(filter);
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    LogFilter(handle)
}

/// Starts logging for a command that doesn't serve: warnings and errors, for people.
pub(crate) fn start_for_command() {
    start(Targets::new().with_default(LevelFilter::WARN), LogFormat::Text);
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

/// Routes that monitoring polls. Expected answers are logged at debug level only.
const POLLS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// The longest request id that is accepted, in characters.
const MAX_ID_CHARS: usize = 128;

/// The log line of a request, and the request's id for the log and the caller.
pub(crate) struct Line {
    id: String,
    method: Method,
    /// The client's address.
    client: Option<IpAddr>,
    caller: KnownCaller,
    /// The route instead of the path: a path contains ids.
    route: Option<MatchedPath>,
    span: Span,
    start: Instant,
}

impl Line {
    /// Starts the line, and its duration, when the request's head has arrived.
    pub(crate) fn begin(
        request: &Request,
        client: Option<IpAddr>,
        caller: &KnownCaller,
        proxies: &TrustedProxies,
    ) -> Self {
        let given = id_from_proxy(request, proxies).map(str::to_owned);
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

    /// The span for everything else that is logged about the request.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Writes the line, and adds the id to the answer.
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
        // 503: `readiness` already logs why the server isn't ready.
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

/// Milliseconds with three decimals: most requests take less than one.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

/// The id that a proxy gave a request, so that both logs can be matched. Only a trusted proxy may
/// choose a text in the log.
fn id_from_proxy<'a>(request: &'a Request, proxies: &TrustedProxies) -> Option<&'a str> {
    let Peer(peer) = request.extensions().get()?;
    if !proxies.contain(peer.ip().to_canonical()) {
        return None;
    }
    let mut given = request.headers().get_all(&REQUEST_ID).iter();
    let id = given.next().filter(|_| given.next().is_none())?.to_str().ok()?;
    let is_fit = (1..=MAX_ID_CHARS).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_fit.then_some(id)
}
