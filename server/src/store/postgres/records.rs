//! [`Records`] on PostgreSQL.

use super::transaction::{Acting, Step};
use super::{Postgres, bounds, connections, download_credentials, row, sealed, sessions};
use crate::audit::Entry;
use crate::store::{
    Actor, Connection, CredentialsUpdate, Database as _, DownloadCredential, Found, Judge, NewConnection,
    NewDownloadCredential, NewSession, NewestSession, Page, PutConnection, PutSession, Records, Sealed,
    SealedConnection, SealedDownloadCredential, SealedTable, Session, StoreError, UpdateCredentials,
};
use async_trait::async_trait;
use uuid::Uuid;

#[async_trait]
impl Records for Postgres {
    async fn check_records(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn connection_by_identity(
        &self,
        user_id: Uuid,
        identity_key: String,
    ) -> Result<Option<Uuid>, StoreError> {
        connections::by_identity(self, user_id, &identity_key).await
    }

    async fn put_connection(&self, new: NewConnection, entry: Entry) -> Result<PutConnection, StoreError> {
        connections::put(self, &new, entry).await
    }

    async fn update_credentials(
        &self,
        actor: Actor,
        update: CredentialsUpdate,
        entry: Entry,
    ) -> Result<UpdateCredentials, StoreError> {
        connections::update(self, actor, &update, entry).await
    }

    async fn connection(&self, actor: Actor, id: Uuid) -> Result<Found<Connection>, StoreError> {
        connections::find(self, actor, id).await
    }

    async fn reveal_connection(&self, id: Uuid, judge: Judge<SealedConnection>) -> Result<(), StoreError> {
        self.append(judge(connections::sealed(self, id).await?)).await
    }

    async fn connections_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Connection>, u64), StoreError> {
        let (limit, offset) = bounds(page);
        let list =
            (Step(connections::COUNT, &[&user_id]), Step(connections::PAGE, &[&user_id, &limit, &offset]));
        self.read_page(user_id, list, row::connection).await
    }

    async fn delete_connection(
        &self,
        user_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        connections::delete(self, user_id, id, entry).await
    }

    async fn add_download_credential(
        &self,
        new: NewDownloadCredential,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        download_credentials::add(self, &new, entry).await
    }

    async fn reveal_download_credential(
        &self,
        id: Uuid,
        judge: Judge<SealedDownloadCredential>,
    ) -> Result<(), StoreError> {
        self.append(judge(download_credentials::sealed(self, id).await?)).await
    }

    async fn download_credentials_of(
        &self,
        user_id: Uuid,
        page: Page,
    ) -> Result<(Vec<DownloadCredential>, u64), StoreError> {
        let (limit, offset) = bounds(page);
        let list = (
            Step(download_credentials::COUNT, &[&user_id]),
            Step(download_credentials::PAGE, &[&user_id, &limit, &offset]),
        );
        self.read_page(user_id, list, row::download_credential).await
    }

    async fn delete_download_credential(
        &self,
        user_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        download_credentials::delete(self, user_id, id, entry).await
    }

    async fn put_session(&self, new: NewSession, entry: Entry) -> Result<PutSession, StoreError> {
        sessions::put(self, new, entry).await
    }

    async fn reveal_session(
        &self,
        creator_profile_id: Uuid,
        platform: String,
        judge: Judge<NewestSession>,
    ) -> Result<(), StoreError> {
        self.append(judge(sessions::newest(self, creator_profile_id, &platform).await?)).await
    }

    async fn revoke_session(
        &self,
        user_id: Uuid,
        id: Uuid,
        now: i64,
        entry: Entry,
    ) -> Result<Found<()>, StoreError> {
        sessions::revoke(self, user_id, id, now, entry).await
    }

    async fn newest_session(
        &self,
        user_id: Uuid,
        creator_profile_id: Uuid,
        platform: &str,
    ) -> Result<Option<Session>, StoreError> {
        let step = Step(sessions::NEWEST, &[&creator_profile_id, &platform]);
        let rows = self.read(Acting::User(user_id), &[step]).await?;
        self.genuine_one(row::optional(&rows, row::kept(row::session))?).await
    }

    async fn sessions_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Session>, u64), StoreError> {
        let (limit, offset) = bounds(page);
        let list = (Step(sessions::COUNT, &[&user_id]), Step(sessions::PAGE, &[&user_id, &limit, &offset]));
        self.read_page(user_id, list, row::session).await
    }

    async fn purge_sessions(&self, ended_before: i64) -> Result<(), StoreError> {
        sessions::purge(self, ended_before).await
    }

    async fn sealed(&self, table: SealedTable, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        sealed::after(self, table, after, limit).await
    }

    async fn replace_sealed(
        &self,
        old: Sealed,
        blob: String,
        credentials_version: &'static str,
    ) -> Result<bool, StoreError> {
        sealed::replace(self, &old, &blob, credentials_version).await
    }
}
