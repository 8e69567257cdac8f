//! `/api/v1/app-credentials`.

use super::fields::{description, id, ids, name};
use super::filter::FilterParameters;
use super::if_match::{IfMatch, entity_tag};
use super::values::{self, GivenValues, KeyResponse, Showing, type_of};
use super::{NOT_FOUND, PAUSE, SuccessResponse, TRIES, TYPE_CHANGED, types};
use crate::app::App;
use crate::clock::{now_ms, render_ms};
use crate::error::Error;
use crate::identity::UserId;
use crate::openapi::{self, AppNameFailures, AppRecordFailures, StaleEditFailures};
use crate::request::{Fields, Id, Listing, PageParameters};
use crate::store::{
    Actor, AppCredential, AppCredentialFilter, CredentialType, Page, PutAppCredential, Revision,
};
use crate::streamed::{self, Streamed};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use utoipa::ToSchema;
use uuid::Uuid;

/// Projects that one credential is handed to.
pub(crate) const MAX_PROJECTS: usize = 1000;
const NAME_TAKEN: Error = Error::Conflict("credentialName is taken by another credential of yours");
const PROJECT_FULL: Error = Error::Conflict("a project has as many credentials as it can have: 1000");
const CHANGED: Error = Error::Conflict("the credential was changed all the while; try again");
const UNKNOWN_PROJECT: &str = "projectIds names a project that is none of yours";

/// A credential.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppCredentialResponse {
    pub(crate) id: Uuid,
    pub(crate) credential_name: String,
    pub(crate) credential_type_id: Uuid,
    #[schema(required)]
    pub(crate) description: Option<String>,
    /// All fields of its type, in their order.
    pub(crate) keys: Vec<KeyResponse>,
    pub(crate) project_ids: Vec<Uuid>,
    pub(crate) owner_id: Uuid,
    #[schema(value_type = openapi::Time)]
    pub(crate) created_at: String,
    #[schema(value_type = openapi::Time)]
    pub(crate) updated_at: String,
}

impl AppCredentialResponse {
    pub(super) fn of(
        app: &App,
        credential: AppCredential,
        of: &CredentialType,
        showing: Showing,
    ) -> Result<Self, Error> {
        Ok(Self {
            id: credential.id,
            keys: values::show(app, &credential, of, showing)?,
            credential_name: credential.credential_name,
            credential_type_id: credential.credential_type_id,
            description: credential.description,
            project_ids: credential.project_ids,
            owner_id: credential.owner_id,
            created_at: render_ms(credential.created_at),
            updated_at: render_ms(credential.updated_at),
        })
    }

    /// What it shows for a field.
    pub(crate) fn key(&self, field_id: Uuid) -> Option<&KeyResponse> {
        self.keys.iter().find(|key| key.field_id == field_id)
    }

    /// As a member of the project sees it: whom else its owner handed it to is nothing
    /// to him.
    pub(super) fn to(self, user: UserId, project_id: Uuid) -> Self {
        let is_own = self.owner_id == user.0;
        let project_ids = if is_own { self.project_ids } else { vec![project_id] };
        Self { project_ids, ..self }
    }
}

/// Lists the caller's credentials
///
/// Newest first, then by id. Values of sensitive fields are not shown. A large page is sent
/// piece by piece: what is deleted meanwhile is left out, and an answer that is not read to
/// its end within five minutes is cut off.
#[utoipa::path(
    get,
    path = "/api/v1/app-credentials",
    tag = "App credentials",
    security(("user" = [])),
    params(FilterParameters, PageParameters),
    responses((status = 200, description = "A page of them", body = Listing<AppCredentialResponse>))
)]
pub(crate) async fn app_credentials(
    user: UserId,
    State(app): State<Arc<App>>,
    filter: AppCredentialFilter,
    page: Page,
) -> Result<Response, Error> {
    listed(user, app, filter, page).await?.answer_page(page).await
}

