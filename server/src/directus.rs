//! The client for Directus: its address, time limits, answers and errors. It knows no collection
//! and no request of Stagepass.

mod bootstrap;
mod error;
mod schema;

pub(crate) use bootstrap::{BootstrapError, bootstrap};
pub(crate) use error::DirectusError;
pub(crate) use schema::fields_of_collections;

use crate::replaceable::Replaceable;
use axum::body::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The time limit of a call. A request to Stagepass makes a handful of calls and has 30 seconds.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit of a schema change, for which the operator waits.
pub(crate) const SCHEMA_TIMEOUT: Duration = Duration::from_secs(60);
/// Directus closes connections after 5 idle seconds. Giving one up earlier avoids using it while it
/// closes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// The largest answer to read. One sealed text has 5.6 MiB at most, and the largest answer has
/// five of them.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// The longest wait a caller is told, whatever Directus says.
const MAX_RETRY_AFTER_S: u64 = 60;
/// How many rows with sealed text one call may request.
pub(crate) const MAX_SEALED_ROWS: u32 = 4;

/// Where Directus is, and the account that reads and writes its records.
#[derive(Clone, Debug)]
pub(crate) struct DirectusSettings {
    pub(crate) url: Url,
    pub(crate) admin_token: SecretString,
}

/// The client of one Directus, which it calls over persistent connections.
#[derive(Debug)]
pub(crate) struct Directus {
    http: Client,
    url: Url,
    admin_token: Replaceable<SecretString>,
}

/// One call. The path is relative to the base URL.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<Value>,
}

impl<'a> Call<'a> {
    pub(crate) fn get(path: &'a str, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { method: Method::GET, path, query, body: None }
    }

    pub(crate) fn with_body(method: Method, path: &'a str, body: Value) -> Self {
        Self { method, path, query: &[], body: Some(body) }
    }

    /// A SEARCH. Directus may answer a GET from its cache for minutes, but a SEARCH never.
    // Decision: docs/decisions/storage.md#directus-is-read-with-search
    pub(crate) fn search(path: &'a str, query: Value) -> Self {
        #[expect(clippy::unwrap_used, reason = "a method may be any word of letters")]
        let method = Method::from_bytes(b"SEARCH").unwrap();
        Self::with_body(method, path, json!({ "query": query }))
    }

    /// The texts of the body's values, including a query's filter: Directus's errors can quote
    /// them, and readers must not see them.
    fn texts(&self) -> Vec<&str> {
        if !self.path.starts_with("/items/") && !self.path.starts_with("/users") {
            // These are names of collections and fields, which the operator must see.
            return Vec::new();
        }
        let mut texts = Vec::new();
        let mut values: Vec<&Value> = match &self.body {
            Some(body) if body["query"].is_object() => vec![&body["query"]["filter"], &body["data"]],
            body => body.iter().collect(),
        };
        while let Some(value) = values.pop() {
            match value {
                Value::String(text) => texts.push(text.as_str()),
                Value::Array(items) => values.extend(items),
                Value::Object(members) => values.extend(members.values()),
                _ => {}
            }
        }
        texts
    }
}

/// An answer of Directus.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The wrapper around answers of Directus.
#[derive(Debug, Deserialize)]
struct Data<T> {
    data: T,
}

/// The client could not be made, for instance because the system has no certificates.
#[derive(Debug, thiserror::Error)]
#[error("the client for Directus could not be created")]
pub(crate) struct NoClient;

impl Directus {
    /// A client with this time limit for each call. It follows no redirects and ignores proxies
    /// from the environment: the admin token goes only to this address.
    pub(crate) fn new(settings: DirectusSettings, timeout: Duration) -> Result<Self, NoClient> {
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| {
                tracing::error!(%error, "{NoClient}");
                NoClient
            })?;
        Ok(Self { http, url: settings.url, admin_token: Replaceable::new(settings.admin_token) })
    }

    /// Uses another token from now on.
    pub(crate) fn replace_admin_token(&self, token: SecretString) {
        self.admin_token.replace(token);
    }

    /// Calls as the administrator and reads the `data` of the answer.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, DirectusError> {
        self.call_as(&self.admin_token.get(), call).await
    }

    /// Calls with another `token`.
    pub(crate) async fn call_as<T: DeserializeOwned>(
        &self,
        token: &SecretString,
        call: &Call<'_>,
    ) -> Result<T, DirectusError> {
        let (status, body) = self.answer_to(token, call).await?;
        let read: Result<Data<T>, _> = serde_json::from_slice(&body);
        read.map(|wrapped| wrapped.data).map_err(|_| DirectusError::garbage(status, call.path))
    }

    /// Calls as the administrator for a page of a list and the total number of rows.
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Result<(Vec<T>, u64), DirectusError> {
        #[derive(Deserialize)]
        struct Counted<T> {
            data: Vec<T>,
            meta: Meta,
        }
        #[derive(Deserialize)]
        struct Meta {
            filter_count: u64,
        }
        let (status, body) = self.answer_to(&self.admin_token.get(), call).await?;
        let read: Result<Counted<T>, _> = serde_json::from_slice(&body);
        read.map(|counted| (counted.data, counted.meta.filter_count))
            .map_err(|_| DirectusError::garbage(status, call.path))
    }

    /// Calls as the administrator and ignores the content of the answer.
    pub(crate) async fn perform(&self, call: &Call<'_>) -> Result<(), DirectusError> {
        self.answer_to(&self.admin_token.get(), call).await.map(drop)
    }

    async fn answer_to(&self, token: &SecretString, call: &Call<'_>) -> Result<(u16, Bytes), DirectusError> {
        let mut url = self.url_of(call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let mut request = self.http.request(call.method.clone(), url).header(AUTHORIZATION, bearer(token));
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let Answer { status, body, .. } = self.send(request, call.path).await?;
        if (200..300).contains(&status) {
            Ok((status, body))
        } else {
            let mut texts = call.texts();
            // The token is exposed to find it in the answer: it may be a caller's own.
            texts.push(token.expose_secret());
            Err(DirectusError::read(status, call.path, &body, &texts))
        }
    }

    /// A request on behalf of a caller, with the caller's own authorisation.
    pub(crate) fn forward(&self, method: Method, path: &str, query: Option<&str>) -> RequestBuilder {
        let mut url = self.url_of(path);
        url.set_query(query);
        self.http.request(method, url)
    }

    fn url_of(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url
    }

    /// Sends a request and reads the whole answer. A refusal for too many calls becomes an error:
    /// Directus counts the calls of all callers together.
    pub(crate) async fn send(&self, request: RequestBuilder, path: &str) -> Result<Answer, DirectusError> {
        let unavailable = |error: reqwest::Error| {
            // Log the error without its URL, whose query names users and records.
            let kind = if error.is_timeout() { DirectusError::TimedOut } else { DirectusError::Unavailable };
            tracing::warn!(path, error = %error.without_url(), "Directus does not answer");
            kind
        };
        let response = request.send().await.map_err(unavailable)?;
        if matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            return Err(DirectusError::Busy { retry_after_s: retry_after_s(response.headers()) });
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = read_bounded(response).await.map_err(unavailable)?;
        body.map(|body| Answer { status, headers, body }).ok_or_else(|| DirectusError::garbage(status, path))
    }
}

