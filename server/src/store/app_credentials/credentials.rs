//! App credentials, their values, and the projects that they are handed to.

use super::{Actor, Listed, Page, Sealed, StoreError, operations};
use crate::audit::Entry;
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

/// A value of a credential, sealed.
#[derive(Clone, Debug)]
pub(crate) struct SealedValue {
    pub(crate) field_id: Uuid,
    pub(crate) blob: String,
    /// Whether it is yet to be stored. One that is kept is not written again: it
    /// may be sealed anew meanwhile, or with a key that is retired.
    pub(crate) is_new: bool,
}

/// The id of the value that a credential has in a field (a UUID of version 8,
/// RFC 9562): so what is sealed for it is sealed for both.
pub(crate) fn value_id(credential_id: Uuid, field_id: Uuid) -> Uuid {
    let hash = Sha256::new().chain_update(credential_id).chain_update(field_id).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// A credential of some type, its values sealed.
#[derive(Clone, Debug)]
pub(crate) struct AppCredential {
    pub(crate) id: Uuid,
    pub(crate) owner_id: Uuid,
    pub(crate) credential_name: String,
    pub(crate) credential_type_id: Uuid,
    pub(crate) description: Option<String>,
    /// At most one for each field of its type.
    pub(crate) values: Vec<SealedValue>,
    /// In the order of their ids.
    pub(crate) project_ids: Vec<Uuid>,
    /// Counts the changes, from 1.
    pub(crate) version: i64,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

/// What a credential shows hangs on these two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revision {
    /// The credential's own.
    pub(crate) version: i64,
    /// When its type was changed last.
    pub(crate) type_updated_at: i64,
}

/// What became of a new credential, or of a change to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutAppCredential {
    Stored,
    NameTaken,
    /// A project is unknown or somebody else's.
    UnknownProject,
    /// A project has as many others as it can have.
    ProjectFull,
    /// It, or its type, is not there any more, or not as it was when it was read.
    Stale,
}

/// Which of an owner's credentials are listed.
#[derive(Clone, Debug, Default)]
pub(crate) struct AppCredentialFilter {
    pub(crate) credential_type_id: Option<Uuid>,
    /// What the name holds, folded as names are.
    pub(crate) folded_search: Option<String>,
}

operations! {
    /// `app_credentials`, `app_credential_keys` and `app_credential_projects`.
    trait AppCredentials as DynAppCredentials {
        /// Stores a new credential and hands it to the owner's projects.
        /// `type_updated_at` says how its type was when the values were checked.
        async fn add_app_credential(
            &self,
            new: AppCredential,
            type_updated_at: i64,
            entry: Entry,
        ) -> Result<PutAppCredential, StoreError>;

        /// Changes the name, the description and the values of a credential that is
        /// still of the version before. Values that are not new stay as they are.
        async fn update_app_credential(
            &self,
            changed: AppCredential,
            type_updated_at: i64,
            entry: Entry,
        ) -> Result<PutAppCredential, StoreError>;

        /// A credential that the actor may have.
        async fn app_credential(&self, actor: Actor, id: Uuid) -> Result<Option<AppCredential>, StoreError>;

        /// A page of the owner's credentials, newest first, then by id.
        async fn app_credentials_of(
            &self,
            owner_id: Uuid,
            filter: AppCredentialFilter,
            page: Page,
        ) -> Result<Listed<AppCredential>, StoreError>;

        /// All credentials that a project has been handed, which is given by its owner and its
        /// id, newest first, then by id.
        async fn app_credentials_by_project(
            &self,
            own: (Uuid, Uuid),
        ) -> Result<Listed<AppCredential>, StoreError>;

        /// Deletes the owner's credential; false where there is none, or none as it is
        /// `known`.
        async fn delete_app_credential(
            &self,
            owner_id: Uuid,
            id: Uuid,
            known: Option<Revision>,
            entry: Entry,
        ) -> Result<bool, StoreError>;

        /// Hands a credential, given by its owner and its id, where it is as it is `known`,
        /// to these projects of his and to no others.
        async fn assign_app_credential(
            &self,
            own: (Uuid, Uuid),
            known: Option<Revision>,
            project_ids: Vec<Uuid>,
            now: i64,
            entry: Entry,
        ) -> Result<PutAppCredential, StoreError>;

        /// What is sealed here, by id, after the given one.
        async fn sealed_values(&self, after: Uuid, limit: u32) -> Result<Vec<Sealed>, StoreError>;

        /// Puts `blob`, sealed anew, in the place of `old`; false, and nothing
        /// changed, where that has another text by now.
        async fn replace_sealed_value(&self, old: Sealed, blob: String) -> Result<bool, StoreError>;
    }
}
