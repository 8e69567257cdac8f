//! The form of the domain's types in columns.

use crate::audit::Mac;
use crate::store::row_signer::Kept;
use crate::store::{
    AuthType, CaptureRequest, Connection, DownloadCredential, Session, SessionStatus, StoreError, User,
    UserStatus,
};
use crate::words::Word as _;
use tokio_postgres::Row;

/// Reads each row.
pub(super) fn all<T>(
    rows: &[Row],
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.iter().map(read).collect()
}

/// Reads the optional row.
pub(super) fn optional<T>(
    rows: &[Row],
    read: impl Fn(&Row) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    rows.first().map(read).transpose()
}

/// Reads a row with its MAC from the column `mac`.
pub(super) fn kept<R>(
    read: impl Fn(&Row) -> Result<R, StoreError>,
) -> impl Fn(&Row) -> Result<Kept<R>, StoreError> {
    move |row| Ok((read(row)?, mac(row.try_get("mac")?)))
}

/// A MAC of another length is not genuine.
pub(super) fn mac(bytes: Option<&[u8]>) -> Option<Mac> {
    bytes.and_then(|bytes| bytes.try_into().ok())
}

pub(super) fn user(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.try_get("id")?,
        email: row.try_get("email")?,
        password_hash: row.try_get::<_, String>("password_hash")?.into(),
        status: UserStatus::parse(row.try_get("status")?).ok_or(StoreError::UnknownWord("status"))?,
        created_at: row.try_get("created_at")?,
        tokens_valid_from: row.try_get("tokens_valid_from")?,
    })
}

pub(super) fn connection(row: &Row) -> Result<Connection, StoreError> {
    Ok(Connection {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        platform: row.try_get("platform")?,
        platform_username: row.try_get("platform_username")?,
        credentials_updated_at: row.try_get("credentials_updated_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}

pub(super) fn session(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        creator_profile_id: row.try_get("creator_profile_id")?,
        platform: row.try_get("platform")?,
        cookie_count: row.try_get::<_, i32>("cookie_count")?.unsigned_abs() as usize,
        entry_count: row.try_get::<_, i32>("entry_count")?.unsigned_abs() as usize,
        user_agent: row.try_get("user_agent")?,
        status: SessionStatus::parse(row.try_get("status")?).ok_or(StoreError::UnknownWord("status"))?,
        captured_at: row.try_get("captured_at")?,
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
        renewed_by: row.try_get("renewed_by")?,
    })
}

pub(super) fn download_credential(row: &Row) -> Result<DownloadCredential, StoreError> {
    Ok(DownloadCredential {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        creator_profile_id: row.try_get("creator_profile_id")?,
        platform: row.try_get("platform")?,
        auth_type: AuthType::parse(row.try_get("auth_type")?).ok_or(StoreError::UnknownWord("auth_type"))?,
        username: row.try_get("username")?,
        display_name: row.try_get("display_name")?,
        created_at: row.try_get("created_at")?,
    })
}

pub(super) fn capture_request(row: &Row) -> Result<CaptureRequest, StoreError> {
    Ok(CaptureRequest {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        creator_profile_id: row.try_get("creator_profile_id")?,
        platform: row.try_get("platform")?,
        reason: row.try_get("reason")?,
        created_at: row.try_get("created_at")?,
    })
}