/// A page of the caller's credentials.
pub(crate) async fn listed(
    user: UserId,
    app: Arc<App>,
    filter: AppCredentialFilter,
    page: Page,
) -> Result<Streamed<AppCredentialResponse>, Error> {
    let found = app.app_credentials.app_credentials_of(user.0, filter, page).await?;
    let store = Arc::clone(&app);
    let find = move |id| {
        let store = Arc::clone(&store);
        async move { store.app_credentials.app_credential(Actor::User(user.0), id).await }
    };
    Ok(show_all(app, streamed::records(found, find)))
}

/// Makes a credential
///
/// And hands it to projects, where some are named; a project has at most 1,000. Its
/// values have at most 131,072 bytes together.
#[utoipa::path(
    post,
    path = "/api/v1/app-credentials",
    tag = "App credentials",
    security(("user" = [])),
    request_body = openapi::AddAppCredentialRequest,
    responses((status = 201, description = "It is stored", body = AppCredentialResponse), AppNameFailures)
)]
pub(crate) async fn add_app_credential(
    user: UserId,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<(StatusCode, Tagged), Error> {
    let (new, of) = read_new(&app, user, &mut fields).await?;
    let entry = user.entry("create-app-credential").on("app_credentials", new.id);
    match app.app_credentials.add_app_credential(new.clone(), of.updated_at, entry).await? {
        PutAppCredential::Stored => Ok((StatusCode::CREATED, answer(&app, new, &of)?)),
        PutAppCredential::NameTaken => Err(NAME_TAKEN),
        PutAppCredential::UnknownProject => Err(Error::BadRequest(UNKNOWN_PROJECT.to_owned())),
        PutAppCredential::ProjectFull => Err(PROJECT_FULL),
        PutAppCredential::Stale => Err(TYPE_CHANGED),
    }
}

/// A new credential as it is given, and the type that it is of.
async fn read_new(
    app: &App,
    user: UserId,
    fields: &mut Fields,
) -> Result<(AppCredential, CredentialType), Error> {
    fields.know_only(&["credentialName", "credentialTypeId", "description", "keys", "projectIds"])?;
    let credential_name = name(fields, "credentialName")?;
    let credential_type_id = id(fields, "credentialTypeId")?;
    let description = description(fields)?;
    let given = values::read(fields)?.unwrap_or_default();
    let project_ids = ids(fields, "projectIds", MAX_PROJECTS)?.unwrap_or_default();
    let unknown = || Error::BadRequest("credentialTypeId is no credential type of yours".to_owned());
    let of = types::usable(app, user.0, credential_type_id).await?.ok_or_else(unknown)?;
    let now = now_ms();
    let mut new = AppCredential {
        id: Uuid::now_v7(),
        owner_id: user.0,
        credential_name,
        credential_type_id,
        description,
        values: Vec::new(),
        project_ids,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    new.values = values::seal(app, &new, &of, &given)?;
    Ok((new, of))
}

/// Shows a credential
///
/// Values of sensitive fields are not shown. The `ETag` is good for `If-Match`.
#[utoipa::path(
    get,
    path = "/api/v1/app-credentials/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    responses((status = 200, description = "It", body = AppCredentialResponse), AppRecordFailures)
)]
pub(crate) async fn app_credential(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Tagged, Error> {
    let found = own(&app, user, id).await?;
    let of = type_of(&app, &found).await?;
    answer(&app, found, &of)
}

/// Changes a credential
///
/// What is left out stays. `keys`, where it is there, replaces all values, but
/// those of sensitive fields that it leaves out or blank.
#[utoipa::path(
    put,
    path = "/api/v1/app-credentials/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id, IfMatch),
    request_body = openapi::UpdateAppCredentialRequest,
    responses(
        (status = 200, description = "It is changed", body = AppCredentialResponse),
        AppRecordFailures, AppNameFailures, StaleEditFailures
    )
)]
pub(crate) async fn update_app_credential(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    if_match: IfMatch,
    mut fields: Fields,
) -> Result<Tagged, Error> {
    let edit = Edit::read(&mut fields)?;
    for _ in 0..TRIES {
        let current = own(&app, user, id).await?;
        let of = type_of(&app, &current).await?;
        if_match.check(revision(&current, &of))?;
        let changed = edit.of(&app, current, &of)?;
        let entry = user.entry("update-app-credential").on("app_credentials", id);
        match app.app_credentials.update_app_credential(changed.clone(), of.updated_at, entry).await? {
            PutAppCredential::NameTaken => return Err(NAME_TAKEN),
            PutAppCredential::Stored => return answer(&app, changed, &of),
            // Another edit came in between.
            PutAppCredential::Stale | PutAppCredential::UnknownProject | PutAppCredential::ProjectFull => {
                tokio::time::sleep(PAUSE).await
            }
        }
    }
    Err(CHANGED)
}

