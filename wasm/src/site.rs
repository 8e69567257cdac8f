//! The site of a tab: what a popup needs to know of it, and the match patterns
//! whose permission its cookies need.

use serde::Serialize;
use stagepass_core::platform::Advice;
use stagepass_core::{Site, shape, visible};
use std::net::Ipv4Addr;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// A site, as the popup shows it.
#[derive(Debug, Serialize)]
pub struct Recognised {
    /// The platform identifier.
    pub platform: String,
    /// The name that people know it by.
    pub name: String,
    /// The match patterns whose permission a capture needs.
    pub origins: Vec<String>,
    /// The domains whose cookies belong to a session.
    pub domains: Vec<String>,
    /// The page to log in at.
    pub login_url: String,
    /// The names of the cookies that prove a login.
    pub login_cookies: Vec<&'static str>,
    /// Whether yt-dlp has an extractor for it.
    pub yt_dlp: bool,
    /// What it needs beside cookies.
    pub advice: Option<Advice>,
    /// Whether cookies can fill in the credentials that backends expect.
    pub fills_credentials: bool,
    /// The domains above an unknown host, one of which may be meant.
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
            yt_dlp: platform.is_none_or(|platform| platform.yt_dlp),
            advice: platform.and_then(|platform| platform.advice),
            fills_credentials: shape::is_known(site.id()),
            alternatives: Vec::new(),
        }
    }
}

/// The site at `url`, or `null` where it is no page of the web.
///
/// # Errors
/// Only where the answer can't be made, which is a fault of ours.
#[wasm_bindgen]
pub fn recognise(url: &str) -> Result<JsValue, JsValue> {
    let Some(site) = of_url(url) else { return Ok(JsValue::NULL) };
    Ok(crate::to_js(&with_alternatives(&site))?)
}

fn with_alternatives(site: &Site) -> Recognised {
    let alternatives = site.alternatives().iter().map(Recognised::from).collect();
    Recognised { alternatives, ..Recognised::from(site) }
}

/// The name that people know a platform by.
#[wasm_bindgen]
#[must_use]
pub fn platform_name(platform: &str) -> String {
    Site::of_id(platform).map_or_else(|| platform.to_owned(), |site| site.name().to_owned())
}

/// A name as it can be shown anywhere, and as the native host takes it.
#[wasm_bindgen]
#[must_use]
pub fn printable_name(name: &str) -> String {
    visible::printable_line(name)
}

/// The page to log in at; `null` where the identifier is malformed.
#[wasm_bindgen]
#[must_use]
pub fn login_url(platform: &str) -> Option<String> {
    Site::of_id(platform).map(|site| site.login_url())
}

/// The match patterns whose permission a capture for the platform needs.
#[wasm_bindgen]
#[must_use]
pub fn origins_of(platform: &str) -> Vec<String> {
    Site::of_id(platform).map(|site| origins(&site)).unwrap_or_default()
}

fn of_url(url: &str) -> Option<Site> {
    let url = web_sys::Url::new(url).ok()?;
    matches!(url.protocol().as_str(), "https:" | "http:").then(|| Site::of_host(&url.hostname()))?
}

/// The match patterns of the site's domains and of all hosts below them. An
/// address has none below it.
#[must_use]
pub fn origins(site: &Site) -> Vec<String> {
    let pattern = |domain: &str| match domain.parse::<Ipv4Addr>() {
        Ok(address) => format!("*://{address}/*"),
        Err(_) => format!("*://*.{domain}/*"),
    };
    site.domains().into_iter().map(pattern).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_the_domains_of_the_one_platform() {
        assert_eq!(origins(&Site::of_id("x").unwrap()), ["*://*.x.com/*", "*://*.twitter.com/*"]);
        assert_eq!(origins(&Site::of_host("www.example.org").unwrap()), ["*://*.example.org/*"]);
        assert_eq!(origins(&Site::of_host("192.0.2.7").unwrap()), ["*://192.0.2.7/*"]);
    }

    #[test]
    fn shows_a_site_that_the_catalogue_does_not_know_by_its_host() {
        let site = Recognised::from(&Site::of_host("www.example.org").unwrap());
        assert_eq!((site.platform.as_str(), site.name.as_str()), ("example.org", "example.org"));
        assert!(site.login_cookies.is_empty() && site.advice.is_none() && site.yt_dlp);
    }

    #[test]
    fn an_alternative_asks_for_its_own_domain() {
        let site = with_alternatives(&Site::of_host("app.example.org").unwrap());
        assert_eq!(site.origins, ["*://*.app.example.org/*"]);
        let [parent] = &site.alternatives[..] else { panic!("{:?}", site.alternatives) };
        assert_eq!(
            (parent.platform.as_str(), &parent.origins[..]),
            ("example.org", &["*://*.example.org/*".to_owned()][..])
        );
        assert!(with_alternatives(&Site::of_id("x").unwrap()).alternatives.is_empty());
    }

    #[test]
    fn a_platform_is_called_by_its_name() {
        assert_eq!(platform_name("instagram"), "Instagram");
        assert_eq!(platform_name("example.org"), "example.org");
    }
}
