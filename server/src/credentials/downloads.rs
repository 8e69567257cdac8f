//! Download credentials: logins for yt-dlp, by password or by cookies.

use super::{IdRequest, IdResponse, Success, open_as_json, own, own_connection, reveal, seal};
use crate::app::App;
use crate::audit::Entry;
use crate::body::{
    Body, Checked, CookieFile, CookiesType, Credentials, JsonBody, Password, PasswordType, Platform, Secret,
    Text, Time, Username, Value, body, of, or_null, values,
};
use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::{Service, UserId};
use crate::openapi::{RecordFailures, RoomFailures};
use crate::refusals::noting_refusal;
use crate::request::{Fields, Id, Listing, PageParameters};
use crate::sealing::SealedAt;
use crate::store::{AuthType, DownloadCredential, NewDownloadCredential, Page, SealedDownloadCredential};
use axum::Json;
use axum::extract::State;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stagepass_core::netscape;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;
use uuid::Uuid;

/// The body of `create-download-cred`: its `auth_type` says what `credentials` must contain.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(examples(
    json!({
        "platform": "youtube", "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
        "auth_type": "password", "username": "jane@example.org",
        "credentials": {"password": "correct horse battery"}, "display_name": "Jane's channel"
    }),
    json!({
        "platform": "youtube", "creator_profile_id": "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f",
        "auth_type": "cookies",
        "credentials": {"cookies_netscape":
            "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t1798761599\tSID\tabc123\n"}
    })
))]
pub(crate) enum CreateDownloadCredRequest {
    Password(PasswordRequest),
    Cookies(CookiesRequest),
}

impl Body for CreateDownloadCredRequest {
    fn read(fields: Fields) -> Result<Self, Error> {
        let with_password =
            fields.clone().text("auth_type").is_ok_and(|text| text.as_deref() == Some("password"));
        if with_password {
            PasswordRequest::read(fields).map(Self::Password)
        } else {
            CookiesRequest::read(fields).map(Self::Cookies)
        }
    }
}

impl CreateDownloadCredRequest {
    /// The user's new credential, and the secret part to seal.
    fn of(self, user: UserId) -> (DownloadCredential, SecretString) {
        let (platform, creator_profile_id, auth_type, credentials, username, display_name) = match self {
            Self::Password(given) => {
                let (Username(username), credentials) = (given.username, given.credentials.0);
                let (platform, id) = (given.platform, given.creator_profile_id);
                (platform, id, AuthType::Password, credentials, Some(username), given.display_name)
            }
            Self::Cookies(given) => {
                let (username, credentials) = (Text::unless_empty(given.username), given.credentials.0);
                let (platform, id) = (given.platform, given.creator_profile_id);
                (platform, id, AuthType::Cookies, credentials, username, given.display_name)
            }
        };
        let credential = DownloadCredential {
            id: Uuid::now_v7(),
            user_id: user.0,
            creator_profile_id,
            platform: platform.0,
            auth_type,
            username,
            display_name: display_name.map(|Text(text)| text),
            created_at: now_ms(),
        };
        (credential, credentials)
    }
}

body! {
    /// A login with a password.
    lenient struct PasswordRequest {
        platform: Platform,
        creator_profile_id: Uuid,
        #[schema(value_type = PasswordType)]
        auth_type: Checked<AuthType>,
        credentials: PasswordCredentials,
        username: Username,
        display_name: Option<Text>,
    }

    /// A login with cookies.
    lenient struct CookiesRequest {
        platform: Platform,
        creator_profile_id: Uuid,
        #[schema(value_type = CookiesType)]
        auth_type: Checked<AuthType>,
        credentials: CookiesCredentials,
        username: Option<Text>,
        display_name: Option<Text>,
    }
}

values! {
    /// `credentials` if `auth_type` is `password`; other members are stored too.
    PasswordCredentials(SecretString) by password_credentials: ObjectBuilder::new()
        .property("password", of::<Password>())
        .required("password")
        .property("cookies_netscape", or_null::<Secret>());
    /// `credentials` if `auth_type` is `cookies`; other members are stored too.
    CookiesCredentials(SecretString) by cookies_credentials: ObjectBuilder::new()
        .property("cookies_netscape", of::<CookieFile>())
        .required("cookies_netscape")
        .property("password", or_null::<Secret>());
}

fn password_credentials(fields: &mut Fields, name: &str) -> Result<Option<SecretString>, Error> {
    let (json, needed) = needed(fields, name)?;
    given(needed.password, &format!("{name}.password"))?;
    Ok(Some(json))
}

/// A cookie file with at least one cookie; otherwise the error names the first bad line.
fn cookies_credentials(fields: &mut Fields, name: &str) -> Result<Option<SecretString>, Error> {
    let (json, needed) = needed(fields, name)?;
    let name = format!("{name}.cookies_netscape");
    let file = given(needed.cookies_netscape, &name)?;
    let read = netscape::read(file.expose_secret()).with_cookies();
    read.map_err(|error| Error::BadRequest(format!("{name} {error}")))?;
    Ok(Some(json))
}