/// What an edit changes; what is left out of it stays.
struct Edit {
    name: Option<String>,
    description: Option<Option<String>>,
    values: Option<GivenValues>,
}

impl Edit {
    fn read(fields: &mut Fields) -> Result<Self, Error> {
        fields.allow_only(&["credentialName", "description", "keys"])?;
        Ok(Self {
            name: fields.has("credentialName").then(|| name(fields, "credentialName")).transpose()?,
            description: fields.has("description").then(|| description(fields)).transpose()?,
            values: values::read(fields)?,
        })
    }

    /// The credential as it is with this edit.
    fn of(&self, app: &App, current: AppCredential, of: &CredentialType) -> Result<AppCredential, Error> {
        let mut changed = AppCredential { version: current.version + 1, updated_at: now_ms(), ..current };
        if let Some(name) = &self.name {
            changed.credential_name.clone_from(name);
        }
        if let Some(description) = &self.description {
            changed.description.clone_from(description);
        }
        if let Some(given) = &self.values {
            changed.values = values::seal(app, &changed, of, given)?;
        }
        Ok(changed)
    }
}

/// Deletes a credential with its values
#[utoipa::path(
    delete,
    path = "/api/v1/app-credentials/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id, IfMatch),
    responses(
        (status = 200, description = "It is gone", body = SuccessResponse), AppRecordFailures, StaleEditFailures
    )
)]
pub(crate) async fn delete_app_credential(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    if_match: IfMatch,
) -> Result<Json<SuccessResponse>, Error> {
    for _ in 0..TRIES {
        let known = known(&app, user, id, &if_match).await?;
        let entry = user.entry("delete-app-credential").on("app_credentials", id);
        if app.app_credentials.delete_app_credential(user.0, id, known, entry).await? {
            return Ok(SuccessResponse::new());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(CHANGED)
}

/// That a project has been handed a credential.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssignmentResponse {
    credential_id: Uuid,
    project_id: Uuid,
    #[schema(value_type = openapi::Time)]
    assigned_at: String,
}

/// Hands a credential to projects
///
/// To these and to no others; to none of them where one is unknown, or has 1,000
/// credentials already.
#[utoipa::path(
    post,
    path = "/api/v1/app-credentials/{id}/assign-projects",
    tag = "App credentials",
    security(("user" = [])),
    params(Id, IfMatch),
    request_body = openapi::AssignProjectsRequest,
    responses(
        (status = 200, description = "They have it", body = Vec<AssignmentResponse>),
        AppRecordFailures, AppNameFailures, StaleEditFailures
    )
)]
pub(crate) async fn assign_projects(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    if_match: IfMatch,
    mut fields: Fields,
) -> Result<Json<Vec<AssignmentResponse>>, Error> {
    fields.know_only(&["projectIds"])?;
    let required = || Error::BadRequest("projectIds array required".to_owned());
    let project_ids = ids(&mut fields, "projectIds", MAX_PROJECTS)?.ok_or_else(required)?;
    for _ in 0..TRIES {
        let known = known(&app, user, id, &if_match).await?;
        let now = now_ms();
        let entry = user.entry("assign-app-credential").on("app_credentials", id);
        let own = (user.0, id);
        match app.app_credentials.assign_app_credential(own, known, project_ids.clone(), now, entry).await? {
            PutAppCredential::Stored => {
                let assigned_at = render_ms(now);
                let assignment = |project_id| AssignmentResponse {
                    credential_id: id,
                    project_id,
                    assigned_at: assigned_at.clone(),
                };
                return Ok(Json(project_ids.into_iter().map(assignment).collect()));
            }
            PutAppCredential::UnknownProject => return Err(Error::BadRequest(UNKNOWN_PROJECT.to_owned())),
            PutAppCredential::ProjectFull => return Err(PROJECT_FULL),
            PutAppCredential::NameTaken | PutAppCredential::Stale => tokio::time::sleep(PAUSE).await,
        }
    }
    Err(CHANGED)
}

