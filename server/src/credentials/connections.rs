//! Connections: an account on a platform, with sealed credentials.

use super::sessions::SessionResponse;
use super::{IdResponse, Success, own, own_connection, seal};
use crate::app::App;
use crate::clock::{now_ms, render_ms};
use crate::error::Error;
use crate::identity::UserId;
use crate::openapi::{self, RecordFailures, RoomFailures};
use crate::refusals::noting_refusal;
use crate::request::{Fields, Id, Listing, PageParameters, check_platform};
use crate::sealing::Place;
use crate::store::{Connection, NewConnection, Page, PutConnection};
use axum::Json;
use axum::extract::State;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use stagepass_core::api::CreateProfileResponse;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// How often a connection that somebody else creates at the same moment is
/// taken up; each time the other one has won and is there to be updated.
const ATTEMPTS: usize = 3;

/// A connection as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectionResponse {
    pub(crate) id: Uuid,
    #[schema(value_type = openapi::Platform)]
    pub(crate) platform: String,
    #[schema(required)]
    pub(crate) platform_username: Option<String>,
    #[schema(value_type = Option<openapi::Time>, required)]
    pub(crate) credentials_updated_at: Option<String>,
    #[schema(value_type = openapi::Time)]
    pub(crate) created_at: String,
    #[schema(value_type = openapi::Time)]
    pub(crate) updated_at: String,
}

impl From<Connection> for ConnectionResponse {
    fn from(connection: Connection) -> Self {
        Self {
            id: connection.id,
            platform: connection.platform,
            platform_username: connection.platform_username,
            credentials_updated_at: connection.credentials_updated_at.map(render_ms),
            created_at: render_ms(connection.created_at),
            updated_at: render_ms(connection.updated_at),
        }
    }
}

/// A connection, and what a service would get of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownConnectionResponse {
    #[serde(flatten)]
    pub(crate) connection: ConnectionResponse,
    /// The latest capture, whatever has become of it.
    #[schema(required)]
    pub(crate) newest_session: Option<SessionResponse>,
}

/// Creates a connection
///
/// Or gives new credentials to the caller's own with the same platform and username.
#[utoipa::path(
    post,
    path = "/api/credentials/create-profile",
    tag = "Connections",
    security(("user" = [])),
    request_body = openapi::CreateProfileRequest,
    responses((status = 200, description = "The connection is stored", body = Success<openapi::CreateProfileResponse>), RoomFailures)
)]
pub(crate) async fn create_profile(
    user: UserId,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<Json<Success<CreateProfileResponse>>, Error> {
    let platform = fields.required_text("platform")?;
    let platform_username = fields.text("platform_username")?.filter(|name| !name.is_empty());
    let credentials = fields.credentials()?;
    check_platform(&platform)?;

    let identity_key = identity_key(user.0, &platform, platform_username.as_deref());
    let mut existing = app.records.connection_by_identity(user.0, identity_key.clone()).await?;
    for _ in 0..ATTEMPTS {
        let id = existing.unwrap_or_else(Uuid::now_v7);
        let connection = NewConnection {
            id,
            user_id: user.0,
            identity_key: identity_key.clone(),
            platform: platform.clone(),
            platform_username: platform_username.clone(),
            encrypted_credentials: seal(&app, &place(id, user.0), credentials.expose_secret().as_bytes())?,
            credentials_version: app.blob_version.as_str(),
            now: now_ms(),
        };
        let entry = user.entry("create-profile").on("platform_connections", id);
        existing = match app.records.put_connection(connection, entry).await? {
            PutConnection::Created => return Ok(created(id, false)),
            PutConnection::Updated => return Ok(created(id, true)),
            PutConnection::Clash(holder) => Some(holder),
        };
    }
    Err(Error::Internal(
        "a connection's identity is that of a broken row or another user's, or keeps changing",
    ))
}

fn created(id: Uuid, updated: bool) -> Json<Success<CreateProfileResponse>> {
    Success::of(CreateProfileResponse { id: id.to_string(), updated })
}

pub(super) fn place(record_id: Uuid, owner_id: Uuid) -> Place {
    Place { table: "platform_connections", column: "encrypted_credentials", record_id, owner_id }
}

/// A hash of owner, platform and username. An absent username is one value,
/// different from every name; the parts can't run into each other.
pub(super) fn identity_key(user_id: Uuid, platform: &str, platform_username: Option<&str>) -> String {
    let username = platform_username.map_or_else(|| "-".to_owned(), |name| format!("+{name}"));
    hex::encode(Sha256::digest(format!("{user_id}\0{platform}\0{username}")))
}

/// Lists the caller's connections
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/api/platform-connections",
    tag = "Connections",
    security(("user" = [])),
    params(PageParameters),
    responses((status = 200, description = "A page of them", body = Listing<ConnectionResponse>))
)]
pub(crate) async fn connections(
    user: UserId,
    State(app): State<Arc<App>>,
    page: Page,
) -> Result<Json<Listing<ConnectionResponse>>, Error> {
    let rows = app.records.connections_of(user.0, page).await?;
    Ok(Json(Listing::of(rows, page, ConnectionResponse::from)))
}

/// Shows a connection
///
/// And its newest session, which alone decides what services get. Never credentials or
/// cookies.
#[utoipa::path(
    get,
    path = "/api/platform-connections/{id}",
    tag = "Connections",
    security(("user" = [])),
    params(Id),
    responses((status = 200, description = "The connection", body = ShownConnectionResponse), RecordFailures)
)]
pub(crate) async fn connection(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<ShownConnectionResponse>, Error> {
    let connection = own_connection(&app, user, id).await?;
    let newest = app.records.newest_session(user.0, id, connection.platform.clone()).await?;
    Ok(Json(ShownConnectionResponse {
        connection: connection.into(),
        newest_session: newest.map(SessionResponse::from),
    }))
}

/// Deletes a connection
///
/// And with it its sessions, download credentials and capture requests.
#[utoipa::path(
    delete,
    path = "/api/platform-connections/{id}",
    tag = "Connections",
    security(("user" = [])),
    params(Id),
    responses((status = 200, description = "It is gone", body = Success<IdResponse>), RecordFailures)
)]
pub(crate) async fn delete_connection(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<Success<IdResponse>>, Error> {
    let entry = user.entry("delete-profile").on("platform_connections", id);
    let deleting = async { own(app.records.delete_connection(user.0, id, entry.clone()).await?) };
    noting_refusal(&*app.database, &entry, deleting).await?;
    Ok(Success::of(IdResponse { id }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_username_is_no_other_name() {
        let user = Uuid::from_u128(1);
        let keys = [None, Some("-"), Some(""), Some("+")].map(|name| identity_key(user, "x", name));
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[index + 1..].contains(key));
        }
        assert_eq!(identity_key(user, "x", None), keys[0]);
        assert_ne!(identity_key(Uuid::from_u128(2), "x", None), keys[0]);
    }
}
