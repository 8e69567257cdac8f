//! The server's own database: users, tokens, capture requests, keys and the
//! audit log.

use super::{Found, Page, StoreError, Usages};
use crate::audit::{Anchor, ChainKey, Entry, Head, Row};
use async_trait::async_trait;
use secrecy::SecretString;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
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

/// The SHA-256 of a token, or of what a limit counts.
pub(crate) type Hash = [u8; 32];

/// A refresh token, as its hash.
#[derive(Clone, Debug)]
pub(crate) struct RefreshToken {
    pub(crate) token_hash: Hash,
    /// All tokens that descend from one sign-in.
    pub(crate) family_id: Uuid,
    pub(crate) expires_at: i64,
}

/// Sign-ins that a user has at the same time; a further one ends the oldest.
pub(crate) const MAX_SIGN_INS: i64 = 32;
/// Live successors of a token that was spent more than once; a further one ends the oldest.
pub(crate) const MAX_SUCCESSORS: i64 = 3;
/// Tokens of one sign-in that are kept, spent ones until they expire, so that each that
/// comes again is noticed; a further one ends the sign-in. Who needs a new access token
/// each 15 minutes has 672 of them in the week that each lives.
pub(crate) const MAX_KEPT_TOKENS: i64 = 2000;
/// The longest window in which attempts are counted; older counts are removed.
pub(crate) const MAX_ATTEMPT_WINDOW_MS: i64 = 5 * 60 * 1000;

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

/// A count of attempts within a window of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttemptLimit {
    pub(crate) subject: Hash,
    pub(crate) attempts: u32,
    pub(crate) window_ms: i64,
}

/// A service's wish for a capture.
#[derive(Clone, Debug)]
pub(crate) struct CaptureRequest {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    pub(crate) platform: String,
    pub(crate) reason: Option<String>,
    pub(crate) created_at: i64,
}

/// Which rows of the audit log are asked for; `None` is any.
#[derive(Clone, Debug)]
pub(crate) struct AuditFilter {
    /// From this time on, and before the other.
    pub(crate) since: i64,
    pub(crate) until: i64,
    /// Those that tell of one of these: tables with ids.
    pub(crate) records: Option<Vec<String>>,
    /// Those of what a user has done, of what was done for the user, or to the user.
    pub(crate) user: Option<Uuid>,
    /// A service, as rows name it.
    pub(crate) service: Option<String>,
    pub(crate) action: Option<String>,
    /// How the outcome begins; `failed` is every one but success, and but that something was begun.
    pub(crate) outcome: Option<String>,
}

/// What every kind of own database does. Times are milliseconds since the Unix
/// epoch.
#[async_trait]
pub(crate) trait Database: Debug + Send + Sync {
    /// Whether the database reads and writes, and takes what is sealed with a
    /// key.
    async fn check(&self, key_id: &str, now: i64) -> Result<(), StoreError>;

    /// Makes what was erased unreadable in the database's files, as far as
    /// that is in this program's hands.
    async fn erase(&self) -> Result<(), StoreError>;

    /// Removes what has had its time at `now`: refresh tokens, sign-ins to
    /// the vault, counts of login attempts, capture requests.
    async fn purge(&self, now: i64) -> Result<(), StoreError>;

    /// Stores a new user; false where the e-mail address is taken.
    async fn add_user(&self, user: User, entry: Entry) -> Result<bool, StoreError>;

    /// The user with an e-mail address, without regard to case.
    async fn user_by_email(&self, email: String) -> Result<Option<User>, StoreError>;

    async fn user(&self, id: Uuid) -> Result<Option<User>, StoreError>;

    /// All users, by e-mail address.
    async fn users(&self) -> Result<Vec<User>, StoreError>;

    /// What every owner of records here has.
    async fn usages(&self) -> Result<Usages, StoreError>;

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
    /// that comes again within `grace_ms` gets a successor as well; later, its
    /// family is ended, which `reuse` tells of.
    async fn refresh(
        &self,
        hash: Hash,
        successor: Hash,
        (now, lifetime_ms, grace_ms): (i64, i64, i64),
        reuse: Entry,
    ) -> Result<Refresh, StoreError>;

    /// The user who signed in with the unspent token with `hash`, until its time.
    async fn user_by_token(&self, hash: Hash, now: i64) -> Result<Option<User>, StoreError>;

    /// Ends the sign-in that the token with `hash` descends from.
    async fn end_family(&self, hash: Hash) -> Result<(), StoreError>;

