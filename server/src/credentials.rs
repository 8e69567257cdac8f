//! The Credentials API: connections, their credentials and captured sessions, and download
//! credentials. `identity` says who is calling; `store` keeps the records.

pub(crate) mod capture_requests;
pub(crate) mod connection_credentials;
pub(crate) mod connections;
pub(crate) mod downloads;
pub(crate) mod sessions;

use crate::app::App;
use crate::audit::Entry;
use crate::body::{True, body};
use crate::error::Error;
use crate::identity::UserId;
use crate::sealing::{self, SealedAt, SealingError};
use crate::store::{Actor, Connection, Found, Judge, StoreError};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use utoipa::ToSchema;
use uuid::Uuid;

/// A success: the answer's own members besides `success`.
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

body! {
    /// A body that names one record.
    #[schema(examples(json!({"id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f"})))]
    lenient struct IdRequest { id: Uuid }
}

/// An answer with only a record's id.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IdResponse {
    id: Uuid,
}

/// The caller's own record; another user's is forbidden.
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

/// Reveals a record: returns `judge`'s result only after the audit row about it, or about the
/// refusal, is on disk. The judge can add details to that row.
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
        // A caller that gave up needs no answer.
        let _ = sender.send(judged);
        entry
    }))
    .await?;
    receiver.await.map_err(|_| Error::Internal("a record was not judged"))?
}

/// Checks that stored data has the platform of its connection.
fn check_same_platform(connection: &Connection, platform: &str) -> Result<(), Error> {
    if connection.platform == platform { Ok(()) } else { Err(other_platform(&connection.platform)) }
}

fn other_platform(connections: &str) -> Error {
    Error::BadRequest(format!("platform must be the connection's, {connections}"))
}

fn seal(app: &App, sealed_at: &SealedAt, plaintext: &[u8]) -> Result<String, Error> {
    let sealed = sealing::seal(&app.keys, app.blob_version, sealed_at, plaintext);
    sealed.map_err(|_| Error::Internal("sealing failed"))
}

fn open(app: &App, sealed_at: &SealedAt, blob: &str) -> Result<SecretString, Error> {
    sealing::open(&app.keys, app.blob_version, sealed_at, blob).map_err(|error: SealingError| {
        tracing::error!(table = sealed_at.table, record_id = %sealed_at.record_id, %error, "a blob can't be decrypted");
        Error::Undecryptable
    })
}

/// Opens a blob for an answer that is meant to have its content: the JSON text is exposed here.
fn open_as_json(app: &App, sealed_at: &SealedAt, blob: &str) -> Result<Box<RawValue>, Error> {
    let plaintext = open(app, sealed_at, blob)?;
    let json = RawValue::from_string(plaintext.expose_secret().to_owned());
    json.map_err(|_| Error::Internal("a sealed value is not JSON"))
}
