//! `/api/v1/app-credentials`.

use super::filter::FilterParameters;
use super::if_match::{IfMatch, entity_tag};
use super::values::{self, GivenValues, KeyRequest, KeyResponse, Showing, type_of};
use super::{NOT_FOUND, PAUSE, SuccessResponse, TRIES, TYPE_CHANGED, types};
use crate::app::App;
use crate::body::{Change, Ids, JsonBody, Name, Text, Time, body};
use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::UserId;
use crate::openapi::{AppNameFailures, AppRecordFailures, StaleEditFailures};
use crate::request::{Id, Listing, PageParameters};
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

const NAME_TAKEN: Error = Error::Conflict("credentialName is taken by another credential of yours");
const PROJECT_FULL: Error = Error::Conflict("a project already has the most credentials allowed: 1000");
const CHANGED: Error = Error::Conflict("the credential kept changing; try again");
const UNKNOWN_PROJECT: &str = "projectIds has a project that is not yours";

/// A credential.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppCredentialResponse {
    pub(crate) id: Uuid,
    pub(crate) credential_name: String,
    pub(crate) credential_type_id: Uuid,
    #[schema(required)]
    pub(crate) description: Option<String>,
    /// All fields of its type, in order.
    pub(crate) keys: Vec<KeyResponse>,
    pub(crate) project_ids: Vec<Uuid>,
    pub(crate) owner_id: Uuid,
    pub(crate) created_at: Time,
    pub(crate) updated_at: Time,
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
            created_at: Time(credential.created_at),
            updated_at: Time(credential.updated_at),
        })
    }

    /// The entry for a field.
    pub(crate) fn key(&self, field_id: Uuid) -> Option<&KeyResponse> {
        self.keys.iter().find(|key| key.field_id == field_id)
    }

    /// The member's view in this project, which does not reveal the other projects.
    pub(super) fn to(self, user: UserId, project_id: Uuid) -> Self {
        let is_own = self.owner_id == user.0;
        let project_ids = if is_own { self.project_ids } else { vec![project_id] };
        Self { project_ids, ..self }
    }
}

/// Lists the caller's credentials
///
/// Newest first, then by id. Values of sensitive fields are hidden. A large page is sent in pieces:
/// records deleted meanwhile are left out, and an answer that is not read within five minutes is
/// cut off.
#[utoipa::path(
    get,
    path = "/api/v1/app-credentials",
    tag = "App credentials",
    security(("user" = [])),
    params(FilterParameters, PageParameters),
    responses((status = 200, description = "A page of credentials", body = Listing<AppCredentialResponse>))
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

body! {
    /// The body of `POST /api/v1/app-credentials`.
    #[schema(examples(json!({
        "credentialName": "Payments", "credentialTypeId": "00000000-0000-4000-8000-000000000400",
        "keys": [{"fieldId": "00000000-0000-4000-8000-000000000402", "keyValue": "sk-0f9e8d7c6b5a"}]
    })))]
    strict struct AddAppCredentialRequest {
        credential_name as "credentialName": Name,
        credential_type_id as "credentialTypeId": Uuid,
        description: Option<Text>,
        keys: Option<Vec<KeyRequest>>,
        #[schema(max_items = 1000, value_type = Option<Vec<Uuid>>)]
        project_ids as "projectIds": Option<Ids>,
    }
}

/// Adds a credential
///
/// Assigns it to the named projects, if any; a project has at most 1,000. Its values have at most
/// 131,072 bytes together.
#[utoipa::path(
    post,
    path = "/api/v1/app-credentials",
    tag = "App credentials",
    security(("user" = [])),
    request_body = AddAppCredentialRequest,
    responses((status = 201, description = "The credential is stored", body = AppCredentialResponse), AppNameFailures)
)]
pub(crate) async fn add_app_credential(
    user: UserId,
    State(app): State<Arc<App>>,
    body: JsonBody<AddAppCredentialRequest>,
) -> Result<(StatusCode, Tagged), Error> {
    let (new, of) = new(&app, user, body.read()?).await?;
    let entry = user.entry("create-app-credential").on("app_credentials", new.id);
    match app.app_credentials.add_app_credential(new.clone(), of.updated_at, entry).await? {
        PutAppCredential::Stored => Ok((StatusCode::CREATED, answer(&app, new, &of)?)),
        PutAppCredential::NameTaken => Err(NAME_TAKEN),
        PutAppCredential::UnknownProject => Err(Error::BadRequest(UNKNOWN_PROJECT.to_owned())),
        PutAppCredential::ProjectFull => Err(PROJECT_FULL),
        PutAppCredential::Stale => Err(TYPE_CHANGED),
    }
}

