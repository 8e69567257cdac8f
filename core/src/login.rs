//! Decides whether cookies and origin storage prove a login, at which of a platform's sites, and
//! until when.
//!
//! Each site of a platform (such as x.com and twitter.com) has its own login: old cookies
//! at one say nothing about the other. `normalise` decides which cookies are kept.

use crate::cookie::{Cookie, MAX_SESSION_END};
use crate::json_member::member;
use crate::origin_storage::StorageEntry;
use crate::platform::{LoginCookie, LoginEntry, Part, Site};
use crate::session::Session;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use std::borrow::Cow;

/// Whether a session proves a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Login {
    /// Everything that proves the login is present.
    Proven,
    /// Something that proves the login is missing.
    Missing {
        /// The names of the missing cookies.
        cookies: Vec<&'static str>,
        /// The names of the missing storage entries.
        entries: Vec<&'static str>,
    },
    /// The catalogue doesn't say what proves a login at this site.
    Unknown,
}

/// Whether a session proves a login, and when the first of the cookies that do expires (Unix
/// seconds; `None` if none of them expires or there is no login).
pub(crate) fn login_and_expiry(session: Session<'_>, site: &Site) -> (Login, Option<i64>) {
    best_site(session, site).map_or((Login::Unknown, None), |best| (best.missing.into_login(), best.expires))
}

/// When the first of the cookies that prove the login expires, in Unix seconds; `None` if
/// none of them expires or there is no login.
#[must_use]
pub fn expiry<'s>(session: impl Into<Session<'s>>, site: &Site) -> Option<i64> {
    login_and_expiry(session.into(), site).1
}

/// The domain of the platform's site where the session proves a login; the first one in the
/// catalogue if there are several. `None` without a login.
// Decision: docs/decisions/capture.md#a-session-is-of-one-site-of-its-platform
#[must_use]
pub fn signed_in_at<'s, 'a>(session: impl Into<Session<'s>>, site: &'a Site) -> Option<&'a str> {
    best_site(session.into(), site).and_then(|best| best.missing.is_empty().then_some(best.domain))
}

/// The site of a platform where a login is most nearly proven.
struct BestSite<'a> {
    domain: &'a str,
    missing: Missing,
    expires: Option<i64>,
}

/// The names of what a site lacks for a login.
struct Missing {
    cookies: Vec<&'static str>,
    entries: Vec<&'static str>,
}

impl Missing {
    fn is_empty(&self) -> bool {
        self.cookies.is_empty() && self.entries.is_empty()
    }

    fn into_login(self) -> Login {
        if self.is_empty() {
            return Login::Proven;
        }
        Login::Missing { cookies: self.cookies, entries: self.entries }
    }
}

/// The platform's site that lacks least for a login; `None` if it is not known what proves one.
fn best_site<'a>(session: Session<'_>, site: &'a Site) -> Option<BestSite<'a>> {
    if !site.knows_proof() {
        return None;
    }
    let proves = |entry: &&LoginEntry| entry.proof.is_some();
    let candidates = site.domains().into_iter().map(|domain| {
        let is_own = |cookie: &&Cookie| site.domain_of(cookie.host()) == Some(domain);
        let own: Vec<_> = session.cookies.iter().filter(is_own).collect();
        let (cookies, expires) = missing_and_expiry(&own, site.login_cookies());
        let wanted = site.login_entries().iter().filter(proves);
        let wanted = wanted.filter(|wanted| site.domain_of(wanted.host()) == Some(domain));
        let is_missing = |wanted: &&LoginEntry| !is_proven(session, wanted);
        let entries: Vec<_> = wanted.filter(is_missing).map(|wanted| wanted.name).collect();
        let expires = expires.filter(|_| entries.is_empty());
        BestSite { domain, missing: Missing { cookies, entries }, expires }
    });
    // If several sites lack equally little, `min_by_key` returns the first.
    candidates.min_by_key(|best| best.missing.cookies.len() + best.missing.entries.len())
}

fn is_proven(session: Session<'_>, wanted: &LoginEntry) -> bool {
    let held = session.entry(wanted.origin, wanted.area, wanted.name);
    held.zip(wanted.proof).is_some_and(|(held, proof)| part_of(held, proof).is_some())
}

/// A part of an entry's value; `None` if it is absent or empty, or the value is not of its form.
pub(crate) fn part_of(entry: &StorageEntry, part: Part) -> Option<Cow<'_, str>> {
    // The value leaves its wrapper for comparison and for the header that it fills in.
    let value = entry.value.expose_secret();
    let text = match part {
        Part::Whole if value.starts_with('"') => Cow::Owned(serde_json::from_str(value).ok()?),
        Part::Whole => Cow::Borrowed(value),
        Part::Json(pointer) => Cow::Owned(member(value, pointer)?),
    };
    // What scripts store in place of a value that they don't have.
    (!["", "null", "undefined"].contains(&&*text)).then_some(text)
}

/// The names of the cookies that one site lacks for a login, and when the login ends if it lacks none.
fn missing_and_expiry(
    cookies: &[&Cookie],
    wanted: &'static [LoginCookie],
) -> (Vec<&'static str>, Option<i64>) {
    let proofs = |wanted: &'static LoginCookie| {
        cookies.iter().filter(move |cookie| {
            // The value is only compared.
            wanted.is_named(&cookie.name) && wanted.value.is_met_by(cookie.value.expose_secret())
        })
    };
    let missing: Vec<_> =
        wanted.iter().filter(|wanted| proofs(wanted).next().is_none()).map(|wanted| wanted.name).collect();
    let expires = wanted.iter().flat_map(proofs).filter_map(|cookie| cookie.expires).min();
    let expires = expires.map(|expires| expires.min(MAX_SESSION_END));
    if missing.is_empty() { (missing, expires) } else { (missing, None) }
}
