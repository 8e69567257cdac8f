//! The extractor of a service: in `X-RBAC-SYNC-SECRET` the shared secret, which may do everything,
//! or a named token with listed rights; and the user it acts for, if it names one.

use super::{Identity, hash, known_caller, token};
use crate::audit::{Caller, Entry};
use crate::error::Error;
use crate::request::parse_id;
use crate::store::{Hash, ServiceToken};
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use uuid::Uuid;

const SECRET_HEADER: &str = "x-rbac-sync-secret";
const ACTING_USER_HEADER: &str = "x-acting-user";

/// The accepted shared secrets: the current one, and former ones while they are replaced.
#[derive(Debug)]
pub(crate) struct ServiceSecrets(Vec<SecretString>);

impl ServiceSecrets {
    /// Empty secrets must have been refused before.
    pub(crate) fn new(secrets: Vec<SecretString>) -> Self {
        Self(secrets)
    }

    /// Compares digests, so that the time taken reveals neither a secret's length nor the position
    /// of the first difference.
    fn contains(&self, given: &[u8]) -> bool {
        let given = Sha256::digest(given);
        let compare = |known: &SecretString| Sha256::digest(known.expose_secret()).ct_eq(&given);
        self.0.iter().map(compare).fold(Choice::from(0), |found, equal| found | equal).into()
    }
}

/// What services call: verbs of the Credentials API, and `metrics` for `GET /metrics`.
pub(crate) const SERVICE_VERBS: [&str; 8] = [
    "store",
    "reveal",
    "reveal-download-cred",
    "get-platform-session",
    "update-platform-session",
    "request-capture",
    "reveal-app-cred",
    "metrics",
];
/// The start of a named token, so that people recognise it.
const TOKEN_PREFIX: &str = "sp_svc_";

/// A new named token, and its hash for the database.
pub(crate) fn generate_service_token() -> Result<(SecretString, Hash), Error> {
    let random = token::generate()?;
    let secret = SecretString::from(format!("{TOKEN_PREFIX}{}", random.expose_secret()));
    let hash = hash("service token", secret.expose_secret());
    Ok((secret, hash))
}

/// A service that calls and may use this verb.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// The token's name; the shared secret has none.
    name: Option<String>,
    acting_user: Option<Uuid>,
    /// Empty means all.
    platforms: Vec<String>,
}

impl Service {
    /// A row for the audit log about an action of this service.
    pub(crate) fn entry(&self, action: &str) -> Entry {
        Entry { acting_for: self.acting_user, ..Entry::new(&Caller::Service(self.name.clone()), action) }
    }

    /// Checks that the service may access a record of this owner without a platform.
    pub(crate) fn check_owner(&self, owner_id: Uuid) -> Result<(), Error> {
        let is_owners = self.acting_user.is_none_or(|user| user == owner_id);
        if is_owners && self.platforms.is_empty() { Ok(()) } else { Err(Error::Forbidden) }
    }

    /// Checks that the service may access a record of this owner and platform.
    pub(crate) fn check_record(&self, owner_id: Uuid, platform: &str) -> Result<(), Error> {
        let is_owners = self.acting_user.is_none_or(|user| user == owner_id);
        let is_listed = self.platforms.is_empty() || self.platforms.iter().any(|listed| listed == platform);
        if is_owners && is_listed { Ok(()) } else { Err(Error::Forbidden) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Service
where
    Identity: FromRef<S>,
{
    type Rejection = Error;

    // Decision: docs/decisions/http.md#a-right-service-secret-is-never-limited
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let identity = Identity::from_ref(state);
        let given = secret(&parts.headers)?;
        let named = if identity.service_secrets.get().contains(given) {
            None
        } else {
            Some(named_token(&identity, given).await?)
        };
        known_caller::note(parts, || Caller::Service(named.as_ref().map(|token| token.name.clone())));
        let acting_user = acting_user(&parts.headers)?;
        let Some(token) = named else {
            return Ok(Self { name: None, acting_user, platforms: Vec::new() });
        };
        let verb = parts.uri.path().rsplit('/').next().unwrap_or_default();
        if !token.verbs.iter().any(|listed| listed == verb) {
            return Err(Error::Forbidden);
        }
        if token.require_acting_user && acting_user.is_none() {
            return Err(Error::BadRequest("X-Acting-User required".to_owned()));
        }
        Ok(Self { name: Some(token.name), acting_user, platforms: token.platforms })
    }
}

/// The secret in the request. Two are refused, because a gateway may have checked the other one.
fn secret(headers: &HeaderMap) -> Result<&[u8], Error> {
    let mut given = headers.get_all(SECRET_HEADER).iter().map(HeaderValue::as_bytes);
    let first = given.next().unwrap_or_default();
    match given.next() {
        None => Ok(first),
        Some(_) => Err(Error::BadRequest("X-RBAC-SYNC-SECRET given twice".to_owned())),
    }
}

/// The user that a service acts for. Two headers are refused, because one may come from the client
/// and one from a gateway.
fn acting_user(headers: &HeaderMap) -> Result<Option<Uuid>, Error> {
    let mut given = headers.get_all(ACTING_USER_HEADER).iter();
    let first = given.next().map(|id| parse_id(id.to_str().unwrap_or_default(), "X-Acting-User"));
    match given.next() {
        None => first.transpose(),
        Some(_) => Err(Error::BadRequest("X-Acting-User given twice".to_owned())),
    }
}

/// The named token in place of the shared secret.
async fn named_token(identity: &Identity, given: &[u8]) -> Result<ServiceToken, Error> {
    let text = std::str::from_utf8(given).ok().filter(|text| text.starts_with(TOKEN_PREFIX));
    let found = match text {
        Some(text) => identity.database.live_service_token(hash("service token", text)).await?,
        None => None,
    };
    match found {
        Some(token) => Ok(token),
        None if identity.service_secrets.get().0.is_empty() && !has_named_tokens(identity).await? => {
            Err(Error::NoServiceSecret)
        }
        None => Err(Error::UnknownService),
    }
}

/// Whether there is a named token that is not revoked.
async fn has_named_tokens(identity: &Identity) -> Result<bool, Error> {
    Ok(identity.database.service_tokens().await?.iter().any(|token| token.revoked_at.is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_each_of_its_secrets_only_whole() {
        let secrets = ServiceSecrets::new(vec!["new-secret".into(), "old-secret".into()]);
        assert!(secrets.contains(b"new-secret") && secrets.contains(b"old-secret"));
        for wrong in [&b""[..], b"new-secre", b"new-secretx", b"NEW-SECRET"] {
            assert!(!secrets.contains(wrong));
        }
    }
}
