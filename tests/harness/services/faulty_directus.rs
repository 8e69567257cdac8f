//! Faults that a real Directus can't be made to show: a proxy in front of the real
//! one that forwards everything until a test tells it to fail.

use crate::services::directus::Directus;
use crate::system::http;
use anyhow::{Context, Result};
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

/// More than any of our requests or answers.
const MAX_BODY_BYTES: usize = 16 << 20;

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It gets this answer, labelled as JSON, and never reaches Directus.
    Answer {
        /// The status.
        status: u16,
        /// The body, sent unchanged.
        body: Bytes,
    },
    /// It gets a successful answer, labelled as JSON, with bytes that are not text.
    Garbage,
    /// It is forwarded after this time.
    Delay(Duration),
    /// As if this field did not exist: Directus refuses to read it, and otherwise goes on.
    LacksField(&'static str),
    /// The connection is closed, and the request never reaches Directus.
    Close,
    /// Directus carries it out, but the connection is closed before the answer.
    LoseAnswer,
}

/// The running proxy; dropping it ends it with all its connections.
#[derive(Debug)]
pub struct FaultyDirectus {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Ends the server when dropped.
    hold: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    http: reqwest::Client,
    directus: String,
    behaviour: Mutex<Behaviour>,
}

#[derive(Debug, Default)]
struct Behaviour {
    /// By the start of a path, or of a method and a path; the first match counts.
    faults: Vec<(String, Fault)>,
    /// By path, and by method and path.
    requests: HashMap<String, usize>,
}

/// A connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct Closed;

impl FaultyDirectus {
    /// Starts one without faults on a free port of loopback.
    ///
    /// # Errors
    /// When it can't listen.
    pub async fn start(directus: &Directus) -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on loopback")?;
        let address = listener.local_addr()?;
        // Like Directus it leaves redirects to the client.
        let http = http::client().redirect(reqwest::redirect::Policy::none()).build()?;
        let directus = directus.url().to_owned();
        let shared = Arc::new(Shared { http, directus, behaviour: Mutex::default() });
        let (hold, released) = oneshot::channel();
        let server = tokio::spawn(accept(listener, Arc::clone(&shared), released));
        Ok(Self { address, shared, hold: Some(hold), server })
    }

    /// Its base URL, to be used instead of Directus's.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, makes requests fail whose path starts with `prefix`, or whose method and
    /// path do, as in `PATCH /items`. The fault that was set first counts.
    pub fn fail(&self, prefix: &str, fault: Fault) {
        self.shared.behaviour().faults.push((prefix.to_owned(), fault));
    }

    /// Removes all faults.
    pub fn heal(&self) {
        self.shared.behaviour().faults.clear();
    }

    /// How many requests came for exactly this path, or for this method and path, with
    /// or without faults.
    #[must_use]
    pub fn requests(&self, target: &str) -> usize {
        self.shared.behaviour().requests.get(target).copied().unwrap_or_default()
    }

    /// Ends it for good. When this returns, nobody listens at its address and no connection
    /// is left.
    pub async fn stop(mut self) {
        drop(self.hold.take());
        // An error would be a panic of the task, which fails the test by itself.
        let _ = (&mut self.server).await;
    }
}

impl Shared {
    fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request and returns the fault that applies to it.
    fn note(&self, request: &Request<Incoming>) -> Option<Fault> {
        let path = request.uri().path();
        let targets = [path.to_owned(), format!("{} {path}", request.method())];
        let mut behaviour = self.behaviour();
        for target in &targets {
            *behaviour.requests.entry(target.clone()).or_default() += 1;
        }
        let fits = |prefix: &str| targets.iter().any(|target| target.starts_with(prefix));
        let fault = behaviour.faults.iter().find(|(prefix, _)| fits(prefix));
        fault.map(|(_, fault)| fault.clone())
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
        match self.note(&request) {
            None => Ok(self.hand_on(request.map(Body::new)).await),
            Some(Fault::Answer { status, body }) => {
                Ok(json(StatusCode::from_u16(status).map_err(|_| Closed)?, body))
            }
            Some(Fault::Garbage) => Ok(json(StatusCode::OK, Bytes::from_static(b"\xff\xfe{\0garbage"))),
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                Ok(self.hand_on(request.map(Body::new)).await)
            }
            Some(Fault::LacksField(field)) => {
                let (head, body) = request.into_parts();
                let body = to_bytes(Body::new(body), MAX_BODY_BYTES).await.map_err(|_| Closed)?;
                if head.method.as_str() == "SEARCH" && String::from_utf8_lossy(&body).contains(field) {
                    return Ok(json(StatusCode::FORBIDDEN, without_field(field)));
                }
                Ok(self.hand_on(Request::from_parts(head, Body::from(body))).await)
            }
            Some(Fault::Close) => Err(Closed),
            Some(Fault::LoseAnswer) => {
                self.hand_on(request.map(Body::new)).await;
                Err(Closed)
            }
        }
    }

    async fn hand_on(&self, request: Request<Body>) -> Response<Body> {
        self.forward(request).await.unwrap_or_else(|error| {
            // The status of a real proxy; the text is for the person who reads the failed test.
            json(StatusCode::BAD_GATEWAY, format!("no answer of Directus: {error:#}").into())
        })
    }

    async fn forward(&self, request: Request<Body>) -> Result<Response<Body>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().context("no path")?;
        let body = to_bytes(body, MAX_BODY_BYTES).await?;
        let request = self.http.request(head.method, format!("{}{path}", self.directus));
        let answer = request.headers(end_to_end(head.headers)).body(body).send().await?;
        let (status, headers) = (answer.status(), end_to_end(answer.headers().clone()));
        let mut response = Response::new(Body::from(answer.bytes().await?));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut released: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // A client that gives up before it is accepted does no harm.
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(serve(stream, Arc::clone(&shared)));
            },
            _ = &mut released => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| shared.answer(request));
    // An error means that either side closed the connection.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Directus's answer to a request for a field that it doesn't have.
fn without_field(field: &str) -> Bytes {
    let message = format!(
        "You don't have permission to access field \"{field}\" in collection \"items\" or it does not exist. \
         Queried in root."
    );
    serde_json::json!({"errors": [{"message": message, "extensions": {"code": "FORBIDDEN"}}]})
        .to_string()
        .into()
}

fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Without headers that belong to one connection alone (RFC 9110, 7.6.1) or that each
/// connection sets itself.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in
        [header::CONNECTION, header::CONTENT_LENGTH, header::HOST, header::TRANSFER_ENCODING, header::UPGRADE]
    {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers
}
