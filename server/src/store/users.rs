//! The people who sign in.

use super::{StoreError, operations};
use crate::audit::Entry;
use crate::words::words;
use secrecy::SecretString;
use uuid::Uuid;

words! {
    /// Whether a user may sign in.
    enum UserStatus { Active = "active", Suspended = "suspended" }
}

/// A user. `password_hash` is a PHC string.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) password_hash: SecretString,
    pub(crate) status: UserStatus,
    pub(crate) created_at: i64,
    /// Access tokens issued before this time are invalid. Each change that ends the user's sign-ins
    /// moves this time forward, so it also shows whether there was such a change.
    pub(crate) tokens_valid_from: i64,
}

impl User {
    /// The user after all sign-ins were ended.
    pub(super) fn with_sign_ins_ended(self, now: i64) -> Self {
        Self { tokens_valid_from: now.max(self.tokens_valid_from + 1), ..self }
    }
}

operations! {
    /// The operations on `users`.
    trait Users as DynUsers {
        /// Adds a new user; false if the e-mail address is taken.
        async fn add_user(&self, user: User, entry: Entry) -> Result<bool, StoreError>;

        /// The user with an e-mail address, ignoring case.
        async fn user_by_email(&self, email: String) -> Result<Option<User>, StoreError>;

        async fn user(&self, id: Uuid) -> Result<Option<User>, StoreError>;

        /// All users, in order of their e-mail addresses.
        async fn users(&self) -> Result<Vec<User>, StoreError>;

        /// Sets a user's status and ends all sign-ins; false if the user does not exist.
        async fn set_user_status(
            &self,
            id: Uuid,
            status: UserStatus,
            now: i64,
            entry: Entry,
        ) -> Result<bool, StoreError>;

        /// Sets a user's password and ends all sign-ins; false if the user does not exist.
        async fn set_password(
            &self,
            id: Uuid,
            hash: SecretString,
            now: i64,
            entry: Entry,
        ) -> Result<bool, StoreError>;

        /// Deletes a user with everything the user owns; false if the user does not exist.
        async fn delete_user(&self, id: Uuid, entry: Entry) -> Result<bool, StoreError>;
    }
}
