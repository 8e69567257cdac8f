//! Services' wishes for captures.

use super::{DAY_MS, Found, Page, StoreError, operations};
use uuid::Uuid;

/// How long a capture request waits.
pub(crate) const CAPTURE_REQUEST_LIFETIME_MS: i64 = 7 * DAY_MS;

/// A service's wish for a capture.
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
    /// `capture_requests`.
    trait CaptureRequests as DynCaptureRequests {
        /// Stores a request, unless one waits already for its connection and
        /// platform; gives the id of the one that waits then.
        async fn add_capture_request(&self, new: CaptureRequest) -> Result<Uuid, StoreError>;

        /// A page of the requests that wait for the user at `now`, newest first,
        /// and how many there are.
        async fn capture_requests_of(
            &self,
            user_id: Uuid,
            page: Page,
            now: i64,
        ) -> Result<(Vec<CaptureRequest>, u64), StoreError>;

        /// Deletes a request of the user's.
        async fn delete_capture_request(&self, user_id: Uuid, id: Uuid) -> Result<Found<()>, StoreError>;

        /// Deletes the requests for a connection: those for one platform, or all.
        async fn delete_capture_requests_for(
            &self,
            creator_profile_id: Uuid,
            platform: Option<String>,
        ) -> Result<(), StoreError>;
    }
}
