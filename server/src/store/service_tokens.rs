//! What services call with.

use super::{Hash, StoreError, operations};
use crate::audit::Entry;

/// A service's token, by its name; what it may do.
#[derive(Clone, Debug)]
pub(crate) struct ServiceToken {
    pub(crate) name: String,
    /// The verbs of the Credentials API that it may call.
    pub(crate) verbs: Vec<String>,
    /// The platforms whose records it may have; none means all.
    pub(crate) platforms: Vec<String>,
    /// Whether each call must name the user that it acts for.
    pub(crate) require_acting_user: bool,
    pub(crate) created_at: i64,
    pub(crate) revoked_at: Option<i64>,
}

operations! {
    /// `service_tokens`.
    trait ServiceTokens as DynServiceTokens {
        /// Stores a token under its name; false where the name is taken.
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

        /// Revokes a token; false where no live one has the name.
        async fn revoke_service_token(&self, name: String, now: i64, entry: Entry) -> Result<bool, StoreError>;
    }
}
