//! The client for Directus: who is asked, for how long, and what its answers
//! and faults are here. It knows no collection and no request of ours.

mod bootstrap;
mod error;
mod schema;

pub(crate) use bootstrap::{BootstrapError, bootstrap};
pub(crate) use error::DirectusError;

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
/// How long a call may take in all. A request of ours makes a handful of them
/// and has 30 seconds.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a change of the schema may take, which somebody waits for.
pub(crate) const SCHEMA_TIMEOUT: Duration = Duration::from_secs(60);
/// Directus's own server closes a connection that has been idle for 5 seconds:
/// one that is given up earlier is never used while it is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// The largest answer that is read. One sealed text has 1.4 MiB at most, and
/// the largest answer holds [`MAX_SEALED_ROWS`] of them.
const MAX_ANSWER_BYTES: usize = 24 * 1024 * 1024;
/// The longest that a caller is told to wait, whatever Directus says.
const MAX_RETRY_AFTER_S: u64 = 60;
/// How many rows with their sealed text may be asked for at once.
pub(crate) const MAX_SEALED_ROWS: u32 = 16;

/// Where Directus is, and as whom its records are read and written.
#[derive(Clone, Debug)]
pub(crate) struct DirectusSettings {
    /// The base URL.
    pub(crate) url: Url,
    pub(crate) admin_token: SecretString,
}

/// A Directus, called over connections that are kept.
#[derive(Debug)]
pub(crate) struct Directus {
    http: Client,
    url: Url,
    admin_token: Replaceable<SecretString>,
}

/// What a call asks for. The path is one of Directus's own, below the base URL.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<Value>,
}

impl<'a> Call<'a> {
    /// A GET.
    pub(crate) fn get(path: &'a str, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { method: Method::GET, path, query, body: None }
    }

    /// A call with a JSON body.
    pub(crate) fn with_body(method: Method, path: &'a str, body: Value) -> Self {
        Self { method, path, query: &[], body: Some(body) }
    }

    /// A SEARCH. What was asked with a GET, Directus may answer for minutes from
    /// its own cache as it was; its cache never looks at a SEARCH.
    pub(crate) fn search(path: &'a str, query: Value) -> Self {
        #[expect(clippy::unwrap_used, reason = "a method may be any word of letters")]
        let method = Method::from_bytes(b"SEARCH").unwrap();
        Self::with_body(method, path, json!({ "query": query }))
    }

    /// The texts of the body's values, a query's filter among them: what an
    /// error of Directus may quote, and its reader must not see.
    fn texts(&self) -> Vec<&str> {
        if !self.path.starts_with("/items/") && !self.path.starts_with("/users") {
            // Names of collections and fields, which a person must see.
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

/// What Directus answers.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Directus wraps what it answers.
#[derive(Debug, Deserialize)]
struct Data<T> {
    data: T,
}

/// Such as on a system without any certificates.
#[derive(Debug, thiserror::Error)]
#[error("the client for Directus could not be made")]
pub(crate) struct NoClient;

impl Directus {
    /// A client whose calls may take as long as `timeout`. It follows no redirect and takes no proxy from the
    /// environment: the admin token goes to this address alone.
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

    /// Calls with another token from now on.
    pub(crate) fn replace_admin_token(&self, token: SecretString) {
        self.admin_token.replace(token);
    }

    /// Calls as admin and reads what Directus has wrapped in `data`.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, DirectusError> {
        self.call_as(&self.admin_token.get(), call).await
    }

    /// Calls as whoever `token` belongs to.
    pub(crate) async fn call_as<T: DeserializeOwned>(
        &self,
        token: &SecretString,
        call: &Call<'_>,
    ) -> Result<T, DirectusError> {
        let (status, body) = self.answer_to(token, call).await?;
        let read: Result<Data<T>, _> = serde_json::from_slice(&body);
        read.map(|wrapped| wrapped.data).map_err(|_| DirectusError::garbage(status, call.path))
    }

    /// Calls as admin for a page of a list, and how many rows there are.
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Result<(Vec<T>, u64), DirectusError> {
        #[derive(Deserialize)]
        struct Page<T> {
            data: Vec<T>,
            meta: Meta,
        }
        #[derive(Deserialize)]
        struct Meta {
            filter_count: u64,
        }
        let (status, body) = self.answer_to(&self.admin_token.get(), call).await?;
        let read: Result<Page<T>, _> = serde_json::from_slice(&body);
        read.map(|page| (page.data, page.meta.filter_count))
            .map_err(|_| DirectusError::garbage(status, call.path))
    }

    /// Calls as admin where nothing but success is of interest.
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
            // Out of its wrapper to be looked for: it may be a caller's own.
            texts.push(token.expose_secret());
            Err(DirectusError::read(status, call.path, &body, &texts))
        }
    }

    /// A request on behalf of a caller, who is none of ours to Directus.
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

    /// Sends a request, and reads the whole answer. That there are too many calls is no
    /// answer: Directus counts those of all our callers as ours.
    pub(crate) async fn send(&self, request: RequestBuilder, path: &str) -> Result<Answer, DirectusError> {
        let unavailable = |error: reqwest::Error| {
            // Without its URL, whose query names users and records.
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

/// How long Directus wants to be left alone, within reason.
fn retry_after_s(headers: &HeaderMap) -> u64 {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    seconds.unwrap_or(1).clamp(1, MAX_RETRY_AFTER_S)
}

/// The body, or `None` where it is larger than anything that Directus holds of ours.
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

/// The header's value, hidden from `Debug`. A token with characters that no
/// header carries, which is nobody's, becomes an empty one.
fn bearer(token: &SecretString) -> HeaderValue {
    // It leaves its wrapper for the one who is to check it.
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
    fn paths_go_below_the_base_url() {
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
    fn how_long_to_wait_is_what_directus_says_within_reason() {
        let read = |value: Option<&str>| {
            retry_after_s(&value.iter().map(|value| (RETRY_AFTER, value.parse().unwrap())).collect())
        };
        assert_eq!(["7", " 7 ", "60"].map(|value| read(Some(value))), [7, 7, 60]);
        // An hour, less than half a second, a date, and no number of seconds.
        let others = ["3600", "0", "Fri, 31 Dec 2027 23:59:59 GMT", "-1", ""];
        assert_eq!(others.map(|value| read(Some(value))), [60, 1, 1, 1, 1]);
        assert_eq!(read(None), 1);
    }

    #[test]
    fn its_debug_form_holds_no_token() {
        assert!(!format!("{:?}", directus("http://127.0.0.1:8055")).contains("planted"));
        assert!(!format!("{:?}", bearer(&"planted".into())).contains("planted"));
    }

    #[test]
    fn the_texts_of_a_call_are_those_of_its_body_and_filter() {
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
