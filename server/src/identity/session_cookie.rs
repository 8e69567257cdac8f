//! The cookie that identifies a signed-in browser to the API of app credentials and to the pages
//! for people, and to nothing else. For writes the request must come from a page of this server's
//! own, because browsers also send cookies with requests from foreign pages.

use crate::client::Client;
use crate::error::Error;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

/// Browsers accept a name with this prefix only from the cookie's own host, over TLS (RFC 6265bis,
/// section 4.1.3.2).
const NAME: &str = "__Host-stagepass_session";
/// The name without TLS, which is allowed only on the server's own machine.
const LOCAL_NAME: &str = "stagepass_session";

/// A request's session cookie, and the context for setting one.
// Decision: docs/decisions/http.md#the-session-cookie-is-for-app-credentials-and-pages-only
#[derive(Debug)]
pub(crate) struct SessionCookie {
    token: Option<SecretString>,
    /// Whether the browser may send it without TLS.
    is_local: bool,
    is_same_origin: bool,
}

impl SessionCookie {
    pub(super) fn of(parts: &Parts, client: Client) -> Self {
        let (uri, headers) = (&parts.uri, &parts.headers);
        let is_local = is_local(client);
        let token = token(headers, name(is_local));
        Self { token, is_local, is_same_origin: is_same_origin(uri, headers, is_local) }
    }

    /// Whether a request with these headers has one.
    pub(crate) fn is_in(headers: &HeaderMap, client: Client) -> bool {
        token(headers, name(is_local(client))).is_some()
    }

    /// Whether the request has one.
    pub(super) fn is_given(&self) -> bool {
        self.token.is_some()
    }

    /// The token in the cookie, if the request may use it.
    pub(super) fn token(self, method: &Method) -> Result<SecretString, Error> {
        if !method.is_safe() {
            self.check_origin()?;
        }
        self.token.ok_or(Error::Unauthorized)
    }

    /// Refuses requests from foreign pages.
    pub(crate) fn check_origin(&self) -> Result<(), Error> {
        if self.is_same_origin { Ok(()) } else { Err(Error::ForbiddenOrigin) }
    }

    /// `Set-Cookie` for a token with this lifetime.
    pub(super) fn set(&self, token: &SecretString, lifetime: Duration) -> HeaderValue {
        // Exposed for the browser, to which it belongs.
        self.render(token.expose_secret(), lifetime)
    }

    /// `Set-Cookie` that removes the cookie.
    pub(crate) fn clear(&self) -> HeaderValue {
        self.render("", Duration::ZERO)
    }

    fn render(&self, value: &str, lifetime: Duration) -> HeaderValue {
        let cookie = Cookie::build((name(self.is_local), value))
            .path("/")
            .max_age(lifetime)
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(!self.is_local);
        // A token has letters, digits and few other characters.
        let rendered = HeaderValue::try_from(cookie.build().to_string());
        let mut rendered = rendered.unwrap_or(HeaderValue::from_static(""));
        rendered.set_sensitive(true);
        rendered
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionCookie {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let client = Client::from_request_parts(parts, state).await?;
        Ok(Self::of(parts, client))
    }
}

/// Whether the call came from this machine and, as far as this server knows, without TLS.
fn is_local(client: Client) -> bool {
    client.is_this_machine() && !client.is_over_tls()
}

fn name(is_local: bool) -> &'static str {
    if is_local { LOCAL_NAME } else { NAME }
}

/// The value of the cookie with a name; `None` if there are several.
fn token(headers: &HeaderMap, name: &str) -> Option<SecretString> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let cookies = lines.flat_map(Cookie::split_parse).filter_map(Result::ok);
    let mut values = cookies.filter(|cookie| cookie.name() == name).map(|cookie| cookie.value().into());
    values.next().filter(|_| values.next().is_none())
}

