//! Capture requests: a service asks the owner of a connection to capture a session; the next stored
//! session fulfils the request.

use super::{IdResponse, Success, check_same_platform, own};
use crate::app::App;
use crate::body::{JsonBody, Platform, Reason, Time, body};
use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::{Service, UserId};
use crate::openapi::{RecordFailures, RoomFailures};
use crate::request::{Id, Listing, PageParameters};
use crate::store::{Actor, CAPTURE_REQUEST_LIFETIME_MS, CaptureRequest, Page};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

body! {
    /// The body of `request-capture`.
    #[schema(examples(json!({
        "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f", "platform": "instagram",
        "reason": "The session has expired"
    })))]
    lenient struct RequestCaptureRequest {
        creator_profile_id: Uuid,
        /// The connection's own platform.
        platform: Platform,
        reason: Option<Reason>,
    }
}

/// The answer to `request-capture`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RequestCaptureResponse {
    id: Uuid,
    /// False if one was already pending.
    created: bool,
}

/// Asks the owner of a connection to capture a session
///
/// A connection has at most one pending request, for 7 days at most.
#[utoipa::path(
    post,
    path = "/api/credentials/request-capture",
    tag = "Capture requests",
    security(("service" = [])),
    request_body = RequestCaptureRequest,
    responses((status = 200, description = "The request is pending", body = Success<RequestCaptureResponse>), RecordFailures, RoomFailures)
)]
pub(crate) async fn request_capture(
    service: Service,
    State(app): State<Arc<App>>,
    body: JsonBody<RequestCaptureRequest>,
) -> Result<Json<Success<RequestCaptureResponse>>, Error> {
    let RequestCaptureRequest { creator_profile_id, platform: Platform(platform), reason } = body.read()?;
    let connection = own(app.records.connection(Actor::Service, creator_profile_id).await?)?;
    service.check_record(connection.user_id, &connection.platform)?;
    check_same_platform(&connection, &platform)?;
    let request = CaptureRequest {
        id: Uuid::now_v7(),
        user_id: connection.user_id,
        creator_profile_id,
        platform,
        reason: reason.map(|Reason(reason)| reason),
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
    #[schema(value_type = Platform)]
    pub(crate) platform: String,
    #[schema(required)]
    pub(crate) reason: Option<String>,
    pub(crate) created_at: Time,
    /// When it expires.
    pub(crate) expires_at: Time,
}

impl From<CaptureRequest> for CaptureRequestResponse {
    fn from(request: CaptureRequest) -> Self {
        Self {
            id: request.id,
            creator_profile_id: request.creator_profile_id,
            platform: request.platform,
            reason: request.reason,
            created_at: Time(request.created_at),
            expires_at: Time(request.created_at + CAPTURE_REQUEST_LIFETIME_MS),
        }
    }
}

/// Lists the caller's pending capture requests
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/api/capture-requests",
    tag = "Capture requests",
    security(("user" = [])),
    params(PageParameters),
    responses((status = 200, description = "A page of capture requests", body = Listing<CaptureRequestResponse>))
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
    responses((status = 200, description = "The request is deleted", body = Success<IdResponse>), RecordFailures)
)]
pub(crate) async fn decline_capture_request(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<Success<IdResponse>>, Error> {
    own(app.database.delete_capture_request(user.0, id).await?)?;
    Ok(Success::of(IdResponse { id }))
}
