//! `POST /auth/login|refresh|logout` and `GET /users/me`, handed on to Directus,
//! so that a client needs one base URL. What is handed on is listed: no cookie,
//! no secret of a service, nothing that belongs to a connection (RFC 9110,
//! section 7.6.1), and no address but the one that the caller has.

use super::DirectusIdentity;
use crate::app::App;
use crate::audit::{Caller, Entry};
use crate::client::Client;
use crate::directus::DirectusError;
use crate::error::Error;
use crate::identity::login_attempts::LoginAttempt;
use crate::identity::user::{bearer_token, introspect};
use crate::request::{Fields, is_json, read_body};
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use reqwest::RequestBuilder;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::net::IpAddr;

const LOGIN: &str = "/auth/login";
const REFRESH: &str = "/auth/refresh";
const LOGOUT: &str = "/auth/logout";
const ME: &str = "/users/me";
/// The headers of a request that Directus gets as they are.
const HANDED_ON: [HeaderName; 3] = [header::AUTHORIZATION, header::CONTENT_TYPE, header::USER_AGENT];
/// By which Directus counts logins, and writes down where they come from.
static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whether a request is one of the four.
pub(in crate::identity) fn is_handed_on(method: &Method, path: &str) -> bool {
    match *method {
        Method::POST => matches!(path, LOGIN | REFRESH | LOGOUT),
        Method::GET | Method::HEAD => path == ME,
        _ => false,
    }
}

impl DirectusIdentity {
    /// Hands on a request, which must be one of the four, unless its caller
    /// makes too many.
    pub(in crate::identity) async fn pass_through(
        &self,
        app: &App,
        request: Request,
        client: Client,
    ) -> Result<Response, Error> {
        if request.headers().get_all(header::AUTHORIZATION).iter().nth(1).is_some() {
            return Err(Error::Unauthorized);
        }
        let headers = handed_on(request.headers(), client.address());
        if request.method() == Method::POST {
            self.pass_body(app, request, headers, client).await
        } else {
            self.pass_me(app, request, headers, client).await
        }
    }

    async fn pass_body(
        &self,
        app: &App,
        request: Request,
        headers: HeaderMap,
        client: Client,
    ) -> Result<Response, Error> {
        if !is_json(request.headers()) {
            return Err(Error::UnsupportedMediaType);
        }
        let path = request.uri().path().to_owned();
        let body = read_body(request).await?;
        let mut fields = Fields::parse(&body)?;
        check_mode(&mut fields)?;
        let request = self.directus.forward(Method::POST, &path, None).headers(headers).body(body);
        if path == LOGIN {
            let email = fields.text("email")?;
            return self.log_in(app, email.as_deref(), client, request).await;
        }
        let token = fields.required_secret("refresh_token")?;
        app.limits.check_guess(client, &token)?;
        self.hand_on(app, client, request, &path).await
    }

    async fn log_in(
        &self,
        app: &App,
        email: Option<&str>,
        client: Client,
        request: RequestBuilder,
    ) -> Result<Response, Error> {
        let attempt = LoginAttempt::count(app, email, client).await?;
        let response = self.hand_on(app, client, request, LOGIN).await;
        if response.as_ref().is_ok_and(|response| is_refusal(response.status())) {
            let entry = Entry::new(&Caller::Anonymous, "login").with_outcome(Error::InvalidCredentials);
            app.database.append(entry).await?;
        } else {
            attempt.take_back(app).await?;
        }
        response
    }

    async fn pass_me(
        &self,
        app: &App,
        request: Request,
        headers: HeaderMap,
        client: Client,
    ) -> Result<Response, Error> {
        let (parts, _) = request.into_parts();
        // Directus would take one from the query, too.
        let token = bearer_token(&parts)?;
        match introspect(self, &token, client, app).await {
            // What is wrong with a token, Directus says.
            Ok(_) | Err(Error::Unauthorized) => {}
            Err(error) => return Err(error),
        }
        let request = self.directus.forward(Method::GET, ME, parts.uri.query()).headers(headers);
        self.hand_on(app, client, request, ME).await
    }

    /// A refresh token in the answer is known from then on where it was given out to.
    async fn hand_on(
        &self,
        app: &App,
        client: Client,
        request: RequestBuilder,
        path: &str,
    ) -> Result<Response, Error> {
        let (status, body) = self.directus.send(request, path).await?;
        if let Ok(GivenOut { data }) = serde_json::from_slice(&body) {
            app.limits.note_passed(client, &data.refresh_token);
        }
        answer(status, body, path)
    }
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
fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

fn handed_on(given: &HeaderMap, address: IpAddr) -> HeaderMap {
    let mut headers: HeaderMap =
        HANDED_ON.into_iter().filter_map(|name| Some((name.clone(), given.get(&name)?.clone()))).collect();
    if let Ok(address) = HeaderValue::try_from(address.to_string()) {
        headers.insert(FORWARDED_FOR.clone(), address);
    }
    headers
}

/// Tokens come in the answer's body alone: the other modes of Directus set a
/// cookie, which would be one of this server.
fn check_mode(fields: &mut Fields) -> Result<(), Error> {
    match fields.text("mode")? {
        Some(mode) if mode != "json" => Err(Error::BadRequest("mode must be json".to_owned())),
        _ => Ok(()),
    }
}

/// The status and the JSON of Directus as they are; of its headers none.
fn answer(status: u16, body: Bytes, path: &str) -> Result<Response, Error> {
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
        assert_eq!(names, ["authorization", "content-type", "user-agent", "x-forwarded-for"]);
        assert_eq!(headers["x-forwarded-for"], "198.51.100.7");
    }

    #[test]
    fn refuses_modes_that_set_a_cookie() {
        let check =
            |body: &str| Fields::parse(body.as_bytes()).and_then(|mut fields| check_mode(&mut fields));
        for body in ["{\"mode\":\"json\"}", "{}", "{\"mode\":null}"] {
            assert!(check(body).is_ok(), "{body}");
        }
        for body in [
            "{\"mode\":\"session\"}",
            "{\"mode\":[\"session\"]}",
            "{\"email\":\"a\",\"mode\":\"cookie\"}",
            "{\"mode\":\"json\",\"mode\":\"session\"}",
            "{\"mode\":\"session\",\"mode\":\"json\"}",
            "{\"mode\":\"json\",\"m\\u006fde\":\"session\"}",
            "{\"email\":\"a\",\"email\":\"b\"}",
        ] {
            assert!(matches!(check(body), Err(Error::BadRequest(_))), "{body}");
        }
    }

    #[test]
    fn hands_back_json_and_no_content_and_nothing_else() {
        let answer = |status, body: &'static str| answer(status, Bytes::from_static(body.as_bytes()), "/x");
        assert_eq!(answer(200, "{\"data\":1}").unwrap().status(), 200);
        assert_eq!(answer(401, "{\"errors\":[]}").unwrap().status(), 401);
        assert_eq!(answer(204, "").unwrap().status(), 204);
        for (status, body) in [(200, ""), (200, "<html>"), (302, "{}"), (503, "busy"), (1000, "{}")] {
            assert!(matches!(answer(status, body), Err(Error::Directus(_))), "{status} {body}");
        }
    }
}
