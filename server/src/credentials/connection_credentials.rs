//! The credentials that are sealed in a connection: changed by its owner or by
//! a service, and revealed to services.

use super::connections::{identity_key, place};
use super::{IdResponse, Success, open_as_json, own, own_connection, seal};
use crate::app::App;
use crate::audit::Entry;
use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::{Service, UserId};
use crate::openapi::{self, RecordFailures, RoomFailures};
use crate::refusals::noting_refusal;
use crate::request::{Fields, parse_id};
use crate::store::{Actor, Connection, CredentialsUpdate, SealedConnection, UpdateCredentials};
use axum::Json;
use axum::extract::State;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// Gives a connection new credentials
///
/// And another username, where one is given.
#[utoipa::path(
    post,
    path = "/api/credentials/update-profile-creds",
    tag = "Connections",
    security(("user" = [])),
    request_body = openapi::UpdateProfileCredsRequest,
    responses((status = 200, description = "They are stored", body = Success<IdResponse>), RecordFailures, openapi::RenameFailures)
)]
pub(crate) async fn update_profile_creds(
    user: UserId,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<Json<Success<IdResponse>>, Error> {
    let id = fields.required_text("creator_profile_id")?;
    let credentials = fields.credentials()?;
    let username = fields.text("platform_username")?.filter(|name| !name.is_empty());
    let id = parse_id(&id, "creator_profile_id")?;
    let entry = user.entry("update-profile-creds").on("platform_connections", id);
    let updating = async {
        let connection = own_connection(&app, user, id).await?;
        let renamed = username.map(|name| (identity_key(user.0, &connection.platform, Some(&name)), name));
        update(&app, Actor::User(user.0), connection, &credentials, renamed, entry.clone()).await
    };
    noting_refusal(&*app.database, &entry, updating).await?;
    Ok(Success::of(IdResponse { id }))
}

/// The answer to `store`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreResponse {
    creator_profile_id: Uuid,
    /// The id once more, as the record that was updated.
    updated: Uuid,
}

/// Gives a connection new credentials, as a service
#[utoipa::path(
    post,
    path = "/api/credentials/store",
    tag = "Connections",
    security(("service" = [])),
    request_body = openapi::StoreRequest,
    responses((status = 200, description = "They are stored", body = Success<StoreResponse>), RecordFailures, RoomFailures)
)]
pub(crate) async fn store(
    service: Service,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<Json<Success<StoreResponse>>, Error> {
    let id = fields.required_text("creatorProfileId")?;
    let credentials = fields.credentials()?;
    let id = parse_id(&id, "creatorProfileId")?;
    let entry = service.entry("store").on("platform_connections", id);
    let storing = async {
        let connection = own(app.records.connection(Actor::Service, id).await?)?;
        service.check_record(connection.user_id, &connection.platform)?;
        update(&app, Actor::Service, connection, &credentials, None, entry.clone()).await
    };
    noting_refusal(&*app.database, &entry, storing).await?;
    Ok(Success::of(StoreResponse { creator_profile_id: id, updated: id }))
}

/// The answer to `reveal`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevealResponse {
    creator_profile_id: Uuid,
    #[schema(value_type = openapi::Credentials)]
    credentials: Box<RawValue>,
}

/// Reveals the credentials of a connection
#[utoipa::path(
    post,
    path = "/api/credentials/reveal",
    tag = "Connections",
    security(("service" = [])),
    request_body = openapi::RevealRequest,
    responses((status = 200, description = "The credentials, opened", body = Success<RevealResponse>), RecordFailures)
)]
pub(crate) async fn reveal(
    service: Service,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<Json<Success<RevealResponse>>, Error> {
    let id = fields.required_text("creatorProfileId")?;
    let id = parse_id(&id, "creatorProfileId")?;
    let entry = service.entry("reveal").on("platform_connections", id);
    let find = |judge| app.records.reveal_connection(id, judge);
    let keys = Arc::clone(&app);
    let judge = move |found: Option<SealedConnection>, _: &mut Entry| {
        let (connection, blob) = found.ok_or(Error::NotFound("Not found"))?;
        service.check_record(connection.user_id, &connection.platform)?;
        let blob = blob.ok_or(Error::NotFound("No encrypted_credentials found"))?;
        open_as_json(&keys, &place(id, connection.user_id), &blob)
    };
    let credentials = super::reveal(entry, find, judge).await?;
    Ok(Success::of(RevealResponse { creator_profile_id: id, credentials }))
}

/// Seals and stores new credentials; `renamed` is the new identity key and username.
async fn update(
    app: &App,
    actor: Actor,
    connection: Connection,
    credentials: &SecretString,
    renamed: Option<(String, String)>,
    entry: Entry,
) -> Result<(), Error> {
    let Connection { id, user_id, .. } = connection;
    let update = CredentialsUpdate {
        id,
        renamed,
        encrypted_credentials: seal(app, &place(id, user_id), credentials.expose_secret().as_bytes())?,
        credentials_version: app.blob_version.as_str(),
        now: now_ms(),
    };
    match app.records.update_credentials(actor, update, entry).await? {
        UpdateCredentials::Updated => Ok(()),
        UpdateCredentials::Gone => Err(Error::NotFound("Not found")),
        UpdateCredentials::Clash => {
            Err(Error::Conflict("Another connection has this platform and platform_username"))
        }
    }
}
