//! The credentials assigned to a project.

use super::credentials::{AppCredentialResponse, show_all};
use super::projects;
use crate::app::App;
use crate::error::Error;
use crate::identity::UserId;
use crate::openapi::AppForbiddenFailures;
use crate::request::Id;
use crate::store::Actor;
use crate::streamed::{self, Streamed};
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;
use uuid::Uuid;

/// Lists the credentials assigned to a project
///
/// For its owner and its members; newest first, then by id; at most 1,000. Values of sensitive
/// fields are hidden, and members see only this project in `projectIds`. A large list is sent in
/// pieces: records deleted meanwhile are left out, and an answer that is not read within five
/// minutes is cut off.
#[utoipa::path(
    get,
    path = "/api/v1/app-credentials/by-project/{projectId}",
    tag = "App credentials",
    security(("user" = [])),
    params(("projectId" = Uuid, Path)),
    responses(
        (status = 200, description = "The credentials", body = Vec<AppCredentialResponse>), AppForbiddenFailures
    )
)]
pub(crate) async fn app_credentials_by_project(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(project_id): Id,
) -> Result<Response, Error> {
    // To the caller, a missing project is one without membership.
    let handed = handed(user, app, project_id).await.map_err(|error| match error {
        Error::NotFound(_) => Error::Forbidden,
        error => error,
    })?;
    handed.answer_array().await
}

/// The credentials assigned to a project that the user sees.
pub(crate) async fn handed(
    user: UserId,
    app: Arc<App>,
    project_id: Uuid,
) -> Result<Streamed<AppCredentialResponse>, Error> {
    let owner_id = projects::seen(&app, user, project_id).await?.owner_id;
    let found = app.app_credentials.app_credentials_by_project((owner_id, project_id)).await?;
    let store = Arc::clone(&app);
    let find = move |id| {
        let store = Arc::clone(&store);
        async move {
            let found = store.app_credentials.app_credential(Actor::User(owner_id), id).await?;
            // The owner may have unassigned it meanwhile.
            Ok(found.filter(|found| found.project_ids.contains(&project_id)))
        }
    };
    let shown = show_all(app, streamed::records(found, find));
    Ok(shown.map(move |shown| shown.to(user, project_id)))
}
