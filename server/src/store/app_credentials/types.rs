//! Types of app credentials, and their fields.

use super::{Listed, Page, StoreError, operations};
use crate::audit::Entry;
use uuid::Uuid;

/// What a field's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldType {
    String,
    Password,
    Number,
    Boolean,
    Url,
    Json,
}

impl FieldType {
    const ALL: [Self; 6] = [Self::String, Self::Password, Self::Number, Self::Boolean, Self::Url, Self::Json];

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field_type| field_type.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Password => "password",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Url => "url",
            Self::Json => "json",
        }
    }
}

/// A field of a credential type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypeField {
    pub(crate) id: Uuid,
    pub(crate) field_name: String,
    pub(crate) field_label: String,
    pub(crate) field_type: FieldType,
    pub(crate) required: bool,
    /// Whether its values are shown to nobody who does not ask for them to be revealed.
    pub(crate) sensitive: bool,
}

impl TypeField {
    /// Whether it is still the same among these fields for those who have values in
    /// it: as good as before, and as secret.
    pub(in crate::store) fn is_kept_in(&self, fields: &[Self]) -> bool {
        fields.iter().any(|field| {
            field.id == self.id
                && field.field_name == self.field_name
                && field.field_type == self.field_type
                && field.sensitive >= self.sensitive
        })
    }
}

/// A kind of credential: built in where it has no owner.
#[derive(Clone, Debug)]
pub(crate) struct CredentialType {
    pub(crate) id: Uuid,
    pub(crate) owner_id: Option<Uuid>,
    pub(crate) type_name: String,
    pub(crate) description: Option<String>,
    /// In the order in which they were given.
    pub(crate) fields: Vec<TypeField>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl CredentialType {
    /// Whether this user's credentials can be of it.
    pub(crate) fn is_usable_by(&self, user_id: Uuid) -> bool {
        self.owner_id.is_none_or(|owner_id| owner_id == user_id)
    }
}

/// What became of a change to a credential type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutType {
    Stored,
    NameTaken,
    /// The owner has as many as he can have.
    TooMany,
    /// A field that so many credentials have a value in would be gone, or be another's.
    FieldInUse(u64),
    /// It is not any more as it was when it was read.
    Stale,
    /// There is none of the owner's with this id.
    Gone,
}

/// What became of the deletion of a credential type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeleteType {
    Deleted,
    /// So many credentials are of it.
    InUse(u64),
    Gone,
}

operations! {
    /// `credential_types` and `credential_type_fields`.
    trait CredentialTypes as DynCredentialTypes {
        /// A page of the built-in types and the owner's, by name; in one moment.
        async fn credential_types(
            &self,
            owner_id: Uuid,
            page: Page,
        ) -> Result<Listed<CredentialType>, StoreError>;

        /// The ids and names of the built-in types and of all the owner's, by name.
        async fn type_names(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError>;

        /// A type, whoever's it is.
        async fn credential_type(&self, id: Uuid) -> Result<Option<CredentialType>, StoreError>;

        /// Stores a new type of somebody's.
        async fn add_credential_type(&self, new: CredentialType, entry: Entry) -> Result<PutType, StoreError>;

        /// Gives the owner's type another name, description and fields, where it is still
        /// the `known` one. Fields of that which credentials have values in stay what
        /// they are, their label, order and whether they are required aside.
        async fn update_credential_type(
            &self,
            changed: CredentialType,
            known: CredentialType,
            entry: Entry,
        ) -> Result<PutType, StoreError>;

        /// Deletes the owner's type, unless credentials are of it.
        async fn delete_credential_type(
            &self,
            owner_id: Uuid,
            id: Uuid,
            entry: Entry,
        ) -> Result<DeleteType, StoreError>;
    }
}