/// How long Directus asks to wait, up to a limit.
fn retry_after_s(headers: &HeaderMap) -> u64 {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    seconds.unwrap_or(1).clamp(1, MAX_RETRY_AFTER_S)
}

/// The body, or `None` if it is larger than any valid answer.
async fn read_bounded(mut response: Response) -> Result<Option<Bytes>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.into()))
}

/// The header value, hidden from `Debug`. A token that no header can carry becomes empty, since it
/// can't be valid.
fn bearer(token: &SecretString) -> HeaderValue {
    // The token is exposed for Directus, which checks it.
    let value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()));
    let mut value = value.unwrap_or(HeaderValue::from_static("Bearer"));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directus(url: &str) -> Directus {
        let settings = DirectusSettings { url: url.parse().unwrap(), admin_token: "planted-token".into() };
        Directus::new(settings, TIMEOUT).unwrap()
    }

    #[test]
    fn appends_paths_to_the_base_url() {
        let url = |base, query| {
            let request = directus(base).forward(Method::GET, "/users/me", query);
            request.build().unwrap().url().to_string()
        };
        assert_eq!(url("http://127.0.0.1:8055", None), "http://127.0.0.1:8055/users/me");
        assert_eq!(
            url("http://127.0.0.1:8055/", Some("fields=id")),
            "http://127.0.0.1:8055/users/me?fields=id"
        );
        assert_eq!(url("https://example.org/cms", None), "https://example.org/cms/users/me");
    }

    #[test]
    fn limits_the_wait_that_directus_asks_for() {
        let read = |value: Option<&str>| {
            retry_after_s(&value.iter().map(|value| (RETRY_AFTER, value.parse().unwrap())).collect())
        };
        assert_eq!(["7", " 7 ", "60"].map(|value| read(Some(value))), [7, 7, 60]);
        // An hour, less than half a second, a date, and values that are not seconds.
        let others = ["3600", "0", "Fri, 31 Dec 2027 23:59:59 GMT", "-1", ""];
        assert_eq!(others.map(|value| read(Some(value))), [60, 1, 1, 1, 1]);
        assert_eq!(read(None), 1);
    }

    #[test]
    fn hides_the_token_in_debug_output() {
        assert!(!format!("{:?}", directus("http://127.0.0.1:8055")).contains("planted"));
        assert!(!format!("{:?}", bearer(&"planted".into())).contains("planted"));
    }

    #[test]
    fn collects_the_texts_of_a_call_from_body_and_filter() {
        let body = json!({"status": "revoked", "cookie_count": 3, "username": "", "platform": "tiktok"});
        let sorted = |call: &Call<'_>| {
            let mut texts: Vec<_> = call.texts().into_iter().map(str::to_owned).collect();
            texts.sort();
            texts
        };
        let call = Call::with_body(Method::POST, "/items/x", body.clone());
        assert_eq!(sorted(&call), ["", "revoked", "tiktok"]);
        let query = json!({"filter": {"id": {"_in": ["an-id"]}}, "fields": "id,platform", "sort": "-id"});
        assert_eq!(sorted(&Call::search("/items/x", query.clone())), ["an-id"]);
        let body = json!({"query": query, "data": body});
        let call = Call::with_body(Method::PATCH, "/items/x", body);
        assert_eq!(sorted(&call), ["", "an-id", "revoked", "tiktok"]);
        let made = json!({"collection": "platform_sessions"});
        assert!(sorted(&Call::with_body(Method::POST, "/collections", made)).is_empty());
    }
}
