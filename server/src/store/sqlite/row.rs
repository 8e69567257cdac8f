//! The form of the domain's types in columns.

use crate::audit::Mac;
use crate::store::row_signer::Kept;
use crate::store::{
    AuthType, CaptureRequest, Connection, DownloadCredential, Session, SessionStatus, User, UserStatus,
};
use crate::words::Word as _;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Error, Row};
use uuid::Uuid;

/// The columns for [`user`], in its order.
pub(super) const USER: &str = "id, email, password_hash, status, created_at, tokens_valid_from";
/// The columns for [`connection`], in its order.
pub(super) const CONNECTION: &str =
    "id, user_id, platform, platform_username, credentials_updated_at, created_at, updated_at";
/// The columns for [`session`], in its order.
pub(super) const SESSION: &str = "id, user_id, creator_profile_id, platform, cookie_count, entry_count, \
                                  user_agent, status, captured_at, expires_at, revoked_at, renewed_by";

/// The columns for [`download_credential`], in its order.
pub(super) const DOWNLOAD_CREDENTIAL: &str =
    "id, user_id, creator_profile_id, platform, auth_type, username, display_name, created_at";
/// The columns for [`capture_request`], in its order.
pub(super) const CAPTURE_REQUEST: &str = "id, user_id, creator_profile_id, platform, reason, created_at";

pub(super) fn id(row: &Row<'_>, index: usize) -> Result<Uuid, Error> {
    let text: String = row.get(index)?;
    Uuid::parse_str(&text)
        .map_err(|error| Error::FromSqlConversionFailure(index, Type::Text, Box::new(error)))
}

/// Reads a row with its MAC from the column `mac`.
pub(super) fn kept<R>(
    read: impl Fn(&Row<'_>) -> Result<R, Error>,
) -> impl Fn(&Row<'_>) -> Result<Kept<R>, Error> {
    move |row| Ok((read(row)?, mac(row)?))
}

/// A MAC of another length is not genuine.
fn mac(row: &Row<'_>) -> Result<Option<Mac>, Error> {
    Ok(row.get_ref("mac")?.as_bytes_or_null()?.and_then(|bytes| bytes.try_into().ok()))
}

pub(super) fn user(row: &Row<'_>) -> Result<User, Error> {
    Ok(User {
        id: id(row, 0)?,
        email: row.get(1)?,
        password_hash: row.get::<_, String>(2)?.into(),
        status: UserStatus::parse(row.get_ref(3)?.as_str()?).ok_or_else(|| unknown_word(3))?,
        created_at: row.get(4)?,
        tokens_valid_from: row.get(5)?,
    })
}

pub(super) fn connection(row: &Row<'_>) -> Result<Connection, Error> {
    Ok(Connection {
        id: id(row, 0)?,
        user_id: id(row, 1)?,
        platform: row.get(2)?,
        platform_username: row.get(3)?,
        credentials_updated_at: row.get(4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
    })
}

pub(super) fn session(row: &Row<'_>) -> Result<Session, Error> {
    Ok(Session {
        id: id(row, 0)?,
        user_id: id(row, 1)?,
        creator_profile_id: id(row, 2)?,
        platform: row.get(3)?,
        cookie_count: row.get(4)?,
        entry_count: row.get(5)?,
        user_agent: row.get(6)?,
        status: SessionStatus::parse(row.get_ref(7)?.as_str()?).ok_or_else(|| unknown_word(7))?,
        captured_at: row.get(8)?,
        expires_at: row.get(9)?,
        revoked_at: row.get(10)?,
        renewed_by: row.get(11)?,
    })
}

pub(super) fn download_credential(row: &Row<'_>) -> Result<DownloadCredential, Error> {
    Ok(DownloadCredential {
        id: id(row, 0)?,
        user_id: id(row, 1)?,
        creator_profile_id: id(row, 2)?,
        platform: row.get(3)?,
        auth_type: AuthType::parse(row.get_ref(4)?.as_str()?).ok_or_else(|| unknown_word(4))?,
        username: row.get(5)?,
        display_name: row.get(6)?,
        created_at: row.get(7)?,
    })
}

pub(super) fn capture_request(row: &Row<'_>) -> Result<CaptureRequest, Error> {
    Ok(CaptureRequest {
        id: id(row, 0)?,
        user_id: id(row, 1)?,
        creator_profile_id: id(row, 2)?,
        platform: row.get(3)?,
        reason: row.get(4)?,
        created_at: row.get(5)?,
    })
}

fn unknown_word(index: usize) -> Error {
    Error::FromSqlConversionFailure(index, Type::Text, Box::new(FromSqlError::InvalidType))
}
