//! What a platform is: whose cookies belong to a session, which of them prove a
//! login, where to log in, and what a platform needs besides.
//!
//! What the catalogue does not know is a site by the rule of the public suffix
//! list, which is an argument.

mod catalogue;

pub use catalogue::CATALOGUE;

use crate::public_suffix::PublicSuffixes;
use core::net::Ipv4Addr;
use serde::Serialize;
use thiserror::Error;

/// One platform of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct Platform {
    /// The identifier on the wire, lower case.
    pub id: &'static str,
    /// The name that people know it by.
    pub name: &'static str,
    /// The domains whose cookies, and whose subdomains' cookies, belong to a session.
    pub domains: &'static [&'static str],
    /// Further hosts, with those below them, whose URLs lead to the platform: short links,
    /// embedding and sharing. Their cookies are none of a session's.
    pub other_hosts: &'static [&'static str],
    /// The cookies that prove a login, all of them. Empty where no cookie
    /// does: such a platform keeps its login in the page's localStorage.
    pub login_cookies: &'static [LoginCookie],
    /// Further cookies without which a session ends, and that the platform
    /// replaces while somebody is logged in.
    pub rotating_cookies: &'static [&'static str],
    /// The cookie whose value is the account's own, whichever session it has.
    pub account_cookie: Option<&'static str>,
    /// The page to log in at.
    pub login_url: &'static str,
    /// Whether yt-dlp has an extractor for it.
    pub yt_dlp: bool,
    /// What it needs beside cookies, as a key of the extension's messages.
    pub advice: Option<Advice>,
    /// Where to read about hosts and cookies of it.
    pub sources: &'static [&'static str],
}

/// A cookie that is there only while somebody is logged in.
#[derive(Debug, PartialEq, Eq)]
pub struct LoginCookie {
    /// The cookie's name.
    pub name: &'static str,
    /// The value that it must have, where its presence alone proves nothing.
    pub value: Option<&'static str>,
}

/// What a platform needs beside its cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// Requests must carry the capturing browser's user agent (and `x-bc` from
    /// the page's localStorage), else the platform ends the session.
    SameUserAgent,
    /// Cookies rotate while a tab stays open: capture in a private window and
    /// close it afterwards.
    PrivateWindow,
    /// The login is kept in localStorage, which a capture does not read.
    LocalStorage,
}

/// What a capture is taken from: a platform of the catalogue, or a site that
/// the catalogue does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// A platform of the catalogue.
    Known(&'static Platform),
    /// A host, lower case and without `www.`, that stands for itself: a domain that
    /// somebody has registered or a host below one, an address, or a single label.
    Other(String),
}

/// Why an identifier stands for no site.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlatformFault {
    /// It breaks the form of identifiers.
    #[error("platform must be 1 to {MAX_PLATFORM_ID_BYTES} of {PLATFORM_ID_CHARS}")]
    Malformed,
    /// It is neither in the catalogue nor a host.
    #[error("platform must be one such as instagram, a site such as example.org, or an IPv4 address")]
    NoHost,
    /// Below it anybody can have a site.
    #[error(
        "platform can't be {0}, a public suffix: anybody can have a site below it. Name one site, such as example.{0}"
    )]
    PublicSuffix(String),
}

/// The longest platform identifier.
const MAX_PLATFORM_ID_BYTES: usize = 64;
/// What a platform identifier consists of, in words.
pub const PLATFORM_ID_CHARS: &str = "a-z, 0-9, '.', '_' and '-'";
/// What a platform identifier is, as a regular expression.
pub const PLATFORM_ID_PATTERN: &str = "^[a-z0-9._-]{1,64}$";

/// Whether `id` has the form of a platform identifier.
#[must_use]
pub fn is_platform_id(id: &str) -> bool {
    (1..=MAX_PLATFORM_ID_BYTES).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}

/// Refuses what does not have the form of a platform identifier. Enough to find what an
/// earlier version has kept although its platform is refused now.
///
/// # Errors
/// [`PlatformFault::Malformed`].
pub fn check_platform_id(id: &str) -> Result<(), PlatformFault> {
    is_platform_id(id).then_some(()).ok_or(PlatformFault::Malformed)
}

impl Platform {
    /// The platform of the catalogue with this identifier.
    #[must_use]
    pub fn of_id(id: &str) -> Option<&'static Self> {
        CATALOGUE.iter().find(|platform| platform.id == id)
    }

    /// The platform that URLs of `host` lead to.
    fn of_host(host: &str) -> Option<&'static Self> {
        let leads = |hosts: &[&str]| hosts.iter().any(|own| is_within(host, own));
        CATALOGUE.iter().find(|platform| leads(platform.domains) || leads(platform.other_hosts))
    }
}

impl Site {
    /// The site that `host` (a URL's host name) belongs or leads to; `None` where it
    /// can't stand for a platform, such as an IPv6 address or a public suffix.
    #[must_use]
    pub fn of_host(host: &str, suffixes: &PublicSuffixes<'_>) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        // The dot of a fully qualified name is no part of it.
        let host = host.strip_suffix('.').unwrap_or(&host);
        match Platform::of_host(host) {
            Some(platform) => Some(Self::Known(platform)),
            None => Self::of_unknown_host(without_www(host, suffixes), suffixes).ok(),
        }
    }

    /// The site with this platform identifier.
    ///
    /// # Errors
    /// A [`PlatformFault`].
    pub fn of_id(id: &str, suffixes: &PublicSuffixes<'_>) -> Result<Self, PlatformFault> {
        match Platform::of_id(id) {
            Some(platform) => Ok(Self::Known(platform)),
            None => Self::of_unknown_host(id, suffixes),
        }
    }

