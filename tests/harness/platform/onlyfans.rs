//! A platform that binds a session to a value in localStorage and to the user agent, as OnlyFans
//! does: a request with another one ends the session.

use super::State as Shared;
use super::site::{LoginForm, append_cookie, value_of};
use anyhow::Result;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use std::sync::Arc;

pub(super) const HOST: &str = "onlyfans.com";

/// The front page's functions. A browser makes its own value for `x-bc`, once.
pub(super) const SCRIPT: &str = r"
if (localStorage.getItem('bcTokenSha') === null) {
  const random = crypto.getRandomValues(new Uint8Array(20));
  localStorage.setItem('bcTokenSha', [...random].map((byte) => byte.toString(16).padStart(2, '0')).join(''));
}
const headers = () => ({'x-bc': localStorage.getItem('bcTokenSha')});
const signIn = (body) => fetch('/api2/v2/users/login', {method: 'POST', headers: headers(), body});
const account = async () => {
  const answer = await fetch('/api2/v2/users/me', {headers: headers()});
  return answer.ok ? (await answer.json()).name : null;
};";

/// A live session, and what it is bound to.
#[derive(Debug)]
pub(super) struct Login {
    sess: SecretString,
    bound_to: [SecretString; 2],
}

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/api2/v2/users/login", post(login)).route("/api2/v2/users/me", get(me))
}

async fn login(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Form(form): Form<LoginForm>,
) -> Response {
    match bound_to(&headers) {
        Some(bound_to) if form.is_right(&shared) => {
            sign_in(&shared, bound_to).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

fn sign_in(shared: &Shared, bound_to: [SecretString; 2]) -> Result<Response> {
    let (sess, auth_uid) = (shared.generate_secret()?, shared.generate_secret()?);
    shared.ledger().secrets.push(bound_to[0].clone());
    let mut response = Json(json!({"name": shared.account.username})).into_response();
    let cookies = [
        ("sess", sess.as_str(), "; HttpOnly"),
        ("auth_id", "48151623", ""),
        ("auth_uid_48151623", &auth_uid, "; HttpOnly"),
    ];
    for (name, value, rest) in cookies {
        let line = format!("{name}={value}; Domain=onlyfans.com; Path=/; Secure; Max-Age=86400{rest}");
        append_cookie(&mut response, &line);
    }
    shared.samples().onlyfans.push(Login { sess: sess.into(), bound_to });
    Ok(response)
}

async fn me(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let sess = value_of(&headers, "sess").unwrap_or_default();
    let mut samples = shared.samples();
    let Some(index) = samples.onlyfans.iter().position(|login| login.sess.expose_secret() == sess) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let login = &samples.onlyfans[index];
    let is_bound = bound_to(&headers).is_some_and(|[bc, agent]| {
        let [own_bc, own_agent] = &login.bound_to;
        bc.expose_secret() == own_bc.expose_secret() && agent.expose_secret() == own_agent.expose_secret()
    });
    if is_bound {
        return Json(json!({"name": shared.account.username})).into_response();
    }
    samples.onlyfans.remove(index);
    StatusCode::UNAUTHORIZED.into_response()
}

/// The value of `x-bc`, and the user agent.
fn bound_to(headers: &HeaderMap) -> Option<[SecretString; 2]> {
    let value = |name: &str| Some(SecretString::from(headers.get(name)?.to_str().ok()?));
    Some([value("x-bc")?, value(header::USER_AGENT.as_str())?])
}
