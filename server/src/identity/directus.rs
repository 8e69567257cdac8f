//! Users of a Directus: their tokens are checked by it, and with its secret
//! also here, which spares it the bad ones.

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

/// How old an answer about a user may be: a suspension takes effect within it.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long a token that was refused is not asked about again.
const REFUSAL_LIFETIME: Duration = Duration::from_secs(2);
/// The most answers that are kept, about 100 bytes each.
const MAX_ANSWERS: u64 = 10_000;
/// The longest token that is looked at. Directus's own have some 300 bytes.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Finds out which user of a Directus a token belongs to.
#[derive(Debug)]
pub(crate) struct DirectusIdentity {
    pub(super) directus: Arc<Directus>,
    verifier: Replaceable<Option<Verifier>>,
    answers: Cache<Hash, Answer>,
}

/// Whose token it is; `None` where nobody may act with it.
#[derive(Clone, Copy, Debug)]
struct Answer {
    user_id: Option<Uuid>,
    valid_until: Instant,
}

/// Whoever a token belongs to.
#[derive(Debug, Deserialize)]
struct Bearer {
    id: Option<Uuid>,
}

/// A user as an administrator sees them.
#[derive(Debug, Deserialize)]
struct FoundUser {
    status: Option<String>,
}

/// Ends each answer at its own time.
struct AtItsTime;

impl Expiry<Hash, Answer> for AtItsTime {
    fn expire_after_create(&self, _: &Hash, answer: &Answer, now: Instant) -> Option<Duration> {
        Some(answer.valid_until.saturating_duration_since(now))
    }
}

impl DirectusIdentity {
    /// Asks `directus`, and with its secret looks at tokens first.
    pub(crate) fn new(directus: Arc<Directus>, secret: Option<&SecretString>) -> Self {
        let answers = Cache::builder().max_capacity(MAX_ANSWERS).expire_after(AtItsTime).build();
        Self { directus, verifier: Replaceable::new(secret.map(Verifier::new)), answers }
    }

    /// Calls Directus with this token from now on, and looks at others' with this secret.
    pub(crate) fn replace_secrets(&self, admin_token: SecretString, secret: Option<&SecretString>) {
        self.directus.replace_admin_token(admin_token);
        self.verifier.replace(secret.map(Verifier::new));
    }

    /// The active user that a token belongs to.
    pub(crate) async fn user_of(&self, token: &SecretString, metrics: &Metrics) -> Result<Uuid, Error> {
        // It leaves its wrapper to be taken apart and hashed.
        let text = token.expose_secret();
        if text.is_empty() || text.len() > MAX_TOKEN_BYTES || claims::has_other_algorithm(text) {
            return Err(Error::Unauthorized);
        }
        let claims = match &*self.verifier.get() {
            Some(verifier) if claims::is_jwt(text) => Some(verifier.verify(text)?),
            _ => Claims::peek(text),
        };
        // What an unverified token says against itself is believed.
        if claims.as_ref().is_some_and(|claims| !claims.are_users()) {
            return Err(Error::Unauthorized);
        }
        let key = hash("directus token", text);
        // Calls that come while one is asking wait for its answer. Errors are
        // told to all of them and not kept.
        let found = self.answers.entry(key).or_try_insert_with(self.ask(token, claims)).await;
        metrics.count_identity_lookup(found.as_ref().is_ok_and(|answer| !answer.is_fresh()));
        let answer = found.map_err(|error: Arc<DirectusError>| (*error).clone())?.into_value();
        answer.user_id.ok_or(Error::Unauthorized)
    }

    /// Asks Directus; its answer is as old as the question.
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
        // Directus looks at the token before it looks into its cache, where each
        // user has answers of their own: so the id is right, but a status might
        // be an old one.
        let found = self.directus.call_as(token, &Call::get("/users/me", &[("fields", "id")])).await;
        let found: Bearer = match found {
            Err(error) if error.is_refusal() => return Ok(None),
            found => found?,
        };
        // A share's token has no user.
        let Some(id) = found.id else { return Ok(None) };
        Ok(self.is_active(id).await?.then_some(id))
    }

    /// Whether Directus lets somebody sign in, its cache aside.
    async fn is_active(&self, id: Uuid) -> Result<bool, DirectusError> {
        let query = json!({"filter": {"id": {"_eq": id}}, "fields": "status", "limit": 1});
        let users: Vec<FoundUser> = self.directus.call(&Call::search("/users", query)).await?;
        Ok(users.first().is_some_and(|user| user.status.as_deref() == Some("active")))
    }
}
