//! `/api/credentials` and `/api/credentials/{id}`: the API keys in the vault.

use super::session::{OpenVault, done, entry};
use super::{Key, MAX_CREDENTIALS, Vault};
use crate::api::is_of_vault_credentials;
use crate::audit::Entry;
use crate::body::{JsonBody, Name, Secret, True, VaultApiKey, VaultName, VaultService, body};
use crate::clock::now_ms;
use crate::error::Error;
use crate::openapi::{AddVaultCredentialFailures, VaultCredentialFailures};
use crate::refusals::noting_refusal;
use crate::request::{Id, MAX_KEY_BYTES, MAX_NAME_CHARS, check_text};
use crate::store::{SealedVaultCredential, VaultCredential, VaultWrite};
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use stagepass_core::cookie::serialize_exposed;
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;
use uuid::Uuid;

/// Services that are known by name.
const SERVICES: [&str; 3] = ["openai", "anthropic", "binance"];
/// The start of any other service's name.
const CUSTOM: &str = "custom.";
const MAX_CUSTOM_CHARS: usize = 64;
const NOT_FOUND: Error = Error::NotFound("credential not found");
/// The service and name are taken.
pub(crate) const EXISTS: Error = Error::Conflict("a credential with this service and name exists");
/// There are [`MAX_CREDENTIALS`] already.
pub(crate) const FULL: Error = Error::Conflict("the vault is full; delete a credential first");
/// One of them is missing or only white space.
pub(crate) const MISSING: &str = "service, name, and key are required";

body! {
    /// The body of `POST /api/credentials`.
    #[schema(examples(json!({"service": "openai", "name": "production", "key": "sk-proj-0f9e8d7c6b5a"})))]
    lenient struct AddVaultCredentialRequest {
        #[schema(value_type = VaultService)]
        service: Option<Name>,
        /// A name that is unique for the service.
        #[schema(value_type = VaultName)]
        name: Option<Name>,
        /// The API key, token or secret itself.
        #[schema(value_type = VaultApiKey)]
        key: Option<VaultApiKey>,
    }
}

/// A credential without its key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VaultCredentialResponse {
    id: Uuid,
    #[schema(value_type = VaultService)]
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
    #[schema(value_type = Secret)]
    key: SecretString,
}

/// The answer to a deletion.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeleteVaultCredentialResponse {
    #[schema(value_type = True, inline)]
    deleted: bool,
}

/// Adds an API key to the vault
///
/// White space around service, name and key is removed.
#[utoipa::path(
    post,
    path = "/api/credentials",
    tag = "Vault",
    security(("vault" = [])),
    request_body = AddVaultCredentialRequest,
    responses(
        (status = 201, description = "The credential is stored", body = VaultCredentialResponse), AddVaultCredentialFailures
    )
)]
pub(crate) async fn add_vault_credential(
    session: OpenVault,
    State(vault): State<Vault>,
    body: JsonBody<AddVaultCredentialRequest>,
) -> Result<(StatusCode, Json<VaultCredentialResponse>), Error> {
    let AddVaultCredentialRequest { service, name, key } = body.read()?;
    let (Some(Name(service)), Some(Name(name)), Some(VaultApiKey(key))) = (service, name, key) else {
        return Err(Error::BadRequest(MISSING.to_owned()));
    };
    check(&service, &name, &key).map_err(Error::BadRequest)?;
    let credential = new(service, name);
    let entry = entry("vault add").on("vault_credentials", credential.id);
    let mut added = add(&vault, &session, (&credential, &key), entry.clone()).await?;
    if added == VaultWrite::Stale {
        added = add(&vault, &session.renewed(&vault).await?, (&credential, &key), entry).await?;
    }
    match done(added)? {
        None => Err(FULL),
        Some(added) if added.is_empty() => Err(EXISTS),
        Some(_) => Ok((StatusCode::CREATED, Json(credential.into()))),
    }
}

async fn add(
    vault: &Vault,
    session: &OpenVault,
    (credential, api_key): (&VaultCredential, &SecretString),
    entry: Entry,
) -> Result<VaultWrite<Option<Vec<Uuid>>>, Error> {
    let new = vec![seal((&session.key, session.key_epoch), credential.clone(), api_key)?];
    Ok(vault.store.add_vault_credentials(new, MAX_CREDENTIALS, session.key_epoch, entry).await?)
}

/// Lists the API keys without the keys themselves
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/api/credentials",
    tag = "Vault",
    security(("vault" = [])),
    responses((status = 200, description = "All credentials, without their keys", body = Vec<VaultCredentialResponse>))
)]
pub(crate) async fn vault_credentials(
    _: OpenVault,
    State(vault): State<Vault>,
) -> Result<Json<Vec<VaultCredentialResponse>>, Error> {
    let credentials = vault.store.vault_credentials().await?;
    Ok(Json(credentials.into_iter().map(VaultCredentialResponse::from).collect()))
}

/// Shows one API key without the key itself
#[utoipa::path(
    get,
    path = "/api/credentials/{id}",
    tag = "Vault",
    security(("vault" = [])),
    params(Id),
    responses((status = 200, description = "The credential", body = VaultCredentialResponse), VaultCredentialFailures)
)]
pub(crate) async fn vault_credential(
    VaultCredentialId(id): VaultCredentialId,
    _: OpenVault,
    State(vault): State<Vault>,
) -> Result<Json<VaultCredentialResponse>, Error> {
    let found = vault.store.vault_credential(id).await?.ok_or(NOT_FOUND)?;
    Ok(Json(found.credential.into()))
}

