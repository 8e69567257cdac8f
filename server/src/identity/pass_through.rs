//! `POST /auth/login|refresh|logout` and `GET /users/me`, forwarded to Directus, so that clients
//! need only one base URL. Only listed parts are forwarded: no cookie except that of a session to
//! end, no service secret, nothing that belongs to a connection (RFC 9110, section 7.6.1), and no
//! address except the caller's own.

use super::auth::{LoginMode, LoginRequest, RefreshTokenRequest};
use super::login_attempts::LoginAttempt;
use super::user::{bearer_token, introspect};
use super::{DirectusIdentity, Identity, SessionCookie, known_caller};
use crate::api::MAX_BODY_BYTES;
use crate::audit::{Caller, Entry};
use crate::body::{Secret, Value as _, member_names};
use crate::client::Client;
use crate::directus::{Answer, DirectusError};
use crate::error::Error;
use crate::masking::{Mask, hide_in_json};
use crate::request::{Fields, is_json, read_body};
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cookie::Cookie;
use cookie::time::Duration;
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::net::IpAddr;

/// The largest answer for a caller.
const MAX_ANSWER_BYTES: usize = 512 * 1024;
pub(super) const LOGIN: &str = "/auth/login";
const REFRESH: &str = "/auth/refresh";
pub(super) const LOGOUT: &str = "/auth/logout";
const ME: &str = "/users/me";
/// Directus's own cookie, by its default name.
const SESSION_COOKIE: &str = "directus_session_token";
/// The request headers that Directus gets unchanged.
const FORWARDED: [HeaderName; 2] = [header::AUTHORIZATION, header::USER_AGENT];
/// Directus uses it to count logins and to record where they come from.
static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whether a request is one of the four.
pub(super) fn is_handed_on(method: &Method, path: &str) -> bool {
    match *method {
        Method::POST => matches!(path, LOGIN | REFRESH | LOGOUT),
        Method::GET | Method::HEAD => path == ME,
        _ => false,
    }
}

impl DirectusIdentity {
    /// Forwards one of the four requests, unless its caller makes too many.
    // Decision: docs/decisions/http.md#calls-that-directus-answers-are-counted-here-first
    pub(super) async fn pass_through(
        &self,
        identity: &Identity,
        request: Request,
        client: Client,
    ) -> Result<Response, Error> {
        let (parts, body) = request.into_parts();
        if parts.headers.get_all(header::AUTHORIZATION).iter().nth(1).is_some() {
            return Err(Error::Unauthorized);
        }
        if parts.method != Method::POST {
            return self.pass_me(identity, &parts, client).await;
        }
        if !is_json(&parts.headers) {
            return Err(Error::UnsupportedMediaType);
        }
        let body = read_body(Request::new(body), MAX_BODY_BYTES).await?;
        self.pass_body(identity, &parts, parts.uri.path(), body, client).await
    }

    /// Forwards a body to one of the three paths that take one, whatever path the request itself
    /// used.
    pub(super) async fn pass_body(
        &self,
        identity: &Identity,
        parts: &Parts,
        path: &str,
        body: Bytes,
        client: Client,
    ) -> Result<Response, Error> {
        let names =
            if path == LOGIN { member_names::<LoginRequest> } else { member_names::<RefreshTokenRequest> };
        let mut fields = Fields::parse(&body, names)?;
        let mode = LoginMode::read(&mut fields)?;
        let own = own_secrets(parts, client, &fields);
        let headers = forwarded_headers(&parts.headers, client.address());
        let request = self.directus.forward(Method::POST, path, None).headers(headers);
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        let call = ForwardedCall { request, path, own };
        match (path, mode) {
            (LOGIN, mode) => {
                let email = fields.text("email")?;
                let answer = self.log_in(identity, email.as_deref(), client, call).await?;
                match mode {
                    LoginMode::Json => respond(answer, path),
                    LoginMode::Session => respond_with_session(answer, &SessionCookie::of(parts, client)),
                }
            }
            (LOGOUT, LoginMode::Session) => {
                self.close_session(identity, client, call, SessionCookie::of(parts, client)).await
            }
            (_, LoginMode::Session) => Err(Error::BadRequest("mode must be json".to_owned())),
            (_, LoginMode::Json) => {
                let Secret(token) = Secret::required(&mut fields, "refresh_token")?;
                identity.limits.check_guess(client, &token)?;
                respond(self.forward(identity, client, call).await?, path)
            }
        }
    }

