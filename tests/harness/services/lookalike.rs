//! Another program at the address of a server, over http or https. It answers every request in one way,
//! and keeps everything that it receives.

use crate::system::certificate::Certificate;
use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use futures_util::stream;
use serde_json::Value;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Between two bytes of a slow answer: too short for a limit that begins again with each byte.
const DRIP: Duration = Duration::from_millis(100);

/// How it answers.
#[derive(Clone, Debug)]
pub enum Way {
    /// With a page that repeats all headers of the request.
    Page,
    /// With a status and JSON.
    Json(StatusCode, Value),
    /// With a redirect that keeps method and body.
    Redirect(String),
    /// With a session where one is asked for, and elsewhere with a status and a page, or not at all.
    Session(Value, Option<StatusCode>),
    /// Not at all.
    Silence,
    /// With an answer that goes on and on, byte by byte.
    Drip,
    /// With an answer that goes on and on, as fast as it is read.
    Flood,
}

/// What it received, and how it answers.
type Shared = (Arc<Mutex<Vec<u8>>>, Way);

/// Listens until it is dropped.
#[derive(Debug)]
pub struct Lookalike {
    url: String,
    authority_pem: Option<String>,
    received: Arc<Mutex<Vec<u8>>>,
    serving: Serving,
}

#[derive(Debug)]
enum Serving {
    Http(JoinHandle<()>),
    Https(axum_server::Handle<SocketAddr>),
}

impl Lookalike {
    /// Listens for http on a free port.
    ///
    /// # Errors
    /// When it can't listen.
    pub async fn http(way: Way) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (router, received) = router(way);
        let serving = tokio::spawn(async move {
            // It ends with its task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, authority_pem: None, received, serving: Serving::Http(serving) })
    }

    /// Listens for https on a free port, with a certificate of an authority that nobody knows.
    ///
    /// # Errors
    /// When it can't listen.
    pub async fn https(way: Way) -> Result<Self> {
        let certificate = Certificate::generate(&["127.0.0.1"])?;
        let (router, received) = router(way);
        let (address, handle) = certificate.serve(router).await?;
        Ok(Self {
            url: format!("https://{address}"),
            authority_pem: Some(certificate.authority_pem),
            received,
            serving: Serving::Https(handle),
        })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate of its authority, if it listens for https.
    #[must_use]
    pub fn authority_pem(&self) -> Option<&str> {
        self.authority_pem.as_deref()
    }

    /// All heads and bodies that it received.
    #[must_use]
    pub fn received(&self) -> Vec<u8> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Lookalike {
    fn drop(&mut self) {
        match &self.serving {
            Serving::Http(serving) => serving.abort(),
            Serving::Https(handle) => handle.shutdown(),
        }
    }
}

fn router(way: Way) -> (Router, Arc<Mutex<Vec<u8>>>) {
    let received: Arc<Mutex<Vec<u8>>> = Arc::default();
    (Router::new().fallback(answer).with_state((Arc::clone(&received), way)), received)
}

async fn answer(State((received, way)): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let head = format!("{} {}\n{:?}\n", parts.method, parts.uri, parts.headers);
    keep(&received, &[head.as_bytes(), &body, b"\n"].concat());
    match way {
        Way::Page => Html(format!("<html><pre>{head}</pre></html>")).into_response(),
        Way::Json(status, value) => {
            (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
        }
        Way::Redirect(url) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, url)]).into_response(),
        Way::Session(session, _) if parts.uri.path().ends_with("/get-platform-session") => {
            (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], session.to_string())
                .into_response()
        }
        Way::Session(_, Some(status)) => (status, Html("<html>elsewhere</html>")).into_response(),
        Way::Session(_, None) | Way::Silence => std::future::pending().await,
        Way::Drip => endless(b" ", DRIP),
        Way::Flood => endless(&[b' '; 64 * 1024], Duration::ZERO),
    }
}

fn keep(received: &Mutex<Vec<u8>>, bytes: &[u8]) {
    received.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
}

fn endless(piece: &'static [u8], pause: Duration) -> Response {
    let pieces = stream::repeat(piece);
    let paced = futures_util::StreamExt::then(pieces, move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, Infallible>(Bytes::from_static(piece))
    });
    Body::from_stream(paced).into_response()
}
