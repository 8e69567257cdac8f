//! The operations on `platform_sessions` in SQLite.

use super::{Sqlite, connections, row};
use crate::audit::Entry;
use crate::store::row_signer::RowSigner;
use crate::store::{
    Found, Judge, NewSession, NewestSession, Page, PutSession, SealedParts, SealedSession, Session, Sessions,
    StoreError,
};
use rusqlite::{Connection as DbConnection, OptionalExtension as _, Result, params};
use std::sync::Arc;
use uuid::Uuid;

/// Revokes what services made of a session: the newest one, if its owner has stored none since.
const REVOKE_RENEWAL: &str = "
    UPDATE platform_sessions SET status = 'revoked', revoked_at = ?2, encrypted_cookies = NULL,
        encrypted_origins = NULL
    WHERE status = 'active' AND renewed_by IS NOT NULL AND sequence = (
        SELECT max(newest.sequence) FROM platform_sessions newest JOIN platform_sessions revoked
            ON newest.creator_profile_id = revoked.creator_profile_id AND newest.platform = revoked.platform
        WHERE revoked.id = ?1 AND revoked.sequence >= ifnull((
            SELECT own.sequence FROM platform_sessions own
            WHERE own.creator_profile_id = revoked.creator_profile_id AND own.platform = revoked.platform
                AND own.renewed_by IS NULL
            ORDER BY own.sequence DESC LIMIT 1), 0))";

/// Removes what services stored before the session that is just renewed.
const DELETE_RENEWALS: &str = "
    DELETE FROM platform_sessions
    WHERE (CASE WHEN renewed_by IS NOT NULL THEN creator_profile_id END) = ?1 AND platform = ?2
        AND renewed_by IS NOT NULL AND id <> ?3";
const RENEWED_AT: &str = "
    SELECT captured_at FROM platform_sessions
    WHERE (CASE WHEN renewed_by IS NOT NULL THEN creator_profile_id END) = ?1 AND platform = ?2
        AND renewed_by IS NOT NULL
    ORDER BY sequence DESC LIMIT 1";

impl Sessions for Sqlite {
    async fn put_session(&self, new: NewSession, entry: Entry) -> Result<PutSession, StoreError> {
        let (signer, most) = (self.signer()?, self.limits.most_rows());
        let checking = Arc::clone(&signer);
        let put = move |c: &DbConnection| put(c, &checking, &new, most);
        let put = self.write_audited((entry, PutSession::is_stored), put).await?;
        if put == PutSession::NotAllowed {
            signer.report_broken(self).await?;
        }
        Ok(put)
    }

    async fn reveal_session(
        &self,
        creator_profile_id: Uuid,
        platform: String,
        judge: Judge<NewestSession>,
    ) -> Result<(), StoreError> {
        let find =
            move |c: &DbConnection, signer: &RowSigner| newest(c, signer, creator_profile_id, &platform);
        self.reveal(judge, find).await
    }

    async fn revoke_session(
        &self,
        user_id: Uuid,
        id: Uuid,
        now: i64,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        self.change_own(("platform_sessions", id, user_id), entry, move |c| {
            let sql =
                "UPDATE platform_sessions SET status = 'revoked', revoked_at = ?2, encrypted_cookies = NULL,
                     encrypted_origins = NULL
                 WHERE id = ?1 AND status <> 'revoked'";
            c.prepare_cached(sql)?.execute((id.to_string(), now))?;
            c.prepare_cached(REVOKE_RENEWAL)?.execute((id.to_string(), now)).map(drop)
        })
        .await
    }

    async fn newest_session(
        &self,
        user_id: Uuid,
        creator_profile_id: Uuid,
        platform: String,
    ) -> Result<Option<SealedSession>, StoreError> {
        let find =
            move |c: &DbConnection, signer: &RowSigner| newest_of(c, signer, creator_profile_id, &platform);
        let newest = self.read_signed(find).await?;
        Ok(newest.filter(|(session, _)| session.user_id == user_id))
    }

    async fn renewed_at(
        &self,
        _: Uuid,
        creator_profile_id: Uuid,
        platform: String,
    ) -> Result<Option<i64>, StoreError> {
        self.read(move |c| {
            let parameters = (creator_profile_id.to_string(), platform);
            c.prepare_cached(RENEWED_AT)?.query_row(parameters, |found| found.get(0)).optional()
        })
        .await
    }

    async fn sessions_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Session>, u64), StoreError> {
        let list = ("platform_sessions", row::SESSION, "sequence DESC");
        self.read_page(list, user_id, page, row::session).await
    }

    async fn purge_sessions(&self, ended_before: i64) -> Result<(), StoreError> {
        self.write(move |c| {
            c.execute("DELETE FROM platform_sessions WHERE superseded_at < ?1", [ended_before])?;
            c.execute("DELETE FROM platform_sessions WHERE revoked_at < ?1", [ended_before]).map(drop)
        })
        .await
    }
}

