//! `/api/v1/projects`.

use super::fields::{description, ids, name};
use super::{NOT_FOUND, SuccessResponse};
use crate::app::App;
use crate::clock::{now_ms, render_ms};
use crate::error::Error;
use crate::identity::UserId;
use crate::openapi::{self, AppForbiddenFailures, AppNameFailures, AppRecordFailures, AppRoomFailures};
use crate::request::{Fields, Id, Listing, PageParameters};
use crate::store::{AddProject, Page, Project, ProjectEdit, SetMembers};
use crate::streamed::{self, Streamed};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// Members of one project.
pub(crate) const MAX_MEMBERS: usize = 1000;
const NAME_TAKEN: Error = Error::Conflict("projectName is taken by another project of yours");

/// A project.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProjectResponse {
    pub(crate) id: Uuid,
    pub(crate) project_name: String,
    #[schema(required)]
    pub(crate) description: Option<String>,
    pub(crate) owner_id: Uuid,
    /// Who may see, beside the owner, what it was handed.
    pub(crate) member_ids: Vec<Uuid>,
    #[schema(value_type = openapi::Time)]
    pub(crate) created_at: String,
    #[schema(value_type = openapi::Time)]
    pub(crate) updated_at: String,
}

impl From<Project> for ProjectResponse {
    fn from(project: Project) -> Self {
        let Project { id, owner_id, project_name, description, member_ids, created_at, updated_at } = project;
        let (created_at, updated_at) = (render_ms(created_at), render_ms(updated_at));
        Self { id, project_name, description, owner_id, member_ids, created_at, updated_at }
    }
}

/// Lists the projects that are the caller's or have the caller as a member
///
/// By name. A large page is sent piece by piece: what is deleted meanwhile is left out, and an
/// answer that is not read to its end within five minutes is cut off.
#[utoipa::path(
    get,
    path = "/api/v1/projects",
    tag = "App credentials",
    security(("user" = [])),
    params(PageParameters),
    responses((status = 200, description = "A page of them", body = Listing<ProjectResponse>))
)]
pub(crate) async fn projects(
    user: UserId,
    State(app): State<Arc<App>>,
    page: Page,
) -> Result<Response, Error> {
    listed(user, app, page).await?.answer_page(page).await
}

/// A page of the projects that are the caller's or have the caller as a member.
pub(crate) async fn listed(
    user: UserId,
    app: Arc<App>,
    page: Page,
) -> Result<Streamed<ProjectResponse>, Error> {
    let found = app.app_credentials.projects(user.0, page).await?;
    let find = move |id| {
        let app = Arc::clone(&app);
        async move { Ok(app.app_credentials.project(id).await?.filter(|found| found.is_seen_by(user.0))) }
    };
    Ok(streamed::records(found, find).map(Into::into))
}

/// Begins a project
#[utoipa::path(
    post,
    path = "/api/v1/projects",
    tag = "App credentials",
    security(("user" = [])),
    request_body = openapi::ProjectRequest,
    responses((status = 201, description = "It is there", body = ProjectResponse), AppNameFailures)
)]
pub(crate) async fn add_project(
    user: UserId,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<(StatusCode, Json<ProjectResponse>), Error> {
    let new = read(user, &mut fields)?;
    let entry = user.entry("create-project").on("projects", new.id);
    match app.app_credentials.add_project(new.clone(), entry).await? {
        AddProject::Added => Ok((StatusCode::CREATED, Json(new.into()))),
        AddProject::NameTaken => Err(NAME_TAKEN),
        AddProject::TooMany => Err(Error::Conflict("there are too many projects: delete one first")),
    }
}

/// Shows a project
#[utoipa::path(
    get,
    path = "/api/v1/projects/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    responses((status = 200, description = "It", body = ProjectResponse), AppRecordFailures)
)]
pub(crate) async fn project(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<ProjectResponse>, Error> {
    Ok(Json(seen(&app, user, id).await?.into()))
}

/// Gives a project another name or description
///
/// What is left out stays.
#[utoipa::path(
    put,
    path = "/api/v1/projects/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    request_body = openapi::UpdateProjectRequest,
    responses(
        (status = 200, description = "It is changed", body = ProjectResponse),
        AppRecordFailures, AppForbiddenFailures, AppNameFailures
    )
)]
pub(crate) async fn update_project(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    mut fields: Fields,
) -> Result<Json<ProjectResponse>, Error> {
    own(&app, user, id).await?;
    let edit = read_edit(user, id, &mut fields)?;
    let entry = user.entry("update-project").on("projects", id);
    match app.app_credentials.update_project(edit, entry).await? {
        Some(true) => Ok(Json(own(&app, user, id).await?.into())),
        Some(false) => Err(NAME_TAKEN),
        None => Err(NOT_FOUND),
    }
}

