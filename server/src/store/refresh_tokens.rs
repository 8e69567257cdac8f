//! Tokens that keep users signed in.

use super::{Hash, StoreError, User, operations};
use crate::audit::Entry;
use uuid::Uuid;

/// The most sign-ins of a user; a further one ends the oldest.
pub(crate) const MAX_SIGN_INS: i64 = 32;

/// The most live successors of a token spent more than once; a further one ends the oldest.
pub(crate) const MAX_SUCCESSORS: i64 = 3;

/// The most stored tokens of one sign-in, including spent ones until they expire, so that every
/// reuse is noticed; a further one ends the sign-in. A client that needs an access token every 15
/// minutes has 672 of them within their lifetime of a week.
pub(crate) const MAX_KEPT_TOKENS: i64 = 2000;

/// A refresh token, as its hash.
#[derive(Clone, Debug)]
pub(crate) struct RefreshToken {
    pub(crate) token_hash: Hash,
    /// The family of all tokens that descend from one sign-in.
    pub(crate) family_id: Uuid,
    pub(crate) expires_at: i64,
}

/// The result of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// The successor is stored.
    Renewed { user_id: Uuid, tokens_valid_from: i64 },
    /// No such token.
    Unknown,
    /// The token has expired.
    Expired,
    /// A spent token of this user was used again: its whole family is ended.
    Reused(Uuid),
}

operations! {
    /// The operations on `refresh_tokens`, including those of session cookies.
    trait RefreshTokens as DynRefreshTokens {
        /// Stores the token of a new sign-in, for refresh or for a session cookie, and ends the
        /// oldest sign-in if there are too many. False, without a change, if the user has changed
        /// since it was `verified`: password, status and `tokens_valid_from` must be the same.
        async fn add_refresh_token(
            &self,
            token: RefreshToken,
            verified: User,
            entry: Entry,
        ) -> Result<bool, StoreError>;

        /// The owner of the refresh token with `hash`, spent or not.
        async fn refresh_token_owner(&self, hash: Hash) -> Result<Option<Uuid>, StoreError>;

        /// Spends the token with `hash` and stores its successor. A spent token that is used again
        /// gets another successor within the grace period; later, its family is ended, as `reuse`
        /// records. `times` are the current time, the successor's lifetime, and the grace period.
        async fn refresh(
            &self,
            hash: Hash,
            successor: Hash,
            times: (i64, i64, i64),
            reuse: Entry,
        ) -> Result<Refresh, StoreError>;

        /// The user of the unspent token with `hash`, if it has not expired.
        async fn user_by_token(&self, hash: Hash, now: i64) -> Result<Option<User>, StoreError>;

        /// Ends the sign-in from which the token with `hash` descends.
        async fn end_family(&self, hash: Hash) -> Result<(), StoreError>;
    }
}
