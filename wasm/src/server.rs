//! The two calls of the Credentials API that carry cookies.
//!
//! The service worker itself makes the calls without cookies: signing in and lists.

use crate::browser::fetch;
use crate::failure::Failure;
use crate::js::{Unexpected, from_js};
use js_sys::{Function, Promise, Uint8Array};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stagepass_core::api::{
    CreateProfileRequest, CreateProfileResponse, ErrorResponse, StorePlatformSessionRequest,
    StorePlatformSessionResponse,
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, ReferrerPolicy, Request, RequestCache, RequestCredentials, RequestInit, RequestRedirect,
    Response,
};
use zeroize::Zeroizing;

/// A server that hasn't answered by then counts as away. Shorter than the 30 seconds after which
/// a browser stops an idle worker.
const TIMEOUT_MS: u32 = 20_000;

/// The server, and the sign-in to it.
#[derive(Debug)]
pub struct Server<'a> {
    /// Without a trailing slash.
    pub url: &'a str,
    /// The bearer token.
    pub access_token: &'a SecretString,
    /// Returns a promise of whether the server proves its key; it rejects if nothing answers.
    pub prove: &'a Function,
}

impl Server<'_> {
    /// Creates a connection, or finds the existing one of the same name.
    ///
    /// # Errors
    /// [`Failure::ServerUnproven`], [`Failure::Unauthorized`], [`Failure::ServerAway`] or
    /// [`Failure::ServerRefused`].
    pub async fn create_profile(
        &self,
        request: &CreateProfileRequest<'_>,
    ) -> Result<CreateProfileResponse, Failure> {
        self.post("/api/credentials/create-profile", request).await
    }

    /// Stores a session.
    ///
    /// # Errors
    /// The same as [`Server::create_profile`].
    pub async fn store_platform_session(
        &self,
        request: &StorePlatformSessionRequest<'_>,
    ) -> Result<StorePlatformSessionResponse, Failure> {
        self.post("/api/credentials/store-platform-session", request).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.require_proof().await?;
        let request = self.request(path, body).map_err(|error| Failure::of_browser(&error))?;
        let response: Response = fetch(&request).await.map_err(|_| Failure::ServerAway)?.unchecked_into();
        let text = response.text().map_err(|error| Failure::of_browser(&error))?;
        let text = JsFuture::from(text).await.map_err(|_| Failure::ServerAway)?;
        // Another program may answer with anything.
        let answer = js_sys::JSON::parse(&text.as_string().unwrap_or_default()).unwrap_or_default();
        let retry_after = response.headers().get("Retry-After").ok().flatten();
        let refusal = from_js(&answer).ok();
        outcome_of(response.status(), from_js(&answer).ok(), refusal, retry_after.as_deref())
    }

    async fn require_proof(&self) -> Result<(), Failure> {
        let proof = self.prove.call0(&JsValue::NULL).map_err(|_| Failure::ServerAway)?;
        let is_proven = JsFuture::from(proof.unchecked_into::<Promise>()).await;
        match is_proven {
            Ok(is_proven) if is_proven.is_truthy() => Ok(()),
            Ok(_) => Err(Failure::ServerUnproven),
            Err(_) => Err(Failure::ServerAway),
        }
    }

    /// Sends the bearer token as the only credential, and only to this server: without cookies,
    /// referrer and redirects.
    fn request(&self, path: &str, body: &impl Serialize) -> Result<Request, JsValue> {
        let body = Zeroizing::new(serde_json::to_vec(body).map_err(|_| Unexpected)?);
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_body(&Uint8Array::from(body.as_slice()));
        init.set_cache(RequestCache::NoStore);
        init.set_credentials(RequestCredentials::Omit);
        init.set_redirect(RequestRedirect::Error);
        init.set_referrer_policy(ReferrerPolicy::NoReferrer);
        init.set_signal(Some(&AbortSignal::timeout_with_u32(TIMEOUT_MS)));
        let request = Request::new_with_str_and_init(&format!("{}{path}", self.url), &init)?;
        let headers = request.headers();
        headers.set("Content-Type", "application/json")?;
        headers.set("Authorization", &format!("Bearer {}", self.access_token.expose_secret()))?;
        Ok(request)
    }
}

/// The result of a call, by the response's status and what could be parsed of its body.
fn outcome_of<T>(
    status: u16,
    answer: Option<T>,
    refusal: Option<ErrorResponse>,
    retry_after: Option<&str>,
) -> Result<T, Failure> {
    let refused = |reason: String| Failure::ServerRefused {
        http_status: status,
        reason,
        retry_after: retry_after.and_then(|seconds| seconds.parse().ok()),
    };
    match status {
        401 => Err(Failure::Unauthorized),
        200..=299 => answer.ok_or_else(|| refused("this is not an answer of a Stagepass server".to_owned())),
        _ => Err(refused(refusal.map_or_else(|| format!("HTTP {status}"), |refusal| refusal.error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, text: &str) -> Result<StorePlatformSessionResponse, Failure> {
        outcome_of(status, serde_json::from_str(text).ok(), serde_json::from_str(text).ok(), Some("7"))
    }

    #[test]
    fn accepts_a_successful_answer() {
        let text = r#"{"success":true,"id":"s","platform":"instagram","cookie_count":3}"#;
        assert_eq!(outcome(200, text).unwrap().cookie_count, 3);
    }

    #[test]
    fn passes_on_the_servers_message() {
        let failure = outcome(400, r#"{"success":false,"error":"cookies[3]: path"}"#).unwrap_err();
        let Failure::ServerRefused { http_status, reason, retry_after } = failure else {
            panic!("{failure}")
        };
        assert_eq!((http_status, reason.as_str(), retry_after), (400, "cookies[3]: path", Some(7)));
    }

    #[test]
    fn names_the_status_when_another_program_answers() {
        let failure = outcome(502, "<html>").unwrap_err();
        assert_eq!(failure.to_string(), "the server refused: HTTP 502");
        assert!(matches!(outcome(200, "<html>"), Err(Failure::ServerRefused { .. })));
    }

    #[test]
    fn distinguishes_an_expired_token_from_other_errors() {
        let text = r#"{"success":false,"error":"Unauthorized"}"#;
        assert!(matches!(outcome(401, text), Err(Failure::Unauthorized)));
    }
}
