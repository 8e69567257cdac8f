//! The credentials that are sealed in a connection: changed by its owner or by
//! a service, and revealed to services.

use super::connections::{identity_key, place};
use super::{IdResponse, Success, open_as_json, own_connection, seal};
use crate::app::App;
use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::{Service, UserId};
use crate::request::{Fields, parse_id};
use crate::sealing;
use crate::store::{Connection, CredentialsUpdate, UpdateCredentials};
use axum::Json;
use axum::extract::State;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use uuid::Uuid;

/// `POST /api/credentials/update-profile-creds`: new credentials, and another
/// username where one is given.
pub(crate) async fn update_profile_creds(
    user: UserId,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<Json<Success<IdResponse>>, Error> {
    let id = fields.required_text("creator_profile_id")?;
    let credentials = fields.credentials()?;
    let username = fields.text("platform_username")?.filter(|name| !name.is_empty());
    let connection = own_connection(&app, user, parse_id(&id, "creator_profile_id")?).await?;
    let renamed = username.map(|name| (identity_key(user.0, &connection.platform, Some(&name)), name));
    let id = update(&app, connection, &credentials, renamed).await?;
    Ok(Success::of(IdResponse { id }))
}

/// The answer to `store`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreResponse {
    creator_profile_id: Uuid,
    /// The id once more, as the record that was updated.
    updated: Uuid,
}

/// `POST /api/credentials/store`: new credentials, from a service.
pub(crate) async fn store(
    service: Service,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<Json<Success<StoreResponse>>, Error> {
    let id = fields.required_text("creatorProfileId")?;
    let credentials = fields.credentials()?;
    let connection = served_connection(&app, service, &id).await?;
    let id = update(&app, connection, &credentials, None).await?;
    Ok(Success::of(StoreResponse { creator_profile_id: id, updated: id }))
}

/// The answer to `reveal`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevealResponse {
    creator_profile_id: Uuid,
    credentials: Box<RawValue>,
}

/// `POST /api/credentials/reveal`: the credentials, opened, for a service.
pub(crate) async fn reveal(
    service: Service,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<Json<Success<RevealResponse>>, Error> {
    let id = fields.required_text("creatorProfileId")?;
    let connection = served_connection(&app, service, &id).await?;
    let blob = app.store.connection_credentials(connection.id).await?;
    let blob = blob.ok_or(Error::NotFound("No encrypted_credentials found"))?;
    let credentials = open_as_json(&app, &place(connection.id, connection.user_id), &blob)?;
    Ok(Success::of(RevealResponse { creator_profile_id: connection.id, credentials }))
}

/// The connection that a service asks for, if it may have it.
async fn served_connection(app: &App, service: Service, id: &str) -> Result<Connection, Error> {
    let id = parse_id(id, "creatorProfileId")?;
    let connection = app.store.connection(id).await?.ok_or(Error::NotFound("Not found"))?;
    service.check_record(connection.user_id, &connection.platform)?;
    Ok(connection)
}

/// Seals and stores new credentials; `renamed` is the new identity key and username.
async fn update(
    app: &App,
    connection: Connection,
    credentials: &SecretString,
    renamed: Option<(String, String)>,
) -> Result<Uuid, Error> {
    let Connection { id, user_id, .. } = connection;
    let update = CredentialsUpdate {
        id,
        renamed,
        encrypted_credentials: seal(app, &place(id, user_id), credentials.expose_secret().as_bytes())?,
        credentials_version: sealing::VERSION,
        now: now_ms(),
    };
    match app.store.update_credentials(update).await? {
        UpdateCredentials::Updated => Ok(id),
        UpdateCredentials::Gone => Err(Error::NotFound("Not found")),
        UpdateCredentials::Clash => {
            Err(Error::Conflict("Another connection has this platform and platform_username"))
        }
    }
}
