//! `/api/v1/credential-types`.

use super::{NOT_FOUND, PAUSE, SuccessResponse, TRIES, TYPE_CHANGED};
use crate::app::App;
use crate::body::{Change, FieldId, JsonBody, Name, Text, Time, body};
use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::UserId;
use crate::openapi::{AppBuiltInFailures, AppInUseFailures, AppNameFailures, AppRecordFailures};
use crate::request::{Id, Listing, PageParameters};
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

/// The most fields of one type.
pub(crate) const MAX_FIELDS: usize = 64;

/// A credential type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CredentialTypeResponse {
    pub(crate) id: Uuid,
    pub(crate) type_name: String,
    #[schema(required)]
    pub(crate) description: Option<String>,
    pub(crate) fields: Vec<TypeField>,
    /// Its owner; null if it is built in.
    #[schema(required)]
    pub(crate) owner_id: Option<Uuid>,
    pub(crate) created_at: Time,
    pub(crate) updated_at: Time,
}

impl From<CredentialType> for CredentialTypeResponse {
    fn from(found: CredentialType) -> Self {
        Self {
            id: found.id,
            type_name: found.type_name,
            description: found.description,
            fields: found.fields,
            owner_id: found.owner_id,
            created_at: Time(found.created_at),
            updated_at: Time(found.updated_at),
        }
    }
}

body! {
    /// The body of `POST /api/v1/credential-types`.
    #[schema(examples(json!({
        "typeName": "SMTP", "description": "A mail server.",
        "fields": [
            {"fieldName": "host", "fieldLabel": "Host", "fieldType": "string", "required": true},
            {"fieldName": "password", "fieldLabel": "Password", "fieldType": "password", "sensitive": true}
        ]
    })))]
    strict struct CredentialTypeRequest {
        type_name as "typeName": Name,
        description: Option<Text>,
        #[schema(min_items = 1, max_items = 64)]
        fields: Vec<TypeFieldRequest>,
    }

    /// The body of `PUT /api/v1/credential-types/{id}`.
    #[schema(examples(json!({"description": "A mail server."})))]
    edit struct UpdateCredentialTypeRequest {
        #[schema(required = false, value_type = Name)]
        type_name as "typeName": Change<Name>,
        #[schema(value_type = Option<Text>)]
        description: Change<Option<Text>>,
        #[schema(required = false, min_items = 1, max_items = 64, value_type = Vec<TypeFieldRequest>)]
        fields: Change<Vec<TypeFieldRequest>>,
    }

    /// A field of a type; its name is unique within the type.
    strict struct TypeFieldRequest {
        /// The id of an existing field; absent for a new one.
        #[schema(value_type = Option<FieldId>)]
        id: Option<Uuid>,
        field_name as "fieldName": Name,
        field_label as "fieldLabel": Name,
        field_type as "fieldType": FieldType,
        /// Whether each credential must have a value for it.
        required: Option<bool>,
        /// Whether its values are hidden until they are revealed. If absent, only passwords are.
        sensitive: Option<bool>,
    }
}

impl TypeFieldRequest {
    fn of(&self, known: &[TypeField]) -> Result<TypeField, Error> {
        let id = self.id.unwrap_or_else(Uuid::now_v7);
        if self.id.is_some() && known.iter().all(|known| known.id != id) {
            return Err(Error::BadRequest("id is not a field of this type".to_owned()));
        }
        Ok(TypeField {
            id,
            field_name: self.field_name.0.clone(),
            field_label: self.field_label.0.clone(),
            field_type: self.field_type,
            required: self.required.unwrap_or(false),
            // A password is hidden unless the definition says otherwise.
            sensitive: self.sensitive.unwrap_or(self.field_type == FieldType::Password),
        })
    }
}

/// Lists the built-in types and the caller's own
///
/// By name. A large page is sent in pieces: records deleted meanwhile are left out, and an answer
/// that is not read within five minutes is cut off.
#[utoipa::path(
    get,
    path = "/api/v1/credential-types",
    tag = "App credentials",
    security(("user" = [])),
    params(PageParameters),
    responses((status = 200, description = "A page of credential types", body = Listing<CredentialTypeResponse>))
)]
pub(crate) async fn credential_types(
    user: UserId,
    State(app): State<Arc<App>>,
    page: Page,
) -> Result<Response, Error> {
    listed(user, app, page).await?.answer_page(page).await
}

