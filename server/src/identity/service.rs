//! The extractor of a service: the shared secret in `X-RBAC-SYNC-SECRET`, and
//! the user it acts for, where it names one.

use crate::app::App;
use crate::error::Error;
use crate::request::parse_id;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq as _};
use uuid::Uuid;

const SECRET_HEADER: &str = "x-rbac-sync-secret";
const ACTING_USER_HEADER: &str = "x-acting-user";

/// The shared secrets that are taken: the present one, and former ones during
/// a rotation.
#[derive(Debug)]
pub(crate) struct ServiceSecrets(Vec<SecretString>);

impl ServiceSecrets {
    /// Empty secrets must have been refused before.
    pub(crate) fn new(secrets: Vec<SecretString>) -> Self {
        Self(secrets)
    }

    /// Compares digests, so that neither a secret's length nor the place of
    /// the first difference shows in the time taken.
    fn contains(&self, given: &[u8]) -> bool {
        let given = Sha256::digest(given);
        let compare = |known: &SecretString| Sha256::digest(known.expose_secret()).ct_eq(&given);
        self.0.iter().map(compare).fold(Choice::from(0), |found, equal| found | equal).into()
    }
}

/// A service that calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    acting_user: Option<Uuid>,
}

impl Service {
    /// Whether the service may have a record of this owner.
    pub(crate) fn check_owner(self, owner_id: Uuid) -> Result<(), Error> {
        match self.acting_user {
            Some(user) if user != owner_id => Err(Error::Forbidden),
            _ => Ok(()),
        }
    }
}

impl FromRequestParts<Arc<App>> for Service {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        if app.service_secrets.0.is_empty() {
            return Err(Error::NoServiceSecret);
        }
        let given = parts.headers.get(SECRET_HEADER).ok_or(Error::Unauthorized)?;
        if !app.service_secrets.contains(given.as_bytes()) {
            return Err(Error::Unauthorized);
        }
        let acting_user = match parts.headers.get(ACTING_USER_HEADER) {
            None => None,
            Some(id) => Some(parse_id(id.to_str().unwrap_or_default(), "X-Acting-User")?),
        };
        Ok(Self { acting_user })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_each_of_its_secrets_whole() {
        let secrets = ServiceSecrets::new(vec!["new-secret".into(), "old-secret".into()]);
        assert!(secrets.contains(b"new-secret") && secrets.contains(b"old-secret"));
        for wrong in [&b""[..], b"new-secre", b"new-secretx", b"NEW-SECRET"] {
            assert!(!secrets.contains(wrong));
        }
    }
}
