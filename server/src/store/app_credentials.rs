//! What people keep for their apps: types of credentials, credentials of these
//! types, and the projects that they hand them to. Values pass through sealed.

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

/// In which version values are sealed.
pub(super) const VERSION: &str = "v2";
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

/// Text without regard to case, beyond ASCII too: what differs in case alone is
/// the same (`ß` and `SS`, each form of sigma, and an i with a dot or without one, be it
/// large or small: whose capital is which depends on the language).
pub(crate) fn fold(text: &str) -> String {
    let folded: String = text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    folded.replace("i\u{307}", "i")
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
