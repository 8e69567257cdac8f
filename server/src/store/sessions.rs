//! Captured sessions, with their sealed cookies.

use super::{Connection, Found, Judge, Page, StoreError, operations};
use crate::audit::Entry;
use uuid::Uuid;

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionStatus {
    Active,
    Superseded,
    Revoked,
}

impl SessionStatus {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Superseded, Self::Revoked].into_iter().find(|status| status.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Superseded => "superseded",
            Self::Revoked => "revoked",
        }
    }
}

/// A captured session: a row of `platform_sessions`, its sealed cookies left out.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    pub(crate) platform: String,
    pub(crate) cookie_count: usize,
    pub(crate) user_agent: Option<String>,
    pub(crate) status: SessionStatus,
    pub(crate) captured_at: i64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) revoked_at: Option<i64>,
}

/// A session to be stored with its sealed cookies.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) creator_profile_id: Uuid,
    pub(crate) platform: String,
    pub(crate) encrypted_cookies: String,
    /// The version of the sealed form.
    pub(crate) credentials_version: &'static str,
    pub(crate) cookie_count: usize,
    pub(crate) user_agent: Option<String>,
    pub(crate) captured_at: i64,
    pub(crate) expires_at: Option<i64>,
}

/// What became of a session that was to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PutSession {
    Stored,
    /// Its connection is another user's; nothing was stored.
    Foreign,
    /// There is no such connection.
    Nothing,
    /// Its connection is to this other platform; nothing was stored.
    OtherPlatform(String),
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

/// A connection, and its newest session on a platform with the sealed cookies
/// unless they are erased.
pub(crate) type NewestSession = (Connection, Option<(Session, Option<String>)>);

operations! {
    /// `platform_sessions`.
    trait Sessions as DynSessions {
        /// Stores a session, supersedes the one before, whose cookies are erased,
        /// and fulfils the capture request that waits for it.
        async fn put_session(&self, new: NewSession, entry: Entry) -> Result<PutSession, StoreError>;

        /// Has a connection judged, with its newest session on a platform: none where that is
        /// not of the connection's owner, which no server has written.
        async fn reveal_session(
            &self,
            creator_profile_id: Uuid,
            platform: String,
            judge: Judge<NewestSession>,
        ) -> Result<(), StoreError>;

        /// Revokes a session of the user's and erases its cookies; one that is
        /// revoked stays as it is.
        async fn revoke_session(
            &self,
            user_id: Uuid,
            id: Uuid,
            now: i64,
            entry: Entry,
        ) -> Result<Found<()>, StoreError>;

        /// The newest session of the user's connection on its platform, which alone decides
        /// what is served.
        async fn newest_session(
            &self,
            user_id: Uuid,
            creator_profile_id: Uuid,
            platform: String,
        ) -> Result<Option<Session>, StoreError>;

        /// A page of the user's sessions, newest first, and how many there are.
        async fn sessions_of(&self, user_id: Uuid, page: Page) -> Result<(Vec<Session>, u64), StoreError>;

        /// Removes the metadata of sessions that ended before `ended_before`.
        async fn purge_sessions(&self, ended_before: i64) -> Result<(), StoreError>;
    }
}
