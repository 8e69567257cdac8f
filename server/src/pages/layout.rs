//! What all pages share: their frame, the policy that a browser shows them
//! under, and how a failure looks.

use crate::api::is_page;
use crate::bounded_text::bounded;
use crate::client::Client;
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
/// The page's own style, by its hash, and forms that are sent to this server:
/// nothing else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
});

/// The parts of the pages that the menu leads to.
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
pub(super) struct Page {
    pub(super) title: String,
    /// The menu's entry that it belongs to, if any; none where nobody is signed in.
    pub(super) part: Option<&'static str>,
    pub(super) status: StatusCode,
    pub(super) body: Markup,
}

impl Page {
    /// One that shows what was asked for, to somebody who is signed in.
    pub(super) fn new(part: &'static str, title: impl Into<String>, body: Markup) -> Self {
        Self { title: title.into(), part: Some(part), status: StatusCode::OK, body }
    }

    /// The same, with the status of a failure that it tells of.
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

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let policy = HeaderValue::from_static(POLICY.as_str());
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_SECURITY_POLICY, policy),
            // Without a referrer at all, a browser would not tell a form's origin either.
            (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        ];
        (self.status, headers, self.render().into_string()).into_response()
    }
}

/// A page that a request wants, for when it can't be had.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The path and query to come back to; none where more than a look was wanted.
    again: Option<String>,
    /// Whether there is a session to show the menu to.
    has_session: bool,
}

impl Wanted {
    /// None where a request wants no page.
    pub(crate) fn of(request: &Request, client: Option<&Client>) -> Option<Self> {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        if !is_page(path) {
            return None;
        }
        let is_look = matches!(*request.method(), Method::GET | Method::HEAD);
        // What was done before need not be told again.
        let query = if query.starts_with("notice=") { "" } else { query };
        let again =
            is_look.then(|| if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") });
        Some(Self { again, has_session: SessionCookie::is_in(request.headers(), *client?) })
    }

    /// Makes a page of a failure; whoever is not signed in is asked to.
    pub(crate) fn render(self, response: &mut Response) {
        let Some(error) = error::take(response) else { return };
        let page = if matches!(*error, Error::Unauthorized) {
            Redirect::to(&self.sign_in()).into_response()
        } else {
            failure(&error, self.has_session).into_response()
        };
        // Such as how long to wait, and which methods there are.
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

fn failure(error: &Error, has_session: bool) -> Page {
    let status = error.status();
    let title = match status {
        StatusCode::NOT_FOUND => "There is nothing here",
        _ => "That did not work",
    };
    let body = html! {
        p { (sentence(error)) }
        @if let Some(seconds) = error.retry_after_s() { p { "Try again in " (seconds) " s." } }
        p { a href=(super::HOME) { "To your credentials" } }
    };
    let part = has_session.then_some("");
    Page { title: title.to_owned(), part, status, body }
}

/// A path with a query.
pub(super) fn link(path: &str, query: &[(&str, &str)]) -> String {
    let query = query.iter().filter(|(_, value)| !value.is_empty());
    let query = Serializer::new(String::new()).extend_pairs(query).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// What a page says of what was done before it.
pub(super) struct Notice(Option<&'static str>);

const NOTICES: [(&str, &str); 8] = [
    ("made", "Made."),
    ("saved", "Saved."),
    ("assigned", "Handed to these projects, and to no others."),
    ("deleted", "Deleted."),
    ("revoked", "Revoked: its cookies are erased from this server."),
    ("declined", "Declined."),
    ("signed-out", "You are not signed in. What you sent has not been done."),
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

/// Where the browser goes once something is done, and what it is told there.
pub(super) fn done(path: &str, notice: &str) -> Redirect {
    Redirect::to(&link(path, &[("notice", notice)]))
}

/// What went wrong, where a page shows it beside what was filled in.
pub(super) fn alert(failure: Option<&Error>) -> Markup {
    html! { @if let Some(error) = failure { p.alert role="alert" { (sentence(error)) } } }
}

/// What the API says, as a sentence.
fn sentence(error: &Error) -> String {
    let text = error.to_string();
    let (first, rest) = text.split_at(text.chars().next().map_or(0, char::len_utf8));
    let stop = if rest.ends_with('.') { "" } else { "." };
    format!("{}{rest}{stop}", first.to_uppercase())
}

/// A name among many. All of it, where it is as long as it may be, would make a page large.
pub(super) fn short(name: &str) -> String {
    bounded(name, SHORT_CHARS)
}

/// The other pages of a list, whose query is kept but for the page's number.
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

/// A time of the API's, for people.
pub(super) fn time(time: &str) -> Markup {
    let minute = time.get(..16).unwrap_or(time).replace('T', " ");
    html! { time datetime=(time) { (minute) " UTC" } }
}