    /// Counts an attempt against each limit, or against none of them: then in
    /// how many milliseconds there is room again.
    async fn count_attempt(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError>;

    /// In how many milliseconds there is room for an attempt against each limit,
    /// where there is none now. Counts nothing.
    async fn attempt_wait(&self, limits: Vec<AttemptLimit>, now: i64) -> Result<Option<i64>, StoreError>;

    /// Takes back a counted attempt, which turned out to be a right one.
    async fn uncount_attempt(&self, subjects: Vec<Hash>) -> Result<(), StoreError>;

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

    /// Stores a request, unless one waits already for its connection and
    /// platform; gives the id of the one that waits then.
    async fn add_capture_request(&self, new: CaptureRequest) -> Result<Uuid, StoreError>;

    /// A page of the requests that wait for the user at `now`, newest first,
    /// and how many there are.
    async fn capture_requests_of(
        &self,
        user_id: Uuid,
        page: Page,
        now: i64,
    ) -> Result<(Vec<CaptureRequest>, u64), StoreError>;

    /// Deletes a request of the user's.
    async fn delete_capture_request(&self, user_id: Uuid, id: Uuid) -> Result<Found<()>, StoreError>;

    /// Deletes the requests for a connection: those for one platform, or all.
    async fn delete_capture_requests_for(
        &self,
        creator_profile_id: Uuid,
        platform: Option<String>,
    ) -> Result<(), StoreError>;

    /// The canaries of the keys that were used here, by key id, the key that
    /// came last into use at the end.
    async fn canaries(&self) -> Result<Vec<(String, String)>, StoreError>;

    /// Keeps a key's canary, unless it has one or is retired.
    async fn add_canary(&self, key_id: String, canary: String, now: i64) -> Result<(), StoreError>;

    /// Removes the canary of a key under which nothing is sealed any more.
    async fn remove_canary(&self, key_id: String) -> Result<(), StoreError>;

    /// Retires all keys that have a canary, but one. When this returns, nothing
    /// more that is sealed with them will be stored here.
    async fn retire_keys(&self, except: String, now: i64) -> Result<(), StoreError>;

    /// Whether a key is retired.
    async fn is_retired(&self, key_id: String) -> Result<bool, StoreError>;

    /// Keeps a sealed key of the server's own unless there is one of this name;
    /// gives the one that is kept.
    async fn own_key(&self, name: &'static str, sealed: String) -> Result<String, StoreError>;

    /// Puts an own key, sealed again, in the place of the `old` blob; false where
    /// another is there by now.
    async fn replace_own_key(&self, name: &'static str, old: String, new: String)
    -> Result<bool, StoreError>;

    /// Signs all rows that grant rights and have no MAC, and puts the own key's sealed form
    /// that says so in the place of the `old` one, in one transaction; gives how many
    /// rows there were. `None`, and nothing signed, where another form is there by now.
    async fn sign_rows(
        &self,
        key: Arc<ChainKey>,
        name: &'static str,
        old: String,
        new: String,
    ) -> Result<Option<u64>, StoreError>;

    /// The rows that grant rights and were changed or put there by something else, each
    /// as its table and what it is known by there.
    async fn broken_rows(&self) -> Result<Vec<String>, StoreError>;

    /// Says with which key rows are signed and the audit log is chained from now on.
    fn set_chain_key(&self, key: Arc<ChainKey>);

    /// Appends a row to the audit log.
    async fn append(&self, entry: Entry) -> Result<(), StoreError>;

    /// Rows of the audit log by chain and sequence, after the given place.
    async fn audit_rows(&self, after: (i64, i64), limit: u32) -> Result<Vec<Row>, StoreError>;

    /// The newest rows of the audit log that a filter lets through, newest first.
    async fn newest_audit_rows(&self, filter: AuditFilter, limit: u32) -> Result<Vec<Row>, StoreError>;

    /// What people call the records with these ids, by the table and the id as rows of the
    /// audit log have them. Those that are gone or have no name are not in it.
    async fn record_names(&self, ids: Vec<Uuid>) -> Result<HashMap<String, String>, StoreError>;

    /// The heads of all chains of the audit log, by chain.
    async fn audit_heads(&self) -> Result<Vec<Head>, StoreError>;

    /// What stands in the place of rows that were removed from chains of the audit log, by chain.
    async fn audit_anchors(&self) -> Result<Vec<Anchor>, StoreError>;

    /// Removes the rows of a chain after the sequence `from`, where its anchor is, up to
    /// those of `to`, which takes that one's place. False, and nothing removed, where the
    /// anchor is elsewhere by now.
    async fn move_audit_anchor(&self, from: i64, to: Anchor) -> Result<bool, StoreError>;
}