/// A new credential from the request, and its type.
async fn new(
    app: &App,
    user: UserId,
    given: AddAppCredentialRequest,
) -> Result<(AppCredential, CredentialType), Error> {
    let credential_type_id = given.credential_type_id;
    let values = values::by_field(given.keys.unwrap_or_default())?;
    let unknown = || Error::BadRequest("credentialTypeId is not one of your credential types".to_owned());
    let of = types::usable(app, user.0, credential_type_id).await?.ok_or_else(unknown)?;
    let now = now_ms();
    let mut new = AppCredential {
        id: Uuid::now_v7(),
        owner_id: user.0,
        credential_name: given.credential_name.0,
        credential_type_id,
        description: Text::unless_empty(given.description),
        values: Vec::new(),
        project_ids: given.project_ids.map(|Ids(ids)| ids).unwrap_or_default(),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    new.values = values::seal(app, &new, &of, &values)?;
    Ok((new, of))
}

/// Shows a credential
///
/// Values of sensitive fields are hidden. Use the `ETag` for `If-Match`.
#[utoipa::path(
    get,
    path = "/api/v1/app-credentials/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    responses((status = 200, description = "The credential", body = AppCredentialResponse), AppRecordFailures)
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

body! {
    /// The body of `PUT /api/v1/app-credentials/{id}`.
    #[schema(examples(json!({"description": "For refunds, too."})))]
    edit struct UpdateAppCredentialRequest {
        #[schema(required = false, value_type = Name)]
        credential_name as "credentialName": Change<Name>,
        #[schema(value_type = Option<Text>)]
        description: Change<Option<Text>>,
        keys: Option<Vec<KeyRequest>>,
    }
}

/// Changes a credential
///
/// Omitted members stay unchanged. `keys`, if present, replaces all values except those of
/// sensitive fields that are omitted or blank.
#[utoipa::path(
    put,
    path = "/api/v1/app-credentials/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id, IfMatch),
    request_body = UpdateAppCredentialRequest,
    responses(
        (status = 200, description = "The credential is changed", body = AppCredentialResponse),
        AppRecordFailures, AppNameFailures, StaleEditFailures
    )
)]
pub(crate) async fn update_app_credential(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    if_match: IfMatch,
    body: JsonBody<UpdateAppCredentialRequest>,
) -> Result<Tagged, Error> {
    let given = body.read()?;
    let edit = Edit {
        name: given.credential_name.0.map(|Name(name)| name),
        description: given.description.0.map(Text::unless_empty),
        values: given.keys.map(values::by_field).transpose()?,
    };
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

/// The changes of an edit; omitted ones keep the old value.
struct Edit {
    name: Option<String>,
    description: Option<Option<String>>,
    values: Option<GivenValues>,
}

impl Edit {
    /// The credential after this edit.
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
        (status = 200, description = "The credential is deleted", body = SuccessResponse), AppRecordFailures, StaleEditFailures
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

body! {
    /// The body of `POST /api/v1/app-credentials/{id}/assign-projects`.
    #[schema(examples(json!({"projectIds": []})))]
    strict struct AssignProjectsRequest {
        #[schema(max_items = 1000, value_type = Vec<Uuid>)]
        project_ids as "projectIds": Ids,
    }
}

/// The assignment of a credential to a project.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssignmentResponse {
    credential_id: Uuid,
    project_id: Uuid,
    assigned_at: Time,
}

/// Assigns a credential to projects
///
/// The list replaces all earlier projects. If a project is unknown or already has 1,000
/// credentials, nothing changes.
#[utoipa::path(
    post,
    path = "/api/v1/app-credentials/{id}/assign-projects",
    tag = "App credentials",
    security(("user" = [])),
    params(Id, IfMatch),
    request_body = AssignProjectsRequest,
    responses(
        (status = 200, description = "The credential is assigned", body = Vec<AssignmentResponse>),
        AppRecordFailures, AppNameFailures, StaleEditFailures
    )
)]
pub(crate) async fn assign_projects(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    if_match: IfMatch,
    body: JsonBody<AssignProjectsRequest>,
) -> Result<Json<Vec<AssignmentResponse>>, Error> {
    let Ids(project_ids) = body.read()?.project_ids;
    for _ in 0..TRIES {
        let known = known(&app, user, id, &if_match).await?;
        let now = now_ms();
        let entry = user.entry("assign-app-credential").on("app_credentials", id);
        let own = (user.0, id);
        match app.app_credentials.assign_app_credential(own, known, project_ids.clone(), now, entry).await? {
            PutAppCredential::Stored => {
                let assignment =
                    |project_id| AssignmentResponse { credential_id: id, project_id, assigned_at: Time(now) };
                return Ok(Json(project_ids.into_iter().map(assignment).collect()));
            }
            PutAppCredential::UnknownProject => return Err(Error::BadRequest(UNKNOWN_PROJECT.to_owned())),
            PutAppCredential::ProjectFull => return Err(PROJECT_FULL),
            PutAppCredential::NameTaken | PutAppCredential::Stale => tokio::time::sleep(PAUSE).await,
        }
    }
    Err(CHANGED)
}

/// The revision that a credential of the user must still have when it changes; `None` if the caller
/// accepts any.
async fn known(app: &App, user: UserId, id: Uuid, if_match: &IfMatch) -> Result<Option<Revision>, Error> {
    let current = own(app, user, id).await?;
    let of = type_of(app, &current).await?;
    if_match.check(revision(&current, &of))
}

/// The user's own credential; another user's counts as missing.
pub(super) async fn own(app: &App, user: UserId, id: Uuid) -> Result<AppCredential, Error> {
    app.app_credentials.app_credential(Actor::User(user.0), id).await?.ok_or(NOT_FOUND)
}

/// Credentials for lists. Consecutive credentials of one type share a look-up of the type.
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
            // The credential and its type were deleted since it was read.
            let Some(of) = of else { return Ok(None) };
            let shown = AppCredentialResponse::of(&app, credential, &of.found, Showing::Harmless)?;
            *known = Some(of);
            Ok(Some(shown))
        }
    })
}

/// A type as it was a moment ago: a shown field may become secret a moment later.
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
