//! Tokens: signed access tokens (JWT, RFC 7519) with Directus's claims, and
//! random refresh tokens.

use crate::error::Error;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long an access token lives.
pub(crate) const ACCESS_TOKEN_LIFETIME_MS: i64 = 15 * 60 * 1000;
/// How long a refresh token lives: Directus's default.
pub(crate) const REFRESH_TOKEN_LIFETIME_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How long a browser stays signed in: as long as at Directus by default.
pub(crate) const SESSION_LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;
/// How long a spent refresh token still gets a successor: for an answer that
/// was lost, or two tabs that refresh at once.
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
    /// `iat` in milliseconds: whole seconds don't tell whether a token was issued
    /// before a password was changed, or after. Optional: others may sign as well.
    iat_ms: Option<i64>,
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

    /// An access token for the user, issued at `now_ms`.
    pub(crate) fn issue(&self, user_id: Uuid, now_ms: i64) -> Result<SecretString, Error> {
        let claims = Claims {
            id: user_id,
            role: None,
            app_access: false,
            admin_access: false,
            iat: now_ms / 1000,
            exp: (now_ms + ACCESS_TOKEN_LIFETIME_MS) / 1000,
            iss: ISSUER.to_owned(),
            iat_ms: Some(now_ms),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding);
        Ok(token.map_err(|_| Error::Internal("an access token could not be signed"))?.into())
    }

    /// The user that a token was issued to, and when, in milliseconds since the
    /// Unix epoch.
    pub(crate) fn check(&self, token: &str) -> Result<(Uuid, i64), Error> {
        match jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation) {
            Ok(token) => {
                let Claims { id, iat, iat_ms, .. } = token.claims;
                Ok((id, iat_ms.unwrap_or(iat.saturating_mul(1000))))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now_ms;
    use serde_json::json;

    fn signer() -> TokenSigner {
        TokenSigner::new(&"a secret of at least thirty-two bytes".into())
    }

    #[test]
    fn takes_its_own_tokens_and_knows_expired_ones() {
        let id = Uuid::from_u128(7);
        let token = signer().issue(id, now_ms()).unwrap();
        assert_eq!(signer().check(token.expose_secret()).unwrap().0, id);
        let old = signer().issue(id, now_ms() - ACCESS_TOKEN_LIFETIME_MS - 2000).unwrap();
        assert!(matches!(signer().check(old.expose_secret()), Err(Error::TokenExpired)));
    }

    #[test]
    fn refuses_tokens_that_are_unsigned_signed_otherwise_or_lack_a_claim() {
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
