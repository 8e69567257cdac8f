//! `/api/v1/credential-types`.

use super::fields::{description, given_or, name};
use super::{NOT_FOUND, PAUSE, SuccessResponse, TRIES, TYPE_CHANGED};
use crate::app::App;
use crate::clock::{now_ms, render_ms};
use crate::error::Error;
use crate::identity::UserId;
use crate::openapi::{self, AppBuiltInFailures, AppInUseFailures, AppNameFailures, AppRecordFailures};
use crate::request::{Fields, Id, Listing, PageParameters, parse_id};
use crate::store::{CredentialType, DeleteType, FieldType, Page, PutType, TypeField};
use crate::streamed::{self, Streamed};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a definition has.
const MEMBERS: [&str; 3] = ["typeName", "description", "fields"];
/// Fields of one type.
pub(crate) const MAX_FIELDS: usize = 64;

/// A type of credentials.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CredentialTypeResponse {
    pub(crate) id: Uuid,
    pub(crate) type_name: String,
    #[schema(required)]
    pub(crate) description: Option<String>,
    pub(crate) fields: Vec<TypeFieldResponse>,
    /// Whose it is; null where it is built in.
    #[schema(required)]
    pub(crate) owner_id: Option<Uuid>,
    #[schema(value_type = openapi::Time)]
    pub(crate) created_at: String,
    #[schema(value_type = openapi::Time)]
    pub(crate) updated_at: String,
}

/// A field of a type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TypeFieldResponse {
    pub(crate) id: Uuid,
    pub(crate) field_name: String,
    pub(crate) field_label: String,
    #[schema(value_type = openapi::FieldType)]
    pub(crate) field_type: &'static str,
    /// Whether each credential must have a value in it.
    pub(crate) required: bool,
    /// Whether its values are shown only where they are revealed.
    pub(crate) sensitive: bool,
}

impl From<CredentialType> for CredentialTypeResponse {
    fn from(found: CredentialType) -> Self {
        Self {
            id: found.id,
            type_name: found.type_name,
            description: found.description,
            fields: found.fields.into_iter().map(TypeFieldResponse::from).collect(),
            owner_id: found.owner_id,
            created_at: render_ms(found.created_at),
            updated_at: render_ms(found.updated_at),
        }
    }
}

impl From<TypeField> for TypeFieldResponse {
    fn from(field: TypeField) -> Self {
        let TypeField { id, field_name, field_label, field_type, required, sensitive } = field;
        Self { id, field_name, field_label, field_type: field_type.as_str(), required, sensitive }
    }
}

/// Lists the built-in types and the caller's own
///
/// By name. A large page is sent piece by piece: what is deleted meanwhile is left out, and an
/// answer that is not read to its end within five minutes is cut off.
#[utoipa::path(
    get,
    path = "/api/v1/credential-types",
    tag = "App credentials",
    security(("user" = [])),
    params(PageParameters),
    responses((status = 200, description = "A page of them", body = Listing<CredentialTypeResponse>))
)]
pub(crate) async fn credential_types(
    user: UserId,
    State(app): State<Arc<App>>,
    page: Page,
) -> Result<Response, Error> {
    listed(user, app, page).await?.answer_page(page).await
}

/// A page of the types that the caller may make credentials of.
pub(crate) async fn listed(
    user: UserId,
    app: Arc<App>,
    page: Page,
) -> Result<Streamed<CredentialTypeResponse>, Error> {
    let found = app.app_credentials.credential_types(user.0, page).await?;
    let find = move |id| {
        let app = Arc::clone(&app);
        async move { app.app_credentials.credential_type(id).await }
    };
    Ok(streamed::records(found, find).map(Into::into))
}

/// Defines a type
#[utoipa::path(
    post,
    path = "/api/v1/credential-types",
    tag = "App credentials",
    security(("user" = [])),
    request_body = openapi::CredentialTypeRequest,
    responses((status = 201, description = "It is defined", body = CredentialTypeResponse), AppNameFailures)
)]
pub(crate) async fn add_credential_type(
    user: UserId,
    State(app): State<Arc<App>>,
    fields: Fields,
) -> Result<(StatusCode, Json<CredentialTypeResponse>), Error> {
    fields.know_only(&MEMBERS)?;
    let new = read(user, fields, None)?;
    let entry = user.entry("create-credential-type").on("credential_types", new.id);
    judge(app.app_credentials.add_credential_type(new.clone(), entry).await?)?;
    Ok((StatusCode::CREATED, Json(new.into())))
}

/// Shows a type
#[utoipa::path(
    get,
    path = "/api/v1/credential-types/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    responses((status = 200, description = "It", body = CredentialTypeResponse), AppRecordFailures)
)]
pub(crate) async fn credential_type(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<CredentialTypeResponse>, Error> {
    Ok(Json(usable(&app, user.0, id).await?.ok_or(NOT_FOUND)?.into()))
}

/// Changes a type
///
/// What is left out stays. Of `fields`, where they are there, one with the id of one
/// that is there stays that field; one whose id is left out is new; those that are not
/// named are gone. A field that credentials
/// have values in keeps its name and its type, and stays sensitive if it is.
#[utoipa::path(
    put,
    path = "/api/v1/credential-types/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    request_body = openapi::UpdateCredentialTypeRequest,
    responses(
        (status = 200, description = "It is changed", body = CredentialTypeResponse),
        AppRecordFailures, AppNameFailures, AppBuiltInFailures
    )
)]
pub(crate) async fn update_credential_type(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    fields: Fields,
) -> Result<Json<CredentialTypeResponse>, Error> {
    for _ in 0..TRIES {
        let kept = own(&app, user, id).await?;
        fields.allow_only(&MEMBERS)?;
        let changed = read(user, fields.clone(), Some(&kept))?;
        let entry = user.entry("update-credential-type").on("credential_types", id);
        match app.app_credentials.update_credential_type(changed, kept, entry).await? {
            // Another edit came in between.
            PutType::Stale => tokio::time::sleep(PAUSE).await,
            put => {
                judge(put)?;
                return Ok(Json(app.app_credentials.credential_type(id).await?.ok_or(NOT_FOUND)?.into()));
            }
        }
    }
    Err(TYPE_CHANGED)
}

