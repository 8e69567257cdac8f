//! The cookie by which a browser that has signed in says who it is, to the API of
//! app credentials and to the pages for people, and to nothing else. What it may
//! write there it must ask for from a page of this server's own: browsers send
//! cookies along with what pages of others ask for, too.

use crate::client::Client;
use crate::error::Error;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

/// Browsers take a name with this prefix from the host alone that the cookie is
/// for, over TLS (RFC 6265bis, section 4.1.3.2).
const NAME: &str = "__Host-stagepass_session";
/// Its name where there is no TLS: on the machine itself.
const LOCAL_NAME: &str = "stagepass_session";

/// What a request says of its session cookie, and for whom one would be set.
#[derive(Debug)]
pub(crate) struct SessionCookie {
    token: Option<SecretString>,
    is_local: bool,
    is_same_origin: bool,
}

impl SessionCookie {
    pub(super) fn of(parts: &Parts, client: Client) -> Self {
        let (uri, headers) = (&parts.uri, &parts.headers);
        let is_local = client.is_this_machine();
        let token = token(headers, name(is_local));
        Self { token, is_local, is_same_origin: is_same_origin(uri, headers, is_local) }
    }

    /// Whether a request with these headers brings one.
    pub(crate) fn is_in(headers: &HeaderMap, client: Client) -> bool {
        token(headers, name(client.is_this_machine())).is_some()
    }

    /// Whether the request brings one.
    pub(super) fn is_given(&self) -> bool {
        self.token.is_some()
    }

    /// The token in it, for a request that may be made with it.
    pub(super) fn token(self, method: &Method) -> Result<SecretString, Error> {
        if !method.is_safe() {
            self.check_origin()?;
        }
        self.token.ok_or(Error::Unauthorized)
    }

    /// Refuses what a page of another's asks for.
    pub(crate) fn check_origin(&self) -> Result<(), Error> {
        if self.is_same_origin { Ok(()) } else { Err(Error::ForbiddenOrigin) }
    }

    /// `Set-Cookie` for a token that is good for so long.
    pub(super) fn set(&self, token: &SecretString, lifetime: Duration) -> HeaderValue {
        // The browser is whom the token is for.
        self.render(token.expose_secret(), lifetime)
    }

    /// `Set-Cookie` that takes the cookie away.
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
        // A token has letters, digits and little else.
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

fn name(is_local: bool) -> &'static str {
    if is_local { LOCAL_NAME } else { NAME }
}

/// The value of the cookie with a name; none where several have it.
fn token(headers: &HeaderMap, name: &str) -> Option<SecretString> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let cookies = lines.flat_map(Cookie::split_parse).filter_map(Result::ok);
    let mut values = cookies.filter(|cookie| cookie.name() == name).map(|cookie| cookie.value().into());
    values.next().filter(|_| values.next().is_none())
}

/// Whether a request was made by a page of the very origin that it goes to: scheme,
/// host and port (RFC 6454). Beyond this machine that has TLS, in a proxy.
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
    fn a_write_needs_the_very_origin_that_it_goes_to() {
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
    fn the_cookie_is_this_hosts_alone_and_secure_but_on_the_machine_itself() {
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
    fn the_cookie_is_read_under_its_own_name_and_once() {
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
        // What another host of the same site may have set is none of ours.
        assert_eq!(token(public, &["stagepass_session=x"]), None);
        assert_eq!(token(local, &["stagepass_session=x; stagepass_session=y"]), None);
        assert_eq!(token(local, &["stagepass_session=x", "stagepass_session=x"]), None);
        assert_eq!(token(local, &["stagepass_sessio=x", "=;;", "stagepass_session"]), None);
        assert_eq!(token(local, &[]), None);
    }

    #[test]
    fn its_debug_form_holds_no_token() {
        let cookie = cookie(&[("host", "localhost"), ("cookie", "stagepass_session=planted")]);
        assert!(cookie.is_given() && !format!("{cookie:?}").contains("planted"));
    }
}
