//! The Directus that knows the users and keeps the records.

use super::ConfigError;
use super::faults::{Faults, is_loopback};
use super::named_file::NamedFile;
use crate::directus::DirectusSettings;
use clap::Args;
use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

pub(super) const URL: &str = "DIRECTUS_URL";
const ADMIN_TOKEN: &str = "DIRECTUS_ADMIN_TOKEN";
const SECRET: &str = "DIRECTUS_SECRET";

/// Which Directus to use.
#[derive(Args, Clone, Debug)]
pub(crate) struct DirectusArgs {
    /// URL of a Directus that signs users in and keeps the connections, download credentials and
    /// sessions [default: this server does both]
    #[arg(long, env = "DIRECTUS_URL", value_name = "URL", global = true)]
    directus_url: Option<String>,
    /// File with the static token of an administrator of that Directus (or the token itself in
    /// DIRECTUS_ADMIN_TOKEN)
    #[arg(long, env = "DIRECTUS_ADMIN_TOKEN_FILE", value_name = "FILE", global = true)]
    directus_admin_token_file: Option<NamedFile>,
    /// File with that Directus's SECRET, 32 bytes or more, which recognises bad tokens without a
    /// request to Directus (or the secret itself in DIRECTUS_SECRET)
    #[arg(long, env = "DIRECTUS_SECRET_FILE", value_name = "FILE", global = true)]
    directus_secret_file: Option<NamedFile>,
}

/// The Directus to use.
#[derive(Clone, Debug)]
pub(crate) struct DirectusAccess {
    pub(crate) settings: DirectusSettings,
    /// The secret with which it signs tokens.
    pub(crate) secret: Option<SecretString>,
}

impl DirectusArgs {
    /// Reads the settings and reports all faults together; `None` if no Directus is set.
    pub(crate) fn read(&self) -> Result<Option<DirectusAccess>, ConfigError> {
        let mut faults = Faults::default();
        let given = self.gather(&mut faults);
        if faults.0.is_empty() { Ok(given) } else { Err(ConfigError::Faults(faults.0)) }
    }

    /// Whether a Directus is set.
    pub(crate) fn is_given(&self) -> bool {
        self.directus_url.is_some()
    }

    /// Whether one of its secrets is in a file.
    pub(super) fn has_files(&self) -> bool {
        self.is_given() && (self.directus_admin_token_file.is_some() || self.directus_secret_file.is_some())
    }

    pub(super) fn gather(&self, faults: &mut Faults) -> Option<DirectusAccess> {
        let admin_token = faults.secret(ADMIN_TOKEN, self.directus_admin_token_file.as_ref());
        let secret = faults.secret(SECRET, self.directus_secret_file.as_ref());
        faults.check_signing("DIRECTUS_SECRET, which must be Directus's own SECRET,", secret.as_ref());
        let Some(url) = self.directus_url.as_deref() else {
            for (variable, is_given) in [(ADMIN_TOKEN, admin_token.is_some()), (SECRET, secret.is_some())] {
                if is_given {
                    faults.add(format!("{variable} is set without {URL}; set both or neither"));
                }
            }
            return None;
        };
        let url = parse_url(url).map_err(|fault| faults.add(format!("{URL} {fault}"))).ok();
        let fault =
            format!("{ADMIN_TOKEN} must be set when {URL} is set: the static token of an administrator");
        let admin_token = faults.required(admin_token, &fault)?;
        if HeaderValue::try_from(admin_token.expose_secret()).is_err() {
            faults.add(format!("{ADMIN_TOKEN} has characters that a token can't have"));
        }
        Some(DirectusAccess { settings: DirectusSettings { url: url?, admin_token }, secret })
    }
}

fn parse_url(text: &str) -> Result<Url, &'static str> {
    let url: Url = text.parse().map_err(|_| "must be a URL, such as https://directus.example.org")?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        Err("must be an http or https URL, such as https://directus.example.org")
    } else if !is_plain || url.query().is_some() || url.fragment().is_some() {
        Err("must be a base URL without user, password, query or fragment")
    } else {
        Ok(url)
    }
}

impl DirectusAccess {
    /// Whether tokens cross a network where others may listen.
    pub(crate) fn is_exposed(&self) -> bool {
        let url = &self.settings.url;
        url.scheme() == "http" && !url.host_str().is_some_and(is_loopback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access_to(url: &str) -> DirectusAccess {
        let url = parse_url(url).unwrap();
        DirectusAccess { settings: DirectusSettings { url, admin_token: "t".into() }, secret: None }
    }

    #[test]
    fn accepts_only_base_urls() {
        for url in ["http://127.0.0.1:8055", "https://example.org/cms/", "http://[::1]:8055"] {
            assert!(parse_url(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "directus",
            "127.0.0.1:8055",
            "ftp://example.org",
            "https://user@example.org",
            "https://:password@example.org",
            "https://example.org/?a",
            "https://example.org/#a",
        ] {
            assert!(parse_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn knows_when_others_could_listen_to_tokens() {
        for url in ["https://example.org", "http://127.0.0.2:8055", "http://localhost", "http://[::1]"] {
            assert!(!access_to(url).is_exposed(), "{url}");
        }
        for url in ["http://example.org", "http://10.0.0.7:8055", "http://localhost.example.org"] {
            assert!(access_to(url).is_exposed(), "{url}");
        }
    }
}
