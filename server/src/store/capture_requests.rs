//! Requests of services for captures.

use super::{DAY_MS, Found, Page, StoreError, operations};
use uuid::Uuid;

/// How long a capture request stays open.
pub(crate) const CAPTURE_REQUEST_LIFETIME_MS: i64 = 7 * DAY_MS;

/// A service's request for a capture.
#[derive(Clone, Debug)]
pub(crate) struct CaptureRequest {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    pub(crate) platform: String,
    pub(crate) reason: Option<String>,
    pub(crate) created_at: i64,
}

operations! {
    /// The operations on `capture_requests`.
    trait CaptureRequests as DynCaptureRequests {
        /// Adds a request, unless one for its connection and platform is already open; returns the
        /// id of the open one.
        async fn add_capture_request(&self, new: CaptureRequest) -> Result<Uuid, StoreError>;

        /// A page of the requests open for the user at `now`, newest first, and their total number.
        async fn capture_requests_of(
            &self,
            user_id: Uuid,
            page: Page,
            now: i64,
        ) -> Result<(Vec<CaptureRequest>, u64), StoreError>;

        /// Deletes a request to the user.
        async fn delete_capture_request(&self, user_id: Uuid, id: Uuid) -> Result<Found<()>, StoreError>;

        /// Deletes the requests for a connection, for one platform or all.
        async fn delete_capture_requests_for(
            &self,
            creator_profile_id: Uuid,
            platform: Option<String>,
        ) -> Result<(), StoreError>;
    }
}
