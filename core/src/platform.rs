//! Platforms: which cookies and which origin storage belong to a session, which of them prove a
//! login, where to log in, and what else a platform needs.
//!
//! A host that is not in the catalogue is a site of its own, unless the public suffix list
//! (an argument) forbids it.

mod catalogue;
mod fact;
mod login_header;

pub use catalogue::CATALOGUE;
pub use fact::Fact;
pub use login_header::{HeaderSource, LoginHeader};

use crate::origin_storage::Area;
use crate::public_suffix::PublicSuffixes;
use crate::url_host::{host_of, is_host, is_numeric};
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
    /// Further hosts (and the hosts below them) whose URLs lead to the platform: short links,
    /// embedding and sharing. Their cookies don't belong to a session.
    // Decision: docs/decisions/capture.md#other-hosts-of-a-platform-only-lead-to-it
    pub other_hosts: Fact<&'static [&'static str]>,
    /// The page to log in at.
    pub login_url: Fact<&'static str>,
    /// The cookies that prove a login, together with the entries of `storage` that have a `proof`.
    pub login_cookies: Fact<&'static [LoginCookie]>,
    /// The cookie whose value identifies the account and stays the same in all its sessions.
    pub account_cookie: Fact<&'static str>,
    /// Further cookies that a session needs and that the platform rotates while somebody is
    /// logged in.
    pub rotating_cookies: Fact<&'static [&'static str]>,
    /// Cookies that the platform may bind to the browser (Device Bound Session Credentials): a copy
    /// then soon stops working in another browser.
    pub device_bound_cookies: Fact<&'static [&'static str]>,
    /// The storage entries that belong to a login.
    pub storage: Fact<&'static [LoginEntry]>,
    /// The request headers that the platform's own pages fill in from cookies or storage.
    pub headers: Fact<&'static [LoginHeader]>,
    /// Whether the platform ends a session whose user agent changes.
    pub bound_to_user_agent: Fact<bool>,
    /// Whether yt-dlp has an extractor for it.
    pub yt_dlp: Fact<bool>,
    /// Whether gallery-dl has an extractor for it.
    pub gallery_dl: Fact<bool>,
    /// What a person should do before a capture, as a key of the extension's messages.
    pub advice: Option<Advice>,
}

/// A cookie by which the platform, or a program that uses it, knows that somebody is logged in.
#[derive(Debug, PartialEq, Eq)]
pub struct LoginCookie {
    /// The cookie's name.
    pub name: &'static str,
    /// What its value must be.
    pub value: ProofValue,
    /// Further names: a cookie with one of them proves the same.
    pub substitutes: &'static [&'static str],
}

impl LoginCookie {
    /// Whether a cookie with this name can be the one.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name || self.substitutes.contains(&name)
    }

    /// Whether its value is the same in all logins.
    #[must_use]
    pub fn has_fixed_value(&self) -> bool {
        matches!(self.value, ProofValue::Exactly(_))
    }
}

/// What the value of a [`LoginCookie`] must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofValue {
    /// Anything but empty: a cookie emptied at logout proves nothing.
    Any,
    /// Exactly this.
    Exactly(&'static str),
    /// Digits, then this character, then anything: guests have the cookie without the user's number.
    NumberThen(u8),
}

impl ProofValue {
    /// Whether a value proves the login.
    #[must_use]
    pub fn is_met_by(self, value: &str) -> bool {
        match self {
            Self::Any => !value.is_empty(),
            Self::Exactly(wanted) => value == wanted,
            Self::NumberThen(separator) => {
                let digits = value.bytes().take_while(u8::is_ascii_digit).count();
                digits > 0 && value.as_bytes().get(digits) == Some(&separator)
            }
        }
    }
}

/// A storage entry that belongs to a login.
#[derive(Debug, PartialEq, Eq)]
pub struct LoginEntry {
    /// The origin, such as `https://onlyfans.com`.
    pub origin: &'static str,
    /// The area.
    pub area: Area,
    /// The entry's name; of all entries of the platform only this one has it.
    pub name: &'static str,
    /// The part of the value that exists only while somebody is logged in.
    pub proof: Option<Part>,
    /// The part of the value that identifies the account and stays the same in all its sessions.
    pub account: Option<Part>,
    /// Where the value lists all accounts that are signed in, with their logins. A capture takes one.
    pub all_accounts: Option<AccountList>,
}

