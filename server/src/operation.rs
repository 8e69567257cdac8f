//! What those who run this server ask it: whether it lives and is ready, what it has
//! counted, and what can be called. It knows no record.

use crate::app::App;
use crate::client::Client;
use crate::error::Error;
use crate::identity::Service;
use crate::openapi::{self, ReadinessFailures};
use axum::extract::{FromRequestParts as _, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;

/// Tells that the process answers
///
/// By `service` a client knows whom it talks to before it sends a password.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "Operation",
    responses((status = 200, description = "Alive", body = openapi::Alive))
)]
pub(crate) async fn healthz() -> axum::Json<Value> {
    axum::Json(json!({"status": "ok", "service": "stagepass"}))
}

/// Tells that requests should be sent here
///
/// The database, its disk and Directus do what they should, and the server is not about to
/// stop. The answer comes within two seconds, and names what is not ready.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "Operation",
    responses((status = 200, description = "Ready", body = openapi::Healthy), ReadinessFailures)
)]
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Result<axum::Json<Value>, Error> {
    app.readiness.check().await?;
    Ok(axum::Json(json!({"status": "ok"})))
}

/// Gives the metrics
///
/// To programs on this machine, and to services whose token lists `metrics`. In Prometheus's
/// text format to whoever asks for `text/plain`, as OpenMetrics to all others.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Operation",
    security((), ("service" = [])),
    responses((
        status = 200,
        description = "The metrics",
        content((String = "application/openmetrics-text"), (String = "text/plain"))
    ))
)]
pub(crate) async fn metrics(
    State(app): State<Arc<App>>,
    client: Client,
    mut parts: Parts,
) -> Result<Response, Error> {
    if !client.is_this_machine() {
        Service::from_request_parts(&mut parts, &app).await?;
    }
    let (media_type, text) =
        app.metrics.render(&parts.headers).map_err(|_| Error::Internal("metrics could not be written"))?;
    Ok(([(header::CONTENT_TYPE, media_type), (header::VARY, "Accept")], text).into_response())
}

/// This document
///
/// OpenAPI 3.1, generated from the handlers.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "Operation",
    responses((status = 200, description = "The document", body = Object, content_type = "application/json"))
)]
pub(crate) async fn openapi_json(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], app.document.json.clone())
}

/// This document as a page
///
/// One page without scripts, and with nothing from elsewhere.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "Operation",
    responses((status = 200, description = "The page", body = String, content_type = "text/html; charset=utf-8"))
)]
pub(crate) async fn docs(State(app): State<Arc<App>>) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, app.document.page.policy.clone()),
    ];
    (headers, app.document.page.html.clone())
}
