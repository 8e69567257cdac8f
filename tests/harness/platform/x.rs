//! A platform that wants the token of a cookie once more in a header, as X does.

use super::State as Shared;
use super::site::{LoginForm, append_cookie, value_of};
use anyhow::Result;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use std::sync::Arc;

pub(super) const HOST: &str = "x.com";

/// The front page's functions.
pub(super) const SCRIPT: &str = r"
const signIn = (body) => fetch('/i/api/login', {method: 'POST', body});
const account = async () => {
  const token = /(?:^|; )ct0=([^;]*)/.exec(document.cookie)?.[1] ?? '';
  const answer = await fetch('/i/api/1.1/account/settings.json', {headers: {'x-csrf-token': token}});
  return answer.ok ? (await answer.json()).name : null;
};";

/// A live session.
#[derive(Debug)]
pub(super) struct Login {
    auth_token: SecretString,
    ct0: SecretString,
}

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/i/api/login", post(login)).route("/i/api/1.1/account/settings.json", get(settings))
}

async fn login(State(shared): State<Arc<Shared>>, Form(form): Form<LoginForm>) -> Response {
    if !form.is_right(&shared) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    sign_in(&shared).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn sign_in(shared: &Shared) -> Result<Response> {
    let (auth_token, ct0) = (shared.generate_secret()?, shared.generate_secret()?);
    let mut response = Json(json!({"name": shared.account.username})).into_response();
    let cookies =
        [("auth_token", auth_token.as_str(), "; HttpOnly"), ("ct0", &ct0, ""), ("twid", "u%3D1", "")];
    for (name, value, rest) in cookies {
        let line = format!("{name}={value}; Domain=x.com; Path=/; Secure; Max-Age=86400{rest}");
        append_cookie(&mut response, &line);
    }
    shared.samples().x.push(Login { auth_token: auth_token.into(), ct0: ct0.into() });
    Ok(response)
}

async fn settings(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let auth_token = value_of(&headers, "auth_token").unwrap_or_default();
    let token = headers.get("x-csrf-token").and_then(|token| token.to_str().ok()).unwrap_or_default();
    let is_live =
        shared.samples().x.iter().any(|login| {
            login.auth_token.expose_secret() == auth_token && login.ct0.expose_secret() == token
        });
    if is_live {
        Json(json!({"name": shared.account.username})).into_response()
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}
