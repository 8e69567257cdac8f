//! The Credentials API: connections, their credentials and captured sessions,
//! and download credentials. Who is
//! calling comes from `identity`, what is kept from `store`.

mod capture_requests;
mod connection_credentials;
mod connections;
mod downloads;
mod sessions;

pub(crate) use capture_requests::{capture_requests, decline_capture_request, request_capture};
pub(crate) use connection_credentials::{reveal, store, update_profile_creds};
pub(crate) use connections::{connection, connections, create_profile, delete_connection};
pub(crate) use downloads::{
    create_download_cred, delete_download_credential, download_credentials, reveal_download_cred,
};
pub(crate) use sessions::{get_platform_session, revoke_platform_session, sessions, store_platform_session};

use crate::app::App;
use crate::error::Error;
use crate::identity::UserId;
use crate::sealing::{self, Place, SealingError};
use crate::store::Connection;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// A success: the answer's own fields beside `success`.
#[derive(Debug, Serialize)]
pub(crate) struct Success<T> {
    success: bool,
    #[serde(flatten)]
    body: T,
}

impl<T> Success<T> {
    fn of(body: T) -> axum::Json<Self> {
        axum::Json(Self { success: true, body })
    }
}

/// An answer that names a record and nothing else.
#[derive(Debug, Serialize)]
pub(crate) struct IdResponse {
    id: Uuid,
}

/// The caller's own connection; another's is forbidden.
async fn own_connection(app: &App, user: UserId, id: Uuid) -> Result<Connection, Error> {
    let connection = app.store.connection(id).await?.ok_or(Error::NotFound("Not found"))?;
    if connection.user_id == user.0 { Ok(connection) } else { Err(Error::Forbidden) }
}

fn seal(app: &App, place: &Place, plaintext: &[u8]) -> Result<String, Error> {
    sealing::seal(&app.keys, place, plaintext).map_err(|_| Error::Internal("sealing failed"))
}

fn open(app: &App, place: &Place, blob: &str) -> Result<SecretString, Error> {
    sealing::open(&app.keys, place, blob).map_err(|error: SealingError| {
        tracing::error!(table = place.table, record_id = %place.record_id, %error, "a blob does not open");
        Error::Undecryptable
    })
}

/// Opens a blob for an answer, whose purpose is to hold what was sealed: the
/// JSON text leaves its wrapper here.
fn open_as_json(app: &App, place: &Place, blob: &str) -> Result<Box<RawValue>, Error> {
    let plaintext = open(app, place, blob)?;
    let json = RawValue::from_string(plaintext.expose_secret().to_owned());
    json.map_err(|_| Error::Internal("what was sealed is no JSON"))
}
