//! `/api/credentials` and `/api/credentials/{id}`: the API keys in the vault.

use super::session::{OpenVault, entry};
use super::{Key, MAX_CREDENTIALS};
use crate::app::App;
use crate::clock::now_ms;
use crate::error::Error;
use crate::openapi::{self, VaultConflictFailures, VaultCredentialFailures};
use crate::request::{Fields, Id};
use crate::store::{SealedVaultCredential, VaultCredential, VaultWrite};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use stagepass_core::cookie::serialize_exposed;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest API key, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 64 * 1024;
/// Services that are known by their names alone.
const SERVICES: [&str; 3] = ["openai", "anthropic", "binance"];
/// What comes before the name of any other.
const CUSTOM: &str = "custom.";
const MAX_CUSTOM_CHARS: usize = 64;
const NOT_FOUND: Error = Error::NotFound("credential not found");
/// Where service and name are taken.
pub(crate) const EXISTS: Error = Error::Conflict("a credential with this service and name exists");
/// Where there are [`MAX_CREDENTIALS`].
pub(crate) const FULL: Error = Error::Conflict("the vault is full: delete a credential first");
/// Where one of them is, or is white space alone.
pub(crate) const MISSING: &str = "service, name, and key are required";

/// A credential without its key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VaultCredentialResponse {
    id: Uuid,
    #[schema(value_type = openapi::VaultService)]
    service: String,
    name: String,
    /// Unix seconds.
    created_at: i64,
    /// Unix seconds; null before the first use.
    #[schema(required)]
    last_used_at: Option<i64>,
}

impl From<VaultCredential> for VaultCredentialResponse {
    fn from(credential: VaultCredential) -> Self {
        let VaultCredential { id, service, name, created_at, last_used_at } = credential;
        let seconds = |ms: i64| ms.div_euclid(1000);
        Self { id, service, name, created_at: seconds(created_at), last_used_at: last_used_at.map(seconds) }
    }
}

/// A credential with its key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevealVaultCredentialResponse {
    #[serde(flatten)]
    credential: VaultCredentialResponse,
    /// The API key; a secret.
    #[serde(serialize_with = "serialize_exposed")]
    #[schema(value_type = openapi::Secret)]
    key: SecretString,
}

/// The answer to a deletion.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeleteVaultCredentialResponse {
    #[schema(value_type = openapi::True, inline)]
    deleted: bool,
}

/// Puts an API key into the vault
///
/// White space around service, name and key is dropped.
#[utoipa::path(
    post,
    path = "/api/credentials",
    tag = "Vault",
    security(("vault" = [])),
    request_body = openapi::AddVaultCredentialRequest,
    responses((status = 201, description = "It is stored", body = VaultCredentialResponse), VaultConflictFailures)
)]
pub(crate) async fn add_vault_credential(
    open: OpenVault,
    State(app): State<Arc<App>>,
    mut fields: Fields,
) -> Result<(StatusCode, Json<VaultCredentialResponse>), Error> {
    let given = (fields.trimmed("service")?, fields.trimmed("name")?, fields.trimmed_secret("key")?);
    let (Some(service), Some(name), Some(key)) = given else {
        return Err(Error::BadRequest(MISSING.to_owned()));
    };
    check(&service, &name, &key).map_err(Error::BadRequest)?;
    if app.vault.store.vault_credentials().await?.len() >= MAX_CREDENTIALS {
        return Err(FULL);
    }
    let credential = new(service, name);
    let sealed = seal(&open.key, credential.clone(), &key)?;
    let entry = entry("vault add").on("vault_credentials", credential.id);
    match app.vault.store.add_vault_credentials(vec![sealed], open.key_epoch, entry).await? {
        VaultWrite::Done(added) if added.is_empty() => Err(EXISTS),
        VaultWrite::Done(_) => Ok((StatusCode::CREATED, Json(credential.into()))),
        VaultWrite::Stale => Err(Error::Unauthorized),
    }
}

/// Lists the API keys without the keys themselves
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/api/credentials",
    tag = "Vault",
    security(("vault" = [])),
    responses((status = 200, description = "All of them", body = Vec<VaultCredentialResponse>))
)]
pub(crate) async fn vault_credentials(
    _: OpenVault,
    State(app): State<Arc<App>>,
) -> Result<Json<Vec<VaultCredentialResponse>>, Error> {
    let credentials = app.vault.store.vault_credentials().await?;
    Ok(Json(credentials.into_iter().map(VaultCredentialResponse::from).collect()))
}

/// Shows one API key without the key itself
#[utoipa::path(
    get,
    path = "/api/credentials/{id}",
    tag = "Vault",
    security(("vault" = [])),
    params(Id),
    responses((status = 200, description = "It", body = VaultCredentialResponse), VaultCredentialFailures)
)]
pub(crate) async fn vault_credential(
    VaultCredentialId(id): VaultCredentialId,
    _: OpenVault,
    State(app): State<Arc<App>>,
) -> Result<Json<VaultCredentialResponse>, Error> {
    let credential = app.vault.store.vault_credential(id).await?.ok_or(NOT_FOUND)?;
    Ok(Json(credential.into()))
}

