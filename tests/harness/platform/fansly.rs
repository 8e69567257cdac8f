//! A platform that keeps its login in localStorage alone, as Fansly does: no cookie, and a token in a
//! header to a host of its own.

use super::State as Shared;
use super::site::LoginForm;
use anyhow::Result;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use secrecy::ExposeSecret as _;
use serde_json::json;
use std::sync::Arc;

pub(super) const HOST: &str = "fansly.com";
/// The host that gets the token.
pub(super) const API_HOST: &str = "apiv3.fansly.com";

/// The front page's functions.
pub(super) const SCRIPT: &str = r"
const signIn = async (body) => {
  const answer = await fetch('/api/v1/login', {method: 'POST', body});
  if (answer.ok) localStorage.setItem('session_active_session', JSON.stringify(await answer.json()));
};
const account = async () => {
  const held = localStorage.getItem('session_active_session');
  if (held === null) return null;
  const headers = {authorization: JSON.parse(held).token};
  const answer = await fetch('https://apiv3.fansly.com/api/v1/account/me', {headers});
  return answer.ok ? (await answer.json()).name : null;
};";

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/login", post(login))
        .route("/api/v1/account/me", get(me).options(async || allowed(StatusCode::NO_CONTENT)))
}

async fn login(State(shared): State<Arc<Shared>>, Form(form): Form<LoginForm>) -> Response {
    if !form.is_right(&shared) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    sign_in(&shared).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn sign_in(shared: &Shared) -> Result<Response> {
    let token = shared.generate_secret()?;
    shared.samples().fansly.push(token.as_str().into());
    Ok(Json(json!({"id": "1", "accountId": "2815162342", "token": token})).into_response())
}

async fn me(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let held = headers.get(header::AUTHORIZATION).and_then(|token| token.to_str().ok());
    let is_live = shared.samples().fansly.iter().any(|live| Some(live.expose_secret()) == held);
    if is_live {
        allowed(Json(json!({"name": shared.account.username})))
    } else {
        allowed(StatusCode::UNAUTHORIZED)
    }
}

/// Lets the front page's script send the token and read the answer.
fn allowed(response: impl IntoResponse) -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "https://fansly.com"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization"),
    ];
    (headers, response).into_response()
}
