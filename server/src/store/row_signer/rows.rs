//! The rows that grant rights, and the signed part of each.

use super::built_in_types::is_built_in;
use super::{Fields, SignedRow};
use crate::store::{
    Connection, CredentialType, DownloadCredential, Hash, NewConnection, NewSession, Project, RefreshToken,
    ServiceToken, Session, User,
};
use crate::words::Word as _;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

impl SignedRow for User {
    const TABLE: &'static str = "users";

    fn record(&self) -> String {
        self.id.to_string()
    }

    fn fields(&self) -> Fields {
        let fields = Fields::default().id(self.id).text(&self.email);
        // The hash is exposed for signing.
        let fields = fields.text(self.password_hash.expose_secret()).text(self.status.as_str());
        fields.number(self.created_at).number(self.tokens_valid_from)
    }
}

/// A stored sign-in token.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct KeptToken {
    pub(in crate::store) token_hash: Hash,
    pub(in crate::store) family_id: Uuid,
    pub(in crate::store) user_id: Uuid,
    pub(in crate::store) expires_at: i64,
    pub(in crate::store) spent_at: Option<i64>,
}

impl KeptToken {
    /// The token, spent.
    pub(in crate::store) fn spent(self, now: i64) -> Self {
        Self { spent_at: self.spent_at.or(Some(now)), ..self }
    }

    /// The token that follows it.
    pub(in crate::store) fn successor(self, token_hash: Hash, expires_at: i64) -> Self {
        Self { token_hash, expires_at, spent_at: None, ..self }
    }

    /// The token of a new sign-in.
    pub(in crate::store) fn of(new: &RefreshToken, user_id: Uuid) -> Self {
        let RefreshToken { token_hash, family_id, expires_at } = *new;
        Self { token_hash, family_id, user_id, expires_at, spent_at: None }
    }
}

/// Identified by the hash of its secret, which grants nothing.
impl SignedRow for KeptToken {
    const TABLE: &'static str = "refresh_tokens";

    fn record(&self) -> String {
        hex::encode(self.token_hash)
    }

    fn fields(&self) -> Fields {
        let fields = Fields::default().bytes(&self.token_hash).id(self.family_id).id(self.user_id);
        fields.number(self.expires_at).optional(self.spent_at, Fields::number)
    }
}

/// A service's token with its hash.
impl SignedRow for (ServiceToken, Hash) {
    const TABLE: &'static str = "service_tokens";

    fn record(&self) -> String {
        self.0.name.clone()
    }

    fn fields(&self) -> Fields {
        let (token, hash) = self;
        let fields = Fields::default().text(&token.name).bytes(hash).texts(&token.verbs);
        let fields = fields.texts(&token.platforms).flag(token.require_acting_user);
        fields.number(token.created_at).optional(token.revoked_at, Fields::number)
    }
}

/// The platform decides which limited tokens can access it. Its sealed credentials are bound to its
/// id and owner.
fn of_connection(id: Uuid, user_id: Uuid, platform: &str) -> Fields {
    Fields::default().id(id).id(user_id).text(platform)
}

impl SignedRow for Connection {
    const TABLE: &'static str = "platform_connections";

    fn record(&self) -> String {
        self.id.to_string()
    }

    fn fields(&self) -> Fields {
        of_connection(self.id, self.user_id, &self.platform)
    }
}

impl SignedRow for NewConnection {
    const TABLE: &'static str = Connection::TABLE;

    fn record(&self) -> String {
        self.id.to_string()
    }

    fn fields(&self) -> Fields {
        of_connection(self.id, self.user_id, &self.platform)
    }
}

/// The permission of a connection's owner that services renew its sessions.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct WriteBackPermission {
    pub(in crate::store) creator_profile_id: Uuid,
    pub(in crate::store) user_id: Uuid,
}

/// Kept in the connection's row with a MAC of its own, so that a server of a former version can
/// still check the row's.
impl SignedRow for WriteBackPermission {
    const TABLE: &'static str = Connection::TABLE;

    fn record(&self) -> String {
        self.creator_profile_id.to_string()
    }

