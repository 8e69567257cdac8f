//! [`Records`] on SQLite.

use super::{Batch, Sqlite, connections, download_credentials, row, sealed, sessions};
use crate::audit::Entry;
use crate::store::row_signer::RowSigner;
use crate::store::{
    Actor, Connection, CredentialsUpdate, DownloadCredential, Found, Judge, NewConnection,
    NewDownloadCredential, NewSession, NewestSession, Page, PutConnection, PutSession, Records, Sealed,
    SealedConnection, SealedDownloadCredential, SealedTable, Session, StoreError, UpdateCredentials,
};
use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Result as SqlResult};
use std::sync::Arc;
use uuid::Uuid;

/// Whether the record of this id is the user's own.
fn owned(c: &rusqlite::Connection, table: &str, id: Uuid, user_id: Uuid) -> SqlResult<Found<()>> {
    let sql = format!("SELECT user_id FROM {table} WHERE id = ?1");
    let owner = c.prepare_cached(&sql)?.query_row([id.to_string()], |found| row::id(found, 0)).optional()?;
    Ok(match owner {
        None => Found::Nothing,
        Some(owner) if owner == user_id => Found::Own(()),
        Some(_) => Found::Foreign,
    })
}

/// Changes the record of this id where it is the user's own.
pub(super) fn change_if_own(
    c: &rusqlite::Connection,
    (table, id, user_id): (&str, Uuid, Uuid),
    change: impl FnOnce(&rusqlite::Connection) -> SqlResult<()>,
) -> SqlResult<Found<()>> {
    let found = owned(c, table, id, user_id)?;
    if found == Found::Own(()) {
        change(c)?;
    }
    Ok(found)
}

impl Sqlite {
    /// The same as an operation, which is noted where it was done.
    async fn change_own(
        &self,
        record: (&'static str, Uuid, Uuid),
        entry: Entry,
        change: impl FnOnce(&rusqlite::Connection) -> SqlResult<()> + Send + 'static,
    ) -> Result<Found<()>, StoreError> {
        let did = |found: &Found<()>| *found == Found::Own(());
        self.write_noting(entry, did, move |c| change_if_own(c, record, change)).await
    }

    /// Finds a record and has it judged, on the connection that writes: what
    /// was found and the row that tells of it are of one moment, one thread is
    /// woken for both, and that connection's pages stay in memory.
    async fn reveal<R: 'static>(
        &self,
        find: impl FnOnce(&rusqlite::Connection, &RowSigner) -> SqlResult<Option<R>> + Send + 'static,
        judge: Judge<R>,
    ) -> Result<(), StoreError> {
        let signer = self.signer()?;
        let checking = Arc::clone(&signer);
        let judging = move |batch: &Batch<'_>| batch.append(checking.key(), judge(find(batch, &checking)?));
        self.writer.run_one_change(judging).await?;
        signer.report_broken(self).await
    }
}

#[async_trait]
impl Records for Sqlite {
    async fn check_records(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn connection_by_identity(
        &self,
        _: Uuid,
        identity_key: String,
    ) -> Result<Option<Uuid>, StoreError> {
        self.read(move |c| connections::by_identity(c, &identity_key)).await
    }

    async fn put_connection(&self, new: NewConnection, entry: Entry) -> Result<PutConnection, StoreError> {
        let did = |outcome: &PutConnection| !matches!(outcome, PutConnection::Clash(_));
        let signer = self.signer()?;
        let checking = Arc::clone(&signer);
        let put = self.write_noting(entry, did, move |c| connections::put(c, &checking, &new)).await?;
        signer.report_broken(self).await?;
        Ok(put)
    }

    async fn update_credentials(
        &self,
        actor: Actor,
        update: CredentialsUpdate,
        entry: Entry,
    ) -> Result<UpdateCredentials, StoreError> {
        let did = |outcome: &UpdateCredentials| *outcome == UpdateCredentials::Updated;
        self.write_noting(entry, did, move |c| connections::update(c, actor, &update)).await
    }

    async fn connection(&self, actor: Actor, id: Uuid) -> Result<Found<Connection>, StoreError> {
        let found = self.read_signed(move |c, signer| connections::find(c, signer, id)).await?;
        Ok(Found::of(found, actor, |connection| connection.user_id))
    }

    async fn reveal_connection(&self, id: Uuid, judge: Judge<SealedConnection>) -> Result<(), StoreError> {
        self.reveal(move |c, signer| connections::sealed(c, signer, id), judge).await
    }

    async fn connections_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Connection>, u64), StoreError> {
        let list = ("platform_connections", row::CONNECTION, "created_at DESC, id");
        self.read_page(list, user_id, page, row::connection).await
    }

