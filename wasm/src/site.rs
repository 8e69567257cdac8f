//! The site of a tab: what the popup shows of it, and the match patterns that reading its
//! cookies needs permission for.

use crate::failure::Failure;
use crate::js::{Unexpected, to_js};
use serde::Serialize;
use stagepass_core::platform::Advice;
use stagepass_core::{Platform, PublicSuffixes, Site, shape, visible};
use std::sync::OnceLock;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// The public suffix list. Until it is set, no site is recognised.
static SUFFIXES: OnceLock<PublicSuffixes<'static>> = OnceLock::new();

/// Takes the public suffix list, which is a file beside this module. Call it once, before
/// anything else.
///
/// # Errors
/// A [`Failure`](crate::failure::Failure) if the file is damaged.
#[wasm_bindgen]
pub fn take_public_suffixes(list: Vec<u8>) -> Result<(), JsValue> {
    let suffixes = PublicSuffixes::new(list.leak()).map_err(|_| Unexpected)?;
    SUFFIXES.get_or_init(|| suffixes);
    Ok(())
}

/// The site with this platform identifier.
pub(crate) fn of_id(platform: &str) -> Option<Site> {
    Site::of_id(platform, SUFFIXES.get()?).ok()
}

/// The site with this platform identifier.
///
/// # Errors
/// [`Failure::UnknownPlatform`].
pub(crate) fn site_of(platform: &str) -> Result<Site, Failure> {
    of_id(platform).ok_or(Failure::UnknownPlatform)
}

/// A site as the popup shows it.
#[derive(Debug, Serialize)]
pub struct Recognised {
    /// The platform identifier.
    pub platform: String,
    /// The name that people know the site by.
    pub name: String,
    /// The match patterns that a capture needs permission for.
    pub origins: Vec<String>,
    /// The domains whose cookies belong to a session.
    pub domains: Vec<String>,
    /// The page to log in at.
    pub login_url: String,
    /// The names of the cookies that prove a login.
    pub login_cookies: Vec<&'static str>,
    /// Whether yt-dlp has an extractor for the site.
    pub yt_dlp: bool,
    /// Whether the catalogue knows the site.
    pub is_known: bool,
    /// What the platform needs besides cookies.
    pub advice: Option<Advice>,
    /// Whether cookies can fill in the credentials that backends expect.
    pub fills_credentials: bool,
    /// Whether the catalogue knows of storage that belongs to a login.
    pub has_storage: bool,
    /// Whether a login is known to be in storage alone, so that cookies are of no use.
    pub is_login_in_storage: bool,
    /// The parent domains of an unknown host, for the person to choose from.
    pub alternatives: Vec<Recognised>,
}

impl From<&Site> for Recognised {
    fn from(site: &Site) -> Self {
        let platform = match site {
            Site::Known(platform) => Some(*platform),
            Site::Other(_) => None,
        };
        Self {
            platform: site.id().to_owned(),
            name: site.name().to_owned(),
            origins: origins(site),
            domains: site.domains().into_iter().map(str::to_owned).collect(),
            login_url: site.login_url(),
            login_cookies: site.login_cookies().iter().map(|cookie| cookie.name).collect(),
            yt_dlp: platform.is_none_or(|platform| platform.yt_dlp.get() != Some(false)),
            is_known: platform.is_some(),
            advice: platform.and_then(|platform| platform.advice),
            has_storage: !site.login_entries().is_empty(),
            is_login_in_storage: site.is_login_in_storage(),
            fills_credentials: shape::is_known(site.id()),
            alternatives: Vec::new(),
        }
    }
}

/// The site at `url`, or `null` if it is not a web page.
///
/// # Errors
/// Only if the answer can't be converted, which is a bug.
#[wasm_bindgen]
pub fn recognise(url: &str) -> Result<JsValue, JsValue> {
    let Some(site) = of_url(url) else { return Ok(JsValue::NULL) };
    let alternatives = SUFFIXES.get().map(|suffixes| site.alternatives(suffixes)).unwrap_or_default();
    Ok(to_js(&with_alternatives(&site, &alternatives))?)
}

fn with_alternatives(site: &Site, alternatives: &[Site]) -> Recognised {
    let alternatives = alternatives.iter().map(Recognised::from).collect();
    Recognised { alternatives, ..Recognised::from(site) }
}

/// The name that people know a platform by.
#[wasm_bindgen]
#[must_use]
pub fn platform_name(platform: &str) -> String {
    Platform::of_id(platform).map_or(platform, |platform| platform.name).to_owned()
}

