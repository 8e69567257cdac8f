//! `capture_requests`.

use super::{DAY_MS, Store, StoreError, row};
use crate::store::{CaptureRequest, Page};
use rusqlite::{OptionalExtension as _, params};
use uuid::Uuid;

/// How long a request waits.
pub(super) const LIFETIME_MS: i64 = 7 * DAY_MS;

impl Store {
    /// Stores a request, unless one waits already for its connection and
    /// platform; gives the id of the one that waits then. `None` where the
    /// connection is gone.
    pub(crate) async fn add_capture_request(&self, new: CaptureRequest) -> Result<Option<Uuid>, StoreError> {
        let insert =
            "INSERT INTO capture_requests (id, user_id, creator_profile_id, platform, reason, created_at)
            SELECT ?1, user_id, id, ?4, ?5, ?6 FROM platform_connections WHERE id = ?3 AND user_id = ?2
            ON CONFLICT DO NOTHING";
        let select = "SELECT id FROM capture_requests WHERE creator_profile_id = ?1 AND platform = ?2";
        self.write(move |c| {
            c.execute("DELETE FROM capture_requests WHERE created_at <= ?1", [new.created_at - LIFETIME_MS])?;
            let [id, user_id, connection_id] =
                [new.id, new.user_id, new.creator_profile_id].map(|id| id.to_string());
            let parameters = params![id, user_id, connection_id, new.platform, new.reason, new.created_at];
            c.prepare_cached(insert)?.execute(parameters)?;
            let mut waiting = c.prepare_cached(select)?;
            waiting.query_row((connection_id, new.platform), |found| row::id(found, 0)).optional()
        })
        .await
    }

    /// A page of the requests that wait for the user at `now`, newest first,
    /// and how many there are.
    pub(crate) async fn capture_requests_of(
        &self,
        user_id: Uuid,
        page: Page,
        now: i64,
    ) -> Result<(Vec<CaptureRequest>, u64), StoreError> {
        let waiting = "user_id = ?1 AND created_at > ?2";
        let count = format!("SELECT count(*) FROM capture_requests WHERE {waiting}");
        let select = format!(
            "SELECT {} FROM capture_requests WHERE {waiting} ORDER BY created_at DESC, id LIMIT ?3 OFFSET ?4",
            row::CAPTURE_REQUEST
        );
        self.read(move |c| {
            let c = c.unchecked_transaction()?;
            let (user_id, after) = (user_id.to_string(), now - LIFETIME_MS);
            let total = c.prepare_cached(&count)?.query_row((&user_id, after), |found| found.get(0))?;
            let mut select = c.prepare_cached(&select)?;
            let rows = select.query_map((user_id, after, page.size, page.offset()), row::capture_request)?;
            Ok((rows.collect::<rusqlite::Result<Vec<_>>>()?, total))
        })
        .await
    }

    pub(crate) async fn capture_request_owner(&self, id: Uuid) -> Result<Option<Uuid>, StoreError> {
        let sql = "SELECT user_id FROM capture_requests WHERE id = ?1";
        self.read(move |c| {
            c.prepare_cached(sql)?.query_row([id.to_string()], |found| row::id(found, 0)).optional()
        })
        .await
    }

    pub(crate) async fn delete_capture_request(&self, id: Uuid) -> Result<(), StoreError> {
        let sql = "DELETE FROM capture_requests WHERE id = ?1";
        self.write(move |c| c.execute(sql, [id.to_string()]).map(drop)).await
    }
}
