//! Download credentials: what yt-dlp signs in with, by password or by cookies.

use super::{IdResponse, Success, open_as_json, own, own_connection, reveal, seal};
use crate::app::App;
use crate::audit::Entry;
use crate::clock::{now_ms, render_ms};
use crate::error::Error;
use crate::identity::{Service, UserId};
use crate::openapi::{self, RecordFailures, RoomFailures};
use crate::refusals::noting_refusal;
use crate::request::{Fields, Id, Listing, PageParameters, check_platform, parse_id};
use crate::sealing::Place;
use crate::store::{AuthType, DownloadCredential, NewDownloadCredential, Page, SealedDownloadCredential};
use axum::Json;
use axum::extract::State;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stagepass_core::netscape;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// Creates a download credential
///
/// With a password or with a cookie file, as `auth_type` says.
#[utoipa::path(
    post,
    path = "/api/credentials/create-download-cred",
    tag = "Download credentials",
    security(("user" = [])),
    request_body = openapi::CreateDownloadCredRequest,
    responses((status = 200, description = "It is stored", body = Success<IdResponse>), RecordFailures, RoomFailures)
)]
pub(crate) async fn create_download_cred(
    user: UserId,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<Json<Success<IdResponse>>, Error> {
    let platform = fields.required_text("platform")?;
    let connection_id = fields.required_text("creator_profile_id")?;
    let auth_type = parse_auth_type(&fields.required_text("auth_type")?)?;
    let credentials = fields.credentials()?;
    let username = fields.text("username")?.filter(|name| !name.is_empty());
    let display_name = fields.text("display_name")?;
    check_platform(&platform)?;
    let connection_id = parse_id(&connection_id, "creator_profile_id")?;
    check_credentials(auth_type, &credentials, username.as_deref())?;

    let id = Uuid::now_v7();
    let entry = user.entry("create-download-cred").on("download_credentials", id);
    let credential = NewDownloadCredential {
        credential: DownloadCredential {
            id,
            user_id: user.0,
            creator_profile_id: connection_id,
            platform,
            auth_type,
            username,
            display_name,
            created_at: now_ms(),
        },
        encrypted_credentials: seal(&app, &place(id, user.0), credentials.expose_secret().as_bytes())?,
        credentials_version: app.blob_version.as_str(),
    };
    let adding = async {
        own_connection(&app, user, connection_id).await?;
        let is_added = app.records.add_download_credential(credential, entry.clone()).await?;
        is_added.then_some(()).ok_or(Error::NotFound("Not found"))
    };
    noting_refusal(&*app.database, &entry, adding).await?;
    Ok(Success::of(IdResponse { id }))
}

fn parse_auth_type(text: &str) -> Result<AuthType, Error> {
    AuthType::parse(text).ok_or_else(|| Error::BadRequest("auth_type must be password or cookies".to_owned()))
}

/// What each way of signing in needs: a password with its username, or a cookie
/// file with a cookie in it. Where it has none, the first bad line is named.
fn check_credentials(
    auth_type: AuthType,
    credentials: &SecretString,
    username: Option<&str>,
) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Needed {
        password: Option<SecretString>,
        cookies_netscape: Option<SecretString>,
    }
    let fault = |text: &str| Error::BadRequest(text.to_owned());
    let needed: Needed = serde_json::from_str(credentials.expose_secret())
        .map_err(|_| fault("credentials.password and credentials.cookies_netscape must be strings"))?;
    let is_given = |secret: &SecretString| !secret.expose_secret().is_empty();
    match auth_type {
        AuthType::Password => {
            needed.password.filter(is_given).ok_or_else(|| fault("credentials.password required"))?;
            username.map(drop).ok_or_else(|| fault("username required"))
        }
        AuthType::Cookies => {
            let file = needed.cookies_netscape.filter(is_given);
            let file = file.ok_or_else(|| fault("credentials.cookies_netscape required"))?;
            let read = netscape::read(file.expose_secret()).with_cookies();
            read.map(drop).map_err(|error| fault(&format!("credentials.cookies_netscape {error}")))
        }
    }
}

