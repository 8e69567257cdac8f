//! `/api/auth/*`: sets up, opens and closes the vault.

use super::derivations::{Callers, Turn};
use super::password_change::change;
use super::session::{self, OpenVault, entry};
use super::set_up::SetUpPermit;
use super::{Key, Vault, generate_salt};
use crate::audit::{Caller, Entry};
use crate::body::{JsonBody, NewPassword, Secret, Time, True, VaultToken, body};
use crate::client::Client;
use crate::clock::{now_ms, whole_seconds};
use crate::error::Error;
use crate::identity::{check_password, hash};
use crate::openapi::{ChangeMasterPasswordFailures, OpenVaultFailures, SetUpFailures};
use crate::store::AttemptLimit;
use axum::Json;
use axum::extract::{FromRequestParts as _, State};
use axum::http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use stagepass_core::cookie::serialize_exposed;
use tracing::Instrument as _;
use utoipa::ToSchema;

/// The limit of wrong master passwords within a window.
const ATTEMPTS: u32 = 5;
const WINDOW_MS: i64 = 60 * 1000;

/// The answer to `GET /api/auth/status`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VaultStatusResponse {
    /// Whether there is a master password.
    initialized: bool,
    /// Whether the request has the token of a live session.
    authenticated: bool,
}

/// Reports whether the vault is set up, and whether the caller has it open
#[utoipa::path(
    get,
    path = "/api/auth/status",
    tag = "Vault",
    security((), ("vault" = [])),
    responses((status = 200, description = "The state of the vault", body = VaultStatusResponse))
)]
pub(crate) async fn vault_status(
    State(vault): State<Vault>,
    mut parts: Parts,
) -> Result<Json<VaultStatusResponse>, Error> {
    let initialized = vault.header().await?.is_some();
    let authenticated = match OpenVault::from_request_parts(&mut parts, &vault).await {
        Ok(_) => true,
        Err(Error::Unauthorized) => false,
        Err(error) => return Err(error),
    };
    Ok(Json(VaultStatusResponse { initialized, authenticated }))
}

/// A success without further content, in the vault's form.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VaultSuccess {
    #[schema(value_type = True, inline)]
    success: bool,
    /// What was done, in words for people.
    message: &'static str,
}

impl VaultSuccess {
    fn of(message: &'static str) -> Json<Self> {
        Json(Self { success: true, message })
    }
}

body! {
    /// The body of `POST /api/auth/setup`.
    #[schema(examples(json!({"password": "correct horse battery", "confirm": "correct horse battery"})))]
    lenient struct SetUpVaultRequest {
        password: NewPassword,
        /// The password again.
        confirm: NewPassword,
    }
}

/// Chooses the master password of a vault that has none
///
/// Accepted from a program on the server's own machine, or with the token in the file
/// `vault-set-up-token` of the server's data directory, sent as a bearer token.
#[utoipa::path(
    post,
    path = "/api/auth/setup",
    tag = "Vault",
    security((), ("set_up" = [])),
    request_body = SetUpVaultRequest,
    responses((status = 200, description = "The vault is set up", body = VaultSuccess), SetUpFailures)
)]
pub(crate) async fn set_up_vault(
    _: SetUpPermit,
    State(vault): State<Vault>,
    body: JsonBody<SetUpVaultRequest>,
) -> Result<Json<VaultSuccess>, Error> {
    let SetUpVaultRequest { password, confirm } = body.read()?;
    let password = new_password(password, confirm)?;
    let salt = generate_salt()?;
    let (_turn, key) = vault.derivations.turn(Callers::Known).await?.derive(password, salt).await?;
    vault.set_up(&key, salt, &Caller::Vault).await?;
    Ok(VaultSuccess::of("password configured"))
}

body! {
    /// The body of `POST /api/auth/login`.
    #[schema(examples(json!({"password": "correct horse battery"})))]
    lenient struct OpenVaultRequest { password: Secret }
}

/// The answer to `POST /api/auth/login`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenVaultResponse {
    /// Send it as a bearer token.
    #[serde(serialize_with = "serialize_exposed")]
    #[schema(value_type = VaultToken)]
    token: SecretString,
    /// Four hours from now.
    expires_at: Time,
}

/// Opens the vault with its master password
///
/// There are at most five sessions; a further one ends the oldest.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    tag = "Vault",
    request_body = OpenVaultRequest,
    responses((status = 200, description = "The vault is open", body = OpenVaultResponse), OpenVaultFailures)
)]
pub(crate) async fn open_vault(
    State(vault): State<Vault>,
    client: Client,
    body: JsonBody<OpenVaultRequest>,
) -> Result<Json<OpenVaultResponse>, Error> {
    let Secret(password) = body.read()?.password;
    let callers = if client.is_this_machine() { Callers::Known } else { Callers::Others };
    let (_turn, key, key_epoch) = unlock(&vault, (client, callers), password, "vault login").await?;
    let (token, expires_at) = session::begin(&vault, &key, key_epoch).await?;
    Ok(Json(OpenVaultResponse { token, expires_at: Time(expires_at) }))
}

/// The answer to `POST /api/auth/logout`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CloseVaultResponse {
    #[schema(value_type = True, inline)]
    success: bool,
}

