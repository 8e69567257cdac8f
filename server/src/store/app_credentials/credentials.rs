//! App credentials, their values, and the projects they are assigned to.

use super::{Actor, Listed, Page, Sealed, StoreError, operations};
use crate::audit::Entry;
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

/// A sealed value of a credential.
#[derive(Clone, Debug)]
pub(crate) struct SealedValue {
    pub(crate) field_id: Uuid,
    pub(crate) blob: String,
    /// Whether the value must still be stored. A stored value is not written again: meanwhile it
    /// may be re-encrypted, or its key retired.
    pub(crate) is_new: bool,
}

/// The id of a credential's value in a field (a UUID of version 8, RFC 9562), so that the sealed
/// value is bound to both.
// Decision: docs/decisions/app-credentials.md#the-id-of-a-value-is-derived-from-credential-and-field
pub(crate) fn value_id(credential_id: Uuid, field_id: Uuid) -> Uuid {
    let hash = Sha256::new().chain_update(credential_id).chain_update(field_id).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// A credential with its sealed values.
#[derive(Clone, Debug)]
pub(crate) struct AppCredential {
    pub(crate) id: Uuid,
    pub(crate) owner_id: Uuid,
    pub(crate) credential_name: String,
    pub(crate) credential_type_id: Uuid,
    pub(crate) description: Option<String>,
    /// The values, at most one for each field of the type.
    pub(crate) values: Vec<SealedValue>,
    /// The projects, in order of their ids.
    pub(crate) project_ids: Vec<Uuid>,
    /// The number of the last change, from 1.
    pub(crate) version: i64,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

/// The two versions that a credential's content depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revision {
    /// The credential's own version.
    pub(crate) version: i64,
    /// When its type was last changed.
    pub(crate) type_updated_at: i64,
}

/// The result of adding or changing a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutAppCredential {
    Stored,
    NameTaken,
    /// A project does not exist or belongs to another user.
    UnknownProject,
    /// A project already has the most credentials it can have.
    ProjectFull,
    /// The credential or its type changed or disappeared since it was read.
    Stale,
}

/// Which of an owner's credentials to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct AppCredentialFilter {
    pub(crate) credential_type_id: Option<Uuid>,
    /// Text that the folded name contains.
    pub(crate) folded_search: Option<String>,
}

operations! {
    /// The operations on `app_credentials`, `app_credential_keys` and `app_credential_projects`.
    trait AppCredentials as DynAppCredentials {
        /// Adds a new credential and assigns it to the owner's projects. `type_updated_at` is the
        /// state of its type against which the values were checked.
        async fn add_app_credential(
            &self,
            new: AppCredential,
            type_updated_at: i64,
            entry: Entry,
        ) -> Result<PutAppCredential, StoreError>;

        /// Changes the name, description and values of a credential that still has the previous
        /// version. Values that are not new stay unchanged.
        async fn update_app_credential(
            &self,
            changed: AppCredential,
            type_updated_at: i64,
            entry: Entry,
        ) -> Result<PutAppCredential, StoreError>;

        /// A credential that the actor may access.
        async fn app_credential(&self, actor: Actor, id: Uuid) -> Result<Option<AppCredential>, StoreError>;

        /// A page of the owner's credentials, newest first, then by id.
        async fn app_credentials_of(
            &self,
            owner_id: Uuid,
            filter: AppCredentialFilter,
            page: Page,
        ) -> Result<Listed<AppCredential>, StoreError>;

        /// All credentials assigned to a project, given by its owner and id; newest first, then by
        /// id.
        async fn app_credentials_by_project(
            &self,
            own: (Uuid, Uuid),
        ) -> Result<Listed<AppCredential>, StoreError>;

        /// Deletes the owner's credential; false if it does not exist or is no longer as `known`.
        async fn delete_app_credential(
            &self,
            owner_id: Uuid,
            id: Uuid,
            known: Option<Revision>,
            entry: Entry,
        ) -> Result<bool, StoreError>;

        /// Assigns a credential, given by its owner and id, to exactly these projects of the owner,
        /// if it is still as `known`.
        async fn assign_app_credential(
            &self,
            own: (Uuid, Uuid),
            known: Option<Revision>,
            project_ids: Vec<Uuid>,
            now: i64,
            entry: Entry,
        ) -> Result<PutAppCredential, StoreError>;

        /// The sealed values in order of their ids, after the given one.
        async fn sealed_values(&self, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError>;

        /// Replaces the `old` blob by the re-encrypted `blob`; false, without a change, if the
        /// value is different by now.
        async fn replace_sealed_value(&self, old: Sealed, blob: String) -> Result<bool, StoreError>;
    }
}
