//! Who signs in.

use super::{StoreError, operations};
use crate::audit::Entry;
use secrecy::SecretString;
use uuid::Uuid;

/// Whether somebody may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserStatus {
    Active,
    Suspended,
}

impl UserStatus {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended].into_iter().find(|status| status.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

/// Somebody who signs in. `password_hash` is a PHC string.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) password_hash: SecretString,
    pub(crate) status: UserStatus,
    pub(crate) created_at: i64,
    /// Access tokens issued before are void. Each change that ends the user's
    /// sign-ins makes it later, so it also tells whether there was one.
    pub(crate) tokens_valid_from: i64,
}

impl User {
    /// The same once all that is signed in has ended.
    pub(super) fn with_sign_ins_ended(self, now: i64) -> Self {
        Self { tokens_valid_from: now.max(self.tokens_valid_from + 1), ..self }
    }
}

operations! {
    /// `users`.
    trait Users as DynUsers {
        /// Stores a new user; false where the e-mail address is taken.
        async fn add_user(&self, user: User, entry: Entry) -> Result<bool, StoreError>;

        /// The user with an e-mail address, without regard to case.
        async fn user_by_email(&self, email: String) -> Result<Option<User>, StoreError>;

        async fn user(&self, id: Uuid) -> Result<Option<User>, StoreError>;

        /// All users, by e-mail address.
        async fn users(&self) -> Result<Vec<User>, StoreError>;

        /// Sets a user's status and ends all sign-ins; false where there is no such user.
        async fn set_user_status(
            &self,
            id: Uuid,
            status: UserStatus,
            now: i64,
            entry: Entry,
        ) -> Result<bool, StoreError>;

        /// Sets a user's password and ends all sign-ins; false where there is no such user.
        async fn set_password(
            &self,
            id: Uuid,
            hash: SecretString,
            now: i64,
            entry: Entry,
        ) -> Result<bool, StoreError>;

        /// Deletes a user and all that is the user's; false where there is none.
        async fn delete_user(&self, id: Uuid, entry: Entry) -> Result<bool, StoreError>;
    }
}
