//! Signing in and out.

use super::HOME;
use super::filled::Filled;
use super::layout::{HtmlPage, Notice, SIGN_IN, alert, done};
use crate::api::is_page;
use crate::app::App;
use crate::client::Client;
use crate::error::Error;
use crate::identity::{self, SessionCookie, UserId};
use crate::request::Parameters;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Where to go after signing in.
#[derive(Deserialize)]
pub(super) struct Next {
    next: Option<String>,
}

impl Next {
    /// One of these pages, whatever the request named.
    fn path(&self) -> &str {
        let is_plain = |path: &&str| is_page(path) && path.bytes().all(|byte| byte.is_ascii_graphic());
        self.next.as_deref().filter(is_plain).filter(|path| !path.contains('\\')).unwrap_or(HOME)
    }
}

/// Asks the user to sign in.
pub(super) async fn form(
    user: Result<UserId, Error>,
    State(app): State<Arc<App>>,
    notice: Notice,
    Parameters(next): Parameters<Next>,
) -> Response {
    match user {
        Ok(_) => Redirect::to(next.path()).into_response(),
        Err(_) => page(&app, &next, "", None, &notice).into_response(),
    }
}

fn page(app: &App, next: &Next, email: &str, failure: Option<&Error>, notice: &Notice) -> HtmlPage {
    let body = html! {
        (notice)
        (alert(failure))
        form.narrow method="post" action=(SIGN_IN) {
            label for="email" { "E-mail address" }
            input id="email" name="email" type="email" value=(email) autocomplete="username" required
                autofocus[email.is_empty()];
            label for="password" { "Password" }
            input id="password" name="password" type="password" autocomplete="current-password" required
                autofocus[!email.is_empty()];
            @if !app.identity.has_own_users() {
                label for="otp" { "One-time code, if your account has one" }
                input id="otp" name="otp" inputmode="numeric" autocomplete="one-time-code";
            }
            input type="hidden" name="next" value=(next.path());
            button type="submit" { "Sign in" }
        }
    };
    let page = HtmlPage { title: "Sign in".to_owned(), part: None, status: StatusCode::OK, body };
    page.after(failure)
}

/// Signs in, and continues to the requested page.
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    client: Client,
    cookie: SessionCookie,
    parts: Parts,
    filled: Filled,
) -> Result<Response, Error> {
    // Otherwise a foreign page could sign someone in as its own user.
    cookie.check_origin()?;
    let next = Next { next: Some(filled.text("next").to_owned()) };
    let mut members = json!({
        "mode": "session",
        "email": filled.text("email"),
        // Exposed for the check.
        "password": filled.secret("password").expose_secret(),
    });
    if !filled.text("otp").is_empty() {
        members["otp"] = filled.text("otp").into();
    }
    let answer = identity::sign_in(&app.identity, client, &parts, members.to_string().into()).await;
    match answer {
        Ok(cookie) => Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next.path())).into_response()),
        Err(error @ (Error::InvalidCredentials | Error::BadRequest(_))) => {
            Ok(page(&app, &next, filled.text("email"), Some(&error), &Notice::none()).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Ends the sign-in.
pub(super) async fn sign_out(
    State(app): State<Arc<App>>,
    client: Client,
    cookie: SessionCookie,
    parts: Parts,
) -> Result<Response, Error> {
    cookie.check_origin()?;
    // Even one that has already ended is to be forgotten.
    match identity::sign_out(&app.identity, client, &parts).await {
        Ok(_) | Err(Error::Unauthorized | Error::InvalidCredentials) => {}
        Err(error) => return Err(error),
    }
    Ok(([(header::SET_COOKIE, cookie.clear())], done(SIGN_IN, "left")).into_response())
}
