//! Reveals a credential's values, to its owner and to services.

use super::NOT_FOUND;
use super::credentials::{AppCredentialResponse, own};
use super::values::{Showing, type_of};
use crate::app::App;
use crate::audit::Entry;
use crate::body::JsonBody;
use crate::credentials::{IdRequest, Success};
use crate::error::Error;
use crate::identity::{Service, UserId};
use crate::openapi::{AppRecordFailures, RecordFailures};
use crate::refusals::noting_refusal;
use crate::request::Id;
use crate::store::{Actor, AppCredential};
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// Reveals a credential's values to its owner
#[utoipa::path(
    post,
    path = "/api/v1/app-credentials/{id}/reveal",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    responses((status = 200, description = "The credential with all values", body = AppCredentialResponse), AppRecordFailures)
)]
pub(crate) async fn reveal_app_credential(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<AppCredentialResponse>, Error> {
    let entry = user.entry("reveal-app-credential").on("app_credentials", id);
    Ok(Json(noting(&app, entry, async { reveal(&app, own(&app, user, id).await?).await }).await?))
}

/// Reveals an app credential's values to a service
///
/// Refused to tokens that are limited to platforms.
#[utoipa::path(
    post,
    path = "/api/credentials/reveal-app-cred",
    tag = "App credentials",
    security(("service" = [])),
    request_body = IdRequest,
    responses((status = 200, description = "The credential with all values", body = Success<AppCredentialResponse>), RecordFailures)
)]
pub(crate) async fn reveal_app_cred(
    service: Service,
    State(app): State<Arc<App>>,
    body: JsonBody<IdRequest>,
) -> Result<Json<Success<AppCredentialResponse>>, Error> {
    let id = body.read()?.id;
    let entry = service.entry("reveal-app-cred").on("app_credentials", id);
    let revealing = async {
        let found = app.app_credentials.app_credential(Actor::Service, id).await?.ok_or(NOT_FOUND)?;
        service.check_owner(found.owner_id)?;
        reveal(&app, found).await
    };
    Ok(Success::of(noting(&app, entry, revealing).await?))
}

async fn reveal(app: &App, credential: AppCredential) -> Result<AppCredentialResponse, Error> {
    let of = type_of(app, &credential).await?;
    AppCredentialResponse::of(app, credential, &of, Showing::All)
}

/// Returns the revealed values only after the audit row about them, or about the refusal, is on
/// disk.
async fn noting(
    app: &App,
    entry: Entry,
    revealing: impl Future<Output = Result<AppCredentialResponse, Error>>,
) -> Result<AppCredentialResponse, Error> {
    let revealed = noting_refusal(&*app.database, &entry, revealing).await?;
    app.database.append(entry).await?;
    Ok(revealed)
}