    async fn log_in(
        &self,
        identity: &Identity,
        email: Option<&str>,
        client: Client,
        call: ForwardedCall<'_>,
    ) -> Result<Answer, Error> {
        let attempt = LoginAttempt::count(identity, email, client).await?;
        let answer = self.forward(identity, client, call).await;
        if answer.as_ref().is_ok_and(is_refusal) {
            let entry = Entry::new(&Caller::Anonymous, "login").with_outcome(Error::InvalidCredentials);
            identity.database.append(entry).await?;
        } else {
            attempt.take_back(identity).await?;
        }
        answer
    }

    /// Ends the cookie's session and makes the browser forget the cookie.
    async fn close_session(
        &self,
        identity: &Identity,
        client: Client,
        mut call: ForwardedCall<'_>,
        cookie: SessionCookie,
    ) -> Result<Response, Error> {
        let clear = cookie.clear();
        let token = cookie.token(&Method::POST)?;
        identity.limits.check_guess(client, &token)?;
        call.request = call.request.header(header::COOKIE, as_cookie(&token));
        let answer = self.forward(identity, client, call).await?;
        let mut response = respond(answer, LOGOUT)?;
        // A session that Directus does not know has already ended.
        if response.status().is_success() || response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::SET_COOKIE, clear);
        }
        Ok(response)
    }

    async fn pass_me(&self, identity: &Identity, parts: &Parts, client: Client) -> Result<Response, Error> {
        // Directus would also accept a token from the query.
        let token = bearer_token(parts)?;
        match introspect(self, &token, client, identity).await {
            Ok(user_id) => known_caller::note(parts, || Caller::User(user_id)),
            // Directus reports what is wrong with a token.
            Err(Error::Unauthorized) => {}
            Err(error) => return Err(error),
        }
        let headers = forwarded_headers(&parts.headers, client.address());
        let request = self.directus.forward(Method::GET, ME, parts.uri.query()).headers(headers);
        respond(
            self.forward(identity, client, ForwardedCall { request, path: ME, own: vec![token] }).await?,
            ME,
        )
    }

    /// A token in the answer counts as valid from then on at the address that received it.
    async fn forward(
        &self,
        identity: &Identity,
        client: Client,
        call: ForwardedCall<'_>,
    ) -> Result<Answer, Error> {
        let mut answer = self.directus.send(call.request, call.path).await?;
        if let Ok(IssuedTokens { data }) = serde_json::from_slice(&answer.body) {
            identity.limits.note_passed(client, &data.refresh_token);
        }
        if let Some((token, _)) = session(&answer.headers) {
            identity.limits.note_passed(client, &token);
        }
        hide_secrets(&mut answer, &call.own)
            .ok_or_else(|| DirectusError::garbage(answer.status, call.path))?;
        Ok(answer)
    }
}

/// A request for Directus.
struct ForwardedCall<'a> {
    request: RequestBuilder,
    path: &'a str,
    /// The caller's own secrets in it.
    own: Vec<SecretString>,
}

/// The secrets that a caller sends along with a body.
fn own_secrets(parts: &Parts, client: Client, fields: &Fields) -> Vec<SecretString> {
    let mut fields = fields.clone();
    let given = ["password", "refresh_token", "otp"]
        .into_iter()
        .filter_map(|name| fields.trimmed_secret(name).ok().flatten());
    let cookie = SessionCookie::of(parts, client).token(&Method::GET).ok();
    given.chain(bearer_token(parts).ok()).chain(cookie).collect()
}