/// A page of the types that the caller can use.
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
    request_body = CredentialTypeRequest,
    responses((status = 201, description = "The type is stored", body = CredentialTypeResponse), AppNameFailures)
)]
pub(crate) async fn add_credential_type(
    user: UserId,
    State(app): State<Arc<App>>,
    body: JsonBody<CredentialTypeRequest>,
) -> Result<(StatusCode, Json<CredentialTypeResponse>), Error> {
    let new = defined(user, body.read()?)?;
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
    responses((status = 200, description = "The type", body = CredentialTypeResponse), AppRecordFailures)
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
/// Omitted members stay unchanged. `fields`, if present, replaces all fields: one with the id of an
/// existing field keeps it, one without an id is new, and omitted ones are removed. A field with
/// values in credentials keeps its name and type, and stays sensitive if it is.
#[utoipa::path(
    put,
    path = "/api/v1/credential-types/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    request_body = UpdateCredentialTypeRequest,
    responses(
        (status = 200, description = "The type is changed", body = CredentialTypeResponse),
        AppRecordFailures, AppNameFailures, AppBuiltInFailures
    )
)]
pub(crate) async fn update_credential_type(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    body: JsonBody<UpdateCredentialTypeRequest>,
) -> Result<Json<CredentialTypeResponse>, Error> {
    let mut kept = own(&app, user, id).await?;
    let edit = body.read()?;
    for _ in 0..TRIES {
        let changed = changed(&edit, &kept)?;
        let entry = user.entry("update-credential-type").on("credential_types", id);
        match app.app_credentials.update_credential_type(changed, kept, entry).await? {
            // Another edit came in between.
            PutType::Stale => {
                tokio::time::sleep(PAUSE).await;
                kept = own(&app, user, id).await?;
            }
            put => {
                judge(put)?;
                return Ok(Json(app.app_credentials.credential_type(id).await?.ok_or(NOT_FOUND)?.into()));
            }
        }
    }
    Err(TYPE_CHANGED)
}

/// Deletes a type without credentials
#[utoipa::path(
    delete,
    path = "/api/v1/credential-types/{id}",
    tag = "App credentials",
    security(("user" = [])),
    params(Id),
    responses(
        (status = 200, description = "The type is deleted", body = SuccessResponse),
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

/// A type that the owner can use. Another user's type is not usable: that user would decide what is
/// sensitive.
pub(super) async fn usable(app: &App, owner_id: Uuid, id: Uuid) -> Result<Option<CredentialType>, Error> {
    let found = app.app_credentials.credential_type(id).await?;
    Ok(found.filter(|found| found.is_usable_by(owner_id)))
}

/// A type that the user can change.
async fn own(app: &App, user: UserId, id: Uuid) -> Result<CredentialType, Error> {
    let found = usable(app, user.0, id).await?.ok_or(NOT_FOUND)?;
    if found.owner_id.is_some() { Ok(found) } else { Err(Error::ForbiddenBuiltIn) }
}

fn judge(put: PutType) -> Result<(), Error> {
    match put {
        PutType::Stored => Ok(()),
        PutType::NameTaken => Err(Error::Conflict("typeName is taken by another type of yours")),
        PutType::FieldInUse(credentials) => Err(Error::FieldInUse { credentials }),
        PutType::TooMany => Err(Error::Conflict("there are too many types; delete one first")),
        PutType::Stale => Err(TYPE_CHANGED),
        PutType::Gone => Err(NOT_FOUND),
    }
}

/// A new type of the user.
fn defined(user: UserId, given: CredentialTypeRequest) -> Result<CredentialType, Error> {
    let now = now_ms();
    Ok(CredentialType {
        id: Uuid::now_v7(),
        owner_id: Some(user.0),
        type_name: given.type_name.0,
        description: Text::unless_empty(given.description),
        fields: fields(&given.fields, &[])?,
        created_at: now,
        updated_at: now,
    })
}

/// The stored type `kept` after an edit.
fn changed(edit: &UpdateCredentialTypeRequest, kept: &CredentialType) -> Result<CredentialType, Error> {
    let mut changed = CredentialType { updated_at: now_ms(), ..kept.clone() };
    if let Some(Name(name)) = &edit.type_name.0 {
        changed.type_name.clone_from(name);
    }
    if let Some(description) = &edit.description.0 {
        changed.description = Text::unless_empty(description.clone());
    }
    if let Some(given) = &edit.fields.0 {
        changed.fields = fields(given, &kept.fields)?;
    }
    Ok(changed)
}

/// The given fields; one may have the id of a `known` field, which it replaces.
fn fields(given: &[TypeFieldRequest], known: &[TypeField]) -> Result<Vec<TypeField>, Error> {
    if given.is_empty() || given.len() > MAX_FIELDS {
        return Err(Error::BadRequest(format!("fields must have 1 to {MAX_FIELDS} members")));
    }
    let mut fields: Vec<TypeField> = Vec::with_capacity(given.len());
    for (index, field) in given.iter().enumerate() {
        let field = field.of(known).map_err(|error| error.in_place(&format!("fields[{index}]")))?;
        if fields.iter().any(|other| other.field_name == field.field_name) {
            return Err(Error::BadRequest(format!("fields[{index}]: fieldName belongs to another field")));
        }
        fields.push(field);
    }
    if fields.iter().map(|field| field.id).collect::<BTreeSet<_>>().len() < fields.len() {
        return Err(Error::BadRequest("fields has a duplicate id".to_owned()));
    }
    Ok(fields)
}
