//! What people keep for their apps: types of credentials, credentials of these
//! types, and the projects that they hand them to. Values pass through sealed.

use super::{Actor, Page, Sealed, StoreError};
use crate::audit::Entry;
use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use std::fmt::Debug;
use uuid::{Builder, Uuid};

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
    pub(super) fn is_kept_in(&self, fields: &[Self]) -> bool {
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

/// What credentials are handed to.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) id: Uuid,
    pub(crate) owner_id: Uuid,
    pub(crate) project_name: String,
    pub(crate) description: Option<String>,
    /// In the order of their ids.
    pub(crate) member_ids: Vec<Uuid>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl Project {
    /// Whether it is the user's or has the user as a member.
    pub(crate) fn is_seen_by(&self, user_id: Uuid) -> bool {
        self.owner_id == user_id || self.member_ids.contains(&user_id)
    }
}

/// What became of a new project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddProject {
    Added,
    NameTaken,
    /// The owner has as many as he can have.
    TooMany,
}

/// An edit of an owner's project; what is `None` stays.
#[derive(Clone, Debug)]
pub(crate) struct ProjectEdit {
    pub(crate) id: Uuid,
    pub(crate) owner_id: Uuid,
    pub(crate) project_name: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) updated_at: i64,
}

/// What became of a project's new members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetMembers {
    Set,
    /// One of them is no user.
    UnknownUser,
    /// There is no such project of the owner's.
    Gone,
}

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

/// Types that one owner can have, and projects.
pub(crate) const MAX_OF_ONE_OWNER: i64 = 1000;
/// Credentials that one project can be handed.
pub(crate) const MAX_CREDENTIALS_OF_PROJECT: i64 = 1000;

/// Bytes of a list that are read at once, about: the record with which it has as many
/// is the last one of [`Listed::first`]. A macro, so that SQL can name it as well.
macro_rules! listed_bytes {
    () => {
        131072
    };
}

pub(super) use listed_bytes;

/// A part of a list whose records may be large.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    /// The first of them.
    pub(crate) first: Vec<T>,
    /// The ids of those that come after.
    pub(crate) rest: Vec<Uuid>,
    /// How many records there are in the whole list.
    pub(crate) total: u64,
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

/// Text without regard to case, beyond ASCII too: what differs in case alone is
/// the same (`ß` and `SS`, each form of sigma, and an i with a dot or without one, be it
/// large or small: whose capital is which depends on the language).
pub(crate) fn fold(text: &str) -> String {
    let folded: String = text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    folded.replace("i\u{307}", "i")
}

/// What every kind of own database does for app credentials. Times are
/// milliseconds since the Unix epoch. An [`Entry`] is appended to the audit log
/// where the operation did what was asked.
#[async_trait]
pub(crate) trait AppCredentialStore: Debug + Send + Sync {
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

    /// A project, whoever's it is.
    async fn project(&self, id: Uuid) -> Result<Option<Project>, StoreError>;

    /// A page of the projects that are the user's or have him as a member, by name.
    async fn projects(&self, user_id: Uuid, page: Page) -> Result<Listed<Project>, StoreError>;

    /// The ids and names of all projects of an owner's, by name.
    async fn own_projects(&self, owner_id: Uuid) -> Result<Vec<(Uuid, String)>, StoreError>;

    /// Stores a new project.
    async fn add_project(&self, new: Project, entry: Entry) -> Result<AddProject, StoreError>;

    /// Gives the owner's project another name or description; `None` where it
    /// is not there, false where the name is taken.
    async fn update_project(&self, edit: ProjectEdit, entry: Entry) -> Result<Option<bool>, StoreError>;

    /// Deletes the owner's project; false where there is none.
    async fn delete_project(&self, owner_id: Uuid, id: Uuid, entry: Entry) -> Result<bool, StoreError>;

    /// Says who the members of a project are, which is given by its owner and its id.
    /// Where `are_users` they must be users of this database.
    async fn set_project_members(
        &self,
        own: (Uuid, Uuid),
        member_ids: Vec<Uuid>,
        are_users: bool,
        now: i64,
        entry: Entry,
    ) -> Result<SetMembers, StoreError>;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_takes_no_notice_of_case_beyond_ascii() {
        for (one, other) in
            [("ÄPFEL", "äpfel"), ("STRASSE", "straße"), ("ΣΊΣΥΦΟΣ", "σίσυφος"), ("ДОМ", "дом")]
        {
            assert_eq!(fold(one), fold(other));
        }
        for one in ["İstanbul", "I\u{307}stanbul", "i\u{307}stanbul", "ıstanbul", "ISTANBUL"] {
            assert_eq!(fold(one), "istanbul");
        }
        assert_eq!(fold("100%_a"), "100%_a");
        assert_ne!(fold("é"), fold("e"));
    }

    #[test]
    fn a_value_has_one_id_for_a_credential_and_a_field() {
        let [a, b] = [1, 2].map(Uuid::from_u128);
        assert_eq!(value_id(a, b), value_id(a, b));
        assert_ne!(value_id(a, b), value_id(b, a));
        assert_eq!(value_id(a, b).get_version_num(), 8);
    }
}
