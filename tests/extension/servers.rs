//! One server after another in the popup: nothing that belongs to one reaches the other, and a
//! program that is not a Stagepass server gets no password.

use anyhow::{Context as _, Result};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use stagepass_tests::browsers::cdp::Attachment;
use stagepass_tests::browsers::chromium::Chromium;
use stagepass_tests::browsers::popup;
use stagepass_tests::look::look_at_popup;
use stagepass_tests::services::proving::{PROOF_PATH, ProvingKey};
use stagepass_tests::services::server::PASSWORD;
use stagepass_tests::stage::main_job::{
    self, PLATFORM_ORIGINS, SERVER_ORIGINS, Stage, built_extension, sign_in_to_server, wait_for_view,
};
use stagepass_tests::system::wait;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

const SOON: Duration = Duration::from_secs(60);

/// A slow server: it records what it receives, and holds back its answer at one path until it
/// is released.
struct SlowServer {
    url: String,
    record: Arc<Mutex<Vec<String>>>,
    release: watch::Sender<bool>,
}

#[derive(Clone)]
struct Shared {
    health: Value,
    held_path: &'static str,
    key: Arc<ProvingKey>,
    record: Arc<Mutex<Vec<String>>>,
    released: watch::Receiver<bool>,
}

impl SlowServer {
    async fn start(health: Value, held_path: &'static str) -> Result<Self> {
        let (release, released) = watch::channel(false);
        let record = Arc::default();
        let key = Arc::new(ProvingKey::generate()?);
        let shared = Shared { health, held_path, key, record: Arc::clone(&record), released };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = axum::Router::new().fallback(answer).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, record, release })
    }

    /// Like a Stagepass server, but slow at one path.
    async fn of_stagepass(held_path: &'static str) -> Result<Self> {
        Self::start(json!({"status": "ok", "service": "stagepass"}), held_path).await
    }

    fn record(&self) -> Vec<String> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn wait_for_request(&self, path: &str) -> Result<()> {
        wait::until("the request", SOON, async || {
            Ok(self.record().iter().any(|request| request.contains(path)).then_some(()))
        })
        .await
    }
}

async fn answer(State(mut shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let host = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let body = axum::body::to_bytes(body, 65_536).await.unwrap_or_default();
    let line = format!("{path} {} {}", bearer.unwrap_or_default(), String::from_utf8_lossy(&body));
    shared.record.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    if path == shared.held_path {
        // The sender lives as long as the test.
        let _ = shared.released.wait_for(|released| *released).await;
    }
    let tokens = json!({"access_token": "slow-access", "refresh_token": "slow-refresh", "expires": 900_000});
    let (status, body) = match path.as_str() {
        "/healthz" => (StatusCode::OK, shared.health),
        PROOF_PATH => (StatusCode::OK, shared.key.prove(host, &body).unwrap_or_default()),
        "/auth/login" => (StatusCode::OK, json!({ "data": tokens })),
        "/api/capture-requests" => (StatusCode::OK, json!({"data": [], "total": 0})),
        _ => (StatusCode::UNAUTHORIZED, json!({"success": false, "error": "Unauthorized"})),
    };
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// The popup over the platform's page, signed in at the platform.
async fn start() -> Result<(Stage, Chromium, Attachment, Attachment)> {
    let stage = Stage::set_up(&built_extension()?).await?;
    stage.grant(&[PLATFORM_ORIGINS, SERVER_ORIGINS]).await?;
    let browser = stage.open_browser().await?;
    let tab = stage.sign_in_at_platform(&browser).await?;
    let popup = popup::open(&browser).await?;
    Ok((stage, browser, tab, popup))
}

async fn connect(popup: &Attachment, url: &str) -> Result<()> {
    wait_for_view(popup, "server").await?;
    popup.fill("#server-url", url).await?;
    popup.click("#connect").await
}

async fn held_sign_in(browser: &Chromium) -> Result<Value> {
    let worker = popup::service_worker(browser).await?;
    Ok(worker.evaluate("chrome.storage.session.get('signIn')").await?["signIn"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_of_one_server_never_brings_it_the_tokens_of_the_next() -> Result<()> {
    let (stage, browser, _tab, popup) = start().await?;
    let slow = SlowServer::of_stagepass("/api/platform-connections").await?;
    sign_in_to_server(&popup, &slow.url).await?;
    slow.wait_for_request("/api/platform-connections").await?;

    // While the list hangs, the preview is already visible.
    let verdict = "Boolean(document.querySelector('#verdict [data-login=proven]'))";
    popup.wait_for("the preview", SOON, verdict).await?;
    assert_eq!(popup.evaluate("document.querySelector('main').dataset.state").await?, "loading");
    assert_eq!(popup.evaluate("document.querySelector('#capture').ariaDisabled").await?, "true");
    look_at_popup(&popup, "loading").await?;

    popup.click("#sign-out").await?;
    wait_for_view(&popup, "sign-in").await?;
    popup.click("#change-server").await?;
    connect(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "sign-in").await?;
    main_job::sign_in(&popup, PASSWORD).await?;
    wait_for_view(&popup, "ready").await?;
    let before = held_sign_in(&browser).await?;
    assert_eq!(before["server"], stage.server.url());

    slow.release.send(true)?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let record = slow.record();
    for token in ["accessToken", "refreshToken"] {
        let token = before[token].as_str().context("no token")?;
        assert!(!record.iter().any(|request| request.contains(token)), "{record:?}");
    }
    assert!(!record.iter().any(|request| request.starts_with("/auth/refresh")), "{record:?}");
    assert_eq!(held_sign_in(&browser).await?, before, "still signed in");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_arrive_after_a_server_change_are_not_kept() -> Result<()> {
    let (stage, browser, _tab, popup) = start().await?;
    let slow = SlowServer::of_stagepass("/auth/login").await?;
    connect(&popup, &slow.url).await?;
    wait_for_view(&popup, "sign-in").await?;
    let sign_in = "globalThis.answer = null; chrome.runtime.sendMessage({type: 'signIn', email: 'a@example.org', \
                   password: 'p', staySignedIn: true}).then((answer) => { globalThis.answer = answer; }); 0";
    popup.evaluate(sign_in).await?;
    slow.wait_for_request("/auth/login").await?;
    popup.click("#change-server").await?;
    connect(&popup, stage.server.url()).await?;
    wait_for_view(&popup, "sign-in").await?;

    slow.release.send(true)?;
    popup.wait_for("the worker's answer", SOON, "globalThis.answer !== null").await?;
    assert_eq!(popup.evaluate("globalThis.answer.failure?.code").await?, "interrupted");
    let worker = popup::service_worker(&browser).await?;
    for area in ["session", "local"] {
        let held = worker.evaluate(&format!("chrome.storage.{area}.get()")).await?.to_string();
        assert!(!held.contains("slow-"), "{held}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_web_server_is_not_taken_for_stagepass() -> Result<()> {
    let (_stage, _browser, _tab, popup) = start().await?;
    let other = SlowServer::start(json!({"status": "ok"}), "").await?;
    connect(&popup, &other.url).await?;
    let is_refused = "document.querySelector('#message').dataset.code === 'not_stagepass'";
    popup.wait_for("the message", SOON, is_refused).await?;
    wait_for_view(&popup, "server").await?;
    look_at_popup(&popup, "server-not-stagepass").await?;
    let stored = popup.evaluate("chrome.storage.local.get('server')").await?;
    assert_eq!(stored, json!({}));
    Ok(())
}