    async fn delete_connection(
        &self,
        user_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        self.change_own(("platform_connections", id, user_id), entry, move |c| connections::delete(c, id))
            .await
    }

    async fn add_download_credential(
        &self,
        new: NewDownloadCredential,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        let signer = self.signer()?;
        self.write_noting(entry, |added| *added, move |c| download_credentials::add(c, &signer, &new)).await
    }

    async fn reveal_download_credential(
        &self,
        id: Uuid,
        judge: Judge<SealedDownloadCredential>,
    ) -> Result<(), StoreError> {
        self.reveal(move |c, signer| download_credentials::sealed(c, signer, id), judge).await
    }

    async fn download_credentials_of(
        &self,
        user_id: Uuid,
        page: Page,
    ) -> Result<(Vec<DownloadCredential>, u64), StoreError> {
        let list = ("download_credentials", row::DOWNLOAD_CREDENTIAL, "created_at DESC, id");
        self.read_page(list, user_id, page, row::download_credential).await
    }

    async fn delete_download_credential(
        &self,
        user_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        let delete = move |c: &rusqlite::Connection| download_credentials::delete(c, id);
        self.change_own(("download_credentials", id, user_id), entry, delete).await
    }

    async fn put_session(&self, new: NewSession, entry: Entry) -> Result<PutSession, StoreError> {
        let (signer, most) = (self.signer()?, self.limits.most_rows());
        self.write_noting(entry, PutSession::is_stored, move |c| sessions::put(c, &signer, &new, most)).await
    }

    async fn reveal_session(
        &self,
        creator_profile_id: Uuid,
        platform: String,
        judge: Judge<NewestSession>,
    ) -> Result<(), StoreError> {
        let find = move |c: &rusqlite::Connection, signer: &RowSigner| {
            sessions::newest(c, signer, creator_profile_id, &platform)
        };
        self.reveal(find, judge).await
    }

    async fn revoke_session(
        &self,
        user_id: Uuid,
        id: Uuid,
        now: i64,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        let revoke = move |c: &rusqlite::Connection| sessions::revoke(c, id, now);
        self.change_own(("platform_sessions", id, user_id), entry, revoke).await
    }

    async fn newest_session(
        &self,
        user_id: Uuid,
        creator_profile_id: Uuid,
        platform: &str,
    ) -> Result<Option<Session>, StoreError> {
        let platform = platform.to_owned();
        let newest =
            self.read_signed(move |c, signer| sessions::newest_of(c, signer, creator_profile_id, &platform));
        let newest = newest.await?;
        Ok(newest.map(|(session, _)| session).filter(|session| session.user_id == user_id))
    }

    async fn sessions_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Session>, u64), StoreError> {
        let list = ("platform_sessions", row::SESSION, "sequence DESC");
        self.read_page(list, user_id, page, row::session).await
    }

    async fn purge_sessions(&self, ended_before: i64) -> Result<(), StoreError> {
        self.write(move |c| sessions::purge(c, ended_before)).await
    }

    async fn sealed(&self, table: SealedTable, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        self.read(move |c| sealed::after(c, table, after, limit)).await
    }

    async fn replace_sealed(
        &self,
        old: Sealed,
        blob: String,
        credentials_version: &'static str,
    ) -> Result<bool, StoreError> {
        self.write(move |c| sealed::replace(c, &old, &blob, credentials_version)).await
    }
}
