//! The routes, and what holds for all of them.

use crate::app::App;
use crate::clock::now_ms;
use crate::error::{self, Error};
use crate::request::{MAX_BODY_BYTES, host_name};
use crate::{credentials, identity, limits, metrics, telemetry};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/auth/login", post(identity::login))
        .route("/auth/refresh", post(identity::refresh))
        .route("/auth/logout", post(identity::logout))
        .route("/users/me", get(identity::me))
        .route("/api/credentials/create-profile", post(credentials::create_profile))
        .route("/api/credentials/update-profile-creds", post(credentials::update_profile_creds))
        .route("/api/credentials/store", post(credentials::store))
        .route("/api/credentials/reveal", post(credentials::reveal))
        .route("/api/credentials/create-download-cred", post(credentials::create_download_cred))
        .route("/api/credentials/reveal-download-cred", post(credentials::reveal_download_cred))
        .route("/api/credentials/store-platform-session", post(credentials::store_platform_session))
        .route("/api/credentials/get-platform-session", post(credentials::get_platform_session))
        .route("/api/credentials/revoke-platform-session", post(credentials::revoke_platform_session))
        .route("/api/credentials/request-capture", post(credentials::request_capture))
        .route("/api/platform-connections", get(credentials::connections))
        .route(
            "/api/platform-connections/{id}",
            get(credentials::connection).delete(credentials::delete_connection),
        )
        .route("/api/platform-sessions", get(credentials::sessions))
        .route("/api/download-credentials", get(credentials::download_credentials))
        .route("/api/download-credentials/{id}", delete(credentials::delete_download_credential))
        .route("/api/capture-requests", get(credentials::capture_requests))
        .route("/api/capture-requests/{id}", delete(credentials::decline_capture_request))
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .fallback(async || Error::NotFound("Not found"))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&app), time_out))
        .layer(from_fn_with_state(Arc::clone(&app), check_host))
        .layer(map_response(forbid_storing))
        .layer(from_fn_with_state(Arc::clone(&app), limits::count_failures))
        .layer(from_fn(error::render))
        .layer(from_fn_with_state(Arc::clone(&app), metrics::measure))
        .layer(from_fn(telemetry::trace))
        .with_state(app)
}

/// Alive: the process answers. By `service` a client knows whom it talks to
/// before it sends a password.
async fn healthz() -> axum::Json<Value> {
    axum::Json(json!({"status": "ok", "service": "stagepass"}))
}

/// Ready: the store answers, too.
async fn readyz(State(app): State<Arc<App>>) -> Result<axum::Json<Value>, Error> {
    app.database.check(now_ms()).await?;
    Ok(axum::Json(json!({"status": "ok"})))
}

/// Against DNS rebinding: a page of another site that has pointed its name at
/// this address brings its own name.
async fn check_host(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let name = host_name(request.headers());
    if app.host_names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        next.run(request).await
    } else {
        Error::MisdirectedRequest.into_response()
    }
}

/// Cuts off a request that takes too long, the sending of its body included.
async fn time_out(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(app.timeouts.request, next.run(request)).await;
    answer.unwrap_or_else(|_| {
        let mut response = Error::RequestTimeout.into_response();
        // What is left of the request is not waited for.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    })
}

async fn forbid_storing(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
