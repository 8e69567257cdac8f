//! The store of app credentials, timed.

use super::Timed;
use crate::audit::Entry;
use crate::store::{
    Actor, AddProject, AppCredential, AppCredentialFilter, AppCredentialStore, CredentialType, DeleteType,
    Listed, Page, Project, ProjectEdit, PutAppCredential, PutType, Revision, Sealed, SetMembers, StoreError,
};
use async_trait::async_trait;
use uuid::Uuid;

#[async_trait]
impl AppCredentialStore for Timed<dyn AppCredentialStore> {
    async fn credential_types(
        &self,
        owner_id: Uuid,
        page: Page,
    ) -> Result<Listed<CredentialType>, StoreError> {
        self.time("credential_types", self.inner.credential_types(owner_id, page)).await
    }

    async fn type_names(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError> {
        self.time("type_names", self.inner.type_names(owner_id)).await
    }

    async fn credential_type(&self, id: Uuid) -> Result<Option<CredentialType>, StoreError> {
        self.time("credential_type", self.inner.credential_type(id)).await
    }

    async fn add_credential_type(&self, new: CredentialType, entry: Entry) -> Result<PutType, StoreError> {
        self.time("add_credential_type", self.inner.add_credential_type(new, entry)).await
    }

    async fn update_credential_type(
        &self,
        changed: CredentialType,
        known: CredentialType,
        entry: Entry,
    ) -> Result<PutType, StoreError> {
        self.time("update_credential_type", self.inner.update_credential_type(changed, known, entry)).await
    }

    async fn delete_credential_type(
        &self,
        owner_id: Uuid,
        id: Uuid,
        entry: Entry,
    ) -> Result<DeleteType, StoreError> {
        self.time("delete_credential_type", self.inner.delete_credential_type(owner_id, id, entry)).await
    }

    async fn project(&self, id: Uuid) -> Result<Option<Project>, StoreError> {
        self.time("project", self.inner.project(id)).await
    }

    async fn projects(&self, user_id: Uuid, page: Page) -> Result<Listed<Project>, StoreError> {
        self.time("projects", self.inner.projects(user_id, page)).await
    }

    async fn own_projects(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError> {
        self.time("own_projects", self.inner.own_projects(owner_id)).await
    }

    async fn add_project(&self, new: Project, entry: Entry) -> Result<AddProject, StoreError> {
        self.time("add_project", self.inner.add_project(new, entry)).await
    }

    async fn update_project(&self, edit: ProjectEdit, entry: Entry) -> Result<Option<bool>, StoreError> {
        self.time("update_project", self.inner.update_project(edit, entry)).await
    }

    async fn delete_project(&self, owner_id: Uuid, id: Uuid, entry: Entry) -> Result<bool, StoreError> {
        self.time("delete_project", self.inner.delete_project(owner_id, id, entry)).await
    }

    async fn set_project_members(
        &self,
        own: (Uuid, Uuid),
        member_ids: Vec<Uuid>,
        are_users: bool,
        now: i64,
        entry: Entry,
    ) -> Result<SetMembers, StoreError> {
        self.time(
            "set_project_members",
            self.inner.set_project_members(own, member_ids, are_users, now, entry),
        )
        .await
    }

    async fn add_app_credential(
        &self,
        new: AppCredential,
        type_updated_at: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        self.time("add_app_credential", self.inner.add_app_credential(new, type_updated_at, entry)).await
    }

    async fn update_app_credential(
        &self,
        changed: AppCredential,
        type_updated_at: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        self.time("update_app_credential", self.inner.update_app_credential(changed, type_updated_at, entry))
            .await
    }

    async fn app_credential(&self, actor: Actor, id: Uuid) -> Result<Option<AppCredential>, StoreError> {
        self.time("app_credential", self.inner.app_credential(actor, id)).await
    }

    async fn app_credentials_of(
        &self,
        owner_id: Uuid,
        filter: AppCredentialFilter,
        page: Page,
    ) -> Result<Listed<AppCredential>, StoreError> {
        self.time("app_credentials_of", self.inner.app_credentials_of(owner_id, filter, page)).await
    }

    async fn app_credentials_by_project(
        &self,
        own: (Uuid, Uuid),
    ) -> Result<Listed<AppCredential>, StoreError> {
        self.time("app_credentials_by_project", self.inner.app_credentials_by_project(own)).await
    }

    async fn delete_app_credential(
        &self,
        owner_id: Uuid,
        id: Uuid,
        known: Option<Revision>,
        entry: Entry,
    ) -> Result<bool, StoreError> {
        self.time("delete_app_credential", self.inner.delete_app_credential(owner_id, id, known, entry)).await
    }

    async fn assign_app_credential(
        &self,
        own: (Uuid, Uuid),
        known: Option<Revision>,
        project_ids: Vec<Uuid>,
        now: i64,
        entry: Entry,
    ) -> Result<PutAppCredential, StoreError> {
        self.time(
            "assign_app_credential",
            self.inner.assign_app_credential(own, known, project_ids, now, entry),
        )
        .await
    }

    async fn sealed_values(&self, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        self.time("sealed_values", self.inner.sealed_values(after, limit)).await
    }

    async fn replace_sealed_value(&self, old: Sealed, blob: String) -> Result<bool, StoreError> {
        self.time("replace_sealed_value", self.inner.replace_sealed_value(old, blob)).await
    }
}
