//! What all pages share: their frame, the policy under which a browser shows them, and the look of
//! failures.

use crate::api::is_page;
use crate::body::Time;
use crate::bounded_text::bounded;
use crate::client::Client;
use crate::clock::render_ms;
use crate::error::{self, Error};
use crate::identity::SessionCookie;
use crate::request::{DEFAULT_PAGE_SIZE, Listing};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use form_urlencoded::Serializer;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use sha2::{Digest as _, Sha256};
use std::convert::Infallible;
use std::sync::LazyLock;

pub(super) const SIGN_IN: &str = "/app/sign-in";
/// The longest name among many others, in characters.
const SHORT_CHARS: usize = 100;
const STYLE: &str = include_str!("style.css");
/// Only the page's own style, by its hash, and forms to this server.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
});

/// The entries of the menu.
const PARTS: [(&str, &str); 6] = [
    ("/app/credentials", "Credentials"),
    ("/app/types", "Types"),
    ("/app/projects", "Projects"),
    ("/app/connections", "Connections"),
    ("/app/sessions", "Sessions"),
    ("/app/capture-requests", "Capture requests"),
];

/// A page.
#[derive(Debug)]
pub(super) struct HtmlPage {
    pub(super) title: String,
    /// The page's entry in the menu, if any; `None` if no one is signed in.
    pub(super) part: Option<&'static str>,
    pub(super) status: StatusCode,
    pub(super) body: Markup,
}

impl HtmlPage {
    /// A page with the requested content, for a signed-in user.
    pub(super) fn new(part: &'static str, title: impl Into<String>, body: Markup) -> Self {
        Self { title: title.into(), part: Some(part), status: StatusCode::OK, body }
    }

    /// The same, with the status of a failure that it shows.
    pub(super) fn after(mut self, failure: Option<&Error>) -> Self {
        self.status = failure.map_or(self.status, Error::status);
        self
    }

    fn render(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) " · Stagepass" }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header {
                        strong { "Stagepass" }
                        @if let Some(part) = self.part { (menu(part)) }
                    }
                    main id="main" {
                        h1 { (self.title) }
                        (self.body)
                    }
                }
            }
        }
    }
}

fn menu(part: &str) -> Markup {
    html! {
        nav aria-label="Parts" {
            @for (path, name) in PARTS {
                a href=(path) aria-current=[(path == part).then_some("page")] { (name) }
            }
        }
        form method="post" action="/app/sign-out" { button.quiet type="submit" { "Sign out" } }
    }
}

impl IntoResponse for HtmlPage {
    fn into_response(self) -> Response {
        let policy = HeaderValue::from_static(POLICY.as_str());
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_SECURITY_POLICY, policy),
            // With no referrer at all, a browser would not reveal a form's origin either.
            (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        ];
        (self.status, headers, self.render().into_string()).into_response()
    }
}

/// The page that a request wants, for the case that it fails.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The path and query to return to; `None` if the request was more than a look.
    again: Option<String>,
    /// Whether there is a sign-in, for which to show the menu.
    has_session: bool,
}

