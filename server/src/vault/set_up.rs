//! Who may choose the first master password: a program on the server's own machine, or the holder
//! of the token in the server's data directory.

use super::{Key, Vault, VaultFault};
use crate::audit::{Caller, Entry};
use crate::client::Client;
use crate::clock::now_ms;
use crate::error::Error;
use crate::identity::bearer_token;
use crate::store::VaultHeader;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

const ALREADY_SET_UP: Error = Error::Conflict("password already configured");

impl Vault {
    /// Sets the vault up with the key of its first password.
    pub(crate) async fn set_up(&self, key: &Key, salt: [u8; 16], caller: &Caller) -> Result<(), Error> {
        let header = self.new_header(key, salt, 1)?;
        let is_new = self.store.set_up_vault(header, now_ms(), Entry::new(caller, "vault set-up")).await?;
        if is_new { Ok(()) } else { Err(ALREADY_SET_UP) }
    }

    /// The header for a key that was derived with `salt`.
    pub(super) fn new_header(&self, key: &Key, salt: [u8; 16], key_epoch: i64) -> Result<VaultHeader, Error> {
        let canary = key.seal_canary()?;
        let signature = self.chain_key.sign_vault(&salt, &canary, key_epoch);
        Ok(VaultHeader { salt, canary, key_epoch, signature })
    }

    /// The token required to set the vault up from another machine, while it is not set up: the
    /// same at each server that shares the database.
    pub(super) async fn set_up_token(&self) -> Result<Option<SecretString>, VaultFault> {
        let is_set_up = self.header().await?.is_some();
        Ok((!is_set_up).then(|| self.make_set_up_token()))
    }

    // Decision: docs/decisions/vault.md#the-set-up-token-is-derived-from-the-servers-key
    fn make_set_up_token(&self) -> SecretString {
        format!("fn_setup_{}", hex::encode(self.chain_key.sign_set_up())).into()
    }
}

/// The right to set up the vault, which is not set up yet.
#[derive(Debug)]
pub(crate) struct SetUpPermit;

impl<S: Send + Sync> FromRequestParts<S> for SetUpPermit
where
    Vault: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let vault = Vault::from_ref(state);
        if vault.header().await?.is_some() {
            return Err(ALREADY_SET_UP);
        }
        let client = Client::from_request_parts(parts, state).await?;
        let is_allowed =
            client.is_this_machine() && has_no_foreign_origin(&parts.headers, client.is_over_tls());
        if is_allowed || has_token(&vault, parts) { Ok(Self) } else { Err(Error::ForbiddenSetUp) }
    }
}

fn has_token(vault: &Vault, parts: &Parts) -> bool {
    let known = vault.make_set_up_token();
    // Compared in constant time; neither is revealed.
    bearer_token(parts)
        .is_ok_and(|given| known.expose_secret().as_bytes().ct_eq(given.expose_secret().as_bytes()).into())
}

/// Checks the page that a browser calls for (RFC 6454, section 7; Fetch Metadata): it must be this
/// server's own.
fn has_no_foreign_origin(headers: &HeaderMap, is_over_tls: bool) -> bool {
    let sites = headers.get_all("sec-fetch-site");
    if !sites.iter().all(|site| matches!(site.as_bytes(), b"same-origin" | b"none")) {
        return false;
    }
    let host = headers.get(header::HOST).map(|host| host.as_bytes()).unwrap_or_default();
    let is_ours = |origin: &[u8]| {
        let without_tls = origin.strip_prefix(b"http://").filter(|_| !is_over_tls);
        let authority = without_tls.or_else(|| origin.strip_prefix(b"https://"));
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    headers.get_all(header::ORIGIN).iter().all(|origin| is_ours(origin.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_the_servers_own_if_it_names_the_called_host() {
        let allowed_over = |is_over_tls, origins: &[&'static str]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "localhost:3001".parse().unwrap());
            origins.iter().for_each(|origin| {
                headers.append(header::ORIGIN, origin.parse().unwrap());
            });
            has_no_foreign_origin(&headers, is_over_tls)
        };
        let allowed = |origins: &[&'static str]| allowed_over(false, origins);
        assert!(allowed(&[]) && allowed(&["http://localhost:3001"]) && allowed(&["https://LOCALHOST:3001"]));
        for foreign in
            ["null", "http://evil.example", "http://localhost:3000", "http://localhost", "file://", ""]
        {
            assert!(!allowed(&[foreign]), "{foreign}");
            assert!(!allowed(&["http://localhost:3001", foreign]), "{foreign}");
        }
        assert!(allowed_over(true, &["https://localhost:3001"]));
        assert!(!allowed_over(true, &["http://localhost:3001"]));
    }
}
