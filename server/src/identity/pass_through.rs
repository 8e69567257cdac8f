//! `POST /auth/login|refresh|logout` and `GET /users/me`, handed on to Directus,
//! so that a client needs one base URL. What is handed on is listed: no cookie
//! but that of a session that is to end, no secret of a service, nothing that
//! belongs to a connection (RFC 9110, section 7.6.1), and no address but the one
//! that the caller has.

use super::auth::Mode;
use super::login_attempts::LoginAttempt;
use super::user::{bearer_token, introspect};
use super::{DirectusIdentity, Identity, SessionCookie, known_caller};
use crate::audit::{Caller, Entry};
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

/// The largest answer that goes to a caller.
const MAX_HANDED_BACK: usize = 512 * 1024;
pub(super) const LOGIN: &str = "/auth/login";
const REFRESH: &str = "/auth/refresh";
pub(super) const LOGOUT: &str = "/auth/logout";
const ME: &str = "/users/me";
/// Directus's own cookie, by its default name.
const SESSION_COOKIE: &str = "directus_session_token";
/// The headers of a request that Directus gets as they are.
const HANDED_ON: [HeaderName; 2] = [header::AUTHORIZATION, header::USER_AGENT];
/// By which Directus counts logins, and writes down where they come from.
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
    /// Hands on a request, which must be one of the four, unless its caller
    /// makes too many.
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
        let body = read_body(Request::new(body)).await?;
        self.pass_body(identity, &parts, parts.uri.path(), body, client).await
    }

    /// Hands on a body to one of the three paths that take one, whatever path
    /// the request itself went to.
    pub(super) async fn pass_body(
        &self,
        identity: &Identity,
        parts: &Parts,
        path: &str,
        body: Bytes,
        client: Client,
    ) -> Result<Response, Error> {
        let mut fields = Fields::parse(&body)?;
        let mode = Mode::read(&mut fields)?;
        let own = own_secrets(parts, client, &fields);
        let headers = handed_on(&parts.headers, client.address());
        let request = self.directus.forward(Method::POST, path, None).headers(headers);
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        let call = HandedOn { request, path, own };
        match (path, mode) {
            (LOGIN, mode) => {
                let email = fields.text("email")?;
                let answer = self.log_in(identity, email.as_deref(), client, call).await?;
                match mode {
                    Mode::Json => respond(answer, path),
                    Mode::Session => respond_with_session(answer, &SessionCookie::of(parts, client)),
                }
            }
            (LOGOUT, Mode::Session) => {
                self.close_session(identity, client, call, SessionCookie::of(parts, client)).await
            }
            (_, Mode::Session) => Err(Error::BadRequest("mode must be json".to_owned())),
            (_, Mode::Json) => {
                let token = fields.required_secret("refresh_token")?;
                identity.limits.check_guess(client, &token)?;
                respond(self.hand_on(identity, client, call).await?, path)
            }
        }
    }

    async fn log_in(
        &self,
        identity: &Identity,
        email: Option<&str>,
        client: Client,
        call: HandedOn<'_>,
    ) -> Result<Answer, Error> {
        let attempt = LoginAttempt::count(identity, email, client).await?;
        let answer = self.hand_on(identity, client, call).await;
        if answer.as_ref().is_ok_and(is_refusal) {
            let entry = Entry::new(&Caller::Anonymous, "login").with_outcome(Error::InvalidCredentials);
            identity.database.append(entry).await?;
        } else {
            attempt.take_back(identity).await?;
        }
        answer
    }

    /// Ends the session of the cookie, and has the browser forget it.
    async fn close_session(
        &self,
        identity: &Identity,
        client: Client,
        mut call: HandedOn<'_>,
        cookie: SessionCookie,
    ) -> Result<Response, Error> {
        let clear = cookie.clear();
        let token = cookie.token(&Method::POST)?;
        identity.limits.check_guess(client, &token)?;
        call.request = call.request.header(header::COOKIE, as_cookie(&token));
        let answer = self.hand_on(identity, client, call).await?;
        let mut response = respond(answer, LOGOUT)?;
        // One that Directus does not know has ended already.
        if response.status().is_success() || response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::SET_COOKIE, clear);
        }
        Ok(response)
    }

    async fn pass_me(&self, identity: &Identity, parts: &Parts, client: Client) -> Result<Response, Error> {
        // Directus would take one from the query, too.
        let token = bearer_token(parts)?;
        match introspect(self, &token, client, identity).await {
            Ok(user_id) => known_caller::note(parts, || Caller::User(user_id)),
            // What is wrong with a token, Directus says.
            Err(Error::Unauthorized) => {}
            Err(error) => return Err(error),
        }
        let headers = handed_on(&parts.headers, client.address());
        let request = self.directus.forward(Method::GET, ME, parts.uri.query()).headers(headers);
        respond(self.hand_on(identity, client, HandedOn { request, path: ME, own: vec![token] }).await?, ME)
    }

    /// A token in the answer is known from then on where it was given out to.
    async fn hand_on(
        &self,
        identity: &Identity,
        client: Client,
        call: HandedOn<'_>,
    ) -> Result<Answer, Error> {
        let mut answer = self.directus.send(call.request, call.path).await?;
        if let Ok(GivenOut { data }) = serde_json::from_slice(&answer.body) {
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
struct HandedOn<'a> {
    request: RequestBuilder,
    path: &'a str,
    /// What in it is the caller's own secret.
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

/// Hides this server's secrets in an answer, and in one that is a failure the caller's
/// own: Directus likes to quote what it was sent. `None` where it can't be searched: it is
/// no JSON, or too large for a session or a user.
fn hide_secrets(answer: &mut Answer, own: &[SecretString]) -> Option<()> {
    if answer.body.is_empty() {
        return Some(());
    }
    if answer.body.len() > MAX_HANDED_BACK {
        return None;
    }
    let value: Value = serde_json::from_slice(&answer.body).ok()?;
    // They leave their wrappers to be looked for.
    let own = own.iter().map(|secret| secret.expose_secret()).filter(|_| answer.status >= 400);
    let mask = Mask::of(own, answer.body.len());
    let hidden = hide_in_json(value.clone(), mask.as_ref());
    if hidden != value {
        answer.body = hidden.to_string().into();
    }
    Some(())
}

/// What is read of an answer with tokens.
#[derive(Deserialize)]
struct GivenOut {
    data: RefreshToken,
}

#[derive(Deserialize)]
struct RefreshToken {
    refresh_token: SecretString,
}

/// Whether a password was looked at and was wrong, or is not enough by itself.
fn is_refusal(answer: &Answer) -> bool {
    matches!(StatusCode::from_u16(answer.status), Ok(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN))
}

/// The token of the session that Directus has begun, and how long it lasts.
fn session(headers: &HeaderMap) -> Option<(SecretString, Duration)> {
    let lines = headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.filter_map(|line| Cookie::parse(line).ok());
    let cookie = cookies.find(|cookie| cookie.name() == SESSION_COOKIE && !cookie.value().is_empty())?;
    Some((cookie.value().into(), cookie.max_age()?))
}

/// The session's token as Directus knows it.
fn as_cookie(token: &SecretString) -> HeaderValue {
    // It leaves its wrapper for the one whose it is.
    let value = HeaderValue::try_from(format!("{SESSION_COOKIE}={}", token.expose_secret()));
    let mut value = value.unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

fn handed_on(given: &HeaderMap, address: IpAddr) -> HeaderMap {
    let mut headers: HeaderMap =
        HANDED_ON.into_iter().filter_map(|name| Some((name.clone(), given.get(&name)?.clone()))).collect();
    if let Ok(address) = HeaderValue::try_from(address.to_string()) {
        headers.insert(FORWARDED_FOR.clone(), address);
    }
    headers
}

/// The status and the JSON of Directus as they are; of its headers none.
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

/// The same for a login, and its session in a cookie of ours.
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
    fn hands_on_four_calls_alone() {
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
    fn hands_on_what_is_listed_and_the_callers_true_address() {
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
        let headers = handed_on(&given, "198.51.100.7".parse().unwrap());
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "user-agent", "x-forwarded-for"]);
        assert_eq!(headers["x-forwarded-for"], "198.51.100.7");
    }

    #[test]
    fn a_session_is_what_directus_sets_its_cookie_to() {
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
    fn quotes_neither_secrets_of_this_server_nor_in_failures_the_callers_own() {
        crate::masking::hold(&"the-planted-admin-token-of-a-test".into());
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
        // What can't be searched goes to nobody.
        for body in ["<html>", r#"{"a": "\ud800"}"#, r#"{"a": 1e999}"#] {
            assert_eq!(hidden(500, body), "", "{body}");
        }
    }

    #[test]
    fn hands_back_json_and_no_content_and_nothing_else() {
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
