//! Capture requests: a service asks the owner of a connection to capture a
//! session; the next one that is stored fulfils it.

use super::{IdResponse, Success, check_same_platform, own};
use crate::app::App;
use crate::clock::{now_ms, render_ms};
use crate::error::Error;
use crate::identity::{Service, UserId};
use crate::openapi::{self, RecordFailures, RoomFailures};
use crate::request::{Fields, Id, Listing, MAX_REASON_CHARS, PageParameters, check_platform, parse_id};
use crate::store::{Actor, CAPTURE_REQUEST_LIFETIME_MS, CaptureRequest, Page};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// The answer to `request-capture`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestCaptureResponse {
    id: Uuid,
    /// False where one was pending already.
    created: bool,
}

/// Asks the owner of a connection to capture a session
///
/// One request is pending for a connection at a time, for 7 days at most.
#[utoipa::path(
    post,
    path = "/api/credentials/request-capture",
    tag = "Capture requests",
    security(("service" = [])),
    request_body = openapi::RequestCaptureRequest,
    responses((status = 200, description = "It is pending", body = Success<RequestCaptureResponse>), RecordFailures, RoomFailures)
)]
pub(crate) async fn request_capture(
    service: Service,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<Json<Success<RequestCaptureResponse>>, Error> {
    let connection_id = fields.required_text("creator_profile_id")?;
    let platform = fields.required_text("platform")?;
    let connection_id = parse_id(&connection_id, "creator_profile_id")?;
    check_platform(&platform)?;
    let reason = fields.text("reason")?;
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > MAX_REASON_CHARS) {
        return Err(Error::BadRequest(format!("reason must have at most {MAX_REASON_CHARS} characters")));
    }
    let connection = own(app.records.connection(Actor::Service, connection_id).await?)?;
    service.check_record(connection.user_id, &connection.platform)?;
    check_same_platform(&connection, &platform)?;
    let request = CaptureRequest {
        id: Uuid::now_v7(),
        user_id: connection.user_id,
        creator_profile_id: connection_id,
        platform,
        reason,
        created_at: now_ms(),
    };
    let new_id = request.id;
    let id = app.database.add_capture_request(request).await?;
    Ok(Success::of(RequestCaptureResponse { id, created: id == new_id }))
}

/// A pending capture request as the owner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CaptureRequestResponse {
    pub(crate) id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    #[schema(value_type = openapi::Platform)]
    pub(crate) platform: String,
    #[schema(required)]
    pub(crate) reason: Option<String>,
    #[schema(value_type = openapi::Time)]
    pub(crate) created_at: String,
    /// When it goes away by itself
    #[schema(value_type = openapi::Time)]
    pub(crate) expires_at: String,
}

impl From<CaptureRequest> for CaptureRequestResponse {
    fn from(request: CaptureRequest) -> Self {
        Self {
            id: request.id,
            creator_profile_id: request.creator_profile_id,
            platform: request.platform,
            reason: request.reason,
            created_at: render_ms(request.created_at),
            expires_at: render_ms(request.created_at + CAPTURE_REQUEST_LIFETIME_MS),
        }
    }
}

/// Lists the capture requests that wait for the caller
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/api/capture-requests",
    tag = "Capture requests",
    security(("user" = [])),
    params(PageParameters),
    responses((status = 200, description = "A page of them", body = Listing<CaptureRequestResponse>))
)]
pub(crate) async fn capture_requests(
    user: UserId,
    State(app): State<Arc<App>>,
    page: Page,
) -> Result<Json<Listing<CaptureRequestResponse>>, Error> {
    let rows = app.database.capture_requests_of(user.0, page, now_ms()).await?;
    Ok(Json(Listing::of(rows, page, CaptureRequestResponse::from)))
}

/// Declines a capture request
#[utoipa::path(
    delete,
    path = "/api/capture-requests/{id}",
    tag = "Capture requests",
    security(("user" = [])),
    params(Id),
    responses((status = 200, description = "It is gone", body = Success<IdResponse>), RecordFailures)
)]
pub(crate) async fn decline_capture_request(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<Success<IdResponse>>, Error> {
    own(app.database.delete_capture_request(user.0, id).await?)?;
    Ok(Success::of(IdResponse { id }))
}