/// A list of accounts in a storage entry's value, which is JSON.
#[derive(Debug, PartialEq, Eq)]
pub struct AccountList {
    /// The names of the members that lead to the list.
    pub path: &'static [&'static str],
    /// The member of each item that [`LoginEntry::account`] identifies.
    pub id: &'static str,
}

impl LoginEntry {
    /// The host of its origin.
    #[must_use]
    pub fn host(&self) -> &'static str {
        host_of(self.origin)
    }
}

/// A part of a storage entry's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The whole value: text, or a JSON string.
    Whole,
    /// The string or number at this JSON Pointer (RFC 6901) of the value, which is JSON. It names
    /// members alone, without `~`.
    Json(&'static str),
}

/// What a person should do before a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// Requests must carry the capturing browser's user agent, else the platform ends the session.
    SameUserAgent,
    /// Cookies rotate while a tab stays open: capture in a private window and
    /// close it afterwards.
    PrivateWindow,
}

/// The target of a capture: a platform of the catalogue, or a site that is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// A platform of the catalogue.
    Known(&'static Platform),
    /// A host in lower case and without `www.`: a registered domain or a host below one, an
    /// IPv4 address, or a single label.
    Other(String),
}

/// Why an identifier is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlatformFault {
    /// The identifier is empty, too long, or has characters that are not allowed.
    #[error("platform must have 1 to {MAX_PLATFORM_ID_BYTES} characters of {PLATFORM_ID_CHARS}")]
    Malformed,
    /// The identifier is neither in the catalogue nor a host.
    #[error("platform must be a platform such as instagram, a site such as example.org, or an IPv4 address")]
    NoHost,
    /// The identifier is a public suffix: anybody can have a site below it.
    #[error(
        "platform can't be {0}, a public suffix: anybody can have a site below it. Name one site, such as example.{0}"
    )]
    PublicSuffix(String),
}

/// The longest platform identifier.
const MAX_PLATFORM_ID_BYTES: usize = 64;
/// The characters of a platform identifier, for messages.
pub const PLATFORM_ID_CHARS: &str = "a-z, 0-9, '.', '_' and '-'";
/// The form of a platform identifier, as a regular expression.
pub const PLATFORM_ID_PATTERN: &str = "^[a-z0-9._-]{1,64}$";

/// Whether `id` has the form of a platform identifier.
#[must_use]
pub fn is_platform_id(id: &str) -> bool {
    (1..=MAX_PLATFORM_ID_BYTES).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}

/// Checks only the form of a platform identifier. That is enough to find what an earlier version
/// stored for a platform that is refused now.
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

    /// The platform that `host` leads to.
    fn of_host(host: &str) -> Option<&'static Self> {
        let leads = |hosts: &[&str]| hosts.iter().any(|own| is_within(host, own));
        CATALOGUE.iter().find(|platform| leads(platform.domains) || leads(platform.other_hosts.all()))
    }
}

impl Site {
    /// The site that `host` (a URL's host name) belongs or leads to; `None` for a host that
    /// can't be a site, such as an IPv6 address or a public suffix.
    #[must_use]
    pub fn of_host(host: &str, suffixes: &PublicSuffixes<'_>) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        // A fully qualified name may end with a dot.
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

    // Decision: docs/decisions/capture.md#outside-the-catalogue-the-public-suffix-list-decides
    fn of_unknown_host(host: &str, suffixes: &PublicSuffixes<'_>) -> Result<Self, PlatformFault> {
        check_platform_id(host)?;
        // A host with the name of a platform (such as `x`) would be mistaken for it.
        if !is_host(host) || Platform::of_id(host).is_some() {
            return Err(PlatformFault::NoHost);
        }
        if suffixes.is_suffix(host) {
            return Err(PlatformFault::PublicSuffix(host.to_owned()));
        }
        Ok(Self::Other(host.to_owned()))
    }

    /// The parent domains of an unknown host, nearest first. A login cookie may be set for any
    /// of them, so the person chooses.
    #[must_use]
    pub fn alternatives(&self, suffixes: &PublicSuffixes<'_>) -> Vec<Self> {
        let Self::Other(host) = self else { return Vec::new() };
        if !self.has_hosts_below() {
            return Vec::new();
        }
        let parents = host.match_indices('.').map(|(dot, _)| &host[dot + 1..]);
        // A domain above a suffix (amazonaws.com above s3.amazonaws.com) belongs to someone else.
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

    /// The platform of the catalogue; `None` for a site that is not in it.
    #[must_use]
    pub fn platform(&self) -> Option<&'static Platform> {
        match self {
            Self::Known(platform) => Some(platform),
            Self::Other(_) => None,
        }
    }

    /// The cookies that prove a login.
    #[must_use]
    pub fn login_cookies(&self) -> &'static [LoginCookie] {
        self.platform().map_or(&[], |platform| platform.login_cookies.all())
    }

