//! The pages for people at `/app`: HTML made here, from what the API's own
//! handlers answer. They need no script, and a browser is told to run none.

mod captures;
mod credential_form;
mod credentials;
mod filled;
mod layout;
mod projects;
mod sign_in;
mod types;

pub(crate) use layout::{Wanted, is_page};

use crate::app::App;
use axum::Router;
use axum::response::Redirect;
use axum::routing::{get, post};
use std::sync::Arc;

const HOME: &str = "/app/credentials";

/// The pages and what their forms are sent to.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/app", get(async || Redirect::to(HOME)))
        .route("/app/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/app/sign-out", post(sign_in::sign_out))
        .route("/app/credentials", get(credentials::list).post(credential_form::add))
        .route("/app/credentials/new", get(credential_form::new))
        .route("/app/credentials/{id}", get(credentials::show).post(credential_form::update))
        .route("/app/credentials/{id}/edit", get(credential_form::edit))
        .route("/app/credentials/{id}/reveal", post(credentials::reveal))
        .route("/app/credentials/{id}/projects", post(credentials::assign))
        .route("/app/credentials/{id}/delete", get(credentials::confirm_delete).post(credentials::delete))
        .route("/app/types", get(types::list))
        .route("/app/types/{id}", get(types::show))
        .route("/app/projects", get(projects::list).post(projects::add))
        .route("/app/projects/{id}", get(projects::show))
        .route("/app/connections", get(captures::connections))
        .route("/app/sessions", get(captures::sessions))
        .route("/app/sessions/{id}/revoke", post(captures::revoke))
        .route("/app/capture-requests", get(captures::capture_requests))
        .route("/app/capture-requests/{id}/decline", post(captures::decline))
}