#[derive(Deserialize)]
struct Needed {
    password: Option<SecretString>,
    cookies_netscape: Option<SecretString>,
}

/// The given credentials, and the members of them that are needed.
fn needed(fields: &mut Fields, name: &str) -> Result<(SecretString, Needed), Error> {
    let Credentials(json) = Credentials::required(fields, name)?;
    let fault = format!("{name}.password and {name}.cookies_netscape must be strings");
    let needed = serde_json::from_str(json.expose_secret()).map_err(|_| Error::BadRequest(fault))?;
    Ok((json, needed))
}

fn given(secret: Option<SecretString>, name: &str) -> Result<SecretString, Error> {
    let given = secret.filter(|secret| !secret.expose_secret().is_empty());
    given.ok_or_else(|| Error::BadRequest(format!("{name} required")))
}

/// Creates a download credential
///
/// With a password or a cookie file, depending on `auth_type`.
#[utoipa::path(
    post,
    path = "/api/credentials/create-download-cred",
    tag = "Download credentials",
    security(("user" = [])),
    request_body = CreateDownloadCredRequest,
    responses((status = 200, description = "The credential is stored", body = Success<IdResponse>), RecordFailures, RoomFailures)
)]
pub(crate) async fn create_download_cred(
    user: UserId,
    State(app): State<Arc<App>>,
    body: JsonBody<CreateDownloadCredRequest>,
) -> Result<Json<Success<IdResponse>>, Error> {
    let (credential, credentials) = body.read()?.of(user);
    let (id, connection_id) = (credential.id, credential.creator_profile_id);
    let entry = user.entry("create-download-cred").on("download_credentials", id);
    let credential = NewDownloadCredential {
        credential,
        encrypted_credentials: seal(&app, &sealed_at(id, user.0), credentials.expose_secret().as_bytes())?,
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

fn sealed_at(record_id: Uuid, owner_id: Uuid) -> SealedAt {
    SealedAt { table: "download_credentials", column: "encrypted_credentials", record_id, owner_id }
}

/// The answer to `reveal-download-cred`.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevealDownloadCredResponse {
    id: Uuid,
    #[schema(value_type = Platform)]
    platform: String,
    auth_type: AuthType,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[schema(value_type = Credentials)]
    credentials: Box<RawValue>,
}

/// Reveals a download credential
#[utoipa::path(
    post,
    path = "/api/credentials/reveal-download-cred",
    tag = "Download credentials",
    security(("service" = [])),
    request_body = IdRequest,
    responses((status = 200, description = "The decrypted credential", body = Success<RevealDownloadCredResponse>), RecordFailures)
)]
pub(crate) async fn reveal_download_cred(
    service: Service,
    State(app): State<Arc<App>>,
    body: JsonBody<IdRequest>,
) -> Result<Json<Success<RevealDownloadCredResponse>>, Error> {
    let id = body.read()?.id;
    let entry = service.entry("reveal-download-cred").on("download_credentials", id);
    let find = |judge| app.records.reveal_download_credential(id, judge);
    let keys = Arc::clone(&app);
    let judge = move |found: Option<SealedDownloadCredential>, _: &mut Entry| {
        let (credential, blob) = found.ok_or(Error::NotFound("Not found"))?;
        service.check_record(credential.user_id, &credential.platform)?;
        let credentials = open_as_json(&keys, &sealed_at(id, credential.user_id), &blob)?;
        Ok((credential, credentials))
    };
    let (credential, credentials) = reveal(entry, find, judge).await?;
    Ok(Success::of(RevealDownloadCredResponse {
        id,
        platform: credential.platform,
        auth_type: credential.auth_type,
        username: credential.username,
        credentials,
    }))
}

/// A download credential as its owner sees it, without its secrets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DownloadCredentialResponse {
    id: Uuid,
    creator_profile_id: Uuid,
    #[schema(value_type = Platform)]
    platform: String,
    auth_type: AuthType,
    #[schema(required)]
    username: Option<String>,
    #[schema(required)]
    display_name: Option<String>,
    created_at: Time,
}

impl From<DownloadCredential> for DownloadCredentialResponse {
    fn from(credential: DownloadCredential) -> Self {
        Self {
            id: credential.id,
            creator_profile_id: credential.creator_profile_id,
            platform: credential.platform,
            auth_type: credential.auth_type,
            username: credential.username,
            display_name: credential.display_name,
            created_at: Time(credential.created_at),
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
    responses((status = 200, description = "A page of download credentials", body = Listing<DownloadCredentialResponse>))
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
    responses((status = 200, description = "The credential is deleted", body = Success<IdResponse>), RecordFailures)
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
