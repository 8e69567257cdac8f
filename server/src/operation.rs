//! The handlers for operators: whether the server runs and is ready, its metrics, and its
//! documentation. They know no record.

use crate::app::App;
use crate::client::Client;
use crate::error::Error;
use crate::identity::Service;
use crate::openapi::ReadinessFailures;
use axum::extract::{FromRequestParts as _, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Health.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Healthy {
    #[schema(pattern = "^ok$")]
    status: &'static str,
}

/// Health, and whose.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alive {
    #[schema(pattern = "^ok$")]
    status: &'static str,
    #[schema(pattern = "^stagepass$")]
    service: &'static str,
}

/// Reports that the server runs
///
/// The field `service` tells a client what it talks to before it sends a password.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "Operation",
    responses((status = 200, description = "Alive", body = Alive))
)]
pub(crate) async fn healthz() -> axum::Json<Alive> {
    axum::Json(Alive { status: "ok", service: "stagepass" })
}

/// Reports whether this server should get requests
///
/// The database, its disk and Directus work, and the server is not about to stop. The answer comes
/// within two seconds and names what is not ready.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "Operation",
    responses((status = 200, description = "Ready", body = Healthy), ReadinessFailures)
)]
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Result<axum::Json<Healthy>, Error> {
    app.readiness.check().await?;
    Ok(axum::Json(Healthy { status: "ok" }))
}

/// Returns the metrics
///
/// For programs on this machine and services whose token lists `metrics`. In Prometheus's text
/// format if the request asks for `text/plain`, otherwise as OpenMetrics.
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
/// One page without scripts or external content.
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
