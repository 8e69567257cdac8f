//! Faults that a real Directus can't be made to show: a proxy before the real
//! one that hands everything on until it is told to fail.

use crate::directus::Directus;
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

/// More than any request or answer of ours.
const MAX_BODY_BYTES: usize = 16 << 20;

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It gets this answer, said to be JSON, and Directus hears nothing of it.
    Answer {
        /// The status.
        status: u16,
        /// The body, as it stands.
        body: Bytes,
    },
    /// It gets a successful answer, said to be JSON, of bytes that are no text.
    Garbage,
    /// It is handed on after this time.
    Delay(Duration),
    /// The connection is closed, and Directus hears nothing of it.
    Close,
    /// Directus carries it out, but the connection is closed before the answer.
    LoseAnswer,
}

/// The running proxy; it ends, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct FaultyDirectus {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropped, it ends the server.
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
    /// By the start of a path, or of a method and a path; the first that fits counts.
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
        // Like Directus it leaves redirects to the client, and knows no other proxy.
        let http =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        let directus = directus.url().to_owned();
        let shared = Arc::new(Shared { http, directus, behaviour: Mutex::default() });
        let (hold, released) = oneshot::channel();
        let server = tokio::spawn(accept(listener, Arc::clone(&shared), released));
        Ok(Self { address, shared, hold: Some(hold), server })
    }

    /// Its base URL, in the place of Directus's.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has requests fail whose path begins so, or whose method and path do, as in
    /// `PATCH /items`, from now on. The first fault that was set for one counts.
    pub fn fail(&self, prefix: &str, fault: Fault) {
        self.shared.behaviour().faults.push((prefix.to_owned(), fault));
    }

    /// Takes all faults back.
    pub fn heal(&self) {
        self.shared.behaviour().faults.clear();
    }

    /// How many requests came for exactly this path, or with this method for it,
    /// faults or not.
    #[must_use]
    pub fn requests(&self, target: &str) -> usize {
        self.shared.behaviour().requests.get(target).copied().unwrap_or_default()
    }

    /// Ends it for good; when this returns, nobody listens at its address and no
    /// connection is left.
    pub async fn stop(mut self) {
        drop(self.hold.take());
        // An error would be a panic in there, which fails the test by itself.
        let _ = (&mut self.server).await;
    }
}

impl Shared {
    fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request and gives the fault that is meant for it.
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
            None => Ok(self.hand_on(request).await),
            Some(Fault::Answer { status, body }) => {
                Ok(json(StatusCode::from_u16(status).map_err(|_| Closed)?, body))
            }
            Some(Fault::Garbage) => Ok(json(StatusCode::OK, Bytes::from_static(b"\xff\xfe{\0garbage"))),
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                Ok(self.hand_on(request).await)
            }
            Some(Fault::Close) => Err(Closed),
            Some(Fault::LoseAnswer) => {
                self.hand_on(request).await;
                Err(Closed)
            }
        }
    }

    async fn hand_on(&self, request: Request<Incoming>) -> Response<Body> {
        self.forward(request).await.unwrap_or_else(|error| {
            // As a proxy in the field says it; the text is for whoever reads the failed test.
            json(StatusCode::BAD_GATEWAY, format!("no answer of Directus: {error:#}").into())
        })
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Body>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().context("no path")?;
        let body = to_bytes(Body::new(body), MAX_BODY_BYTES).await?;
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
            // A connection that was given up before it was taken is no loss.
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
    // An error is a connection that was closed, by either side.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = header::HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// What is not about one connection alone (RFC 9110, 7.6.1), nor set anew for each.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in
        [header::CONNECTION, header::CONTENT_LENGTH, header::HOST, header::TRANSFER_ENCODING, header::UPGRADE]
    {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers
}