    fn fields(&self) -> Fields {
        Fields::default().text("write-back").id(self.creator_profile_id).id(self.user_id)
    }
}

/// The fields that say whose session a row is, for which platform, and from when to when. The
/// status is not signed, because revoking or superseding a session erases its cookies; the other
/// columns grant nothing.
fn of_session(
    [id, user_id, creator_profile_id]: [Uuid; 3],
    platform: &str,
    captured_at: i64,
    expires_at: Option<i64>,
) -> Fields {
    let fields = Fields::default().id(id).id(user_id).id(creator_profile_id).text(platform);
    fields.number(captured_at).optional(expires_at, Fields::number)
}

impl SignedRow for Session {
    const TABLE: &'static str = "platform_sessions";

    fn record(&self) -> String {
        self.id.to_string()
    }

    fn fields(&self) -> Fields {
        let ids = [self.id, self.user_id, self.creator_profile_id];
        of_session(ids, &self.platform, self.captured_at, self.expires_at)
    }
}

impl SignedRow for NewSession {
    const TABLE: &'static str = Session::TABLE;

    fn record(&self) -> String {
        self.id.to_string()
    }

    fn fields(&self) -> Fields {
        let ids = [self.id, self.user_id, self.creator_profile_id];
        of_session(ids, &self.platform, self.captured_at, self.expires_at)
    }
}

impl SignedRow for DownloadCredential {
    const TABLE: &'static str = "download_credentials";

    fn record(&self) -> String {
        self.id.to_string()
    }

    fn fields(&self) -> Fields {
        let fields = Fields::default().id(self.id).id(self.user_id).id(self.creator_profile_id);
        fields.text(&self.platform).text(self.auth_type.as_str())
    }
}

/// A type with its fields in order: which are sensitive, and what people must enter. A built-in
/// type is not signed but known.
impl SignedRow for CredentialType {
    const TABLE: &'static str = "credential_types";

    fn record(&self) -> String {
        self.id.to_string()
    }

    fn fields(&self) -> Fields {
        let fields = Fields::default().id(self.id).optional(self.owner_id, Fields::id);
        let fields = fields.number(i64::try_from(self.fields.len()).unwrap_or(i64::MAX));
        self.fields.iter().fold(fields, |fields, field| {
            let fields = fields.id(field.id).text(&field.field_name).text(&field.field_label);
            fields.text(field.field_type.as_str()).flag(field.required).flag(field.sensitive)
        })
    }

    fn built_in(&self) -> Option<bool> {
        self.owner_id.is_none().then(|| is_built_in(self))
    }
}

impl SignedRow for Project {
    const TABLE: &'static str = "projects";

    fn record(&self) -> String {
        self.id.to_string()
    }

    fn fields(&self) -> Fields {
        Fields::default().id(self.id).id(self.owner_id)
    }
}

/// A user's membership of a project.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Membership {
    pub(in crate::store) project_id: Uuid,
    pub(in crate::store) user_id: Uuid,
}

impl SignedRow for Membership {
    const TABLE: &'static str = "project_members";

    fn record(&self) -> String {
        format!("{}/{}", self.project_id, self.user_id)
    }

    fn fields(&self) -> Fields {
        Fields::default().id(self.project_id).id(self.user_id)
    }
}

/// The assignment of a credential to a project by its owner. Its MAC covers the owner, because
/// otherwise someone could make the credential look like their own for a moment and assign it then.
/// It also covers the type, which decides what members see of the credential.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Assignment {
    pub(in crate::store) credential_id: Uuid,
    pub(in crate::store) project_id: Uuid,
    pub(in crate::store) owner_id: Uuid,
    pub(in crate::store) credential_type_id: Uuid,
}

impl SignedRow for Assignment {
    const TABLE: &'static str = "app_credential_projects";

    fn record(&self) -> String {
        format!("{}/{}", self.credential_id, self.project_id)
    }

    fn fields(&self) -> Fields {
        let fields = Fields::default().id(self.credential_id).id(self.project_id);
        fields.id(self.owner_id).id(self.credential_type_id)
    }
}
