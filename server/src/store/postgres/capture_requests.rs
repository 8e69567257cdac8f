//! `capture_requests`.

use super::transaction::{Acting, Step};
use super::{LOCK_OWNER, Postgres, bounds, row};
use crate::store::{CAPTURE_REQUEST_LIFETIME_MS, CaptureRequest, Found, Page, StoreError};
use uuid::Uuid;

/// Those whose old requests are deleted.
pub(super) const LOCK_OWNERS_OF_OLD: &str = "
    SELECT lock_owner(id) FROM (
        SELECT DISTINCT user_id AS id FROM capture_requests WHERE created_at <= $1 ORDER BY 1
    ) owners";
pub(super) const DELETE_OLD: &str = "DELETE FROM capture_requests WHERE created_at <= $1";
const REPLACE_OLD: &str = "
    DELETE FROM capture_requests WHERE creator_profile_id = $1 AND platform = $2 AND created_at <= $3";
/// Where one waits already, an update that changes nothing gives its id, and
/// keeps others from deleting it meanwhile.
const ADD: &str = "
    INSERT INTO capture_requests AS kept (id, user_id, creator_profile_id, platform, reason, created_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (creator_profile_id, platform) DO UPDATE SET id = kept.id
    RETURNING id";
/// As many as are kept, but for the few that are not purged yet.
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

/// Stores a request, unless one waits already for its connection and platform;
/// gives the id of the one that waits then.
pub(super) async fn add(store: &Postgres, new: &CaptureRequest) -> Result<Uuid, StoreError> {
    let oldest = new.created_at - CAPTURE_REQUEST_LIFETIME_MS;
    let steps = [
        Step(LOCK_OWNER, &[&new.user_id]),
        Step(REPLACE_OLD, &[&new.creator_profile_id, &new.platform, &oldest]),
        Step(
            ADD,
            &[&new.id, &new.user_id, &new.creator_profile_id, &new.platform, &new.reason, &new.created_at],
        ),
    ];
    let rows = store.write(Acting::Service, &steps).await?;
    row::optional(&rows, |found| Ok(found.try_get(0)?))?.ok_or(StoreError::NotCommitted)
}

/// A page of the requests that wait for the user at `now`, newest first, and
/// how many there are.
pub(super) async fn page(
    store: &Postgres,
    user_id: Uuid,
    page: Page,
    now: i64,
) -> Result<(Vec<CaptureRequest>, u64), StoreError> {
    let (limit, offset) = bounds(page);
    let after = now - CAPTURE_REQUEST_LIFETIME_MS;
    let steps = (Step(COUNT, &[&user_id, &after]), Step(PAGE, &[&user_id, &after, &limit, &offset]));
    store.read_page(user_id, steps, row::capture_request).await
}

/// Deletes a request of the user's.
pub(super) async fn delete(store: &Postgres, user_id: Uuid, id: Uuid) -> Result<Found<()>, StoreError> {
    let rows = store.write(Acting::User(user_id), &[Step(DELETE, &[&id, &user_id])]).await?;
    store.found(&rows, "capture_requests", id, user_id).await
}

/// Deletes the requests for a connection: those for one platform, or all.
pub(super) async fn delete_for(
    store: &Postgres,
    creator_profile_id: Uuid,
    platform: Option<&str>,
) -> Result<(), StoreError> {
    let steps =
        [Step(LOCK_OWNERS_FOR, &[&creator_profile_id]), Step(DELETE_FOR, &[&creator_profile_id, &platform])];
    store.write(Acting::Service, &steps).await.map(drop)
}
