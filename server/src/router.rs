//! The routes, and what applies to all of them.

mod measurement;

use crate::api::{Form, is_of_vault_credentials};
use crate::app::App;
use crate::app_credentials::{by_project, credentials as app, projects, reveal, types};
use crate::client::Client;
use crate::credentials::{capture_requests, connection_credentials, connections, downloads, sessions};
use crate::error::{self, Error};
use crate::identity::{KnownCaller, auth, pass_through};
use crate::openapi::Document;
use crate::operation;
use crate::pages::{self, Wanted};
use crate::proof;
use crate::request::{AwaitedBody, host_names};
use crate::{telemetry, vault};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use measurement::Measurement;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tracing::Instrument as _;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Builds the router with its fallbacks.
pub(crate) fn router(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    routes
        .merge(pages::routes())
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(async || Error::NotFound("Not found"))
        .layer(from_fn_with_state(Arc::clone(&app), surround))
        .with_state(app)
}

/// The routes with their documentation: each handler states its path and method.
// Decision: docs/decisions/http.md#a-route-is-declared-at-its-handler
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(operation::healthz))
        .routes(routes!(operation::readyz))
        .routes(routes!(operation::metrics))
        .routes(routes!(operation::openapi_json))
        .routes(routes!(operation::docs))
        .routes(routes!(proof::prove))
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
        .routes(routes!(sessions::serving::get_platform_session))
        .routes(routes!(sessions::write_back::update_platform_session))
        .routes(routes!(sessions::revoke_platform_session))
        .routes(routes!(capture_requests::request_capture))
        .routes(routes!(connections::connections))
        .routes(routes!(connections::connection, connections::delete_connection))
        .routes(routes!(connections::write_back))
        .routes(routes!(sessions::sessions))
        .routes(routes!(downloads::download_credentials))
        .routes(routes!(downloads::delete_download_credential))
        .routes(routes!(capture_requests::capture_requests))
        .routes(routes!(capture_requests::decline_capture_request))
        .routes(routes!(vault::auth::vault_status))
        .routes(routes!(vault::auth::set_up_vault))
        .routes(routes!(vault::auth::open_vault))
        .routes(routes!(vault::auth::close_vault))
        .routes(routes!(vault::auth::change_master_password))
        .routes(routes!(vault::credentials::vault_credentials, vault::credentials::add_vault_credential))
        .routes(routes!(vault::credentials::vault_credential, vault::credentials::delete_vault_credential))
        .routes(routes!(vault::credentials::reveal_vault_credential))
        .routes(routes!(types::credential_types, types::add_credential_type))
        .routes(routes!(types::credential_type, types::update_credential_type, types::delete_credential_type))
        .routes(routes!(projects::projects, projects::add_project))
        .routes(routes!(projects::project, projects::update_project, projects::delete_project))
        .routes(routes!(projects::set_project_members))
        .routes(routes!(app::app_credentials, app::add_app_credential))
        .routes(routes!(app::app_credential, app::update_app_credential, app::delete_app_credential))
        .routes(routes!(app::assign_projects))
        .routes(routes!(by_project::app_credentials_by_project))
        .routes(routes!(reveal::reveal_app_credential))
        .routes(routes!(reveal::reveal_app_cred))
}

/// A path under the vault's with an invalid id is not found, whatever the method.
async fn method_not_allowed(request: Request) -> Error {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let is_like_the_vaults = matched.starts_with("/api/credentials/{id}");
    if is_like_the_vaults && !is_of_vault_credentials(request.uri().path()) {
        Error::NotFound("Not found")
    } else {
        Error::MethodNotAllowed
    }
}

/// Does what applies to all routes. This is one layer because each further one would copy and box
/// everything below it for every request.
// Decision: docs/decisions/http.md#one-function-is-the-layer-around-all-routes
async fn surround(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let caller = KnownCaller::default();
    request.extensions_mut().insert(caller.clone());
    let client = Client::of(&request, &app.trusted_proxies, app.is_public);
    let address = client.as_ref().ok().map(|client| client.address());
    let line = telemetry::Line::begin(&request, address, &caller, &app.trusted_proxies);
    let span = line.span();
    let measurement = Measurement::begin(&request, &caller);
    let (form, page) = (Form::of(request.uri().path()), Wanted::of(&request, client.as_ref().ok()));
    let answering = async {
        let answer = unless_it_panics(admit(&app, client, request, next)).await;
        let mut response = answer.unwrap_or_else(Error::into_response);
        match page {
            Some(page) => page.render(&mut response),
            None => error::render(&mut response, form),
        }
        forbid_storing(&mut response);
        measurement.end(&app.metrics, response.status());
        line.end(&mut response);
        response
    };
    answering.instrument(span).await
}

/// Turns a panic into a failure: otherwise the connection would end without an answer, along with
/// its other requests.
async fn unless_it_panics(
    answering: impl Future<Output = Result<Response, Error>>,
) -> Result<Response, Error> {
    // Nothing that the handler changed is used again, because its request is over. The panic's
    // message is on standard error.
    let answer = AssertUnwindSafe(answering).catch_unwind().await;
    answer.unwrap_or(Err(Error::Internal("a handler panicked")))
}

/// Checks whether a request may be answered, and answers it.
async fn admit(
    app: &Arc<App>,
    client: Result<Client, Error>,
    mut request: Request,
    next: Next,
) -> Result<Response, Error> {
    let client = client?;
    request.extensions_mut().insert(client);
    check_host(app, &request)?;
    let awaited = request.extensions().get().cloned().unwrap_or_default();
    let answering = pass_through(&app.identity, client, request, next);
    let answer = tokio::time::timeout(app.timeouts.request, answering).await;
    let response = match answer {
        Ok(answer) => answer.unwrap_or_else(Error::into_response),
        Err(_) => cut_off(&awaited),
    };
    if response.status() == StatusCode::UNAUTHORIZED {
        let error = response.extensions().get::<Arc<Error>>();
        app.limits.count_failure(client, error.map(Arc::as_ref))?;
    }
    Ok(response)
}

/// Against DNS rebinding: a foreign site whose name points to this address sends its own name.
fn check_host(app: &App, request: &Request) -> Result<(), Error> {
    if request.headers().get_all(header::HOST).iter().nth(1).is_some() {
        return Err(Error::BadRequest("Duplicate Host header".to_owned()));
    }
    let is_ours = |name: &str| app.host_names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let are_ours = host_names(request.uri(), request.headers()).all(is_ours);
    are_ours.then_some(()).ok_or(Error::MisdirectedRequest)
}

/// The answer to a request that took too long. The client was slow only if the server waited for
/// its body.
// Decision: docs/decisions/http.md#a-timeout-is-the-servers-fault-unless-the-client-was-slow
fn cut_off(awaited: &AwaitedBody) -> Response {
    if !awaited.is_awaited() {
        return Error::Overdue.into_response();
    }
    let mut response = Error::RequestTimeout.into_response();
    // The rest of the request is not awaited.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn forbid_storing(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_500_when_a_handler_panics() {
        let panicking = async { panic!("on purpose") };
        let error = unless_it_panics(panicking).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(unless_it_panics(async { Ok(Response::default()) }).await.is_ok());
    }
}