/// Stores a session, supersedes the previous one and fulfils the open capture request. If the owner
/// has `most` rows, removes those that ended first.
fn put(c: &DbConnection, signer: &RowSigner, new: &NewSession, most: Option<i64>) -> Result<PutSession> {
    let connection_id = new.creator_profile_id.to_string();
    let find = "SELECT user_id, platform FROM platform_connections WHERE id = ?1";
    let read = |found: &rusqlite::Row<'_>| Ok((row::id(found, 0)?, found.get(1)?));
    let found = c.prepare_cached(find)?.query_row([&connection_id], read).optional()?;
    if let Some(refusal) = PutSession::refusal(new, found) {
        return Ok(refusal);
    }
    let is_by_service = new.renewed_by.is_some();
    if is_by_service && !connections::is_write_back_allowed(c, signer, new.user_id, new.creator_profile_id)? {
        return Ok(PutSession::NotAllowed);
    }
    // Only the newest session can be active: the possibly very many ended ones are not read.
    let supersede = "UPDATE platform_sessions
        SET status = 'superseded', superseded_at = ?3, encrypted_cookies = NULL, encrypted_origins = NULL
        WHERE status = 'active' AND sequence = (
            SELECT max(sequence) FROM platform_sessions WHERE creator_profile_id = ?1 AND platform = ?2)
        AND (?4 IS NULL OR id = ?4)";
    let renews = new.renews.map(|id| id.to_string());
    let parameters = (&connection_id, &new.platform, new.captured_at, &renews);
    let superseded = c.prepare_cached(supersede)?.execute(parameters)?;
    if renews.is_some() && superseded == 0 {
        return Ok(PutSession::Superseded);
    }
    if is_by_service {
        c.prepare_cached(DELETE_RENEWALS)?.execute((&connection_id, &new.platform, &renews))?;
    }
    if let Some(most) = most {
        make_room(c, &new.user_id.to_string(), most)?;
    }
    insert(c, signer, new)?;
    if !is_by_service {
        let fulfil = "DELETE FROM capture_requests WHERE creator_profile_id = ?1 AND platform = ?2";
        c.prepare_cached(fulfil)?.execute((&connection_id, &new.platform))?;
    }
    Ok(PutSession::Stored)
}

/// Removes the sessions that ended first if the owner has the most rows allowed.
fn make_room(c: &DbConnection, user_id: &str, most: i64) -> Result<()> {
    let total = "SELECT platform_sessions FROM owner_usage WHERE owner_id = ?1";
    let total = c.prepare_cached(total)?.query_row([user_id], |found| found.get(0)).optional()?;
    let total: i64 = total.unwrap_or(0);
    if total < most {
        return Ok(());
    }
    let evict = "DELETE FROM platform_sessions WHERE sequence IN (
        SELECT sequence FROM platform_sessions WHERE user_id = ?1 AND status <> 'active'
        ORDER BY ifnull(superseded_at, revoked_at), sequence LIMIT ?2)";
    c.prepare_cached(evict)?.execute((user_id, total - most + 1)).map(drop)
}

fn insert(c: &DbConnection, signer: &RowSigner, new: &NewSession) -> Result<()> {
    let sql = "INSERT INTO platform_sessions (id, user_id, creator_profile_id, platform, encrypted_cookies,
        encrypted_origins, credentials_version, cookie_count, entry_count, user_agent, status, captured_at,
        expires_at, renewed_by, mac)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'active', ?11, ?12, ?13, ?14)";
    let [id, user_id, connection_id] = [new.id, new.user_id, new.creator_profile_id].map(|id| id.to_string());
    c.prepare_cached(sql)?
        .execute(params![
            id,
            user_id,
            connection_id,
            new.platform,
            new.encrypted_cookies,
            new.encrypted_origins,
            new.credentials_version,
            new.cookie_count,
            new.entry_count,
            new.user_agent,
            new.captured_at,
            new.expires_at,
            new.renewed_by,
            signer.sign(new)
        ])
        .map(drop)
}

/// A connection and its newest session on a platform.
fn newest(
    c: &DbConnection,
    signer: &RowSigner,
    creator_profile_id: Uuid,
    platform: &str,
) -> Result<Option<NewestSession>> {
    let Some(connection) = super::connections::find(c, signer, creator_profile_id)? else { return Ok(None) };
    let newest = newest_of(c, signer, creator_profile_id, platform)?;
    let newest = newest.filter(|(session, _)| session.user_id == connection.user_id);
    Ok(Some((connection, newest)))
}

/// The newest session of a connection on a platform.
fn newest_of(
    c: &DbConnection,
    signer: &RowSigner,
    creator_profile_id: Uuid,
    platform: &str,
) -> Result<Option<SealedSession>> {
    let sql = format!(
        "SELECT {}, mac, encrypted_cookies, encrypted_origins FROM platform_sessions
         WHERE creator_profile_id = ?1 AND platform = ?2 ORDER BY sequence DESC LIMIT 1",
        row::SESSION
    );
    let read = |found: &rusqlite::Row<'_>| {
        let parts = SealedParts {
            cookies: found.get("encrypted_cookies")?,
            origins: found.get("encrypted_origins")?,
        };
        Ok((row::kept(row::session)(found)?, parts))
    };
    let parameters = (creator_profile_id.to_string(), platform);
    let found = c.prepare_cached(&sql)?.query_row(parameters, read).optional()?;
    Ok(found.and_then(|(kept, sealed)| Some((signer.check(kept)?, sealed))))
}
