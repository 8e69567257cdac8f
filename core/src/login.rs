//! Whether cookies prove a login, at which of a platform's sites, and until when.
//!
//! Each site of a platform, such as x.com and twitter.com, has a login of its own: what is
//! left over at one says nothing about the other. What becomes of the cookies is not
//! decided here.

use crate::cookie::{Cookie, MAX_SESSION_END};
use crate::platform::{LoginCookie, Site};
use secrecy::ExposeSecret as _;
use serde::Serialize;

/// Whether the cookies prove a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Login {
    /// All cookies that prove it are there.
    Proven,
    /// These are not.
    Missing {
        /// Their names.
        cookies: Vec<&'static str>,
    },
    /// No cookie of this site proves a login.
    Unknown,
}

/// What the cookies say about a login, and when the first of those that prove it expires
/// (Unix seconds; `None` where none of them does, or they prove none).
pub(crate) fn judge(cookies: &[Cookie], site: &Site) -> (Login, Option<i64>) {
    nearest(cookies, site).map_or((Login::Unknown, None), |(_, login, expires)| (login, expires))
}

/// When the first of the cookies that prove the login expires, in Unix seconds;
/// `None` where none of them does, or they prove none.
#[must_use]
pub fn expiry(cookies: &[Cookie], site: &Site) -> Option<i64> {
    judge(cookies, site).1
}

/// The domain of the one site of a platform where the cookies prove a login: the first of
/// the catalogue's, where they do at several. `None` where they prove none.
#[must_use]
pub fn signed_in_at<'a, 'c>(
    cookies: impl IntoIterator<Item = &'c Cookie>,
    site: &'a Site,
) -> Option<&'a str> {
    nearest(cookies, site).and_then(|(domain, login, _)| (login == Login::Proven).then_some(domain))
}

/// The site of the platform whose cookies lack the least for a login; `None` where no
/// cookie proves one.
fn nearest<'a, 'c>(
    cookies: impl IntoIterator<Item = &'c Cookie>,
    site: &'a Site,
) -> Option<(&'a str, Login, Option<i64>)> {
    let cookies: Vec<_> = cookies.into_iter().collect();
    let wanted = site.login_cookies();
    if wanted.is_empty() {
        return None;
    }
    let judged = site.domains().into_iter().map(|domain| {
        let own = cookies.iter().copied().filter(|cookie| site.domain_of(cookie.host()) == Some(domain));
        let (missing, expires) = judge_one(&own.collect::<Vec<_>>(), wanted);
        (domain, missing, expires)
    });
    // The first of several.
    let (domain, missing, expires) = judged.min_by_key(|(_, missing, _)| missing.len())?;
    let login = if missing.is_empty() { Login::Proven } else { Login::Missing { cookies: missing } };
    Some((domain, login, expires))
}

/// What is missing among the cookies of one site, or when the login ends.
fn judge_one(cookies: &[&Cookie], wanted: &'static [LoginCookie]) -> (Vec<&'static str>, Option<i64>) {
    let proofs = |wanted: &LoginCookie| {
        let (name, value) = (wanted.name, wanted.value);
        cookies.iter().filter(move |cookie| {
            // Only compared: a cookie emptied on logging out proves nothing.
            let held = cookie.value.expose_secret();
            cookie.name == name && value.map_or(!held.is_empty(), |value| value == held)
        })
    };
    let missing: Vec<_> =
        wanted.iter().filter(|wanted| proofs(wanted).next().is_none()).map(|wanted| wanted.name).collect();
    let expires = wanted.iter().flat_map(proofs).filter_map(|cookie| cookie.expires).min();
    let expires = expires.map(|expires| expires.min(MAX_SESSION_END));
    if missing.is_empty() { (missing, expires) } else { (missing, None) }
}