/// Deletes a type that no credential is of
#[utoipa::path(
    delete,
    path = "/api/v1/credential-types/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    responses(
        (status = 200, description = "It is gone", body = SuccessResponse),
        AppRecordFailures, AppInUseFailures, AppBuiltInFailures
    )
)]
pub(crate) async fn delete_credential_type(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<SuccessResponse>, Error> {
    own(&app, user, id).await?;
    let entry = user.entry("delete-credential-type").on("credential_types", id);
    match app.app_credentials.delete_credential_type(user.0, id, entry).await? {
        DeleteType::Deleted => Ok(SuccessResponse::new()),
        DeleteType::InUse(credentials) => Err(Error::TypeInUse { credentials }),
        DeleteType::Gone => Err(NOT_FOUND),
    }
}

/// A type that the owner may make credentials of. Somebody else's is none: what is sensitive
/// is not theirs to say.
pub(super) async fn usable(app: &App, owner_id: Uuid, id: Uuid) -> Result<Option<CredentialType>, Error> {
    let found = app.app_credentials.credential_type(id).await?;
    Ok(found.filter(|found| found.is_usable_by(owner_id)))
}

/// A type that the user may change.
async fn own(app: &App, user: UserId, id: Uuid) -> Result<CredentialType, Error> {
    let found = usable(app, user.0, id).await?.ok_or(NOT_FOUND)?;
    if found.owner_id.is_some() { Ok(found) } else { Err(Error::ForbiddenBuiltIn) }
}

fn judge(put: PutType) -> Result<(), Error> {
    match put {
        PutType::Stored => Ok(()),
        PutType::NameTaken => Err(Error::Conflict("typeName is taken by another type of yours")),
        PutType::FieldInUse(credentials) => Err(Error::FieldInUse { credentials }),
        PutType::TooMany => Err(Error::Conflict("there are too many types: delete one first")),
        PutType::Stale => Err(TYPE_CHANGED),
        PutType::Gone => Err(NOT_FOUND),
    }
}

/// Reads a definition, or an edit of the one that is `kept`.
fn read(user: UserId, mut body: Fields, kept: Option<&CredentialType>) -> Result<CredentialType, Error> {
    let body = &mut body;
    let now = now_ms();
    Ok(CredentialType {
        id: kept.map_or_else(Uuid::now_v7, |kept| kept.id),
        owner_id: Some(user.0),
        type_name: given_or(body, "typeName", kept.map(|kept| kept.type_name.clone()), |body| {
            name(body, "typeName")
        })?,
        description: given_or(body, "description", kept.map(|kept| kept.description.clone()), description)?,
        fields: given_or(body, "fields", kept.map(|kept| kept.fields.clone()), |body| {
            read_fields(body, kept.map_or(&[], |kept| &kept.fields))
        })?,
        created_at: kept.map_or(now, |kept| kept.created_at),
        updated_at: now,
    })
}

/// Reads fields, which may have the ids of the `known` ones.
fn read_fields(body: &mut Fields, known: &[TypeField]) -> Result<Vec<TypeField>, Error> {
    let given =
        body.objects("fields")?.ok_or_else(|| Error::BadRequest("fields array required".to_owned()))?;
    if given.is_empty() || given.len() > MAX_FIELDS {
        return Err(Error::BadRequest(format!("fields must have 1 to {MAX_FIELDS} members")));
    }
    let mut fields: Vec<TypeField> = Vec::with_capacity(given.len());
    for (index, field) in given.into_iter().enumerate() {
        let field = read_field(field, known).map_err(|error| error.in_place(&format!("fields[{index}]")))?;
        if fields.iter().any(|other| other.field_name == field.field_name) {
            return Err(Error::BadRequest(format!("fields[{index}]: fieldName is another field's")));
        }
        fields.push(field);
    }
    if fields.iter().map(|field| field.id).collect::<BTreeSet<_>>().len() < fields.len() {
        return Err(Error::BadRequest("fields names an id twice".to_owned()));
    }
    Ok(fields)
}

fn read_field(mut field: Fields, known: &[TypeField]) -> Result<TypeField, Error> {
    field.know_only(&["id", "fieldName", "fieldLabel", "fieldType", "required", "sensitive"])?;
    let id = match field.text("id")? {
        None => Uuid::now_v7(),
        Some(id) => {
            let id = parse_id(&id, "id")?;
            if known.iter().all(|known| known.id != id) {
                return Err(Error::BadRequest("id is no field's of this type".to_owned()));
            }
            id
        }
    };
    let field_name = name(&mut field, "fieldName")?;
    let field_label = name(&mut field, "fieldLabel")?;
    let field_type = FieldType::parse(&field.required_text("fieldType")?).ok_or_else(|| {
        Error::BadRequest("fieldType must be string, password, number, boolean, url or json".to_owned())
    })?;
    let required = field.boolean("required")?.unwrap_or(false);
    // A password is nothing to be shown unless somebody says so.
    let sensitive = field.boolean("sensitive")?.unwrap_or(field_type == FieldType::Password);
    Ok(TypeField { id, field_name, field_label, field_type, required, sensitive })
}