    /// The storage entries that belong to a login.
    #[must_use]
    pub fn login_entries(&self) -> &'static [LoginEntry] {
        self.platform().map_or(&[], |platform| platform.storage.all())
    }

    /// Whether a login is known to be in storage alone, so that cookies are of no use.
    #[must_use]
    pub fn is_login_in_storage(&self) -> bool {
        let cookies = self.platform().and_then(|platform| platform.login_cookies.get());
        cookies.is_some_and(<[_]>::is_empty)
    }

    /// Further cookies that a session needs and the platform rotates.
    #[must_use]
    pub fn rotating_cookies(&self) -> &'static [&'static str] {
        self.platform().map_or(&[], |platform| platform.rotating_cookies.all())
    }

    /// Whether a cookie of this name is part of the proof of a login.
    #[must_use]
    pub fn proves_login(&self, name: &str) -> bool {
        self.login_cookies().iter().any(|login| login.is_named(name))
    }

    /// Whether the catalogue knows what proves a login: cookies or storage entries.
    #[must_use]
    pub fn knows_proof(&self) -> bool {
        !self.login_cookies().is_empty() || self.login_entries().iter().any(|entry| entry.proof.is_some())
    }

    /// The cookie whose value identifies the account.
    #[must_use]
    pub fn account_cookie(&self) -> Option<&'static str> {
        self.platform()?.account_cookie.get()
    }

    /// Whether the catalogue knows what identifies the account: a cookie or a storage entry.
    #[must_use]
    pub fn names_account(&self) -> bool {
        self.account_cookie().is_some() || self.login_entries().iter().any(|entry| entry.account.is_some())
    }

    /// The page to log in at; for a site that is not in the catalogue, its front page.
    #[must_use]
    pub fn login_url(&self) -> String {
        match self {
            Self::Known(Platform { login_url, domains, .. }) => match login_url.get() {
                Some(url) => url.to_owned(),
                None => format!("https://{}/", domains[0]),
            },
            Self::Other(site) => format!("https://{site}/"),
        }
    }

    /// Whether hosts below the domains also belong to the site. Below a single label anybody
    /// may own a host, and below an address there is none.
    #[must_use]
    pub fn has_hosts_below(&self) -> bool {
        match self {
            Self::Known(_) => true,
            Self::Other(host) => host.contains('.') && !is_numeric(host),
        }
    }

    /// Whether a cookie of `host` (no leading dot) belongs to a session of this site.
    #[must_use]
    pub fn owns(&self, host: &str) -> bool {
        self.domain_of(host).is_some()
    }

    /// Whether a cookie of `host` (no leading dot) belongs to a session that is signed in at
    /// this domain. Without a domain, all of the site's cookies do.
    #[must_use]
    pub fn owns_at(&self, host: &str, signed_in_at: Option<&str>) -> bool {
        let domain = self.domain_of(host);
        domain.is_some() && (signed_in_at.is_none() || domain == signed_in_at)
    }

    /// The domain that `host` (no leading dot) equals or is below. Cookies of two domains may
    /// belong to two accounts.
    #[must_use]
    pub fn domain_of(&self, host: &str) -> Option<&str> {
        let host = host.to_ascii_lowercase();
        let has_hosts_below = self.has_hosts_below();
        self.domains()
            .into_iter()
            .find(|domain| if has_hosts_below { is_within(&host, domain) } else { host == *domain })
    }
}

/// The host without `www.`, if the rest is a site that can have hosts below it.
fn without_www<'a>(host: &'a str, suffixes: &PublicSuffixes<'_>) -> &'a str {
    let rest = host.strip_prefix("www.").filter(|rest| rest.contains('.') && !suffixes.is_suffix(rest));
    rest.unwrap_or(host)
}

/// Whether `host` equals `domain` or is below it.
pub(crate) fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests;
