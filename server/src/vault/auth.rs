//! `/api/auth/*`: setting the vault up, opening and closing it.

use super::derivations::{Callers, Turn};
use super::password_change::change;
use super::session::{self, OpenVault, entry};
use super::set_up::SetUpPermit;
use super::{Key, Vault, generate_salt};
use crate::audit::{Caller, Entry};
use crate::client::Client;
use crate::clock::{now_ms, render_ms, whole_seconds};
use crate::error::Error;
use crate::identity::{check_password, hash};
use crate::openapi::{self, ChangeMasterPasswordFailures, OpenVaultFailures, SetUpFailures};
use crate::request::Fields;
use crate::store::AttemptLimit;
use axum::Json;
use axum::extract::{FromRequestParts as _, State};
use axum::http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use stagepass_core::cookie::serialize_exposed;
use tracing::Instrument as _;
use utoipa::ToSchema;

/// How many wrong master passwords there may be, and in which time.
const ATTEMPTS: u32 = 5;
const WINDOW_MS: i64 = 60 * 1000;

/// The answer to `GET /api/auth/status`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VaultStatusResponse {
    /// Whether there is a master password.
    initialized: bool,
    /// Whether the request brought the token of a session that lives.
    authenticated: bool,
}

/// Tells whether the vault is set up, and whether the caller has it open
#[utoipa::path(
    get,
    path = "/api/auth/status",
    tag = "Vault",
    security((), ("vault" = [])),
    responses((status = 200, description = "How things stand", body = VaultStatusResponse))
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

/// A success that has nothing more to say, in the vault's form.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VaultSuccess {
    #[schema(value_type = openapi::True, inline)]
    success: bool,
    /// What was done, in words for people.
    message: &'static str,
}

impl VaultSuccess {
    fn of(message: &'static str) -> Json<Self> {
        Json(Self { success: true, message })
    }
}

/// Chooses the master password of a vault that has none
///
/// Taken from a program on the server's own machine, or with the token that the
/// server prints at its start, sent as a bearer.
#[utoipa::path(
    post,
    path = "/api/auth/setup",
    tag = "Vault",
    security((), ("set_up" = [])),
    request_body = openapi::SetUpVaultRequest,
    responses((status = 200, description = "It is set up", body = VaultSuccess), SetUpFailures)
)]
pub(crate) async fn set_up_vault(
    _: SetUpPermit,
    State(vault): State<Vault>,
    mut fields: Fields,
) -> Result<Json<VaultSuccess>, Error> {
    let password = new_password(&mut fields)?;
    let salt = generate_salt()?;
    let (_turn, key) = vault.derivations.turn(Callers::Known).await?.derive(password, salt).await?;
    vault.set_up(&key, salt, &Caller::Vault).await?;
    Ok(VaultSuccess::of("password configured"))
}

/// The answer to `POST /api/auth/login`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenVaultResponse {
    /// To be sent as a bearer.
    #[serde(serialize_with = "serialize_exposed")]
    #[schema(value_type = openapi::VaultToken)]
    token: SecretString,
    /// Four hours from now.
    #[schema(value_type = openapi::Time)]
    expires_at: String,
}

/// Opens the vault with its master password
///
/// Of five sessions at most; a further one ends the oldest.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    tag = "Vault",
    request_body = openapi::OpenVaultRequest,
    responses((status = 200, description = "It is open", body = OpenVaultResponse), OpenVaultFailures)
)]
pub(crate) async fn open_vault(
    State(vault): State<Vault>,
    client: Client,
    mut fields: Fields,
) -> Result<Json<OpenVaultResponse>, Error> {
    let password = fields.required_secret("password")?;
    let callers = if client.is_this_machine() { Callers::Known } else { Callers::Others };
    let (_turn, key, key_epoch) = unlock(&vault, (client, callers), password, "vault login").await?;
    let (token, expires_at) = session::begin(&vault, &key, key_epoch).await?;
    Ok(Json(OpenVaultResponse { token, expires_at: render_ms(expires_at) }))
}

/// The answer to `POST /api/auth/logout`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CloseVaultResponse {
    #[schema(value_type = openapi::True, inline)]
    success: bool,
}

/// Ends the session that the token belongs to
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    tag = "Vault",
    security(("vault" = [])),
    responses((status = 200, description = "It has ended", body = CloseVaultResponse))
)]
pub(crate) async fn close_vault(
    open: OpenVault,
    State(vault): State<Vault>,
) -> Result<Json<CloseVaultResponse>, Error> {
    vault.store.end_vault_session(open.token_hash(), entry("vault logout")).await?;
    Ok(Json(CloseVaultResponse { success: true }))
}

/// Chooses another master password
///
/// All other sessions end. It is carried to its end though the caller hangs up or
/// is cut off: after a 503 either password may be the right one.
#[utoipa::path(
    post,
    path = "/api/auth/change-password",
    tag = "Vault",
    security(("vault" = [])),
    request_body = openapi::ChangeMasterPasswordRequest,
    responses(
        (status = 200, description = "It is changed", body = VaultSuccess), ChangeMasterPasswordFailures
    )
)]
pub(crate) async fn change_master_password(
    session: OpenVault,
    State(vault): State<Vault>,
    client: Client,
    mut fields: Fields,
) -> Result<Json<VaultSuccess>, Error> {
    let current = fields.required_secret("current")?;
    let password = new_password(&mut fields)?;
    let changing = async move {
        let callers = (client, Callers::Known);
        let (turn, _, key_epoch) = unlock(&vault, callers, current, "vault change-password").await?;
        // Another change may have come before: this session goes on if it was its own.
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

/// Runs something in a task of its own, which a caller who hangs up does not end.
async fn carry<T: Send + 'static>(
    running: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(running.in_current_span()).await.map_err(|_| Error::Internal("a task panicked"))?
}

/// A new password, which is given twice.
fn new_password(fields: &mut Fields) -> Result<SecretString, Error> {
    let password = fields.required_secret("password")?;
    let confirm = fields.required_secret("confirm")?;
    // Both came in the same request: how long it takes tells nothing.
    if password.expose_secret() != confirm.expose_secret() {
        return Err(Error::BadRequest("passwords do not match".to_owned()));
    }
    check_password(&password).map_err(|fault| Error::BadRequest(fault.for_vault()))?;
    Ok(password)
}

/// The master key that a password yields and its epoch, with the turn in which it
/// was derived.
async fn unlock(
    vault: &Vault,
    (client, callers): (Client, Callers),
    password: SecretString,
    action: &'static str,
) -> Result<(Turn, Key, i64), Error> {
    // Whoever has had his attempts takes nobody's place.
    let limit = limit(client);
    refuse(vault.database.attempt_wait(vec![limit], now_ms()).await?)?;
    let turn = vault.derivations.turn(callers).await?;
    let vault = vault.clone();
    carry(async move { judge(&vault, turn, limit, password, action).await }).await
}

/// The attempt is counted before the password is looked at, and taken back if it
/// was right: in a turn, so that no more than one is under way.
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

/// There is one master password, so attempts are counted for all callers
/// together; apart from those for a program on this machine, which somebody who
/// guesses from elsewhere does not lock out.
fn limit(client: Client) -> AttemptLimit {
    let from = if client.is_this_machine() { "this machine" } else { "elsewhere" };
    AttemptLimit { subject: hash("vault login", from), attempts: ATTEMPTS, window_ms: WINDOW_MS }
}
