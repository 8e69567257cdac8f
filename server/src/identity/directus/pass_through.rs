//! `POST /auth/login|refresh|logout` and `GET /users/me`, handed on to Directus,
//! so that a client needs one base URL. What is handed on is listed: no cookie,
//! no secret of a service, nothing that belongs to a connection (RFC 9110,
//! section 7.6.1), and no address but the one that the caller has.

use super::DirectusIdentity;
use crate::client::Client;
use crate::directus::DirectusError;
use crate::error::Error;
use crate::request::{Fields, is_json, read_body};
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::de::IgnoredAny;
use std::net::IpAddr;

/// The headers of a request that Directus gets as they are.
const HANDED_ON: [HeaderName; 3] = [header::AUTHORIZATION, header::CONTENT_TYPE, header::USER_AGENT];
/// By which Directus counts logins, and writes down where they come from.
static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whether a request is one of the four.
pub(in crate::identity) fn is_handed_on(method: &Method, path: &str) -> bool {
    match *method {
        Method::POST => matches!(path, "/auth/login" | "/auth/refresh" | "/auth/logout"),
        Method::GET | Method::HEAD => path == "/users/me",
        _ => false,
    }
}

impl DirectusIdentity {
    /// Hands on a request, which must be one of the four.
    pub(in crate::identity) async fn pass_through(
        &self,
        request: Request,
        client: Client,
    ) -> Result<Response, Error> {
        let path = request.uri().path().to_owned();
        if request.headers().get_all(header::AUTHORIZATION).iter().nth(1).is_some() {
            return Err(Error::Unauthorized);
        }
        let headers = handed_on(request.headers(), client.address());
        let handed_on = if request.method() == Method::POST {
            if !is_json(request.headers()) {
                return Err(Error::UnsupportedMediaType);
            }
            let body = read_body(request).await?;
            check_mode(&body)?;
            self.directus.forward(Method::POST, &path, None).body(body)
        } else {
            self.directus.forward(Method::GET, &path, request.uri().query())
        };
        let (status, body) = self.directus.send(handed_on.headers(headers), &path).await?;
        answer(status, body, &path)
    }
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
/// cookie, which would be one of this server. A body in which Directus might
/// see another mode is refused.
fn check_mode(body: &[u8]) -> Result<(), Error> {
    // Whatever else is wrong with it, Directus says.
    let Some(mut fields) = Fields::unambiguous(body)? else { return Ok(()) };
    match fields.text("mode")?.as_deref() {
        None | Some("json") => Ok(()),
        Some(_) => Err(Error::BadRequest("mode must be json".to_owned())),
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
        for body in ["{\"mode\":\"json\"}", "{}", "{\"mode\":null}", "no json", "[]"] {
            assert!(check_mode(body.as_bytes()).is_ok(), "{body}");
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
            let refused = check_mode(body.as_bytes());
            assert!(matches!(refused, Err(Error::BadRequest(_))), "{body}");
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
