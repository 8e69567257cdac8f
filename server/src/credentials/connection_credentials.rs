//! The credentials sealed in a connection: changed by its owner or by a service, and revealed to
//! services.

use super::connections::{identity_key, sealed_at};
use super::{IdResponse, Success, open_as_json, own, own_connection, seal};
use crate::app::App;
use crate::audit::Entry;
use crate::body::{Credentials, JsonBody, Text, body};
use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::{Service, UserId};
use crate::openapi::{RecordFailures, RenameFailures, RoomFailures};
use crate::refusals::noting_refusal;
use crate::store::{Actor, Connection, CredentialsUpdate, SealedConnection, UpdateCredentials};
use axum::Json;
use axum::extract::State;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

body! {
    /// The body of `update-profile-creds`.
    #[schema(examples(json!({
        "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
        "credentials": {"auth_id": "12345678", "sess": "def456"},
        "platform_username": "creator_jane"
    })))]
    lenient struct UpdateProfileCredsRequest {
        creator_profile_id: Uuid,
        credentials: Credentials,
        /// The account's new name on the platform, if it changed.
        platform_username: Option<Text>,
    }
}

/// Replaces the credentials of a connection
///
/// Also changes its username, if the request has one.
#[utoipa::path(
    post,
    path = "/api/credentials/update-profile-creds",
    tag = "Connections",
    security(("user" = [])),
    request_body = UpdateProfileCredsRequest,
    responses((status = 200, description = "The credentials are stored", body = Success<IdResponse>), RecordFailures, RenameFailures)
)]
pub(crate) async fn update_profile_creds(
    user: UserId,
    State(app): State<Arc<App>>,
    body: JsonBody<UpdateProfileCredsRequest>,
) -> Result<Json<Success<IdResponse>>, Error> {
    let UpdateProfileCredsRequest { creator_profile_id: id, credentials, platform_username } = body.read()?;
    let username = Text::unless_empty(platform_username);
    let entry = user.entry("update-profile-creds").on("platform_connections", id);
    let updating = async {
        let connection = own_connection(&app, user, id).await?;
        let renamed = username.map(|name| (identity_key(user.0, &connection.platform, Some(&name)), name));
        update(&app, Actor::User(user.0), connection, &credentials.0, renamed, entry.clone()).await
    };
    noting_refusal(&*app.database, &entry, updating).await?;
    Ok(Success::of(IdResponse { id }))
}

body! {
    /// The body of `store`.
    #[schema(examples(json!({
        "creatorProfileId": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
        "credentials": {"auth_id": "12345678", "sess": "def456"}
    })))]
    lenient struct StoreRequest { creator_profile_id as "creatorProfileId": Uuid, credentials: Credentials }
}

/// The answer to `store`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreResponse {
    creator_profile_id: Uuid,
    /// The same id: the updated record's.
    updated: Uuid,
}

/// Replaces the credentials of a connection, as a service
#[utoipa::path(
    post,
    path = "/api/credentials/store",
    tag = "Connections",
    security(("service" = [])),
    request_body = StoreRequest,
    responses((status = 200, description = "The credentials are stored", body = Success<StoreResponse>), RecordFailures, RoomFailures)
)]
pub(crate) async fn store(
    service: Service,
    State(app): State<Arc<App>>,
    body: JsonBody<StoreRequest>,
) -> Result<Json<Success<StoreResponse>>, Error> {
    let StoreRequest { creator_profile_id: id, credentials } = body.read()?;
    let entry = service.entry("store").on("platform_connections", id);
    let storing = async {
        let connection = own(app.records.connection(Actor::Service, id).await?)?;
        service.check_record(connection.user_id, &connection.platform)?;
        update(&app, Actor::Service, connection, &credentials.0, None, entry.clone()).await
    };
    noting_refusal(&*app.database, &entry, storing).await?;
    Ok(Success::of(StoreResponse { creator_profile_id: id, updated: id }))
}

body! {
    /// The body of `reveal`.
    #[schema(examples(json!({"creatorProfileId": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f"})))]
    lenient struct RevealRequest { creator_profile_id as "creatorProfileId": Uuid }
}

/// The answer to `reveal`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevealResponse {
    creator_profile_id: Uuid,
    #[schema(value_type = Credentials)]
    credentials: Box<RawValue>,
}

/// Reveals the credentials of a connection
#[utoipa::path(
    post,
    path = "/api/credentials/reveal",
    tag = "Connections",
    security(("service" = [])),
    request_body = RevealRequest,
    responses((status = 200, description = "The decrypted credentials", body = Success<RevealResponse>), RecordFailures)
)]
pub(crate) async fn reveal(
    service: Service,
    State(app): State<Arc<App>>,
    body: JsonBody<RevealRequest>,
) -> Result<Json<Success<RevealResponse>>, Error> {
    let id = body.read()?.creator_profile_id;
    let entry = service.entry("reveal").on("platform_connections", id);
    let find = |judge| app.records.reveal_connection(id, judge);
    let keys = Arc::clone(&app);
    let judge = move |found: Option<SealedConnection>, _: &mut Entry| {
        let (connection, blob) = found.ok_or(Error::NotFound("Not found"))?;
        service.check_record(connection.user_id, &connection.platform)?;
        let blob = blob.ok_or(Error::NotFound("No encrypted_credentials found"))?;
        open_as_json(&keys, &sealed_at(id, connection.user_id), &blob)
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
        encrypted_credentials: seal(app, &sealed_at(id, user_id), credentials.expose_secret().as_bytes())?,
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
