//! The records that people keep for their apps: credential types, credentials of these types, and
//! the projects that use them. Values pass through sealed.

mod credentials;
mod projects;
mod types;

pub(crate) use credentials::{
    AppCredential, AppCredentialFilter, AppCredentials, DynAppCredentials, PutAppCredential, Revision,
    SealedValue, value_id,
};
pub(crate) use projects::{AddProject, DynProjects, Project, ProjectEdit, Projects, SetMembers};
pub(crate) use types::{
    CredentialType, CredentialTypes, DeleteType, DynCredentialTypes, FieldType, PutType, TypeField,
};

use super::{Actor, Page, Sealed, StoreError, operations};
use uuid::Uuid;

/// The version in which values are sealed.
pub(super) const VERSION: &str = "v2";
/// The most types, and the most projects, of one owner.
pub(crate) const MAX_OF_ONE_OWNER: i64 = 1000;

/// The most credentials assigned to one project.
pub(crate) const MAX_CREDENTIALS_OF_PROJECT: i64 = 1000;

/// About how many bytes of a list are read at once: the record that reaches this size is the last
/// one of [`Listed::first`]. A macro, so that SQL can use it too.
macro_rules! listed_bytes {
    () => {
        131072
    };
}

pub(super) use listed_bytes;

/// One page of a list with large records.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    /// The first records.
    pub(crate) first: Vec<T>,
    /// The ids of the following records.
    pub(crate) rest: Vec<Uuid>,
    /// The number of records in the whole list.
    pub(crate) total: u64,
}

/// Text for comparison without regard to case, also beyond ASCII. Equal are `ß` and `SS`, all forms
/// of sigma, and all forms of i, with or without a dot, since its capital depends on the language.
// Decision: docs/decisions/app-credentials.md#the-server-folds-text-for-searches
pub(crate) fn fold(text: &str) -> String {
    let folded: String = text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    folded.replace("i\u{307}", "i")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_ignores_case_beyond_ascii() {
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
    fn a_value_id_depends_on_credential_and_field() {
        let [a, b] = [1, 2].map(Uuid::from_u128);
        assert_eq!(value_id(a, b), value_id(a, b));
        assert_ne!(value_id(a, b), value_id(b, a));
        assert_eq!(value_id(a, b).get_version_num(), 8);
    }
}