/// Reveals an API key
#[utoipa::path(
    post,
    path = "/api/credentials/{id}/reveal",
    tag = "Vault",
    security(("vault" = [])),
    params(Id),
    responses((status = 200, description = "The credential with its key", body = RevealVaultCredentialResponse), VaultCredentialFailures)
)]
pub(crate) async fn reveal_vault_credential(
    VaultCredentialId(id): VaultCredentialId,
    session: OpenVault,
    State(vault): State<Vault>,
) -> Result<Json<RevealVaultCredentialResponse>, Error> {
    let entry = entry("vault reveal").on("vault_credentials", id);
    let revealing = async {
        let revealed = match reveal(&vault, &session, id, entry.clone()).await? {
            VaultWrite::Stale => reveal(&vault, &session.renewed(&vault).await?, id, entry.clone()).await?,
            revealed @ VaultWrite::Done(_) => revealed,
        };
        done(revealed)
    };
    Ok(Json(noting_refusal(&*vault.database, &entry, revealing).await?))
}

/// Opens an API key, and records its use only if that works.
// Decision: docs/decisions/vault.md#a-key-counts-as-used-only-after-it-has-opened
async fn reveal(
    vault: &Vault,
    session: &OpenVault,
    id: Uuid,
    entry: Entry,
) -> Result<VaultWrite<RevealVaultCredentialResponse>, Error> {
    let sealed = vault.store.vault_credential(id).await?.ok_or(NOT_FOUND)?;
    // Sealed with the next password: the vault has changed.
    if sealed.key_epoch > session.key_epoch {
        return Ok(VaultWrite::Stale);
    }
    let key = open(&session.key, &sealed)?;
    let now = now_ms();
    let credential = VaultCredential { last_used_at: Some(now), ..sealed.credential };
    Ok(match vault.store.use_vault_credential(id, session.key_epoch, now, entry).await? {
        VaultWrite::Done(true) => {
            VaultWrite::Done(RevealVaultCredentialResponse { credential: credential.into(), key })
        }
        VaultWrite::Done(false) => return Err(NOT_FOUND),
        VaultWrite::Stale => VaultWrite::Stale,
    })
}

/// Deletes an API key
#[utoipa::path(
    delete,
    path = "/api/credentials/{id}",
    tag = "Vault",
    security(("vault" = [])),
    params(Id),
    responses((status = 200, description = "The credential is deleted", body = DeleteVaultCredentialResponse), VaultCredentialFailures)
)]
pub(crate) async fn delete_vault_credential(
    VaultCredentialId(id): VaultCredentialId,
    session: OpenVault,
    State(vault): State<Vault>,
) -> Result<Json<DeleteVaultCredentialResponse>, Error> {
    let entry = entry("vault delete").on("vault_credentials", id);
    let store = &vault.store;
    let mut deleted = store.delete_vault_credential(id, session.key_epoch, entry.clone()).await?;
    if deleted == VaultWrite::Stale {
        let session = session.renewed(&vault).await?;
        deleted = store.delete_vault_credential(id, session.key_epoch, entry).await?;
    }
    let deleted = done(deleted)?;
    if deleted { Ok(Json(DeleteVaultCredentialResponse { deleted })) } else { Err(NOT_FOUND) }
}

/// The id in a path. Anything else is not a route of the vault.
pub(crate) struct VaultCredentialId(Uuid);

impl<S: Send + Sync> FromRequestParts<S> for VaultCredentialId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        // An id in another spelling, such as with `%30`, is refused too: the literal path decides
        // which API it belongs to.
        if !is_of_vault_credentials(parts.uri.path()) {
            return Err(Error::NotFound("Not found"));
        }
        Id::from_request_parts(parts, state).await.map(|Id(id)| Self(id))
    }
}

/// Checks what to store against the rules; the fault is in words for people.
pub(crate) fn check(service: &str, name: &str, key: &SecretString) -> Result<(), String> {
    check_names(service, name)?;
    check_key(key)
}

/// The same for the key alone.
pub(crate) fn check_key(key: &SecretString) -> Result<(), String> {
    // Exposed only for counting.
    if key.expose_secret().len() > MAX_KEY_BYTES { Err(too_long()) } else { Ok(()) }
}

/// The fault of a key that is too long.
pub(crate) fn too_long() -> String {
    format!("key must have at most {MAX_KEY_BYTES} bytes")
}

/// The same for the service and name.
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
    check_text(name, "name", MAX_NAME_CHARS)
}

/// A credential created now.
pub(crate) fn new(service: String, name: String) -> VaultCredential {
    VaultCredential { id: Uuid::now_v7(), service, name, created_at: now_ms(), last_used_at: None }
}

/// Seals an API key with the key of an epoch, and binds it to its credential.
pub(crate) fn seal(
    (key, key_epoch): (&Key, i64),
    credential: VaultCredential,
    api_key: &SecretString,
) -> Result<SealedVaultCredential, Error> {
    // Exposed for sealing.
    let sealed_key = key.seal(api_key.expose_secret().as_bytes())?;
    let mac = key.mac(&credential, &sealed_key)?;
    Ok(SealedVaultCredential { credential, sealed_key, mac, key_epoch })
}

/// Opens an API key.
pub(crate) fn open(key: &Key, sealed: &SealedVaultCredential) -> Result<SecretString, Error> {
    let is_its_own = key.mac(&sealed.credential, &sealed.sealed_key)?.ct_eq(&sealed.mac);
    let opened = key.open(&sealed.sealed_key).filter(|_| is_its_own.into());
    let text = opened.as_ref().and_then(|opened| std::str::from_utf8(opened).ok());
    text.map(SecretString::from).ok_or_else(|| {
        tracing::error!(record_id = %sealed.credential.id, "an API key of the vault can't be decrypted");
        Error::Undecryptable
    })
}
