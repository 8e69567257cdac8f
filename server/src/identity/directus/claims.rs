//! The claims of a Directus token: trusted after verification, and before it only to shorten the
//! token's life.

use crate::error::Error;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// The claims that matter here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Claims {
    pub(super) id: Option<Uuid>,
    exp: Option<i64>,
    /// Of a login that can be ended at any time.
    session: Option<Value>,
    /// Of someone who received a link.
    share: Option<Value>,
    /// Of a token for one purpose, such as a new password.
    scope: Option<Value>,
}

impl Claims {
    /// The claims of an unverified token; `None` if it is not a JWT.
    pub(super) fn peek(token: &str) -> Option<Self> {
        let payload = is_jwt(token).then(|| token.split('.').nth(1))??;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// Whether the token claims to be a user's, for all purposes. Directus itself does not check
    /// the purpose.
    pub(super) fn are_users(&self) -> bool {
        self.id.is_some() && self.share.is_none() && self.scope.is_none()
    }

    /// How long an answer about the token is valid after `now_ms`: never beyond its expiry, and not
    /// at all if its login can end at any time.
    pub(super) fn lifetime(&self, now_ms: i64) -> Duration {
        let end_ms = self.exp.map_or(i64::MAX, |exp| exp.saturating_mul(1000));
        let left_ms = end_ms.saturating_sub(now_ms).max(0);
        if self.session.is_some() { Duration::ZERO } else { Duration::from_millis(left_ms.unsigned_abs()) }
    }
}

/// Whether a token has the form of a JWT (RFC 7519), ignoring its signature: all others are static
/// tokens.
pub(super) fn is_jwt(token: &str) -> bool {
    header(token).is_some()
}

/// Whether a JWT names another algorithm than the one with which Directus signs. Directus itself
/// accepts all that fit its secret.
pub(super) fn has_other_algorithm(token: &str) -> bool {
    header(token).is_some_and(|header| header.get("alg") != Some(&Value::from("HS256")))
}

fn header(token: &str) -> Option<Map<String, Value>> {
    let mut segments = token.split('.');
    let header = URL_SAFE_NO_PAD.decode(segments.next()?).ok()?;
    (segments.count() == 2).then(|| serde_json::from_slice(&header).ok())?
}

/// Checks tokens with Directus's secret.
pub(super) struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier([REDACTED])")
    }
}

impl Verifier {
    pub(super) fn new(secret: &SecretString) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&["directus"]);
        validation.set_required_spec_claims(&["exp", "iss"]);
        validation.leeway = 0;
        Self { key: DecodingKey::from_secret(secret.expose_secret().as_bytes()), validation }
    }

    /// The claims of a token that Directus signed.
    pub(super) fn verify(&self, token: &str) -> Result<Claims, Error> {
        let token = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation);
        token.map(|token| token.claims).map_err(|_| Error::Unauthorized)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now_ms;
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::json;

    const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

    fn good() -> Value {
        let now = now_ms() / 1000;
        json!({"id": Uuid::from_u128(7), "role": null, "app_access": false, "admin_access": false,
            "iat": now, "exp": now + 900, "iss": "directus"})
    }

    fn changed(claim: &str, value: Value) -> Value {
        let mut claims = good();
        claims[claim] = value;
        claims
    }

    fn sign(claims: &Value, algorithm: Algorithm, secret: &[u8]) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).unwrap()
    }

    fn verify(token: &str) -> Result<Claims, Error> {
        let claims = Verifier::new(&std::str::from_utf8(SECRET).unwrap().into()).verify(token)?;
        if claims.are_users() { Ok(claims) } else { Err(Error::Unauthorized) }
    }

    #[test]
    fn accepts_a_token_that_directus_signed_for_a_user() {
        let claims = verify(&sign(&good(), Algorithm::HS256, SECRET)).unwrap();
        assert_eq!(claims.id, Some(Uuid::from_u128(7)));
        let with_session = sign(&changed("session", json!("abc")), Algorithm::HS256, SECRET);
        assert!(verify(&with_session).unwrap().session.is_some());
    }

    #[test]
    fn refuses_a_token_that_is_unsigned_wrongly_signed_expired_or_not_a_users() {
        let without = |claim: &str| {
            let mut claims = good();
            claims.as_object_mut().unwrap().remove(claim);
            sign(&claims, Algorithm::HS256, SECRET)
        };
        let with = |claim: &str, value: Value| sign(&changed(claim, value), Algorithm::HS256, SECRET);
        let segment = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let unsigned = format!("{}.{}.", segment(json!({"alg": "none", "typ": "JWT"})), segment(good()));
        assert!(is_jwt(&unsigned), "it is not passed on as a static token");
        for token in [
            sign(&good(), Algorithm::HS256, b"another secret of thirty-two bytes!!"),
            sign(&good(), Algorithm::HS512, SECRET),
            with("iss", json!("elsewhere")),
            with("exp", json!(now_ms() / 1000 - 1)),
            with("share", json!("s")),
            with("scope", json!("password-reset")),
            with("id", json!("no-uuid")),
            without("id"),
            without("exp"),
            without("iss"),
            unsigned,
        ] {
            assert!(matches!(verify(&token), Err(Error::Unauthorized)), "{token}");
        }
        assert!(!has_other_algorithm(&sign(&good(), Algorithm::HS256, SECRET)));
        for token in [sign(&good(), Algorithm::HS384, SECRET), "e30.e30.".to_owned()] {
            assert!(has_other_algorithm(&token), "{token}");
        }
    }

    #[test]
    fn an_answer_never_outlives_the_token_and_is_not_cached_for_a_session() {
        let lifetime =
            |claims: Value| Claims::peek(&sign(&claims, Algorithm::HS256, b"x")).unwrap().lifetime(50_000);
        assert_eq!(lifetime(changed("exp", json!(60))), Duration::from_secs(10));
        assert_eq!(lifetime(changed("exp", json!(40))), Duration::ZERO);
        assert_eq!(lifetime(changed("session", json!("abc"))), Duration::ZERO);
        assert!(lifetime(json!({})) > Duration::from_secs(60));
    }

    #[test]
    fn a_static_token_has_no_claims() {
        for token in ["", "static", "a.b.c", "..", "fn_sess_0", "e30.e30.x.y"] {
            assert!(
                !is_jwt(token) && !has_other_algorithm(token) && Claims::peek(token).is_none(),
                "{token}"
            );
        }
        assert!(is_jwt("e30.e30."));
    }
}