    fn of_unknown_host(host: &str, suffixes: &PublicSuffixes<'_>) -> Result<Self, PlatformFault> {
        check_platform_id(host)?;
        // One that is called like a platform of the catalogue would be taken for it.
        if !is_host(host) || Platform::of_id(host).is_some() {
            return Err(PlatformFault::NoHost);
        }
        if suffixes.is_suffix(host) {
            return Err(PlatformFault::PublicSuffix(host.to_owned()));
        }
        Ok(Self::Other(host.to_owned()))
    }

    /// The domains above an unknown host, the nearest first: a login cookie may
    /// be set for one of them. Which one the login is for is for a person to say.
    #[must_use]
    pub fn alternatives(&self, suffixes: &PublicSuffixes<'_>) -> Vec<Self> {
        let Self::Other(host) = self else { return Vec::new() };
        if !self.has_hosts_below() {
            return Vec::new();
        }
        let parents = host.match_indices('.').map(|(dot, _)| &host[dot + 1..]);
        // What lies above a suffix, as amazonaws.com above s3.amazonaws.com, is somebody else's.
        let own = parents.take_while(|parent| !suffixes.is_suffix(parent));
        own.filter(|parent| parent.contains('.') && without_www(parent, suffixes) == *parent)
            .filter_map(|parent| Self::of_unknown_host(parent, suffixes).ok())
            .collect()
    }

    /// The platform identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Known(platform) => platform.id,
            Self::Other(site) => site,
        }
    }

    /// The name that people know it by.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Known(platform) => platform.name,
            Self::Other(site) => site,
        }
    }

    /// The domains whose cookies belong to a session.
    #[must_use]
    pub fn domains(&self) -> Vec<&str> {
        match self {
            Self::Known(platform) => platform.domains.to_vec(),
            Self::Other(site) => vec![site],
        }
    }

    /// The cookies that prove a login.
    #[must_use]
    pub fn login_cookies(&self) -> &'static [LoginCookie] {
        match self {
            Self::Known(platform) => platform.login_cookies,
            Self::Other(_) => &[],
        }
    }

    /// Further cookies that a session needs and that change while it lasts.
    #[must_use]
    pub fn rotating_cookies(&self) -> &'static [&'static str] {
        match self {
            Self::Known(platform) => platform.rotating_cookies,
            Self::Other(_) => &[],
        }
    }

    /// Whether a cookie of this name is among those that prove the login.
    #[must_use]
    pub fn proves_login(&self, name: &str) -> bool {
        self.login_cookies().iter().any(|login| login.name == name)
    }

    /// The cookie whose value is the account's own.
    #[must_use]
    pub fn account_cookie(&self) -> Option<&'static str> {
        match self {
            Self::Known(platform) => platform.account_cookie,
            Self::Other(_) => None,
        }
    }

    /// The page to log in at; a site of its own has its front page.
    #[must_use]
    pub fn login_url(&self) -> String {
        match self {
            Self::Known(platform) => platform.login_url.to_owned(),
            Self::Other(site) => format!("https://{site}/"),
        }
    }

    /// Whether hosts below the domains are the site's, too. Nobody has registered what is
    /// below a single label, and nothing is below an address.
    #[must_use]
    pub fn has_hosts_below(&self) -> bool {
        match self {
            Self::Known(_) => true,
            Self::Other(host) => host.contains('.') && !is_address(host),
        }
    }

    /// Whether a cookie of `host` (no leading dot) belongs to a session here.
    #[must_use]
    pub fn owns(&self, host: &str) -> bool {
        self.domain_of(host).is_some()
    }

    /// Whether a cookie of `host` (no leading dot) belongs to a session that is signed in at
    /// this one of the domains, or nowhere.
    #[must_use]
    pub fn owns_at(&self, host: &str, signed_in_at: Option<&str>) -> bool {
        let domain = self.domain_of(host);
        domain.is_some() && (signed_in_at.is_none() || domain == signed_in_at)
    }

    /// The one of the domains that `host` (no leading dot) is, or lies below. Cookies of two
    /// domains may be of two accounts.
    #[must_use]
    pub fn domain_of(&self, host: &str) -> Option<&str> {
        let host = host.to_ascii_lowercase();
        let has_hosts_below = self.has_hosts_below();
        self.domains()
            .into_iter()
            .find(|domain| if has_hosts_below { is_within(&host, domain) } else { host == *domain })
    }
}

/// The host that `www.` stands before, where that is a site with hosts below it.
fn without_www<'a>(host: &'a str, suffixes: &PublicSuffixes<'_>) -> &'a str {
    let rest = host.strip_prefix("www.").filter(|rest| rest.contains('.') && !suffixes.is_suffix(rest));
    rest.unwrap_or(host)
}

/// Whether an identifier could be the host of a URL: an IPv4 address in its one
/// usual form, or labels that can't be taken for another form of one.
fn is_host(id: &str) -> bool {
    if is_address(id) { id.parse::<Ipv4Addr>().is_ok() } else { id.split('.').all(|label| !label.is_empty()) }
}

/// Whether a host is an IPv4 address: the URL Standard takes each host for one
/// whose last label is a number.
fn is_address(host: &str) -> bool {
    let label = host.rsplit('.').next().unwrap_or_default();
    match label.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// Whether `host` is `domain` or lies below it.
pub(crate) fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests;
