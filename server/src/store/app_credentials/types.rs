//! Types of app credentials, and their fields.

use super::{Listed, Page, StoreError, operations};
use crate::audit::Entry;
use crate::words::words;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

words! {
    /// The kind of a field's values.
    enum FieldType {
        String = "string", Password = "password", Number = "number", Boolean = "boolean", Url = "url", Json = "json",
    }
}

/// A field of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TypeFieldResponse)]
pub(crate) struct TypeField {
    pub(crate) id: Uuid,
    pub(crate) field_name: String,
    pub(crate) field_label: String,
    pub(crate) field_type: FieldType,
    /// Whether each credential must have a value in it.
    pub(crate) required: bool,
    /// Whether its values are hidden until someone reveals them.
    pub(crate) sensitive: bool,
}

impl TypeField {
    /// Whether the field stays valid in `fields` for credentials that have a value in it: of the
    /// same kind, and as secret.
    pub(in crate::store) fn is_kept_in(&self, fields: &[Self]) -> bool {
        fields.iter().any(|field| {
            field.id == self.id
                && field.field_name == self.field_name
                && field.field_type == self.field_type
                && field.sensitive >= self.sensitive
        })
    }
}

/// A kind of credential, built in if it has no owner.
#[derive(Clone, Debug)]
pub(crate) struct CredentialType {
    pub(crate) id: Uuid,
    pub(crate) owner_id: Option<Uuid>,
    pub(crate) type_name: String,
    pub(crate) description: Option<String>,
    /// The fields, in the order that the user chose.
    pub(crate) fields: Vec<TypeField>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl CredentialType {
    /// Whether the user can have credentials of this type.
    pub(crate) fn is_usable_by(&self, user_id: Uuid) -> bool {
        self.owner_id.is_none_or(|owner_id| owner_id == user_id)
    }
}

/// The result of adding or changing a credential type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutType {
    Stored,
    NameTaken,
    /// The owner already has the most types.
    TooMany,
    /// This many credentials have a value in a field that would disappear or change.
    FieldInUse(u64),
    /// The type changed since it was read.
    Stale,
    /// The owner has no type with this id.
    Gone,
}

/// The result of deleting a credential type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeleteType {
    Deleted,
    /// This many credentials have the type.
    InUse(u64),
    Gone,
}

operations! {
    /// The operations on `credential_types` and `credential_type_fields`.
    trait CredentialTypes as DynCredentialTypes {
        /// A page of the built-in types and the owner's types, by name, at one point in time.
        async fn credential_types(
            &self,
            owner_id: Uuid,
            page: Page,
        ) -> Result<Listed<CredentialType>, StoreError>;

        /// The ids and names of the built-in types and of all the owner's types, by name.
        async fn type_names(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError>;

        /// A type of any owner.
        async fn credential_type(&self, id: Uuid) -> Result<Option<CredentialType>, StoreError>;

        /// Adds a new type.
        async fn add_credential_type(&self, new: CredentialType, entry: Entry) -> Result<PutType, StoreError>;

        /// Changes the name, description and fields of the owner's type, if it is still the `known`
        /// one. Of a field in which credentials have values, only the label, the order and whether
        /// it is required can change.
        async fn update_credential_type(
            &self,
            changed: CredentialType,
            known: CredentialType,
            entry: Entry,
        ) -> Result<PutType, StoreError>;

        /// Deletes the owner's type, unless credentials have it.
        async fn delete_credential_type(
            &self,
            owner_id: Uuid,
            id: Uuid,
            entry: Entry,
        ) -> Result<DeleteType, StoreError>;
    }
}
