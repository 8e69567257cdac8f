//! A CONNECT proxy on loopback that leads the sample platform's names to the sample
//! platform and refuses every other name. It is for programs that can't map
//! names themselves: yt-dlp, curl.

use crate::platform::Platform;
use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The port of an `https:` URL without one.
const HTTPS_PORT: u16 = 443;

/// The running proxy; it ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    refused: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Routes {
    platform: Arc<Platform>,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts it on a free port of loopback.
    ///
    /// # Errors
    /// When it can't listen.
    pub async fn start(platform: &Arc<Platform>) -> Result<Self> {
        let refused = Arc::<Mutex<Vec<String>>>::default();
        let routes = Routes { platform: Arc::clone(platform), refused: Arc::clone(&refused) };
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on loopback")?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(connect).with_state(routes);
        let server = tokio::spawn(async move {
            // axum keeps accepting until the task is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, refused, server })
    }

    /// Its address in the form that programs expect: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The destinations that it refused.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn connect(State(routes): State<Routes>, request: Request) -> Response {
    let authority = request.uri().authority().filter(|_| request.method() == Method::CONNECT);
    let is_own = authority.is_some_and(|authority| {
        authority.port_u16() == Some(HTTPS_PORT) && routes.platform.is_own_host(authority.host())
    });
    if !is_own {
        let asked = format!("{} {}", request.method(), request.uri());
        routes.refused.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        return StatusCode::FORBIDDEN.into_response();
    }
    let Ok(mut upstream) = TcpStream::connect(routes.platform.address()).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            // Either side may hang up; there is nobody to tell.
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(upgraded), &mut upstream).await;
        }
    });
    StatusCode::OK.into_response()
}
