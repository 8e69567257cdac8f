//! Tokens: signed access tokens (JWT, RFC 7519) with Directus's claims, and random refresh tokens.

use super::hash;
use crate::error::Error;
use crate::store::Hash;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The lifetime of an access token.
pub(crate) const ACCESS_TOKEN_LIFETIME_MS: i64 = 15 * 60 * 1000;
/// The lifetime of a refresh token, as in Directus.
pub(crate) const REFRESH_TOKEN_LIFETIME_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How long a browser stays signed in, as in Directus by default.
pub(crate) const SESSION_LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;
/// How long a spent refresh token still gets a successor: for a lost answer, or two tabs that
/// refresh at once.
pub(crate) const REFRESH_GRACE_MS: i64 = 30 * 1000;
const ISSUER: &str = "directus";
const RANDOM_BYTES: usize = 32;

/// Directus's claims.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    id: Uuid,
    role: Option<Uuid>,
    app_access: bool,
    admin_access: bool,
    iat: i64,
    exp: i64,
    iss: String,
    /// The `tokens_valid_from` of the user who signed in. Optional, because others may sign tokens
    /// too.
    valid_from: Option<i64>,
}

/// The content of a valid access token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccessToken {
    pub(crate) user_id: Uuid,
    /// In milliseconds since the Unix epoch.
    issued_at: i64,
    valid_from: Option<i64>,
}

impl AccessToken {
    /// Whether the token's sign-in is still valid. Stagepass's own tokens say which state of the
    /// user they belong to; those of other programs have only a time of issue.
    // Decision: docs/decisions/http.md#a-sign-in-counts-only-if-its-user-has-not-changed
    pub(crate) fn holds_for(&self, tokens_valid_from: i64) -> bool {
        match self.valid_from {
            Some(valid_from) => valid_from == tokens_valid_from,
            None => self.issued_at >= tokens_valid_from,
        }
    }
}

/// Signs and checks access tokens with HS256.
pub(crate) struct TokenSigner {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSigner([REDACTED])")
    }
}

impl TokenSigner {
    pub(crate) fn new(secret: &SecretString) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss"]);
        validation.leeway = 0;
        let secret = secret.expose_secret().as_bytes();
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
        }
    }

    /// An access token issued at `now_ms`, for a user who signed in with this `tokens_valid_from`.
    pub(crate) fn issue(
        &self,
        user_id: Uuid,
        tokens_valid_from: i64,
        now_ms: i64,
    ) -> Result<SecretString, Error> {
        let claims = Claims {
            id: user_id,
            role: None,
            app_access: false,
            admin_access: false,
            iat: now_ms / 1000,
            exp: (now_ms + ACCESS_TOKEN_LIFETIME_MS) / 1000,
            iss: ISSUER.to_owned(),
            valid_from: Some(tokens_valid_from),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding);
        Ok(token.map_err(|_| Error::Internal("an access token could not be signed"))?.into())
    }

    /// The content of a token, if it is valid.
    pub(crate) fn check(&self, token: &str) -> Result<AccessToken, Error> {
        match jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation) {
            Ok(token) => {
                let Claims { id, iat, valid_from, .. } = token.claims;
                Ok(AccessToken { user_id: id, issued_at: iat.saturating_mul(1000), valid_from })
            }
            Err(error) if *error.kind() == ErrorKind::ExpiredSignature => Err(Error::TokenExpired),
            Err(_) => Err(Error::Unauthorized),
        }
    }
}

/// A random token of 256 bits in base64url.
pub(crate) fn generate() -> Result<SecretString, getrandom::Error> {
    let mut bytes = zeroize::Zeroizing::new([0; RANDOM_BYTES]);
    getrandom::fill(bytes.as_mut_slice())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes.as_slice()).into())
}

/// The stored form of a session cookie's token, which is exposed for hashing.
pub(super) fn session_hash(token: &SecretString) -> Hash {
    hash("session cookie", token.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now_ms;
    use serde_json::json;

    fn signer() -> TokenSigner {
        TokenSigner::new(&"a secret of at least thirty-two bytes".into())
    }

    #[test]
    fn accepts_its_own_tokens_and_recognises_expired_ones() {
        let id = Uuid::from_u128(7);
        let token = signer().issue(id, 0, now_ms()).unwrap();
        assert_eq!(signer().check(token.expose_secret()).unwrap().user_id, id);
        let old = signer().issue(id, 0, now_ms() - ACCESS_TOKEN_LIFETIME_MS - 2000).unwrap();
        assert!(matches!(signer().check(old.expose_secret()), Err(Error::TokenExpired)));
    }

    #[test]
    fn refuses_a_token_of_an_ended_sign_in_whenever_it_was_issued() {
        let now = now_ms();
        let token = signer().issue(Uuid::from_u128(7), now - 1000, now).unwrap();
        let token = signer().check(token.expose_secret()).unwrap();
        assert!(token.holds_for(now - 1000));
        // The times of password changes; a clock may have been wrong.
        for changed_at in [now - 2000, now - 999, now, now + 1] {
            assert!(!token.holds_for(changed_at), "{changed_at}");
        }
        let of_another_issuer = AccessToken { valid_from: None, issued_at: now, ..token };
        assert!(of_another_issuer.holds_for(now) && !of_another_issuer.holds_for(now + 1));
    }

    #[test]
    fn refuses_tokens_that_are_unsigned_wrongly_signed_or_lack_a_claim() {
        let good = json!({"id": Uuid::from_u128(7), "role": null, "app_access": false, "admin_access": false,
            "iat": now_ms() / 1000, "exp": now_ms() / 1000 + 900, "iss": "directus"});
        let sign = |claims: &serde_json::Value, algorithm, secret: &[u8]| {
            jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).unwrap()
        };
        let key = b"a secret of at least thirty-two bytes";
        assert!(signer().check(&sign(&good, Algorithm::HS256, key)).is_ok());
        let without = |claim: &str| {
            let mut claims = good.clone();
            claims.as_object_mut().unwrap().remove(claim);
            sign(&claims, Algorithm::HS256, key)
        };
        let mut foreign = good.clone();
        foreign["iss"] = json!("elsewhere");
        let segment = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let unsigned =
            format!("{}.{}.", segment(json!({"alg": "none", "typ": "JWT"})), segment(good.clone()));
        for token in [
            sign(&good, Algorithm::HS256, b"another secret of thirty-two bytes!!"),
            sign(&good, Algorithm::HS512, key),
            sign(&foreign, Algorithm::HS256, key),
            without("id"),
            without("exp"),
            without("iss"),
            unsigned,
            String::new(),
            "a.b.c".to_owned(),
        ] {
            assert!(matches!(signer().check(&token), Err(Error::Unauthorized)), "{token}");
        }
    }
}
