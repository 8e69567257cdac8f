//! What keeps somebody signed in.

use super::{Hash, StoreError, User, operations};
use crate::audit::Entry;
use uuid::Uuid;

/// Sign-ins that a user has at the same time; a further one ends the oldest.
pub(crate) const MAX_SIGN_INS: i64 = 32;

/// Live successors of a token that was spent more than once; a further one ends the oldest.
pub(crate) const MAX_SUCCESSORS: i64 = 3;

/// Tokens of one sign-in that are kept, spent ones until they expire, so that each that
/// comes again is noticed; a further one ends the sign-in. Who needs a new access token
/// each 15 minutes has 672 of them in the week that each lives.
pub(crate) const MAX_KEPT_TOKENS: i64 = 2000;

/// A refresh token, as its hash.
#[derive(Clone, Debug)]
pub(crate) struct RefreshToken {
    pub(crate) token_hash: Hash,
    /// All tokens that descend from one sign-in.
    pub(crate) family_id: Uuid,
    pub(crate) expires_at: i64,
}

/// What became of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// The successor is stored.
    Renewed { user_id: Uuid, tokens_valid_from: i64 },
    /// No such token.
    Unknown,
    /// The token's time has passed.
    Expired,
    /// A spent token of this user's came again: its whole family is ended.
    Reused(Uuid),
}

operations! {
    /// `refresh_tokens`, those of session cookies among them.
    trait RefreshTokens as DynRefreshTokens {
        /// Stores the token of a new sign-in: a refresh token, or that of a session
        /// cookie, and ends the oldest sign-in where there are too many. False, and
        /// nothing is stored, where the user is no longer the one that was `verified`:
        /// password, status and `tokens_valid_from` must be the same.
        async fn add_refresh_token(
            &self,
            token: RefreshToken,
            verified: User,
            entry: Entry,
        ) -> Result<bool, StoreError>;

        /// Whose the refresh token with `hash` is, spent or not.
        async fn refresh_token_owner(&self, hash: Hash) -> Result<Option<Uuid>, StoreError>;

        /// Spends the token with `hash` and stores its successor. A spent token
        /// that comes again within the grace period gets a successor as well; later, its
        /// family is ended, which `reuse` tells of. `times` are now, how long the successor
        /// lives, and the grace period.
        async fn refresh(
            &self,
            hash: Hash,
            successor: Hash,
            times: (i64, i64, i64),
            reuse: Entry,
        ) -> Result<Refresh, StoreError>;

        /// The user who signed in with the unspent token with `hash`, until its time.
        async fn user_by_token(&self, hash: Hash, now: i64) -> Result<Option<User>, StoreError>;

        /// Ends the sign-in that the token with `hash` descends from.
        async fn end_family(&self, hash: Hash) -> Result<(), StoreError>;
    }
}
