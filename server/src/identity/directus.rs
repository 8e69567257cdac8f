//! Users of a Directus, which checks their tokens. With Directus's secret, this server rejects bad
//! tokens without a call.

mod claims;

use super::hash;
use crate::clock::now_ms;
use crate::directus::{Call, Directus, DirectusError};
use crate::error::Error;
use crate::metrics::Metrics;
use crate::replaceable::Replaceable;
use crate::store::Hash;
use claims::{Claims, Verifier};
use moka::Expiry;
use moka::future::Cache;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long an answer about a user is used: a suspension takes effect within this time.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long a refused token is not asked about again.
const REFUSAL_LIFETIME: Duration = Duration::from_secs(2);
/// The most cached answers, about 100 bytes each.
const MAX_ANSWERS: u64 = 10_000;
/// The longest token to check. Directus's own have about 300 bytes.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Finds the user of a Directus to whom a token belongs.
// Decision: docs/decisions/http.md#what-directus-said-about-a-token-is-kept-in-moka
#[derive(Debug)]
pub(crate) struct DirectusIdentity {
    pub(super) directus: Arc<Directus>,
    verifier: Replaceable<Option<Verifier>>,
    answers: Cache<Hash, Answer>,
}

/// The owner of a token; `None` if the token is not valid for any user.
#[derive(Clone, Copy, Debug)]
struct Answer {
    user_id: Option<Uuid>,
    valid_until: Instant,
}

/// The owner of a token.
#[derive(Debug, Deserialize)]
struct Bearer {
    id: Option<Uuid>,
}

/// A user as an administrator sees them.
#[derive(Debug, Deserialize)]
struct FoundUser {
    status: Option<String>,
}

/// Lets each answer expire at its own time.
struct AtItsTime;

impl Expiry<Hash, Answer> for AtItsTime {
    fn expire_after_create(&self, _: &Hash, answer: &Answer, now: Instant) -> Option<Duration> {
        Some(answer.valid_until.saturating_duration_since(now))
    }
}

impl DirectusIdentity {
    /// Asks `directus`, but first checks tokens with its secret.
    pub(crate) fn new(directus: Arc<Directus>, secret: Option<&SecretString>) -> Self {
        let answers = Cache::builder().max_capacity(MAX_ANSWERS).expire_after(AtItsTime).build();
        Self { directus, verifier: Replaceable::new(secret.map(Verifier::new)), answers }
    }

    /// Replaces the admin token for calls and the secret for checking tokens.
    pub(crate) fn replace_secrets(&self, admin_token: SecretString, secret: Option<&SecretString>) {
        self.directus.replace_admin_token(admin_token);
        self.verifier.replace(secret.map(Verifier::new));
    }

    /// The active user to whom a token belongs.
    pub(crate) async fn user_of(&self, token: &SecretString, metrics: &Metrics) -> Result<Uuid, Error> {
        // Exposed for parsing and hashing.
        let text = token.expose_secret();
        if text.is_empty() || text.len() > MAX_TOKEN_BYTES || claims::has_other_algorithm(text) {
            return Err(Error::Unauthorized);
        }
        let claims = match &*self.verifier.get() {
            Some(verifier) if claims::is_jwt(text) => Some(verifier.verify(text)?),
            _ => Claims::peek(text),
        };
        // Claims that are not verified can only lead to a refusal.
        if claims.as_ref().is_some_and(|claims| !claims.are_users()) {
            return Err(Error::Unauthorized);
        }
        let key = hash("directus token", text);
        // Concurrent calls wait for the same answer. Errors go to all of them and are not cached.
        let found = self.answers.entry(key).or_try_insert_with(self.ask(token, claims)).await;
        metrics.count_identity_lookup(found.as_ref().is_ok_and(|answer| !answer.is_fresh()));
        let answer = found.map_err(|error: Arc<DirectusError>| (*error).clone())?.into_value();
        answer.user_id.ok_or(Error::Unauthorized)
    }

    /// Asks Directus; the answer counts from the time of the question.
    async fn ask(&self, token: &SecretString, claims: Option<Claims>) -> Result<Answer, DirectusError> {
        let (asked_at, now) = (Instant::now(), now_ms());
        let user_id = self.introspect(token).await?;
        let is_claimed = |id: &Uuid| claims.as_ref().is_none_or(|claims| claims.id == Some(*id));
        let user_id = user_id.filter(is_claimed);
        let lifetime = match user_id {
            Some(_) => claims.map_or(LIFETIME, |claims| claims.lifetime(now).min(LIFETIME)),
            None => REFUSAL_LIFETIME,
        };
        Ok(Answer { user_id, valid_until: asked_at + lifetime })
    }

    async fn introspect(&self, token: &SecretString) -> Result<Option<Uuid>, DirectusError> {
        // Directus checks the token before it uses its cache, where each user has separate answers:
        // so the id is right, but a status could be outdated.
        let found = self.directus.call_as(token, &Call::get("/users/me", &[("fields", "id")])).await;
        let found: Bearer = match found {
            Err(error) if error.is_refusal() => return Ok(None),
            found => found?,
        };
        // A share's token has no user.
        let Some(id) = found.id else { return Ok(None) };
        Ok(self.is_active(id).await?.then_some(id))
    }

    /// Whether Directus lets a user sign in, without its cache.
    async fn is_active(&self, id: Uuid) -> Result<bool, DirectusError> {
        let query = json!({"filter": {"id": {"_eq": id}}, "fields": "status", "limit": 1});
        let users: Vec<FoundUser> = self.directus.call(&Call::search("/users", query)).await?;
        Ok(users.first().is_some_and(|user| user.status.as_deref() == Some("active")))
    }
}