/// Deletes a project
///
/// The credentials that it was handed stay with their owner.
#[utoipa::path(
    delete,
    path = "/api/v1/projects/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    responses(
        (status = 200, description = "It is gone", body = SuccessResponse),
        AppRecordFailures, AppForbiddenFailures
    )
)]
pub(crate) async fn delete_project(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<SuccessResponse>, Error> {
    own(&app, user, id).await?;
    let entry = user.entry("delete-project").on("projects", id);
    let is_deleted = app.app_credentials.delete_project(user.0, id, entry).await?;
    if is_deleted { Ok(SuccessResponse::new()) } else { Err(NOT_FOUND) }
}

/// Says who the members of a project are
///
/// All of them: those who are not named are members no more. Somebody who is no user of
/// this server is refused; where users are those of a Directus, that is not asked.
#[utoipa::path(
    post,
    path = "/api/v1/projects/{id}/members",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    request_body = openapi::MembersRequest,
    responses(
        (status = 200, description = "They are", body = ProjectResponse),
        AppRecordFailures, AppForbiddenFailures, AppRoomFailures
    )
)]
pub(crate) async fn set_project_members(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    mut fields: Fields,
) -> Result<Json<ProjectResponse>, Error> {
    own(&app, user, id).await?;
    fields.know_only(&["userIds"])?;
    let required = || Error::BadRequest("userIds array required".to_owned());
    let member_ids = ids(&mut fields, "userIds", MAX_MEMBERS)?.ok_or_else(required)?;
    let entry = user.entry("set-project-members").on("projects", id);
    // Who the users of a Directus are only that knows.
    let are_users = app.identity.has_own_users();
    let set =
        app.app_credentials.set_project_members((user.0, id), member_ids, are_users, now_ms(), entry).await?;
    match set {
        SetMembers::Set => Ok(Json(own(&app, user, id).await?.into())),
        SetMembers::UnknownUser => Err(Error::BadRequest("userIds names somebody who is no user".to_owned())),
        SetMembers::Gone => Err(NOT_FOUND),
    }
}

/// A project that is the user's or has the user as a member.
pub(super) async fn seen(app: &App, user: UserId, id: Uuid) -> Result<Project, Error> {
    let found = app.app_credentials.project(id).await?.ok_or(NOT_FOUND)?;
    if found.is_seen_by(user.0) { Ok(found) } else { Err(NOT_FOUND) }
}

/// A project of the user's own; a member may not do what its owner may.
async fn own(app: &App, user: UserId, id: Uuid) -> Result<Project, Error> {
    let project = seen(app, user, id).await?;
    if project.owner_id == user.0 { Ok(project) } else { Err(Error::Forbidden) }
}

fn read_edit(user: UserId, id: Uuid, fields: &mut Fields) -> Result<ProjectEdit, Error> {
    fields.allow_only(&["projectName", "description"])?;
    Ok(ProjectEdit {
        id,
        owner_id: user.0,
        project_name: fields.has("projectName").then(|| name(fields, "projectName")).transpose()?,
        description: fields.has("description").then(|| description(fields)).transpose()?,
        updated_at: now_ms(),
    })
}

fn read(user: UserId, fields: &mut Fields) -> Result<Project, Error> {
    fields.know_only(&["projectName", "description"])?;
    let project_name = name(fields, "projectName")?;
    let description = description(fields)?;
    let now = now_ms();
    Ok(Project {
        id: Uuid::now_v7(),
        owner_id: user.0,
        project_name,
        description,
        member_ids: Vec::new(),
        created_at: now,
        updated_at: now,
    })
}
