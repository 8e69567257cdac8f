//! The operations on `capture_requests` in SQLite.

use super::{Sqlite, change_if_own, row};
use crate::store::{CAPTURE_REQUEST_LIFETIME_MS, CaptureRequest, CaptureRequests, Found, Page, StoreError};
use rusqlite::{Result, params};
use uuid::Uuid;

impl CaptureRequests for Sqlite {
    async fn add_capture_request(&self, new: CaptureRequest) -> Result<Uuid, StoreError> {
        self.write(move |c| {
            let oldest = new.created_at - CAPTURE_REQUEST_LIFETIME_MS;
            let replace = "DELETE FROM capture_requests
                WHERE creator_profile_id = ?1 AND platform = ?2 AND created_at <= ?3";
            c.prepare_cached(replace)?.execute((
                new.creator_profile_id.to_string(),
                &new.platform,
                oldest,
            ))?;
            let insert =
                "INSERT INTO capture_requests (id, user_id, creator_profile_id, platform, reason, created_at)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
            let [id, user_id, connection_id] =
                [new.id, new.user_id, new.creator_profile_id].map(|id| id.to_string());
            let parameters = params![id, user_id, connection_id, new.platform, new.reason, new.created_at];
            c.prepare_cached(insert)?.execute(parameters)?;
            let select = "SELECT id FROM capture_requests WHERE creator_profile_id = ?1 AND platform = ?2";
            c.prepare_cached(select)?.query_row((connection_id, &new.platform), |found| row::id(found, 0))
        })
        .await
    }

    async fn capture_requests_of(
        &self,
        user_id: Uuid,
        page: Page,
        now: i64,
    ) -> Result<(Vec<CaptureRequest>, u64), StoreError> {
        self.read(move |c| {
            // The stored number, which includes the few that are not purged yet.
            let count = "SELECT ifnull((SELECT capture_requests FROM owner_usage WHERE owner_id = ?1), 0)
                - (SELECT count(*) FROM capture_requests WHERE user_id = ?1 AND created_at <= ?2)";
            let select = format!(
                "SELECT {} FROM capture_requests WHERE user_id = ?1 AND created_at > ?2
                 ORDER BY created_at DESC, id LIMIT ?3 OFFSET ?4",
                row::CAPTURE_REQUEST
            );
            let c = c.unchecked_transaction()?;
            let (user_id, after) = (user_id.to_string(), now - CAPTURE_REQUEST_LIFETIME_MS);
            let total = c.prepare_cached(count)?.query_row((&user_id, after), |found| found.get(0))?;
            let mut select = c.prepare_cached(&select)?;
            let rows = select.query_map((user_id, after, page.size, page.offset()), row::capture_request)?;
            Ok((rows.collect::<Result<Vec<_>>>()?, total))
        })
        .await
    }

    async fn delete_capture_request(&self, user_id: Uuid, id: Uuid) -> Result<Found<()>, StoreError> {
        let record = ("capture_requests", id, user_id);
        self.write(move |c| {
            change_if_own(c, record, |c| {
                c.execute("DELETE FROM capture_requests WHERE id = ?1", [id.to_string()]).map(drop)
            })
        })
        .await
    }

    async fn delete_capture_requests_for(
        &self,
        creator_profile_id: Uuid,
        platform: Option<String>,
    ) -> Result<(), StoreError> {
        self.write(move |c| {
            let sql = "DELETE FROM capture_requests
                WHERE creator_profile_id = ?1 AND platform = coalesce(?2, platform)";
            c.execute(sql, (creator_profile_id.to_string(), platform)).map(drop)
        })
        .await
    }
}
