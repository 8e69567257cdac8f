//! [`AppCredentialStore`] on PostgreSQL. What is changed is locked first, and what
//! follows sees what was committed while that was waited for.

/// The ids of the records of a list, which is a query for ids and what they are ordered by.
macro_rules! ids {
    ($listed:expr) => {
        concat!("SELECT id FROM (", $listed, ") listed")
    };
}

/// The first of these ids, as far as their records may be read at once. `$bytes` is what
/// one of the `listed` takes in memory, about.
macro_rules! first_ids {
    ($bytes:literal, $order:literal, $listed:expr) => {
        concat!(
            "SELECT id FROM (
                SELECT id, sum(bytes) OVER (ORDER BY ",
            $order,
            ") - bytes AS bytes_before FROM (SELECT listed.*, ",
            $bytes,
            " AS bytes FROM (",
            $listed,
            ") listed) measured
            ) placed WHERE bytes_before < ",
            listed_bytes!()
        )
    };
}

pub(super) mod credentials;
pub(super) mod projects;
pub(super) mod types;

use super::{Postgres, row, sealed};
use crate::audit::Entry;
use crate::store::app_credentials::listed_bytes;
use crate::store::{
    Actor, AddProject, AppCredential, AppCredentialFilter, AppCredentialStore, CredentialType, DeleteType,
    Listed, Page, Project, ProjectEdit, PutAppCredential, PutType, Revision, Sealed, SealedTable, SetMembers,
    StoreError,
};
use async_trait::async_trait;
use tokio_postgres::Row;
use uuid::Uuid;

/// The first records of a list, those of the rows `read` that are genuine, with the ids
/// of all of them.
fn listed<T>(first: Vec<T>, read: &[Row], ids: &[Row], total: i64) -> Result<Listed<T>, StoreError> {
    let mut rest: Vec<Uuid> = row::all(ids, |found| Ok(found.try_get(0)?))?;
    // Those that are read are the first in the same order.
    let last: Option<Uuid> = read.last().map(|found| found.try_get("id")).transpose()?;
    let read = last.and_then(|last| rest.iter().position(|listed| *listed == last));
    rest.drain(..read.map_or(0, |place| place + 1));
    Ok(Listed { first, rest, total: total.unsigned_abs() })
}

/// In which version values are sealed.
const VERSION: &str = "v2";

#[async_trait]
impl AppCredentialStore for Postgres {
    async fn credential_types(
        &self,
        owner_id: Uuid,
        page: Page,
    ) -> Result<Listed<CredentialType>, StoreError> {
        types::page(self, owner_id, page).await
    }

    async fn type_names(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError> {
        types::names(self, owner_id).await
    }

    async fn credential_type(&self, id: Uuid) -> Result<Option<CredentialType>, StoreError> {
        types::find(self, id).await
    }

    async fn add_credential_type(&self, new: CredentialType, entry: Entry) -> Result<PutType, StoreError> {
        types::add(self, &new, entry).await
    }

    async fn update_credential_type(
        &self,
        changed: CredentialType,
        known: CredentialType,
        entry: Entry,
    ) -> Result<PutType, StoreError> {
        types::update(self, &changed, &known, entry).await
    }

    async fn delete_credential_type(
        &self,
        owner_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<DeleteType, StoreError> {
        types::delete(self, owner_id, id, entry).await
    }

    async fn project(&self, id: Uuid) -> Result<Option<Project>, StoreError> {
        projects::find(self, id).await
    }

    async fn projects(&self, user_id: Uuid, page: Page) -> Result<Listed<Project>, StoreError> {
        projects::page(self, user_id, page).await
    }

    async fn own_projects(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError> {
        projects::own(self, owner_id).await
    }

    async fn add_project(&self, new: Project, entry: Entry) -> Result<AddProject, StoreError> {
        projects::add(self, &new, entry).await
    }

    async fn update_project(&self, edit: ProjectEdit, entry: Entry) -> Result<Option<bool>, StoreError> {
        projects::update(self, &edit, entry).await
    }

    async fn delete_project(&self, owner_id: Uuid, id: Uuid, entry: Entry) -> Result<bool, StoreError> {
        projects::delete(self, owner_id, id, entry).await
    }

    async fn set_project_members(
        &self,
        own: (Uuid, Uuid),
        member_ids: Vec<Uuid>,
        are_users: bool,
        now: i64,
        entry: Entry,
    ) -> Result<SetMembers, StoreError> {
        projects::set_members(self, own, (&member_ids, are_users), now, entry).await
    }

    async fn add_app_credential(
        &self,
        new: AppCredential,
        type_updated_at: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        credentials::add(self, &new, type_updated_at, entry).await
    }

    async fn update_app_credential(
        &self,
        changed: AppCredential,
        type_updated_at: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        credentials::update(self, &changed, type_updated_at, entry).await
    }

    async fn app_credential(&self, actor: Actor, id: Uuid) -> Result<Option<AppCredential>, StoreError> {
        credentials::find(self, actor, id).await
    }

    async fn app_credentials_of(
        &self,
        owner_id: Uuid,
        filter: AppCredentialFilter,
        page: Page,
    ) -> Result<Listed<AppCredential>, StoreError> {
        credentials::page(self, owner_id, &filter, page).await
    }

    async fn app_credentials_by_project(
        &self,
        own: (Uuid, Uuid),
    ) -> Result<Listed<AppCredential>, StoreError> {
        credentials::by_project(self, own).await
    }

    async fn delete_app_credential(
        &self,
        owner_id: Uuid,
        id: Uuid,
        known: Option<Revision>,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        credentials::delete(self, (owner_id, id), known, entry).await
    }

    async fn assign_app_credential(
        &self,
        own: (Uuid, Uuid),
        known: Option<Revision>,
        project_ids: Vec<Uuid>,
        now: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        credentials::assign(self, own, known, (&project_ids, now), entry).await
    }

    async fn sealed_values(&self, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        sealed::after(self, SealedTable::AppCredentialKeys, after, limit).await
    }

    async fn replace_sealed_value(&self, old: Sealed, blob: String) -> Result<bool, StoreError> {
        sealed::replace(self, &old, &blob, VERSION).await
    }
}
