//! `platform_sessions`.

use super::{Store, StoreError, row};
use crate::store::{NewSession, Page, Session};
use rusqlite::{Connection, OptionalExtension as _};
use uuid::Uuid;

impl Store {
    /// Stores a session, supersedes the one before, whose cookies are erased,
    /// and fulfils the capture request that waits for it. False, and nothing stored, where the connection is gone.
    pub(crate) async fn put_session(&self, new: NewSession) -> Result<bool, StoreError> {
        self.write(move |c| {
            let connection_id = new.creator_profile_id.to_string();
            let owner = "SELECT 1 FROM platform_connections WHERE id = ?1 AND user_id = ?2";
            if !c.prepare_cached(owner)?.exists((&connection_id, new.user_id.to_string()))? {
                return Ok(false);
            }
            let supersede = "UPDATE platform_sessions
                SET status = 'superseded', superseded_at = ?3, encrypted_cookies = NULL
                WHERE creator_profile_id = ?1 AND platform = ?2 AND status = 'active'";
            c.prepare_cached(supersede)?.execute((&connection_id, &new.platform, new.captured_at))?;
            insert(c, &new)?;
            let fulfil = "DELETE FROM capture_requests WHERE creator_profile_id = ?1 AND platform = ?2";
            c.prepare_cached(fulfil)?.execute((&connection_id, &new.platform))?;
            Ok(true)
        })
        .await
    }

    /// The newest session of a connection and platform, and its sealed cookies
    /// unless they are erased.
    pub(crate) async fn newest_session(
        &self,
        creator_profile_id: Uuid,
        platform: String,
    ) -> Result<Option<(Session, Option<String>)>, StoreError> {
        let sql = format!(
            "SELECT {}, encrypted_cookies FROM platform_sessions
             WHERE creator_profile_id = ?1 AND platform = ?2 ORDER BY sequence DESC LIMIT 1",
            row::SESSION
        );
        self.read(move |c| {
            let parameters = (creator_profile_id.to_string(), platform);
            let read =
                |found: &rusqlite::Row<'_>| Ok((row::session(found)?, found.get("encrypted_cookies")?));
            c.prepare_cached(&sql)?.query_row(parameters, read).optional()
        })
        .await
    }

    pub(crate) async fn session(&self, id: Uuid) -> Result<Option<Session>, StoreError> {
        let sql = format!("SELECT {} FROM platform_sessions WHERE id = ?1", row::SESSION);
        self.read(move |c| c.prepare_cached(&sql)?.query_row([id.to_string()], row::session).optional()).await
    }

    /// Revokes a session and erases its cookies; one that is revoked stays as it is.
    pub(crate) async fn revoke_session(&self, id: Uuid, now: i64) -> Result<(), StoreError> {
        let sql = "UPDATE platform_sessions SET status = 'revoked', revoked_at = ?2, encrypted_cookies = NULL
                   WHERE id = ?1 AND status <> 'revoked'";
        self.write(move |c| c.execute(sql, (id.to_string(), now)).map(drop)).await
    }

    /// A page of the user's sessions, newest first, and how many there are.
    pub(crate) async fn sessions_of(
        &self,
        user_id: Uuid,
        page: Page,
    ) -> Result<(Vec<Session>, u64), StoreError> {
        let list = ("platform_sessions", row::SESSION, "sequence DESC");
        self.read_page(list, user_id, page, row::session).await
    }
}

fn insert(c: &Connection, new: &NewSession) -> rusqlite::Result<()> {
    let sql = "INSERT INTO platform_sessions (id, user_id, creator_profile_id, platform, encrypted_cookies,
        credentials_version, cookie_count, user_agent, status, captured_at, expires_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'active', ?9, ?10)";
    let [id, user_id, connection_id] = [new.id, new.user_id, new.creator_profile_id].map(|id| id.to_string());
    let sealed = (&new.encrypted_cookies, new.credentials_version, new.cookie_count);
    c.prepare_cached(sql)?
        .execute(rusqlite::params![
            id,
            user_id,
            connection_id,
            new.platform,
            sealed.0,
            sealed.1,
            sealed.2,
            new.user_agent,
            new.captured_at,
            new.expires_at
        ])
        .map(drop)
}