impl Wanted {
    /// `None` if a request wants no page.
    pub(crate) fn of(request: &Request, client: Option<&Client>) -> Option<Self> {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        if !is_page(path) {
            return None;
        }
        let is_look = matches!(*request.method(), Method::GET | Method::HEAD);
        // Earlier notices need no repetition.
        let query = if query.starts_with("notice=") { "" } else { query };
        let again =
            is_look.then(|| if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") });
        Some(Self { again, has_session: SessionCookie::is_in(request.headers(), *client?) })
    }

    /// Turns a failure into a page, or asks the caller to sign in.
    pub(crate) fn render(self, response: &mut Response) {
        let Some(error) = error::take(response) else { return };
        let page = if matches!(*error, Error::Unauthorized) {
            Redirect::to(&self.sign_in()).into_response()
        } else {
            failure(&error, self.has_session).into_response()
        };
        // For instance how long to wait, and which methods are allowed.
        let mut headers = std::mem::take(response.headers_mut());
        headers.remove(header::CONTENT_LENGTH);
        headers.extend(page.headers().clone());
        *response = page;
        *response.headers_mut() = headers;
    }

    fn sign_in(self) -> String {
        match self.again {
            Some(again) => link(SIGN_IN, &[("next", &again)]),
            None => link(SIGN_IN, &[("notice", "signed-out")]),
        }
    }
}

fn failure(error: &Error, has_session: bool) -> HtmlPage {
    let status = error.status();
    let title = match status {
        StatusCode::NOT_FOUND => "There is nothing here",
        _ => "That did not work",
    };
    let body = html! {
        p { (sentence(error)) }
        @if let Some(seconds) = error.retry_after_s() { p { "Try again in " (seconds) " s." } }
        p { a href=(super::HOME) { "Go to your credentials" } }
    };
    let part = has_session.then_some("");
    HtmlPage { title: title.to_owned(), part, status, body }
}

/// A path with a query.
pub(super) fn link(path: &str, query: &[(&str, &str)]) -> String {
    let query = query.iter().filter(|(_, value)| !value.is_empty());
    let query = Serializer::new(String::new()).extend_pairs(query).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A page's message about the action before it.
pub(super) struct Notice(Option<&'static str>);

const NOTICES: [(&str, &str); 10] = [
    ("created", "Created."),
    ("saved", "Saved."),
    ("assigned", "Assigned to exactly these projects."),
    ("deleted", "Deleted."),
    ("revoked", "Revoked: its cookies and storage entries are erased from this server."),
    ("declined", "Declined."),
    ("allowed", "Allowed: services may renew this account's session."),
    ("forbidden", "Forbidden: no service can renew this account's session any more."),
    ("signed-out", "You are not signed in, so nothing was changed."),
    ("left", "You are signed out."),
];

impl Notice {
    pub(super) fn none() -> Self {
        Self(None)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Notice {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let mut given = query.filter(|(name, _)| name == "notice");
        let given = given.next().map(|(_, value)| value);
        Ok(Self(given.and_then(|given| Some(NOTICES.iter().find(|(name, _)| *name == given)?.1))))
    }
}

impl Render for Notice {
    fn render(&self) -> Markup {
        html! { @if let Some(text) = self.0 { p.notice role="status" { (text) } } }
    }
}

/// Redirects after an action, with a message.
pub(super) fn done(path: &str, notice: &str) -> Redirect {
    Redirect::to(&link(path, &[("notice", notice)]))
}

/// The failure, for a page that shows it beside the previous input.
pub(super) fn alert(failure: Option<&Error>) -> Markup {
    html! { @if let Some(error) = failure { p.alert role="alert" { (sentence(error)) } } }
}

/// The API's message as a sentence.
fn sentence(error: &Error) -> String {
    let text = error.to_string();
    let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    let stop = if rest.ends_with('.') { "" } else { "." };
    format!("{}{rest}{stop}", first.to_uppercase())
}

/// A name among many, shortened so that the page stays small.
pub(super) fn short(name: &str) -> String {
    bounded(name, SHORT_CHARS)
}

/// Links to the other pages of a list, which keep the query except for the page number.
pub(super) fn pager<T>(listing: &Listing<T>, path: &str, query: &[(&str, &str)]) -> Markup {
    let last = listing.total.div_ceil(u64::from(listing.page_size)).max(1);
    let to = |page: u64| {
        let page = page.to_string();
        let size = if listing.page_size == DEFAULT_PAGE_SIZE {
            String::new()
        } else {
            listing.page_size.to_string()
        };
        link(path, &[query, &[("pageSize", size.as_str()), ("page", page.as_str())]].concat())
    };
    let page = u64::from(listing.page);
    html! {
        @if last > 1 || page > last {
            nav.pager aria-label="Pages" {
                @if page > 1 { a rel="prev" href=(to((page - 1).min(last))) { "Previous" } }
                @if page > last { span { "There is no page " (page) ", the last is " (last) } } @else {
                    span { "Page " (page) " of " (last) }
                }
                @if page < last { a rel="next" href=(to(page + 1)) { "Next" } }
            }
        }
    }
}

/// A time from the API, for people.
pub(super) fn time(Time(time_ms): &Time) -> Markup {
    let time = render_ms(*time_ms);
    let minute = time.get(..16).unwrap_or(&time).replace('T', " ");
    html! { time datetime=(time) { (minute) " UTC" } }
}
