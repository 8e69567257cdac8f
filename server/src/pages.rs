//! The pages for people at `/app`: HTML made here from the answers of the API's own handlers. They
//! need no script, and browsers are told to run none.

mod captures;
mod credential_form;
mod credentials;
mod filled;
mod layout;
mod projects;
mod sign_in;
mod types;
mod value_field;

pub(crate) use layout::Wanted;

use crate::app::App;
use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use std::sync::Arc;

const HOME: &str = "/app/credentials";

/// The pages and the targets of their forms.
// Decision: docs/decisions/http.md#the-pages-at-app-call-the-apis-own-handlers
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(async || Redirect::to(HOME)))
        .route("/app", get(async || Redirect::to(HOME)))
        .route("/app/", get(async || Redirect::to(HOME)))
        .route("/app/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/app/sign-out", get(async || Redirect::to(HOME)).post(sign_in::sign_out))
        .route("/app/credentials", get(credentials::list).post(credential_form::add))
        .route("/app/credentials/new", get(credential_form::new))
        .route("/app/credentials/{id}", get(credentials::show).post(credential_form::update))
        .route("/app/credentials/{id}/edit", get(credential_form::edit))
        .route("/app/credentials/{id}/reveal", get(credentials::back).post(credentials::reveal))
        .route("/app/credentials/{id}/projects", get(credentials::back).post(credentials::assign))
        .route("/app/credentials/{id}/delete", get(credentials::confirm_delete).post(credentials::delete))
        .route("/app/types", get(types::list))
        .route("/app/types/{id}", get(types::show))
        .route("/app/projects", get(projects::list).post(projects::add))
        .route("/app/projects/{id}", get(projects::show))
        .route("/app/connections", get(captures::connections))
        .route(
            "/app/connections/{id}/write-back",
            get(async || Redirect::to(captures::CONNECTIONS)).post(captures::allow_write_back),
        )
        .route("/app/sessions", get(captures::sessions))
        .route(
            "/app/sessions/{id}/revoke",
            get(async || Redirect::to(captures::SESSIONS)).post(captures::revoke),
        )
        .route("/app/capture-requests", get(captures::capture_requests))
        .route(
            "/app/capture-requests/{id}/decline",
            get(async || Redirect::to(captures::CAPTURE_REQUESTS)).post(captures::decline),
        )
}
