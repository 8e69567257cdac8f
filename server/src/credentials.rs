//! The Credentials API: connections, their credentials and captured sessions,
//! and download credentials. Who is calling comes from `identity`, what is kept from `store`.

pub(crate) mod capture_requests;
pub(crate) mod connection_credentials;
pub(crate) mod connections;
pub(crate) mod downloads;
pub(crate) mod sessions;

use crate::app::App;
use crate::audit::Entry;
use crate::error::Error;
use crate::identity::UserId;
use crate::openapi::True;
use crate::sealing::{self, Place, SealingError};
use crate::store::{Actor, Connection, Found, Judge, StoreError};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use utoipa::ToSchema;
use uuid::Uuid;

/// A success: the answer's own fields beside `success`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Success<T> {
    #[schema(value_type = True, inline)]
    success: bool,
    #[serde(flatten)]
    body: T,
}

impl<T> Success<T> {
    pub(crate) fn of(body: T) -> axum::Json<Self> {
        axum::Json(Self { success: true, body })
    }
}

/// An answer that names a record and nothing else.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IdResponse {
    id: Uuid,
}

/// The caller's own record; another's is forbidden.
fn own<T>(found: Found<T>) -> Result<T, Error> {
    match found {
        Found::Own(record) => Ok(record),
        Found::Foreign => Err(Error::Forbidden),
        Found::Nothing => Err(Error::NotFound("Not found")),
    }
}

/// The caller's own connection.
async fn own_connection(app: &App, user: UserId, id: Uuid) -> Result<Connection, Error> {
    own(app.records.connection(Actor::User(user.0), id).await?)
}

/// Has a record revealed: what `judge` makes of the one that is found, which
/// leaves once the row of the audit log is on disk that tells of it, or of the
/// refusal. The judge may say more of the record in that row.
async fn reveal<R: 'static, T: Send + 'static, F: Future<Output = Result<(), StoreError>>>(
    mut entry: Entry,
    find: impl FnOnce(Judge<R>) -> F,
    judge: impl FnOnce(Option<R>, &mut Entry) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (sender, receiver) = oneshot::channel();
    find(Box::new(move |found| {
        let judged = judge(found, &mut entry);
        if let Err(error) = &judged {
            entry = entry.with_outcome(error);
        }
        // A caller that has gone away wants no answer.
        let _ = sender.send(judged);
        entry
    }))
    .await?;
    receiver.await.map_err(|_| Error::Internal("a record was not judged"))?
}

/// What is stored for a connection is of the connection's platform.
fn check_same_platform(connection: &Connection, platform: &str) -> Result<(), Error> {
    if connection.platform == platform { Ok(()) } else { Err(other_platform(&connection.platform)) }
}

fn other_platform(connections: &str) -> Error {
    Error::BadRequest(format!("platform must be the connection's, {connections}"))
}

fn seal(app: &App, place: &Place, plaintext: &[u8]) -> Result<String, Error> {
    let sealed = sealing::seal(&app.keys, app.blob_version, place, plaintext);
    sealed.map_err(|_| Error::Internal("sealing failed"))
}

fn open(app: &App, place: &Place, blob: &str) -> Result<SecretString, Error> {
    sealing::open(&app.keys, app.blob_version, place, blob).map_err(|error: SealingError| {
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
