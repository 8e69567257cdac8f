//! The pages of the sample platform, and the front page of each further one.

use super::session::{API_HOST, split_by_host};
use super::{FRONT_URL, IssuedCookie, RequestRecord, SHORT_HOST, State as Shared, VIDEO_URL};
use super::{fansly, hanging, onlyfans, x};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use std::sync::Arc;
use tower_http::services::ServeFile;

/// Where the video lies; its bytes are also compiled in, for comparison.
const VIDEO_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/backstage.mp4");

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/accounts/login/", get(login_form).post(login))
        .route("/accounts/continue/", get(proceed))
        .route("/accounts/logout/", post(logout))
        .route("/backstage", get(short_link))
        .route("/video/backstage.mp4", get(video))
        .route("/video/encore.mp4", get(rotating_video))
        .route("/video/anthem.mp4", get(odd_video))
        .merge(onlyfans::router())
        .merge(fansly::router())
        .merge(x::router())
        .merge(hanging::router())
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), record))
        .with_state(shared)
}

async fn record(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let mut record = RequestRecord {
        method: request.method().to_string(),
        host: host.to_owned(),
        path: request.uri().path().to_owned(),
        status: 0,
        has_cookies: request.headers().contains_key(header::COOKIE),
    };
    let response = next.run(request).await;
    record.status = response.status().as_u16();
    shared.requests().push(record);
    response
}

async fn front(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    match headers.get(header::HOST).and_then(|host| host.to_str().ok()) {
        Some(onlyfans::HOST) => return front_of("OnlyFans", onlyfans::SCRIPT).into_response(),
        Some(fansly::HOST) => return front_of("Fansly", fansly::SCRIPT).into_response(),
        Some(x::HOST) => return front_of("X", x::SCRIPT).into_response(),
        _ => {}
    }
    let name = shared.account.username;
    if is_signed_in(&shared, &headers) {
        let body = format!(
            "<p id=\"status\">Signed in as {name}</p>
             <form method=\"post\" action=\"/accounts/logout/\"><button id=\"logout\">Log out</button></form>
             <video src=\"/video/backstage.mp4\" controls muted preload=\"metadata\"></video>"
        );
        return page("Backstage", &body).into_response();
    }
    let body = "<p id=\"status\">Signed out</p><p><a id=\"login\" href=\"/accounts/login/\">Log in</a></p>";
    page("Backstage", body).into_response()
}