/// In which revision a credential of the user's own must be when it is changed; none
/// where the caller takes any.
async fn known(app: &App, user: UserId, id: Uuid, if_match: &IfMatch) -> Result<Option<Revision>, Error> {
    let current = own(app, user, id).await?;
    let of = type_of(app, &current).await?;
    if_match.check(revision(&current, &of))
}

/// The user's own credential; another's is as if it were not there.
pub(super) async fn own(app: &App, user: UserId, id: Uuid) -> Result<AppCredential, Error> {
    app.app_credentials.app_credential(Actor::User(user.0), id).await?.ok_or(NOT_FOUND)
}

/// Credentials as lists show them. A type is looked up for all that follow one another.
pub(super) fn show_all(app: Arc<App>, found: Streamed<AppCredential>) -> Streamed<AppCredentialResponse> {
    let known: Arc<Mutex<Option<KnownType>>> = Arc::default();
    found.and_then(move |credential| {
        let (app, known) = (Arc::clone(&app), Arc::clone(&known));
        async move {
            let mut known = known.lock().await;
            let of = match known.take().filter(|known| known.is_of(&credential)) {
                Some(known) => Some(known),
                None => KnownType::find(&app, &credential).await?,
            };
            // Where its type is gone, it has gone itself since it was read.
            let Some(of) = of else { return Ok(None) };
            let shown = AppCredentialResponse::of(&app, credential, &of.found, Showing::Harmless)?;
            *known = Some(of);
            Ok(Some(shown))
        }
    })
}

/// A type as it was a moment ago: what is shown of it may be secret a moment later.
struct KnownType {
    found: CredentialType,
    until: Instant,
}

impl KnownType {
    async fn find(app: &App, credential: &AppCredential) -> Result<Option<Self>, Error> {
        let found = types::usable(app, credential.owner_id, credential.credential_type_id).await?;
        Ok(found.map(|found| Self { found, until: Instant::now() + Duration::from_secs(1) }))
    }

    fn is_of(&self, credential: &AppCredential) -> bool {
        let is_its_type = self.found.id == credential.credential_type_id;
        is_its_type && self.found.is_usable_by(credential.owner_id) && Instant::now() < self.until
    }
}

/// A credential with its `ETag`.
pub(crate) type Tagged = ([(HeaderName, String); 1], Json<AppCredentialResponse>);

fn answer(app: &App, credential: AppCredential, of: &CredentialType) -> Result<Tagged, Error> {
    let tag = entity_tag(revision(&credential, of));
    let shown = AppCredentialResponse::of(app, credential, of, Showing::Harmless)?;
    Ok(([(header::ETAG, tag)], Json(shown)))
}

fn revision(credential: &AppCredential, of: &CredentialType) -> Revision {
    Revision { version: credential.version, type_updated_at: of.updated_at }
}
