//! Who is signed in, and the cookies of a login: one of each kind that the real platform
//! and similar ones set.

use super::{IssuedCookie, ROTATION_COOKIE};
use anyhow::Result;
use cookie::time::{Duration, OffsetDateTime};
use secrecy::{ExposeSecret as _, SecretString};
use stagepass_core::{Cookie, SameSite};
use std::collections::HashMap;

/// The host that sets most cookies.
const MAIN_HOST: &str = "www.instagram.com";
/// The host that the login visits so that it can set a cookie of its own.
pub(super) const API_HOST: &str = "i.instagram.com";
/// The domain of domain-wide cookies.
const DOMAIN: &str = ".instagram.com";
const DAY: i64 = 86_400;
/// Shorter values could be found elsewhere by chance.
const MIN_SECRET_BYTES: usize = 12;

/// One login.
pub(super) struct Login {
    /// All its cookies.
    pub(super) cookies: Vec<IssuedCookie>,
    /// Lets the browser fetch the cookies of [`API_HOST`] once.
    pub(super) ticket: String,
}

/// What the server remembers of logins.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The live session ids.
    live: Vec<SecretString>,
    /// The cookies waiting to be fetched from [`API_HOST`], by ticket.
    tickets: HashMap<String, Vec<IssuedCookie>>,
    pub(super) latest: Vec<IssuedCookie>,
    pub(super) secrets: Vec<SecretString>,
}

impl Ledger {
    pub(super) fn sign_in(&mut self) -> Result<Login> {
        let cookies = login_cookies(jiff::Timestamp::now().as_second())?;
        let session_id = cookies.iter().find(|issued| issued.cookie.name == "sessionid");
        self.live.extend(session_id.map(|issued| issued.cookie.value.clone()));
        self.remember(&cookies);
        self.latest.clone_from(&cookies);
        let ticket = generate_value()?;
        let (api, _) = split_by_host(&cookies);
        self.tickets.insert(ticket.clone(), api);
        Ok(Login { cookies, ticket })
    }

    /// Ends a session and starts a new one in its place.
    pub(super) fn rotate(&mut self, session_id: &str) -> Result<Vec<IssuedCookie>> {
        self.sign_out(session_id);
        let expires = jiff::Timestamp::now().as_second() + 365 * DAY;
        let (user, _) = session_id.split_once("%3A").unwrap_or((session_id, ""));
        let session_id = format!("{user}%3A{}%3A15%3A{}", generate_value()?, generate_value()?);
        self.live.push(session_id.clone().into());
        let cookies = vec![
            domain_wide("sessionid", session_id).with(|c| c.http_only = true).expires(expires),
            domain_wide(ROTATION_COOKIE, generate_value()?).expires(expires),
        ];
        self.remember(&cookies);
        Ok(cookies)
    }

    /// The cookie that visitors have before they sign in.
    pub(super) fn greet(&mut self) -> Result<IssuedCookie> {
        let cookie = csrf_token(jiff::Timestamp::now().as_second())?;
        self.remember(std::slice::from_ref(&cookie));
        Ok(cookie)
    }

    pub(super) fn redeem(&mut self, ticket: &str) -> Option<Vec<IssuedCookie>> {
        self.tickets.remove(ticket)
    }

    pub(super) fn is_live(&self, session_id: &str) -> bool {
        self.live.iter().any(|live| live.expose_secret() == session_id)
    }

    pub(super) fn sign_out(&mut self, session_id: &str) {
        self.live.retain(|live| live.expose_secret() != session_id);
    }

    fn remember(&mut self, cookies: &[IssuedCookie]) {
        let values = cookies.iter().map(|issued| issued.cookie.value.clone());
        self.secrets.extend(values.filter(|value| value.expose_secret().len() >= MIN_SECRET_BYTES));
    }
}

/// The cookies of [`API_HOST`] and the others.
pub(super) fn split_by_host(cookies: &[IssuedCookie]) -> (Vec<IssuedCookie>, Vec<IssuedCookie>) {
    cookies.iter().cloned().partition(|issued| issued.cookie.domain == API_HOST)
}