async fn login_form(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let form = login_page("");
    if value_of(&headers, "csrftoken").is_some() {
        return form.into_response();
    }
    match shared.ledger().greet() {
        Ok(cookie) => with_cookies(form, &[cookie]),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The front page of a further platform: `script` has the functions `signIn(fields)` and
/// `account()`, which returns the name of the signed-in account.
fn front_of(name: &str, script: &str) -> Html<String> {
    let body = format!(
        "<p id=\"status\">Loading</p>
         <form id=\"login\">
           <p><label>Name <input name=\"username\" autocomplete=\"username\" required></label></p>
           <p><label>Password <input name=\"password\" type=\"password\" required></label></p>
           <p><button id=\"submit\">Log in</button></p>
         </form>
         <script>
           {script}
           const form = document.querySelector('#login');
           async function show() {{
             const name = await account();
             document.querySelector('#status').textContent = name ? `Signed in as ${{name}}` : 'Signed out';
           }}
           form.addEventListener('submit', async (event) => {{
             event.preventDefault();
             await signIn(new URLSearchParams(new FormData(form)));
             await show();
           }});
           show();
         </script>"
    );
    page(name, &body)
}

#[derive(Deserialize)]
pub(super) struct LoginForm {
    username: String,
    password: SecretString,
}

impl LoginForm {
    /// Whether name and password are the account's.
    pub(super) fn is_right(&self, shared: &Shared) -> bool {
        let account = &shared.account;
        self.username == account.username && self.password.expose_secret() == account.password.expose_secret()
    }
}

async fn login(State(shared): State<Arc<Shared>>, Form(form): Form<LoginForm>) -> Response {
    if !form.is_right(&shared) {
        let page = login_page("<p id=\"error\" role=\"alert\">Wrong name or password.</p>");
        return (StatusCode::UNAUTHORIZED, page).into_response();
    }
    let Ok(login) = shared.ledger().sign_in() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    // A host can't set another host's own cookies, so the login visits that host.
    let next = format!("https://{API_HOST}/accounts/continue/?ticket={}", login.ticket);
    let (_, here) = split_by_host(&login.cookies);
    with_cookies(Redirect::to(&next), &here)
}

#[derive(Deserialize)]
struct Ticket {
    ticket: String,
}

async fn proceed(State(shared): State<Arc<Shared>>, Query(query): Query<Ticket>) -> Response {
    match shared.ledger().redeem(&query.ticket) {
        Some(cookies) => with_cookies(Redirect::to(FRONT_URL), &cookies),
        None => (StatusCode::FORBIDDEN, page("Refused", "<p>This ticket is spent.</p>")).into_response(),
    }
}

async fn logout(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if let Some(session_id) = value_of(&headers, "sessionid") {
        shared.ledger().sign_out(&session_id);
    }
    let mut response = Redirect::to("/").into_response();
    for name in ["sessionid", "ds_user_id"] {
        let mut cookie = cookie::Cookie::build(name).domain("instagram.com").path("/").secure(true).build();
        cookie.make_removal();
        append_cookie(&mut response, &cookie.to_string());
    }
    response
}

async fn video(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if !is_signed_in(&shared, request.headers()) {
        let page = page("Refused", "<p>Log in to see this video.</p>");
        return (StatusCode::FORBIDDEN, page).into_response();
    }
    match ServeFile::new(VIDEO_FILE).try_call(request).await {
        Ok(response) => response.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Redirects a short link, only on its own host.
async fn short_link(headers: HeaderMap) -> Response {
    if headers.get(header::HOST).is_some_and(|host| host == SHORT_HOST) {
        Redirect::to(VIDEO_URL).into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

async fn rotating_video(shared: State<Arc<Shared>>, request: Request) -> Response {
    let session_id = value_of(request.headers(), "sessionid").unwrap_or_default();
    let is_live = shared.ledger().is_live(&session_id);
    let cookies = if is_live { shared.ledger().rotate(&session_id).unwrap_or_default() } else { Vec::new() };
    // The request carries the cookie that has just ended, so it is answered here.
    match ServeFile::new(VIDEO_FILE).try_call(request).await {
        Ok(response) if is_live => with_cookies(response.into_response(), &cookies),
        Ok(_) => StatusCode::FORBIDDEN.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn odd_video(shared: State<Arc<Shared>>, request: Request) -> Response {
    let mut response = video(shared, request).await;
    append_cookie(&mut response, "asp=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT; Path=/; Secure");
    append_cookie(&mut response, "bare; Path=/; Secure");
    response
}

fn is_signed_in(shared: &Shared, headers: &HeaderMap) -> bool {
    value_of(headers, "sessionid").is_some_and(|session_id| shared.ledger().is_live(&session_id))
}

/// The value of the cookie `name` in a request.
pub(super) fn value_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(cookie::Cookie::split_parse).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

fn with_cookies(response: impl IntoResponse, cookies: &[IssuedCookie]) -> Response {
    let mut response = response.into_response();
    for cookie in cookies {
        match cookie.set_cookie() {
            Ok(line) => append_cookie(&mut response, &line),
            Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
    response
}

pub(super) fn append_cookie(response: &mut Response, line: &str) {
    if let Ok(line) = HeaderValue::from_str(line) {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
}

fn login_page(message: &str) -> Html<String> {
    let form = format!(
        "{message}<form method=\"post\" action=\"/accounts/login/\">
           <p><label>Name <input name=\"username\" autocomplete=\"username\" required></label></p>
           <p><label>Password <input name=\"password\" type=\"password\" required></label></p>
           <p><button id=\"submit\">Log in</button></p>
         </form>"
    );
    page("Log in", &form)
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>
         <style>body {{ font: 1rem system-ui; max-width: 40rem; margin: 3rem auto; }}</style></head>
         <body><h1>{title}</h1>{body}</body></html>"
    ))
}
