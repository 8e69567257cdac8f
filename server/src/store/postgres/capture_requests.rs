//! The operations on `capture_requests` in PostgreSQL.

use super::transaction::{Acting, Step};
use super::{LOCK_OWNER, Postgres, bounds, row};
use crate::store::{CAPTURE_REQUEST_LIFETIME_MS, CaptureRequest, CaptureRequests, Found, Page, StoreError};
use uuid::Uuid;

const REPLACE_OLD: &str = "
    DELETE FROM capture_requests WHERE creator_profile_id = $1 AND platform = $2 AND created_at <= $3";
/// If a request is already open, an update without changes returns its id and keeps others from
/// deleting it meanwhile.
const ADD: &str = "
    INSERT INTO capture_requests AS kept (id, user_id, creator_profile_id, platform, reason, created_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (creator_profile_id, platform) DO UPDATE SET id = kept.id
    RETURNING id";
/// The stored number, which includes the few that are not purged yet.
const COUNT: &str = "
    SELECT coalesce((SELECT capture_requests FROM owner_usage WHERE owner_id = $1), 0)
        - (SELECT count(*) FROM capture_requests WHERE user_id = $1 AND created_at <= $2)";
const PAGE: &str = "
    SELECT id, user_id, creator_profile_id, platform, reason, created_at
    FROM capture_requests WHERE user_id = $1 AND created_at > $2
    ORDER BY created_at DESC, id LIMIT $3 OFFSET $4";
const DELETE: &str = "DELETE FROM capture_requests WHERE id = $1 AND user_id = $2 RETURNING id";
const LOCK_OWNERS_FOR: &str = "
    SELECT lock_owner(id) FROM (
        SELECT DISTINCT user_id AS id FROM capture_requests WHERE creator_profile_id = $1 ORDER BY 1
    ) owners";
const DELETE_FOR: &str = "
    DELETE FROM capture_requests WHERE creator_profile_id = $1 AND platform = coalesce($2, platform)";

impl CaptureRequests for Postgres {
    async fn add_capture_request(&self, new: CaptureRequest) -> Result<Uuid, StoreError> {
        let CaptureRequest { id, user_id, creator_profile_id, platform, reason, created_at } = &new;
        let oldest = created_at - CAPTURE_REQUEST_LIFETIME_MS;
        let steps = [
            Step(LOCK_OWNER, &[user_id]),
            Step(REPLACE_OLD, &[creator_profile_id, platform, &oldest]),
            Step(ADD, &[id, user_id, creator_profile_id, platform, reason, created_at]),
        ];
        let rows = self.write(Acting::Service, &steps).await?;
        row::optional(&rows, |found| Ok(found.try_get(0)?))?.ok_or(StoreError::NotCommitted)
    }

    async fn capture_requests_of(
        &self,
        user_id: Uuid,
        page: Page,
        now: i64,
    ) -> Result<(Vec<CaptureRequest>, u64), StoreError> {
        let (limit, offset) = bounds(page);
        let after = now - CAPTURE_REQUEST_LIFETIME_MS;
        let steps = (Step(COUNT, &[&user_id, &after]), Step(PAGE, &[&user_id, &after, &limit, &offset]));
        self.read_page(user_id, steps, row::capture_request).await
    }

    async fn delete_capture_request(&self, user_id: Uuid, id: Uuid) -> Result<Found<()>, StoreError> {
        let rows = self.write(Acting::User(user_id), &[Step(DELETE, &[&id, &user_id])]).await?;
        self.found(&rows, "capture_requests", id, user_id).await
    }

    async fn delete_capture_requests_for(
        &self,
        creator_profile_id: Uuid,
        platform: Option<String>,
    ) -> Result<(), StoreError> {
        let steps = [
            Step(LOCK_OWNERS_FOR, &[&creator_profile_id]),
            Step(DELETE_FOR, &[&creator_profile_id, &platform]),
        ];
        self.write(Acting::Service, &steps).await.map(drop)
    }
}
