//! The tokens of services.

use super::{Hash, StoreError, operations};
use crate::audit::Entry;

/// A service's token, by its name, and its rights.
#[derive(Clone, Debug)]
pub(crate) struct ServiceToken {
    pub(crate) name: String,
    /// The verbs of the Credentials API that it can call.
    pub(crate) verbs: Vec<String>,
    /// The platforms whose records it can access; empty means all.
    pub(crate) platforms: Vec<String>,
    /// Whether each call must name the user it acts for.
    pub(crate) require_acting_user: bool,
    pub(crate) created_at: i64,
    pub(crate) revoked_at: Option<i64>,
}

operations! {
    /// The operations on `service_tokens`.
    trait ServiceTokens as DynServiceTokens {
        /// Stores a token under its name; false if the name is taken.
        async fn add_service_token(
            &self,
            token: ServiceToken,
            hash: Hash,
            entry: Entry,
        ) -> Result<bool, StoreError>;

        /// The token with this hash, unless it is revoked.
        async fn live_service_token(&self, hash: Hash) -> Result<Option<ServiceToken>, StoreError>;

        /// All tokens, by name.
        async fn service_tokens(&self) -> Result<Vec<ServiceToken>, StoreError>;

        /// Revokes a token; false if no active one has the name.
        async fn revoke_service_token(&self, name: String, now: i64, entry: Entry) -> Result<bool, StoreError>;
    }
}
