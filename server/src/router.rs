//! The routes, and what holds for all of them.

use crate::app::App;
use crate::clock::now_ms;
use crate::credentials::{capture_requests, connection_credentials, connections, downloads, sessions};
use crate::error::{self, Error};
use crate::identity::{auth, pass_through};
use crate::openapi::{self, Document};
use crate::request::{MAX_BODY_BYTES, host_name};
use crate::{limits, metrics, telemetry};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Serves every route.
///
/// # Errors
/// Where the OpenAPI document can't be written.
pub(crate) fn router(app: Arc<App>) -> Result<Router, Error> {
    let (routes, document) = routes().split_for_parts();
    let document = Arc::new(openapi::render(document)?);
    Ok(routes
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .fallback(async || Error::NotFound("Not found"))
        .layer(from_fn_with_state(Arc::clone(&app), pass_through))
        .layer(Extension(document))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&app), time_out))
        .layer(from_fn_with_state(Arc::clone(&app), check_host))
        .layer(map_response(forbid_storing))
        .layer(from_fn_with_state(Arc::clone(&app), limits::count_failures))
        .layer(from_fn(error::render))
        .layer(from_fn_with_state(Arc::clone(&app), metrics::measure))
        .layer(from_fn(telemetry::trace))
        .with_state(app))
}

/// The routes and their documentation in one: a path and its method stand at
/// the handler.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(openapi::openapi_json))
        .routes(routes!(openapi::docs))
        .routes(routes!(auth::login))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::me))
        .routes(routes!(connections::create_profile))
        .routes(routes!(connection_credentials::update_profile_creds))
        .routes(routes!(connection_credentials::store))
        .routes(routes!(connection_credentials::reveal))
        .routes(routes!(downloads::create_download_cred))
        .routes(routes!(downloads::reveal_download_cred))
        .routes(routes!(sessions::store_platform_session))
        .routes(routes!(sessions::get_platform_session))
        .routes(routes!(sessions::revoke_platform_session))
        .routes(routes!(capture_requests::request_capture))
        .routes(routes!(connections::connections))
        .routes(routes!(connections::connection, connections::delete_connection))
        .routes(routes!(sessions::sessions))
        .routes(routes!(downloads::download_credentials))
        .routes(routes!(downloads::delete_download_credential))
        .routes(routes!(capture_requests::capture_requests))
        .routes(routes!(capture_requests::decline_capture_request))
}

/// Tells that the process answers
///
/// By `service` a client knows whom it talks to before it sends a password.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "Operation",
    responses((status = 200, description = "Alive", body = openapi::Alive))
)]
async fn healthz() -> axum::Json<Value> {
    axum::Json(json!({"status": "ok", "service": "stagepass"}))
}

/// Tells that the store answers, too
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "Operation",
    responses((status = 200, description = "Ready", body = openapi::Healthy), openapi::StoreFailures)
)]
async fn readyz(State(app): State<Arc<App>>) -> Result<axum::Json<Value>, Error> {
    app.database.check(now_ms()).await?;
    app.records.check_records(now_ms()).await?;
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
