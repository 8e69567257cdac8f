//! Another program on the server's port. It answers as it is told to, and keeps everything
//! that it receives.

use crate::services::proving::{PROOF_PATH, ProvingKey};
use crate::system::http;
use anyhow::Result;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How long the port of a server that has just ended may take to be free.
const FREE_TIMEOUT: Duration = Duration::from_secs(10);

/// What it does.
#[derive(Clone, Debug)]
pub enum Trick {
    /// Refuses everything, so that a client tries its refresh token.
    Refuse,
    /// Claims to be Stagepass, with a key of its own.
    OwnKey(Arc<ProvingKey>),
    /// Claims to be Stagepass from before servers had keys.
    NoKey,
    /// Passes everything on to this server, under the name that the client has used.
    PassOn(String),
    /// Does the same under that server's own name, so that it proves its key for its own address.
    PassOnAsItsOwn(String),
    /// Answers with a proof that the server once gave for another nonce.
    Replay(Value),
}

/// Listens until it is dropped.
#[derive(Debug)]
pub struct Impostor {
    received: Arc<Mutex<Vec<u8>>>,
    serving: JoinHandle<()>,
}

impl Impostor {
    /// Listens at `address`.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn listen(address: &str, trick: Trick) -> Result<Self> {
        let listener = crate::system::wait::until("the port to be free", FREE_TIMEOUT, async || {
            Ok(TcpListener::bind(address).await.ok())
        })
        .await?;
        let received: Arc<Mutex<Vec<u8>>> = Arc::default();
        let router = axum::Router::new().fallback(answer).with_state((Arc::clone(&received), trick));
        let serving = tokio::spawn(async move {
            // It ends with its task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { received, serving })
    }

    /// All heads and bodies that it received.
    #[must_use]
    pub fn received(&self) -> Vec<u8> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops listening, and returns what it received.
    pub async fn stop(mut self) -> Vec<u8> {
        self.serving.abort();
        // The task ends when it is cancelled.
        let _ = (&mut self.serving).await;
        self.received()
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State((received, trick)): State<(Arc<Mutex<Vec<u8>>>, Trick)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let head = format!("{} {}\n{:?}\n", parts.method, parts.uri, parts.headers);
    keep(&received, &[head.as_bytes(), &body, b"\n"].concat());
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = parts.uri.path();
    let (status, answer) = match &trick {
        Trick::PassOn(server) => return pass_on(server, host, &parts, body).await.unwrap_or_default(),
        Trick::PassOnAsItsOwn(server) => {
            let own = server.trim_start_matches("http://");
            return pass_on(server, own, &parts, body).await.unwrap_or_default();
        }
        Trick::Replay(proof) if path == PROOF_PATH => (StatusCode::OK, proof.clone()),
        Trick::OwnKey(key) if path == PROOF_PATH => {
            (StatusCode::OK, key.prove(host, &body).unwrap_or(Value::Null))
        }
        Trick::OwnKey(_) | Trick::NoKey if path == "/healthz" => {
            (StatusCode::OK, json!({"status": "ok", "service": "stagepass"}))
        }
        Trick::NoKey => (StatusCode::NOT_FOUND, json!({"success": false, "error": "Not found"})),
        Trick::Refuse | Trick::OwnKey(_) | Trick::Replay(_) => {
            (StatusCode::UNAUTHORIZED, json!({"success": false}))
        }
    };
    (status, [(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

fn keep(received: &Mutex<Vec<u8>>, bytes: &[u8]) {
    received.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
}

async fn pass_on(
    server: &str,
    host: &str,
    parts: &axum::http::request::Parts,
    body: Bytes,
) -> Result<Response> {
    let mut passed = http::client().build()?.request(parts.method.clone(), format!("{server}{}", parts.uri));
    for name in [header::CONTENT_TYPE, header::AUTHORIZATION] {
        if let Some(value) = parts.headers.get(&name) {
            passed = passed.header(name, value);
        }
    }
    let answer = passed.header(header::HOST, host).body(body).send().await?;
    Ok((answer.status(), [(header::CONTENT_TYPE, "application/json")], answer.bytes().await?).into_response())
}