/// A name in a form that can be shown anywhere and that the native host accepts.
#[wasm_bindgen]
#[must_use]
pub fn printable_name(name: &str) -> String {
    visible::printable_line(name)
}

/// Whether the catalogue knows the platform.
#[wasm_bindgen]
#[must_use]
pub fn is_in_catalogue(platform: &str) -> bool {
    Platform::of_id(platform).is_some()
}

/// The page to log in at; `null` if the identifier belongs to no site.
#[wasm_bindgen]
#[must_use]
pub fn login_url(platform: &str) -> Option<String> {
    of_id(platform).map(|site| site.login_url())
}

/// The match patterns that a capture for the platform needs permission for; empty if the
/// identifier belongs to no site.
#[wasm_bindgen]
#[must_use]
pub fn origins_of(platform: &str) -> Vec<String> {
    of_id(platform).map(|site| origins(&site)).unwrap_or_default()
}

fn of_url(url: &str) -> Option<Site> {
    let url = web_sys::Url::new(url).ok()?;
    matches!(url.protocol().as_str(), "https:" | "http:")
        .then(|| Site::of_host(&url.hostname(), SUFFIXES.get()?))?
}

/// The match patterns of the site's domains, including the hosts below them if they belong to
/// the site.
#[must_use]
pub fn origins(site: &Site) -> Vec<String> {
    let hosts = if site.has_hosts_below() { "*." } else { "" };
    site.domains().into_iter().map(|domain| format!("*://{hosts}{domain}/*")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_host(host: &str) -> Site {
        Site::of_host(host, PublicSuffixes::built_in()).unwrap()
    }

    #[test]
    fn requests_only_the_domains_of_the_platform() {
        let x = Site::Known(Platform::of_id("x").unwrap());
        assert_eq!(origins(&x), ["*://*.x.com/*", "*://*.twitter.com/*"]);
        assert_eq!(origins(&of_host("www.example.org")), ["*://*.example.org/*"]);
    }

    #[test]
    fn requests_no_subdomains_of_a_single_label_or_an_address() {
        assert_eq!(origins(&of_host("localhost")), ["*://localhost/*"]);
        assert_eq!(origins(&of_host("192.0.2.7")), ["*://192.0.2.7/*"]);
    }

    #[test]
    fn shows_an_unknown_site_by_its_host() {
        let site = Recognised::from(&of_host("www.example.org"));
        assert_eq!((site.platform.as_str(), site.name.as_str()), ("example.org", "example.org"));
        assert!(site.login_cookies.is_empty() && site.advice.is_none() && site.yt_dlp);
    }

    #[test]
    fn knows_the_platforms_whose_login_is_in_storage_alone() {
        let site = |id: &str| Recognised::from(&Site::Known(Platform::of_id(id).unwrap()));
        assert!(["fansly", "bluesky"].iter().all(|id| site(id).is_login_in_storage));
        // Of Iwara nobody has documented whether cookies belong to the login as well.
        assert!(!["onlyfans", "instagram", "imgur", "iwara"].iter().any(|id| site(id).is_login_in_storage));
        assert!(!Recognised::from(&of_host("www.example.org")).is_login_in_storage);
    }

    #[test]
    fn an_alternative_requests_its_own_domain() {
        let site = of_host("app.example.org");
        let shown = with_alternatives(&site, &site.alternatives(PublicSuffixes::built_in()));
        assert_eq!(shown.origins, ["*://*.app.example.org/*"]);
        let [parent] = &shown.alternatives[..] else { panic!("{:?}", shown.alternatives) };
        assert_eq!(
            (parent.platform.as_str(), &parent.origins[..]),
            ("example.org", &["*://*.example.org/*".to_owned()][..])
        );
    }

    #[test]
    fn requests_nothing_for_a_public_suffix_or_without_the_list() {
        assert!(origins_of("example.org").is_empty() && login_url("example.org").is_none());
        take_public_suffixes(include_bytes!("../../core/data/public-suffixes.txt").to_vec()).unwrap();
        for suffix in ["com", "co.uk", "github.io"] {
            assert!(origins_of(suffix).is_empty() && login_url(suffix).is_none(), "{suffix}");
        }
        assert_eq!(origins_of("me.github.io"), ["*://*.me.github.io/*"]);
        assert_eq!(login_url("instagram").unwrap(), "https://www.instagram.com/accounts/login/");
    }

    #[test]
    fn names_platforms_of_the_catalogue() {
        assert_eq!(platform_name("instagram"), "Instagram");
        assert_eq!(platform_name("example.org"), "example.org");
        assert!(is_in_catalogue("instagram") && !is_in_catalogue("instagram.com"));
    }
}
