//! Connections: accounts on platforms, with sealed credentials.

use super::sessions::SessionResponse;
use super::{IdResponse, Success, own, own_connection, seal};
use crate::app::App;
use crate::body::{Credentials, JsonBody, Platform, Text, Time, body};
use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::UserId;
use crate::openapi::{RecordFailures, RoomFailures};
use crate::refusals::noting_refusal;
use crate::request::{Id, Listing, PageParameters};
use crate::sealing::SealedAt;
use crate::store::{Connection, NewConnection, Page, PutConnection};
use axum::Json;
use axum::extract::State;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// How often to retry if someone else creates the same connection at the same moment: each time,
/// the other one exists and can be updated.
const ATTEMPTS: usize = 3;

/// A connection as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectionResponse {
    pub(crate) id: Uuid,
    #[schema(value_type = Platform)]
    pub(crate) platform: String,
    #[schema(required)]
    pub(crate) platform_username: Option<String>,
    #[schema(required)]
    pub(crate) credentials_updated_at: Option<Time>,
    pub(crate) created_at: Time,
    pub(crate) updated_at: Time,
}

impl From<Connection> for ConnectionResponse {
    fn from(connection: Connection) -> Self {
        Self {
            id: connection.id,
            platform: connection.platform,
            platform_username: connection.platform_username,
            credentials_updated_at: connection.credentials_updated_at.map(Time),
            created_at: Time(connection.created_at),
            updated_at: Time(connection.updated_at),
        }
    }
}

/// A connection, and what a service would get for it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownConnectionResponse {
    #[serde(flatten)]
    pub(crate) connection: ConnectionResponse,
    /// Whether services may return rotated cookies.
    pub(crate) write_back_allowed: bool,
    /// The latest capture, whatever its state.
    #[schema(required)]
    pub(crate) newest_session: Option<SessionResponse>,
}

body! {
    /// The body of `create-profile`.
    #[schema(examples(json!({
        "platform": "onlyfans",
        "platform_username": "creator_jane",
        "credentials": {"auth_id": "12345678", "sess": "abc123", "user_agent": "Mozilla/5.0", "x_bc": "0f9e8d"}
    })))]
    lenient struct CreateProfileRequest {
        platform: Platform,
        /// The account's name on the platform; absent, null and empty mean the same.
        platform_username: Option<Text>,
        credentials: Credentials,
    }
}

/// The answer to `create-profile`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreateProfileResponse {
    /// The connection's id.
    id: Uuid,
    /// Whether the connection already existed.
    updated: bool,
}

/// Creates a connection
///
/// Or replaces the credentials of the caller's own one with the same platform and username.
#[utoipa::path(
    post,
    path = "/api/credentials/create-profile",
    tag = "Connections",
    security(("user" = [])),
    request_body = CreateProfileRequest,
    responses((status = 200, description = "The connection is stored", body = Success<CreateProfileResponse>), RoomFailures)
)]
pub(crate) async fn create_profile(
    user: UserId,
    State(app): State<Arc<App>>,
    body: JsonBody<CreateProfileRequest>,
) -> Result<Json<Success<CreateProfileResponse>>, Error> {
    let given = body.read()?;
    let (Platform(platform), Credentials(credentials)) = (given.platform, given.credentials);
    let platform_username = Text::unless_empty(given.platform_username);

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
            encrypted_credentials: seal(
                &app,
                &sealed_at(id, user.0),
                credentials.expose_secret().as_bytes(),
            )?,
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
    Err(Error::Internal("a connection's identity belongs to a broken row or another user, or keeps changing"))
}

fn created(id: Uuid, updated: bool) -> Json<Success<CreateProfileResponse>> {
    Success::of(CreateProfileResponse { id, updated })
}

pub(super) fn sealed_at(record_id: Uuid, owner_id: Uuid) -> SealedAt {
    SealedAt { table: "platform_connections", column: "encrypted_credentials", record_id, owner_id }
}

/// A hash of owner, platform and username. An absent username is a value of its own, different from
/// every name; the parts can't run into each other.
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
    responses((status = 200, description = "A page of connections", body = Listing<ConnectionResponse>))
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
/// With its newest session, which is the only one that services get, and without credentials or
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
    let write_back_allowed = app.records.is_write_back_allowed(user.0, id).await?;
    Ok(Json(ShownConnectionResponse {
        connection: connection.into(),
        write_back_allowed,
        newest_session: newest.map(|(session, _)| session.into()),
    }))
}

body! {
    /// The body of `write-back`.
    #[schema(examples(json!({"allowed": true})))]
    lenient struct WriteBackRequest { allowed: bool }
}

/// The answer to `write-back`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WriteBackResponse {
    /// The connection's id.
    id: Uuid,
    write_back_allowed: bool,
}

/// Allows write-back
///
/// Or forbids it: whether services may return the cookies that the platform rotates while they use a session. It is
/// forbidden at first.
#[utoipa::path(
    put,
    path = "/api/platform-connections/{id}/write-back",
    tag = "Connections",
    security(("user" = [])),
    params(Id),
    request_body = WriteBackRequest,
    responses((status = 200, description = "It is as the body says", body = Success<WriteBackResponse>), RecordFailures)
)]
pub(crate) async fn write_back(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
    body: JsonBody<WriteBackRequest>,
) -> Result<Json<Success<WriteBackResponse>>, Error> {
    let allowed = body.read()?.allowed;
    let action = if allowed { "allow-write-back" } else { "forbid-write-back" };
    let entry = user.entry(action).on("platform_connections", id);
    let changing = async { own(app.records.allow_write_back(user.0, id, allowed, entry.clone()).await?) };
    noting_refusal(&*app.database, &entry, changing).await?;
    Ok(Success::of(WriteBackResponse { id, write_back_allowed: allowed }))
}

/// Deletes a connection
///
/// Also deletes its sessions, download credentials and capture requests.
#[utoipa::path(
    delete,
    path = "/api/platform-connections/{id}",
    tag = "Connections",
    security(("user" = [])),
    params(Id),
    responses((status = 200, description = "The connection is deleted", body = Success<IdResponse>), RecordFailures)
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
    fn an_absent_username_differs_from_every_name() {
        let user = Uuid::from_u128(1);
        let keys = [None, Some("-"), Some(""), Some("+")].map(|name| identity_key(user, "x", name));
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[index + 1..].contains(key));
        }
        assert_eq!(identity_key(user, "x", None), keys[0]);
        assert_ne!(identity_key(Uuid::from_u128(2), "x", None), keys[0]);
    }
}