/// Whether a page of the same origin made the request: scheme, host and port (RFC 6454). Except on
/// this machine, the origin must be https, which this server or a proxy provides.
fn is_same_origin(uri: &Uri, headers: &HeaderMap, is_local: bool) -> bool {
    let mut given = headers.get_all(header::ORIGIN).iter();
    let origin = given.next().filter(|_| given.next().is_none()).and_then(|origin| origin.to_str().ok());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let (Some(origin), Some(host)) = (origin, host.or(uri.authority().map(|authority| authority.as_str())))
    else {
        return false;
    };
    let schemes: &[&str] = if is_local { &["http", "https"] } else { &["https"] };
    let own = schemes.iter().filter_map(|scheme| Url::parse(&format!("{scheme}://{host}")).ok());
    let mut own = own.map(|url| url.origin().ascii_serialization());
    own.any(|own| own == origin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn cookie(headers: &[(&'static str, &str)]) -> SessionCookie {
        let mut request = Request::builder().uri("/app");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        let client = Client::at_loopback(&parts);
        SessionCookie::of(&parts, client)
    }

    fn is_same_origin(host: &str, origins: &[&str]) -> bool {
        let mut headers = vec![("host", host)];
        headers.extend(origins.iter().map(|origin| ("origin", *origin)));
        cookie(&headers).check_origin().is_ok()
    }

    #[test]
    fn a_write_must_come_from_its_own_origin() {
        for (host, origin) in [
            ("127.0.0.1:3001", "http://127.0.0.1:3001"),
            ("localhost:3001", "http://localhost:3001"),
            ("[::1]:3001", "http://[::1]:3001"),
            ("localhost", "https://localhost"),
            ("stagepass.example", "https://stagepass.example"),
            ("stagepass.example:443", "https://stagepass.example"),
            ("stagepass.example:8443", "https://stagepass.example:8443"),
            ("Stagepass.Example", "https://stagepass.example"),
        ] {
            assert!(is_same_origin(host, &[origin]), "{origin} at {host}");
        }
        for (host, origin) in [
            ("127.0.0.1:3001", "http://127.0.0.1:8080"),
            ("127.0.0.1:3001", "http://localhost:3001"),
            ("127.0.0.1:3001", "null"),
            ("127.0.0.1:3001", ""),
            ("stagepass.example", "http://stagepass.example"),
            ("stagepass.example", "https://stagepass.example:8443"),
            ("stagepass.example", "https://evil.stagepass.example"),
            ("stagepass.example", "https://stagepass.example.evil"),
            ("stagepass.example", "https://stagepass.example/"),
        ] {
            assert!(!is_same_origin(host, &[origin]), "{origin} at {host}");
        }
        assert!(!is_same_origin("127.0.0.1:3001", &[]));
        assert!(!is_same_origin("127.0.0.1:3001", &["http://127.0.0.1:3001", "http://127.0.0.1:3001"]));
    }

    #[test]
    fn the_cookie_is_for_this_host_only_and_secure_except_on_this_machine() {
        let set = |host| {
            let set = cookie(&[("host", host)]).set(&"planted".into(), Duration::hours(1));
            assert!(set.is_sensitive());
            set.to_str().unwrap().to_owned()
        };
        assert_eq!(
            set("stagepass.example"),
            "__Host-stagepass_session=planted; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=3600"
        );
        let behind_proxy = cookie(&[("host", "127.0.0.1:3001"), ("x-forwarded-for", "192.0.2.1")]);
        let set_there = behind_proxy.set(&"planted".into(), Duration::hours(1));
        assert!(set_there.to_str().unwrap().starts_with("__Host-"), "a proxy may hide the host's name");
        assert_eq!(
            set("127.0.0.1:3001"),
            "stagepass_session=planted; HttpOnly; SameSite=Lax; Path=/; Max-Age=3600"
        );
    }

    #[test]
    fn over_tls_this_machine_is_treated_like_others() {
        let of = |origin: &str| {
            let request = Request::post("/app").header("host", "localhost:3001").header("origin", origin);
            let parts = request.body(()).unwrap().into_parts().0;
            let client = Client::at_loopback(&parts).over_tls();
            SessionCookie::of(&parts, client)
        };
        let own = of("https://localhost:3001");
        assert!(own.check_origin().is_ok() && of("http://localhost:3001").check_origin().is_err());
        let set = own.set(&"planted".into(), Duration::hours(1));
        assert_eq!(
            set.to_str().unwrap(),
            "__Host-stagepass_session=planted; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=3600"
        );
    }

    #[test]
    fn reads_the_cookie_only_once_and_under_its_own_name() {
        let token = |host: &'static str, lines: &[&str]| {
            let mut headers = vec![("host", host)];
            headers.extend(lines.iter().map(|line| ("cookie", *line)));
            let token = cookie(&headers).token(&Method::GET).ok()?;
            Some(token.expose_secret().to_owned())
        };
        let (local, public) = ("localhost:3001", "stagepass.example");
        assert_eq!(token(local, &["a=b; stagepass_session=x; c=d"]).as_deref(), Some("x"));
        assert_eq!(token(local, &["a=b", "stagepass_session=x"]).as_deref(), Some("x"));
        assert_eq!(token(public, &["__Host-stagepass_session=x"]).as_deref(), Some("x"));
        // A cookie that another host of the same site may have set is ignored.
        assert_eq!(token(public, &["stagepass_session=x"]), None);
        assert_eq!(token(local, &["stagepass_session=x; stagepass_session=y"]), None);
        assert_eq!(token(local, &["stagepass_session=x", "stagepass_session=x"]), None);
        assert_eq!(token(local, &["stagepass_sessio=x", "=;;", "stagepass_session"]), None);
        assert_eq!(token(local, &[]), None);
    }

    #[test]
    fn hides_the_token_in_debug_output() {
        let cookie = cookie(&[("host", "localhost"), ("cookie", "stagepass_session=planted")]);
        assert!(cookie.is_given() && !format!("{cookie:?}").contains("planted"));
    }
}