/// Reveals an API key
#[utoipa::path(
    post,
    path = "/api/credentials/{id}/reveal",
    tag = "Vault",
    security(("vault" = [])),
    params(Id),
    responses((status = 200, description = "It, with the key", body = RevealVaultCredentialResponse), VaultCredentialFailures)
)]
pub(crate) async fn reveal_vault_credential(
    VaultCredentialId(id): VaultCredentialId,
    vault: OpenVault,
    State(app): State<Arc<App>>,
) -> Result<Json<RevealVaultCredentialResponse>, Error> {
    let entry = entry("vault reveal").on("vault_credentials", id);
    let found = app.vault.store.use_vault_credential(id, vault.key_epoch, now_ms(), entry.clone()).await?;
    let VaultWrite::Done(found) = found else { return Err(Error::Unauthorized) };
    let opened =
        found.ok_or(NOT_FOUND).and_then(|sealed| Ok((open(&vault.key, &sealed)?, sealed.credential)));
    match opened {
        Ok((key, credential)) => {
            Ok(Json(RevealVaultCredentialResponse { credential: credential.into(), key }))
        }
        Err(error) => {
            app.database.append(entry.with_outcome(&error)).await?;
            Err(error)
        }
    }
}

/// Deletes an API key
#[utoipa::path(
    delete,
    path = "/api/credentials/{id}",
    tag = "Vault",
    security(("vault" = [])),
    params(Id),
    responses((status = 200, description = "It is gone", body = DeleteVaultCredentialResponse), VaultCredentialFailures)
)]
pub(crate) async fn delete_vault_credential(
    VaultCredentialId(id): VaultCredentialId,
    open: OpenVault,
    State(app): State<Arc<App>>,
) -> Result<Json<DeleteVaultCredentialResponse>, Error> {
    let entry = entry("vault delete").on("vault_credentials", id);
    match app.vault.store.delete_vault_credential(id, open.key_epoch, entry).await? {
        VaultWrite::Done(true) => Ok(Json(DeleteVaultCredentialResponse { deleted: true })),
        VaultWrite::Done(false) => Err(NOT_FOUND),
        VaultWrite::Stale => Err(Error::Unauthorized),
    }
}

/// The id in a path. What is none does not lead to the vault: there is no such route.
pub(crate) struct VaultCredentialId(Uuid);

impl<S: Send + Sync> FromRequestParts<S> for VaultCredentialId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let id = Id::from_request_parts(parts, state).await;
        id.map(|Id(id)| Self(id)).map_err(|_| Error::NotFound("Not found"))
    }
}

/// Holds what is to be stored against the rules; in words for people.
pub(crate) fn check(service: &str, name: &str, key: &SecretString) -> Result<(), String> {
    check_names(service, name)?;
    // Only counted.
    if key.expose_secret().len() > MAX_KEY_BYTES {
        return Err(too_long());
    }
    Ok(())
}

/// What is said of a key that is too long.
pub(crate) fn too_long() -> String {
    format!("key must have at most {MAX_KEY_BYTES} bytes")
}

/// The same for what is known of a key.
pub(crate) fn check_names(service: &str, name: &str) -> Result<(), String> {
    let is_custom = service.strip_prefix(CUSTOM).is_some_and(|name| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        (1..=MAX_CUSTOM_CHARS).contains(&name.len()) && name.chars().all(is_plain)
    });
    if !is_custom && !SERVICES.contains(&service) {
        let names = SERVICES.join(", ");
        return Err(format!(
            "service must be one of {names} or {CUSTOM}<name>, where the name is 1 to {MAX_CUSTOM_CHARS} of \
             A-Z, a-z, 0-9, '.', '_' and '-'"
        ));
    }
    if name.chars().count() > crate::request::MAX_TEXT_CHARS || name.chars().any(char::is_control) {
        return Err("name must have at most 1024 characters, none of them a control character".to_owned());
    }
    Ok(())
}

/// A credential that is made just now.
pub(crate) fn new(service: String, name: String) -> VaultCredential {
    VaultCredential { id: Uuid::now_v7(), service, name, created_at: now_ms(), last_used_at: None }
}

/// Seals an API key, and ties it to its credential.
pub(crate) fn seal(
    key: &Key,
    credential: VaultCredential,
    api_key: &SecretString,
) -> Result<SealedVaultCredential, Error> {
    // To be sealed is why it leaves its wrapper.
    let sealed_key = key.seal(api_key.expose_secret().as_bytes())?;
    let mac = key.mac(&credential, &sealed_key)?;
    Ok(SealedVaultCredential { credential, sealed_key, mac })
}

/// Opens an API key.
pub(crate) fn open(key: &Key, sealed: &SealedVaultCredential) -> Result<SecretString, Error> {
    let is_its_own = key.mac(&sealed.credential, &sealed.sealed_key)?.ct_eq(&sealed.mac);
    let opened = key.open(&sealed.sealed_key).filter(|_| is_its_own.into());
    let text = opened.as_ref().and_then(|opened| std::str::from_utf8(opened).ok());
    text.map(SecretString::from).ok_or_else(|| {
        tracing::error!(record_id = %sealed.credential.id, "an API key of the vault does not open");
        Error::Undecryptable
    })
}