fn login_cookies(now: i64) -> Result<Vec<IssuedCookie>> {
    let user_id = format!("178{:013}", u64::from_be_bytes(random()?) % 10_000_000_000_000);
    let session_id = format!("{user_id}%3A{}%3A14%3A{}", generate_value()?, generate_value()?);
    // The platform's own form, with its quotes and backslashes.
    let region = format!("\"RVA\\054{user_id}\\054{}:01f7{}\"", now + 365 * DAY, generate_value()?);
    let base = domain_wide;
    let host_only = |name: &str, value: String| issued(name, value, MAIN_HOST);
    Ok(vec![
        base("sessionid", session_id).with(|c| c.http_only = true).expires(now + 365 * DAY),
        base("ds_user_id", user_id).expires(now + 90 * DAY),
        csrf_token(now)?,
        base("rur", region).with(|c| c.http_only = true),
        base("ig_cross", generate_value()?).with(|c| c.same_site = Some(SameSite::None)).expires(now + DAY),
        base("ig_part", generate_value()?)
            .with(|c| c.same_site = Some(SameSite::None))
            .expires(now + 30 * DAY)
            .partitioned(),
        base("ig_gone", generate_value()?).expires(now - DAY),
        host_only("mid", generate_value()?).with(|c| c.http_only = true).expires(now + 390 * DAY),
        host_only("ig_strict", generate_value()?)
            .with(|c| {
                c.same_site = Some(SameSite::Strict);
                c.path = "/accounts".to_owned();
            })
            .expires(now + 30 * DAY),
        host_only("ig_empty", String::new()).expires(now + 30 * DAY),
        issued("ig_api", generate_value()?, API_HOST).with(|c| c.http_only = true).expires(now + 30 * DAY),
    ])
}

fn csrf_token(now: i64) -> Result<IssuedCookie> {
    let cookie = domain_wide("csrftoken", generate_value()?);
    Ok(cookie.with(|c| c.same_site = Some(SameSite::Lax)).expires(now + 364 * DAY))
}

fn domain_wide(name: &str, value: String) -> IssuedCookie {
    issued(name, value, DOMAIN).with(|c| c.host_only = Some(false))
}

/// A host-only session cookie with no attribute but `Secure`.
fn issued(name: &str, value: String, domain: &str) -> IssuedCookie {
    let cookie = Cookie {
        name: name.to_owned(),
        value: value.into(),
        domain: domain.to_owned(),
        path: "/".to_owned(),
        expires: None,
        http_only: false,
        secure: true,
        same_site: None,
        host_only: Some(true),
    };
    IssuedCookie { cookie, is_partitioned: false }
}

impl IssuedCookie {
    fn with(mut self, change: impl FnOnce(&mut Cookie)) -> Self {
        change(&mut self.cookie);
        self
    }

    fn expires(self, at: i64) -> Self {
        self.with(|cookie| cookie.expires = Some(at))
    }

    fn partitioned(mut self) -> Self {
        self.is_partitioned = true;
        self
    }

    /// The value of the `Set-Cookie` header.
    pub(super) fn set_cookie(&self) -> Result<String> {
        let Self { cookie, is_partitioned } = self;
        let mut header = cookie::Cookie::build((cookie.name.as_str(), cookie.value.expose_secret()))
            .path(cookie.path.as_str())
            .secure(cookie.secure)
            .http_only(cookie.http_only)
            .build();
        if !cookie.is_host_only() {
            header.set_domain(cookie.host());
        }
        if *is_partitioned {
            header.set_partitioned(true);
        }
        header.set_same_site(cookie.same_site.map(|same_site| match same_site {
            SameSite::Lax => cookie::SameSite::Lax,
            SameSite::Strict => cookie::SameSite::Strict,
            SameSite::None => cookie::SameSite::None,
        }));
        if let Some(expires) = cookie.expires {
            let left = expires - jiff::Timestamp::now().as_second();
            header.set_expires(OffsetDateTime::from_unix_timestamp(expires)?);
            // Servers delete cookies with nothing but a date in the past.
            if left > 0 {
                header.set_max_age(Duration::seconds(left));
            }
        }
        Ok(header.to_string())
    }
}

/// 24 random letters and digits.
pub(super) fn generate_value() -> Result<String> {
    Ok(hex::encode(random::<12>()?))
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
