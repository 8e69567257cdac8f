//! Captured sessions, with their sealed cookies.

use super::{Connection, Found, Judge, Page, StoreError, operations};
use crate::audit::Entry;
use crate::words::words;
use uuid::Uuid;

words! {
    /// The state of a session.
    enum SessionStatus { Active = "active", Superseded = "superseded", Revoked = "revoked" }
}

/// A captured session: a row of `platform_sessions` without its sealed parts.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    pub(crate) platform: String,
    pub(crate) cookie_count: usize,
    /// How many entries of origin storage it has.
    pub(crate) entry_count: usize,
    pub(crate) user_agent: Option<String>,
    pub(crate) status: SessionStatus,
    pub(crate) captured_at: i64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) revoked_at: Option<i64>,
    /// The service that renewed it; `None` if its owner stored it.
    pub(crate) renewed_by: Option<String>,
}

/// A session to store, with its sealed parts.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    pub(crate) platform: String,
    pub(crate) encrypted_cookies: String,
    /// Its origin storage, if it has any.
    pub(crate) encrypted_origins: Option<String>,
    /// The version of the sealed form.
    pub(crate) credentials_version: &'static str,
    pub(crate) cookie_count: usize,
    pub(crate) entry_count: usize,
    pub(crate) user_agent: Option<String>,
    pub(crate) captured_at: i64,
    pub(crate) expires_at: Option<i64>,
    /// The session that it renews: that one must still be the newest, and active.
    pub(crate) renews: Option<Uuid>,
    /// The service that renews it; `None` if its owner does.
    pub(crate) renewed_by: Option<String>,
}

/// The result of storing a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PutSession {
    Stored,
    /// The session's connection belongs to another user; nothing was stored.
    Foreign,
    /// The session's connection does not exist.
    Nothing,
    /// The session's connection has this other platform; nothing was stored.
    OtherPlatform(String),
    /// The session that was to be renewed is not the newest or not active any more; nothing was
    /// stored.
    Superseded,
    /// A service may not renew sessions of this connection; nothing was stored.
    // Decision: docs/decisions/storage.md#whether-a-service-may-renew-is-checked-as-it-stores
    NotAllowed,
}

impl PutSession {
    pub(super) fn is_stored(&self) -> bool {
        *self == Self::Stored
    }

    /// Why a session can't be stored for the connection that was found.
    pub(super) fn refusal(new: &NewSession, found: Option<(Uuid, String)>) -> Option<Self> {
        match found {
            None => Some(Self::Nothing),
            Some((owner_id, _)) if owner_id != new.user_id => Some(Self::Foreign),
            Some((_, platform)) if platform != new.platform => Some(Self::OtherPlatform(platform)),
            Some(_) => None,
        }
    }
}

/// The sealed parts of a session: both are `None` once they were erased, and the origins if the
/// session never had any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SealedParts {
    pub(crate) cookies: Option<String>,
    pub(crate) origins: Option<String>,
}

/// A session with its sealed parts.
pub(crate) type SealedSession = (Session, SealedParts);

/// A connection and its newest session on a platform.
pub(crate) type NewestSession = (Connection, Option<SealedSession>);

operations! {
    /// The operations on `platform_sessions`.
    trait Sessions as DynSessions {
        /// Stores a session, supersedes the previous one and erases its sealed parts. One of its
        /// owner fulfils the open capture request; one of a service is only stored while the owner
        /// allows that, and of those of services before it only the previous session is kept.
        // Decision: docs/decisions/storage.md#a-services-renewal-removes-the-ones-before-it
        async fn put_session(&self, new: NewSession, entry: Entry) -> Result<PutSession, StoreError>;

        /// Passes a connection and its newest session on a platform to `judge`, without the session
        /// if its owner is not the connection's, which no server writes.
        async fn reveal_session(
            &self,
            creator_profile_id: Uuid,
            platform: String,
            judge: Judge<NewestSession>,
        ) -> Result<(), StoreError>;

        /// Revokes a session of the user and erases its sealed parts; a revoked one stays unchanged.
        /// Does the same with the newest session if services alone have stored sessions since.
        async fn revoke_session(
            &self,
            user_id: Uuid,
            id: Uuid,
            now: i64,
            entry: Entry,
        ) -> Result<Found<()>, StoreError>;

        /// The newest session of the user's connection on its platform, which is the only one to be
        /// served.
        async fn newest_session(
            &self,
            user_id: Uuid,
            creator_profile_id: Uuid,
            platform: String,
        ) -> Result<Option<SealedSession>, StoreError>;

        /// When a service last renewed the connection on this platform.
        async fn renewed_at(
            &self,
            user_id: Uuid,
            creator_profile_id: Uuid,
            platform: String,
        ) -> Result<Option<i64>, StoreError>;

        /// A page of the user's sessions, newest first, and their total number.
        async fn sessions_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Session>, u64), StoreError>;

        /// Removes the metadata of sessions that ended before `ended_before`.
        async fn purge_sessions(&self, ended_before: i64) -> Result<(), StoreError>;
    }
}