/// Hides this server's secrets in an answer and, in a failure, the caller's own, which Directus may
/// quote. `None` if the answer can't be searched, because it is not JSON or too large for a session
/// or a user.
fn hide_secrets(answer: &mut Answer, own: &[SecretString]) -> Option<()> {
    if answer.body.is_empty() {
        return Some(());
    }
    if answer.body.len() > MAX_ANSWER_BYTES {
        return None;
    }
    let value: Value = serde_json::from_slice(&answer.body).ok()?;
    // Exposed for the search.
    let own = own.iter().map(|secret| secret.expose_secret()).filter(|_| answer.status >= 400);
    let mask = Mask::of(own, answer.body.len());
    let hidden = hide_in_json(value.clone(), mask.as_ref());
    if hidden != value {
        answer.body = hidden.to_string().into();
    }
    Some(())
}

/// The part of an answer with tokens that is read.
#[derive(Deserialize)]
struct IssuedTokens {
    data: RefreshToken,
}

#[derive(Deserialize)]
struct RefreshToken {
    refresh_token: SecretString,
}

/// Whether a password was checked and was wrong or is not sufficient.
fn is_refusal(answer: &Answer) -> bool {
    matches!(StatusCode::from_u16(answer.status), Ok(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN))
}

/// The token and lifetime of the session that Directus began.
fn session(headers: &HeaderMap) -> Option<(SecretString, Duration)> {
    let lines = headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.filter_map(|line| Cookie::parse(line).ok());
    let cookie = cookies.find(|cookie| cookie.name() == SESSION_COOKIE && !cookie.value().is_empty())?;
    Some((cookie.value().into(), cookie.max_age()?))
}