/// Ends the token's session
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    tag = "Vault",
    security(("vault" = [])),
    responses((status = 200, description = "The session has ended", body = CloseVaultResponse))
)]
pub(crate) async fn close_vault(
    open: OpenVault,
    State(vault): State<Vault>,
) -> Result<Json<CloseVaultResponse>, Error> {
    vault.store.end_vault_session(open.token_hash(), entry("vault logout")).await?;
    Ok(Json(CloseVaultResponse { success: true }))
}

body! {
    /// The body of `POST /api/auth/change-password`.
    #[schema(examples(json!({
        "current": "correct horse battery", "password": "battery staple correct", "confirm": "battery staple correct"
    })))]
    lenient struct ChangeMasterPasswordRequest {
        current: Secret,
        password: NewPassword,
        /// The new password again.
        confirm: NewPassword,
    }
}

/// Chooses another master password
///
/// All other sessions end. The change is completed even if the caller hangs up or is cut off: after
/// a 503 either password may be the right one.
#[utoipa::path(
    post,
    path = "/api/auth/change-password",
    tag = "Vault",
    security(("vault" = [])),
    request_body = ChangeMasterPasswordRequest,
    responses(
        (status = 200, description = "The password is changed", body = VaultSuccess), ChangeMasterPasswordFailures
    )
)]
pub(crate) async fn change_master_password(
    session: OpenVault,
    State(vault): State<Vault>,
    client: Client,
    body: JsonBody<ChangeMasterPasswordRequest>,
) -> Result<Json<VaultSuccess>, Error> {
    let ChangeMasterPasswordRequest { current: Secret(current), password, confirm } = body.read()?;
    let password = new_password(password, confirm)?;
    let changing = async move {
        let callers = (client, Callers::Known);
        let (turn, _, key_epoch) = unlock(&vault, callers, current, "vault change-password").await?;
        // Another change may have come first: the session continues if it made that change.
        let session = session.renewed(&vault).await?;
        if session.key_epoch != key_epoch {
            return Err(Error::InvalidMasterPassword);
        }
        let salt = generate_salt()?;
        let (_turn, key) = turn.derive(password, salt).await?;
        change(&vault, session, (&key, salt)).await
    };
    carry(changing).await?;
    Ok(VaultSuccess::of("password changed"))
}

/// Runs work in a separate task, which continues if the caller hangs up.
async fn carry<T: Send + 'static>(
    running: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(running.in_current_span()).await.map_err(|_| Error::Internal("a task panicked"))?
}

/// A new password, sent twice.
fn new_password(
    NewPassword(password): NewPassword,
    NewPassword(confirm): NewPassword,
) -> Result<SecretString, Error> {
    // Both came in the same request, so the timing reveals nothing.
    if password.expose_secret() != confirm.expose_secret() {
        return Err(Error::BadRequest("passwords do not match".to_owned()));
    }
    check_password(&password).map_err(|fault| Error::BadRequest(fault.for_vault()))?;
    Ok(password)
}

/// The master key derived from a password and its epoch, with the turn in which it was derived.
async fn unlock(
    vault: &Vault,
    (client, callers): (Client, Callers),
    password: SecretString,
    action: &'static str,
) -> Result<(Turn, Key, i64), Error> {
    // A caller beyond the limit takes no turn from others.
    let limit = limit(client);
    refuse(vault.database.attempt_wait(vec![limit], now_ms()).await?)?;
    let turn = vault.derivations.turn(callers).await?;
    let vault = vault.clone();
    carry(async move { judge(&vault, turn, limit, password, action).await }).await
}

/// Counts the attempt before the password is checked, and takes it back if it was right; within a
/// turn, so that only one is running.
// Decision: docs/decisions/vault.md#a-master-password-attempt-is-counted-before-the-check
async fn judge(
    vault: &Vault,
    turn: Turn,
    limit: AttemptLimit,
    password: SecretString,
    action: &str,
) -> Result<(Turn, Key, i64), Error> {
    let header = vault.header().await?.ok_or(Error::Conflict("password not configured"))?;
    refuse(vault.database.count_attempt(vec![limit], now_ms()).await?)?;
    let (turn, key) = turn.derive(password, header.salt).await?;
    if key.opens(&header) {
        vault.database.uncount_attempt(vec![limit.subject]).await?;
        Ok((turn, key, header.key_epoch))
    } else {
        let entry = Entry::new(&Caller::Anonymous, action).with_outcome(Error::InvalidMasterPassword);
        vault.database.append(entry).await?;
        Err(Error::InvalidMasterPassword)
    }
}

fn refuse(wait_ms: Option<i64>) -> Result<(), Error> {
    wait_ms.map_or(Ok(()), |ms| Err(Error::TooManyFailedLogins { retry_after_s: whole_seconds(ms) }))
}

/// The limit of attempts that a caller counts for: one for this machine, one for all others.
// Decision: docs/decisions/vault.md#vault-logins-from-this-machine-are-counted-separately
fn limit(client: Client) -> AttemptLimit {
    let from = if client.is_this_machine() { "this machine" } else { "elsewhere" };
    AttemptLimit { subject: hash("vault login", from), attempts: ATTEMPTS, window_ms: WINDOW_MS }
}