fn place(record_id: Uuid, owner_id: Uuid) -> Place {
    Place { table: "download_credentials", column: "encrypted_credentials", record_id, owner_id }
}

/// The answer to `reveal-download-cred`.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevealDownloadCredResponse {
    id: Uuid,
    #[schema(value_type = openapi::Platform)]
    platform: String,
    #[schema(value_type = openapi::AuthType)]
    auth_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[schema(value_type = openapi::Credentials)]
    credentials: Box<RawValue>,
}

/// Reveals a download credential
#[utoipa::path(
    post,
    path = "/api/credentials/reveal-download-cred",
    tag = "Download credentials",
    security(("service" = [])),
    request_body = openapi::IdRequest,
    responses((status = 200, description = "The credential, opened", body = Success<RevealDownloadCredResponse>), RecordFailures)
)]
pub(crate) async fn reveal_download_cred(
    service: Service,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<Json<Success<RevealDownloadCredResponse>>, Error> {
    let id = parse_id(&fields.required_text("id")?, "id")?;
    let entry = service.entry("reveal-download-cred").on("download_credentials", id);
    let find = |judge| app.records.reveal_download_credential(id, judge);
    let keys = Arc::clone(&app);
    let judge = move |found: Option<SealedDownloadCredential>, _: &mut Entry| {
        let (credential, blob) = found.ok_or(Error::NotFound("Not found"))?;
        service.check_record(credential.user_id, &credential.platform)?;
        let credentials = open_as_json(&keys, &place(id, credential.user_id), &blob)?;
        Ok((credential, credentials))
    };
    let (credential, credentials) = reveal(entry, find, judge).await?;
    Ok(Success::of(RevealDownloadCredResponse {
        id,
        platform: credential.platform,
        auth_type: credential.auth_type.as_str(),
        username: credential.username,
        credentials,
    }))
}

/// A download credential as its owner sees it: never what signs in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DownloadCredentialResponse {
    id: Uuid,
    creator_profile_id: Uuid,
    #[schema(value_type = openapi::Platform)]
    platform: String,
    #[schema(value_type = openapi::AuthType)]
    auth_type: &'static str,
    #[schema(required)]
    username: Option<String>,
    #[schema(required)]
    display_name: Option<String>,
    #[schema(value_type = openapi::Time)]
    created_at: String,
}

impl From<DownloadCredential> for DownloadCredentialResponse {
    fn from(credential: DownloadCredential) -> Self {
        Self {
            id: credential.id,
            creator_profile_id: credential.creator_profile_id,
            platform: credential.platform,
            auth_type: credential.auth_type.as_str(),
            username: credential.username,
            display_name: credential.display_name,
            created_at: render_ms(credential.created_at),
        }
    }
}

/// Lists the caller's download credentials
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/api/download-credentials",
    tag = "Download credentials",
    security(("user" = [])),
    params(PageParameters),
    responses((status = 200, description = "A page of them", body = Listing<DownloadCredentialResponse>))
)]
pub(crate) async fn download_credentials(
    user: UserId,
    State(app): State<Arc<App>>,
    page: Page,
) -> Result<Json<Listing<DownloadCredentialResponse>>, Error> {
    let rows = app.records.download_credentials_of(user.0, page).await?;
    Ok(Json(Listing::of(rows, page, DownloadCredentialResponse::from)))
}

/// Deletes a download credential
#[utoipa::path(
    delete,
    path = "/api/download-credentials/{id}",
    tag = "Download credentials",
    security(("user" = [])),
    params(Id),
    responses((status = 200, description = "It is gone", body = Success<IdResponse>), RecordFailures)
)]
pub(crate) async fn delete_download_credential(
    user: UserId,
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<Success<IdResponse>>, Error> {
    let entry = user.entry("delete-download-cred").on("download_credentials", id);
    let deleting = async { own(app.records.delete_download_credential(user.0, id, entry.clone()).await?) };
    noting_refusal(&*app.database, &entry, deleting).await?;
    Ok(Success::of(IdResponse { id }))
}