/// The session's token in the form of Directus's cookie.
fn as_cookie(token: &SecretString) -> HeaderValue {
    // Exposed for Directus, which issued it.
    let value = HeaderValue::try_from(format!("{SESSION_COOKIE}={}", token.expose_secret()));
    let mut value = value.unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

fn forwarded_headers(given: &HeaderMap, address: IpAddr) -> HeaderMap {
    let mut headers: HeaderMap =
        FORWARDED.into_iter().filter_map(|name| Some((name.clone(), given.get(&name)?.clone()))).collect();
    if let Ok(address) = HeaderValue::try_from(address.to_string()) {
        headers.insert(FORWARDED_FOR.clone(), address);
    }
    headers
}

/// Directus's status and JSON, without its headers.
fn respond(Answer { status, body, .. }: Answer, path: &str) -> Result<Response, Error> {
    let garbage = || Error::from(DirectusError::garbage(status, path));
    let code = StatusCode::from_u16(status).map_err(|_| garbage())?;
    if body.is_empty() && code == StatusCode::NO_CONTENT {
        return Ok(code.into_response());
    }
    let is_json = serde_json::from_slice::<IgnoredAny>(&body).is_ok();
    if !is_json || code.is_redirection() || code.is_informational() {
        return Err(garbage());
    }
    Ok((code, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// The same for a login, with its session in Stagepass's own cookie.
fn respond_with_session(answer: Answer, cookie: &SessionCookie) -> Result<Response, Error> {
    let session = session(&answer.headers);
    let mut response = respond(answer, LOGIN)?;
    if response.status().is_success() {
        let status = response.status().as_u16();
        let (token, lifetime) = session.ok_or_else(|| DirectusError::garbage(status, LOGIN))?;
        response.headers_mut().insert(header::SET_COOKIE, cookie.set(&token, lifetime));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwards_only_four_calls() {
        for path in ["/auth/login", "/auth/refresh", "/auth/logout"] {
            assert!(is_handed_on(&Method::POST, path) && !is_handed_on(&Method::GET, path), "{path}");
        }
        assert!(is_handed_on(&Method::GET, "/users/me") && is_handed_on(&Method::HEAD, "/users/me"));
        for method in [Method::PATCH, Method::DELETE, Method::OPTIONS, Method::POST] {
            assert!(!is_handed_on(&method, "/users/me"), "{method}");
        }
        for path in ["/users/me/tfa/enable", "/users", "/auth/password/request", "/items/x", "/auth/login/"] {
            assert!(!is_handed_on(&Method::GET, path) && !is_handed_on(&Method::POST, path), "{path}");
        }
    }

    #[test]
    fn forwards_listed_headers_and_the_callers_real_address() {
        let mut given = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer x"),
            ("content-type", "application/json"),
            ("user-agent", "browser"),
            ("cookie", "directus_session_token=x"),
            ("connection", "keep-alive, x-hop"),
            ("x-hop", "1"),
            ("host", "stagepass.example"),
            ("x-rbac-sync-secret", "secret"),
            ("x-acting-user", "somebody"),
            ("x-forwarded-for", "192.0.2.1"),
            ("forwarded", "for=192.0.2.1"),
            ("content-length", "1"),
        ] {
            given.insert(name, HeaderValue::from_static(value));
        }
        let headers = forwarded_headers(&given, "198.51.100.7".parse().unwrap());
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "user-agent", "x-forwarded-for"]);
        assert_eq!(headers["x-forwarded-for"], "198.51.100.7");
    }

    #[test]
    fn reads_the_session_from_directus_cookie() {
        let found = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::SET_COOKIE, HeaderValue::from_static(line));
            }
            session(&headers)
                .map(|(token, lifetime)| (token.expose_secret().to_owned(), lifetime.whole_seconds()))
        };
        let set = "directus_session_token=ey.J.x; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax";
        assert_eq!(found(&["a=b; Max-Age=1", set]), Some(("ey.J.x".to_owned(), 86400)));
        for lines in [
            &[][..],
            &["directus_refresh_token=x; Max-Age=1"],
            &["directus_session_token=x"],
            &["directus_session_token=; Max-Age=1"],
        ] {
            assert_eq!(found(lines), None, "{lines:?}");
        }
        assert!(!format!("{:?}", as_cookie(&"planted".into())).contains("planted"));
    }

    #[test]
    fn hides_secrets_of_this_server_and_in_failures_the_callers_own() {
        crate::masking::register(&"the-planted-admin-token-of-a-test".into());
        let hidden = |status, body: &'static str| {
            let (headers, body) = (HeaderMap::new(), Bytes::from_static(body.as_bytes()));
            let mut answer = Answer { status, headers, body };
            let hidden = hide_secrets(&mut answer, &["the-callers-own".into()]);
            hidden.map(|()| String::from_utf8(answer.body.to_vec()).unwrap()).unwrap_or_default()
        };
        assert_eq!(
            hidden(401, r#"{"a": "\u0074he-callers-own the-planted-admin-token-of-a-test"}"#),
            r#"{"a":"… …"}"#
        );
        assert_eq!(
            hidden(200, r#"{"a": "the-callers-own the-planted-admin-token-of-a-test"}"#),
            r#"{"a":"the-callers-own …"}"#
        );
        assert_eq!(hidden(200, r#"{"a": "the-callers-own"}"#), r#"{"a": "the-callers-own"}"#);
        // An answer that can't be searched goes to no one.
        for body in ["<html>", r#"{"a": "\ud800"}"#, r#"{"a": 1e999}"#] {
            assert_eq!(hidden(500, body), "", "{body}");
        }
    }

    #[test]
    fn returns_only_json_and_no_content() {
        let answer = |status, body: &'static str| {
            let (headers, body) = (HeaderMap::new(), Bytes::from_static(body.as_bytes()));
            respond(Answer { status, headers, body }, "/x")
        };
        assert_eq!(answer(200, "{\"data\":1}").unwrap().status(), 200);
        assert_eq!(answer(401, "{\"errors\":[]}").unwrap().status(), 401);
        assert_eq!(answer(204, "").unwrap().status(), 204);
        for (status, body) in [(200, ""), (200, "<html>"), (302, "{}"), (503, "busy"), (1000, "{}")] {
            assert!(matches!(answer(status, body), Err(Error::Directus(_))), "{status} {body}");
        }
    }
}
