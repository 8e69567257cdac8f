//! `/api/v1/projects`.

use super::{NOT_FOUND, SuccessResponse};
use crate::app::App;
use crate::body::{Change, Ids, JsonBody, Name, Text, Time, body};
use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::UserId;
use crate::openapi::{AppForbiddenFailures, AppNameFailures, AppRecordFailures, AppRoomFailures};
use crate::request::{Id, Listing, PageParameters};
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
    /// Who, besides the owner, can see its credentials.
    pub(crate) member_ids: Vec<Uuid>,
    pub(crate) created_at: Time,
    pub(crate) updated_at: Time,
}

impl From<Project> for ProjectResponse {
    fn from(project: Project) -> Self {
        let Project { id, owner_id, project_name, description, member_ids, created_at, updated_at } = project;
        let (created_at, updated_at) = (Time(created_at), Time(updated_at));
        Self { id, project_name, description, owner_id, member_ids, created_at, updated_at }
    }
}

/// Lists the projects that the caller owns or is a member of
///
/// By name. A large page is sent in pieces: records deleted meanwhile are left out, and an answer
/// that is not read within five minutes is cut off.
#[utoipa::path(
    get,
    path = "/api/v1/projects",
    tag = "App credentials",
    security(("user" = [])),
    params(PageParameters),
    responses((status = 200, description = "A page of projects", body = Listing<ProjectResponse>))
)]
pub(crate) async fn projects(
    user: UserId,
    State(app): State<Arc<App>>,
    page: Page,
) -> Result<Response, Error> {
    listed(user, app, page).await?.answer_page(page).await
}

/// A page of the projects that the caller owns or is a member of.
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

body! {
    /// The body of `POST /api/v1/projects`.
    #[schema(examples(json!({"projectName": "Website", "description": "The public one."})))]
    strict struct ProjectRequest { project_name as "projectName": Name, description: Option<Text> }
}

impl ProjectRequest {
    fn of(self, user: UserId) -> Project {
        let now = now_ms();
        Project {
            id: Uuid::now_v7(),
            owner_id: user.0,
            project_name: self.project_name.0,
            description: Text::unless_empty(self.description),
            member_ids: Vec::new(),
            created_at: now,
            updated_at: now,
        }
    }
}

/// Adds a project
#[utoipa::path(
    post,
    path = "/api/v1/projects",
    tag = "App credentials",
    security(("user" = [])),
    request_body = ProjectRequest,
    responses((status = 201, description = "The project is stored", body = ProjectResponse), AppNameFailures)
)]
pub(crate) async fn add_project(
    user: UserId,
    State(app): State<Arc<App>>,
    body: JsonBody<ProjectRequest>,
) -> Result<(StatusCode, Json<ProjectResponse>), Error> {
    let new = body.read()?.of(user);
    let entry = user.entry("create-project").on("projects", new.id);
    match app.app_credentials.add_project(new.clone(), entry).await? {
        AddProject::Added => Ok((StatusCode::CREATED, Json(new.into()))),
        AddProject::NameTaken => Err(NAME_TAKEN),
        AddProject::TooMany => Err(Error::Conflict("there are too many projects; delete one first")),
    }
}

/// Shows a project
#[utoipa::path(
    get,
    path = "/api/v1/projects/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    responses((status = 200, description = "The project", body = ProjectResponse), AppRecordFailures)
)]
pub(crate) async fn project(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<ProjectResponse>, Error> {
    Ok(Json(seen(&app, user, id).await?.into()))
}

body! {
    /// The body of `PUT /api/v1/projects/{id}`.
    #[schema(examples(json!({"description": "The public one."})))]
    edit struct UpdateProjectRequest {
        #[schema(required = false, value_type = Name)]
        project_name as "projectName": Change<Name>,
        #[schema(value_type = Option<Text>)]
        description: Change<Option<Text>>,
    }
}

/// Changes a project's name or description
///
/// Omitted members stay unchanged.
#[utoipa::path(
    put,
    path = "/api/v1/projects/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    request_body = UpdateProjectRequest,
    responses(
        (status = 200, description = "The project is changed", body = ProjectResponse),
        AppRecordFailures, AppForbiddenFailures, AppNameFailures
    )
)]
pub(crate) async fn update_project(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    body: JsonBody<UpdateProjectRequest>,
) -> Result<Json<ProjectResponse>, Error> {
    own(&app, user, id).await?;
    let given = body.read()?;
    let edit = ProjectEdit {
        id,
        owner_id: user.0,
        project_name: given.project_name.0.map(|Name(name)| name),
        description: given.description.0.map(Text::unless_empty),
        updated_at: now_ms(),
    };
    let entry = user.entry("update-project").on("projects", id);
    match app.app_credentials.update_project(edit, entry).await? {
        Some(true) => Ok(Json(own(&app, user, id).await?.into())),
        Some(false) => Err(NAME_TAKEN),
        None => Err(NOT_FOUND),
    }
}

/// Deletes a project
///
/// Its credentials stay with their owner.
#[utoipa::path(
    delete,
    path = "/api/v1/projects/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    responses(
        (status = 200, description = "The project is deleted", body = SuccessResponse),
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

body! {
    /// The body of `POST /api/v1/projects/{id}/members`.
    #[schema(examples(json!({"userIds": ["0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f"]})))]
    strict struct MembersRequest {
        #[schema(max_items = 1000, value_type = Vec<Uuid>)]
        user_ids as "userIds": Ids,
    }
}

/// Sets the members of a project
///
/// The list replaces all earlier members. Each must be a user of this server; if users are those of
/// a Directus, this is not checked.
// Decision: docs/decisions/app-credentials.md#a-project-member-must-be-a-user
#[utoipa::path(
    post,
    path = "/api/v1/projects/{id}/members",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    request_body = MembersRequest,
    responses(
        (status = 200, description = "The members are set", body = ProjectResponse),
        AppRecordFailures, AppForbiddenFailures, AppRoomFailures
    )
)]
pub(crate) async fn set_project_members(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    body: JsonBody<MembersRequest>,
) -> Result<Json<ProjectResponse>, Error> {
    own(&app, user, id).await?;
    let Ids(member_ids) = body.read()?.user_ids;
    let entry = user.entry("set-project-members").on("projects", id);
    // Only Directus knows its users.
    let are_users = app.identity.has_own_users();
    let set =
        app.app_credentials.set_project_members((user.0, id), member_ids, are_users, now_ms(), entry).await?;
    match set {
        SetMembers::Set => Ok(Json(own(&app, user, id).await?.into())),
        SetMembers::UnknownUser => {
            Err(Error::BadRequest("userIds has an id that is not a user's".to_owned()))
        }
        SetMembers::Gone => Err(NOT_FOUND),
    }
}

/// A project that the user owns or is a member of.
pub(super) async fn seen(app: &App, user: UserId, id: Uuid) -> Result<Project, Error> {
    let found = app.app_credentials.project(id).await?.ok_or(NOT_FOUND)?;
    if found.is_seen_by(user.0) { Ok(found) } else { Err(NOT_FOUND) }
}

/// A project that the user owns; a member has fewer rights.
async fn own(app: &App, user: UserId, id: Uuid) -> Result<Project, Error> {
    let project = seen(app, user, id).await?;
    if project.owner_id == user.0 { Ok(project) } else { Err(Error::Forbidden) }
}
