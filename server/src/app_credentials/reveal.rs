//! Revealing a credential's values: to its owner, and to services.

use super::NOT_FOUND;
use super::credentials::{AppCredentialResponse, own};
use super::values::{Showing, type_of};
use crate::app::App;
use crate::audit::Entry;
use crate::credentials::Success;
use crate::error::Error;
use crate::identity::{Service, UserId};
use crate::openapi::{self, AppRecordFailures, RecordFailures};
use crate::refusals::noting_refusal;
use crate::request::{Fields, Id, parse_id};
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
    responses((status = 200, description = "It, with all values", body = AppCredentialResponse), AppRecordFailures)
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
/// Not to a token that is limited to platforms.
#[utoipa::path(
    post,
    path = "/api/credentials/reveal-app-cred",
    tag = "App credentials",
    security(("service" = [])),
    request_body = openapi::IdRequest,
    responses((status = 200, description = "It, with all values", body = Success<AppCredentialResponse>), RecordFailures)
)]
pub(crate) async fn reveal_app_cred(
    service: Service,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<Json<Success<AppCredentialResponse>>, Error> {
    let id = parse_id(&fields.required_text("id")?, "id")?;
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

/// What was revealed leaves once the row of the audit log is on disk that tells
/// of it, or of the refusal.
async fn noting(
    app: &App,
    entry: Entry,
    revealing: impl Future<Output = Result<AppCredentialResponse, Error>>,
) -> Result<AppCredentialResponse, Error> {
    let revealed = noting_refusal(&*app.database, &entry, revealing).await?;
    app.database.append(entry).await?;
    Ok(revealed)
}
