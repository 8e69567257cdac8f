//! The form of the domain's types in Directus items. Rows of other writers may lack fields that are
//! not needed to serve them.

use crate::clock::{parse_ms, render_ms};
use crate::store::{AuthType, Connection, DownloadCredential, Session, SessionStatus};
use crate::words::Word as _;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use uuid::Uuid;

/// The fields of a [`ConnectionRow`] except the sealed one.
pub(super) const CONNECTION: &str =
    "id,user_id,platform,platform_username,credentials_updated_at,created_at,updated_at";
/// The fields of a [`DownloadRow`] except the sealed one.
pub(super) const DOWNLOAD_CREDENTIAL: &str =
    "id,user_id,creator_profile_id,platform,auth_type,username,display_name,created_at";
/// The fields of a [`SessionRow`] except the sealed ones.
pub(super) const SESSION: &str = "id,user_id,creator_profile_id,platform,cookie_count,entry_count,\
                                  user_agent,status,captured_at,expires_at,revoked_at,renewed_by";

/// A point in time as Directus writes and reads it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time(i64);

impl Time {
    /// Milliseconds since 1970.
    pub(super) fn ms(self) -> i64 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_ms(&text).map(Self).ok_or_else(|| D::Error::custom("not a time with its zone"))
    }
}

/// A point in time for an item.
pub(super) fn time(time_ms: i64) -> Value {
    Value::String(render_ms(time_ms))
}

/// A sealed text, which other writers may have put in an object.
pub(super) fn sealed_text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

pub(super) fn blob<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Value::deserialize(deserializer).map(sealed_text)
}

#[derive(Deserialize)]
pub(super) struct ConnectionRow {
    id: Uuid,
    user_id: Option<Uuid>,
    platform: String,
    platform_username: Option<String>,
    credentials_updated_at: Option<Time>,
    created_at: Option<Time>,
    updated_at: Option<Time>,
    #[serde(default, deserialize_with = "blob")]
    pub(super) encrypted_credentials: Option<String>,
}

impl From<ConnectionRow> for Connection {
    fn from(row: ConnectionRow) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id.unwrap_or_default(),
            platform: row.platform,
            platform_username: row.platform_username,
            credentials_updated_at: row.credentials_updated_at.map(|time| time.0),
            created_at: row.created_at.map_or(0, |time| time.0),
            updated_at: row.updated_at.map_or(0, |time| time.0),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct DownloadRow {
    id: Uuid,
    user_id: Option<Uuid>,
    creator_profile_id: Uuid,
    platform: String,
    #[serde(deserialize_with = "auth_type")]
    auth_type: AuthType,
    username: Option<String>,
    display_name: Option<String>,
    created_at: Option<Time>,
    #[serde(default, deserialize_with = "blob")]
    pub(super) encrypted_credentials: Option<String>,
}

impl From<DownloadRow> for DownloadCredential {
    fn from(row: DownloadRow) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id.unwrap_or_default(),
            creator_profile_id: row.creator_profile_id,
            platform: row.platform,
            auth_type: row.auth_type,
            username: row.username,
            display_name: row.display_name,
            created_at: row.created_at.map_or(0, |time| time.0),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct SessionRow {
    id: Uuid,
    user_id: Option<Uuid>,
    creator_profile_id: Uuid,
    platform: String,
    cookie_count: Option<usize>,
    entry_count: Option<usize>,
    user_agent: Option<String>,
    #[serde(deserialize_with = "status")]
    status: SessionStatus,
    captured_at: Option<Time>,
    expires_at: Option<Time>,
    revoked_at: Option<Time>,
    renewed_by: Option<String>,
    #[serde(default, deserialize_with = "blob")]
    pub(super) encrypted_cookies: Option<String>,
    #[serde(default, deserialize_with = "blob")]
    pub(super) encrypted_origins: Option<String>,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id.unwrap_or_default(),
            creator_profile_id: row.creator_profile_id,
            platform: row.platform,
            cookie_count: row.cookie_count.unwrap_or_default(),
            entry_count: row.entry_count.unwrap_or_default(),
            user_agent: row.user_agent,
            status: row.status,
            captured_at: row.captured_at.map_or(0, |time| time.0),
            expires_at: row.expires_at.map(|time| time.0),
            revoked_at: row.revoked_at.map(|time| time.0),
            renewed_by: row.renewed_by,
        }
    }
}

fn auth_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AuthType, D::Error> {
    let text = String::deserialize(deserializer)?;
    AuthType::parse(&text).ok_or_else(|| D::Error::custom("unknown auth_type"))
}

/// A missing or foreign status has no known meaning: such a session is not served.
pub(super) fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SessionStatus, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| SessionStatus::parse(&text)).unwrap_or(SessionStatus::Superseded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_incomplete_rows_of_other_writers() {
        let row: ConnectionRow =
            serde_json::from_value(json!({"id": Uuid::from_u128(1), "user_id": null, "platform": "x"}))
                .unwrap();
        assert!(row.encrypted_credentials.is_none());
        let connection = Connection::from(row);
        assert_eq!((connection.user_id, connection.created_at), (Uuid::nil(), 0));
    }

    #[test]
    fn a_session_without_a_status_or_with_an_unknown_one_is_not_active() {
        let status = |status: Value| {
            let id = Uuid::from_u128(1);
            let item = json!({"id": id, "creator_profile_id": id, "platform": "x", "status": status,
                "captured_at": null, "cookie_count": null});
            Session::from(serde_json::from_value::<SessionRow>(item).unwrap()).status
        };
        assert_eq!(status(Value::Null), SessionStatus::Superseded);
        assert_eq!(status(json!("draft")), SessionStatus::Superseded);
        assert_eq!(status(json!("active")), SessionStatus::Active);
    }

    #[test]
    fn reads_sealed_text_and_objects_with_it_and_times_to_the_millisecond() {
        let row = |blob: Value| -> ConnectionRow {
            let item = json!({"id": Uuid::from_u128(1), "user_id": Uuid::from_u128(2), "platform": "x",
                "updated_at": "2026-01-15T10:30:00.123Z", "encrypted_credentials": blob});
            serde_json::from_value(item).unwrap()
        };
        assert_eq!(row(json!("a:b:c")).encrypted_credentials.as_deref(), Some("a:b:c"));
        assert_eq!(row(json!({"enc": "a"})).encrypted_credentials.as_deref(), Some("{\"enc\":\"a\"}"));
        let updated_at = Connection::from(row(Value::Null)).updated_at;
        assert_eq!(time(updated_at), json!("2026-01-15T10:30:00.123Z"));
    }
}
