//! Reading settings while gathering what is wrong with them.

use super::PREVIOUS_SERVICE_SECRETS;
use super::named_file::NamedFile;
use crate::sealing::Key;
use axum::http::Uri;
use secrecy::{ExposeSecret as _, SecretString};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::{env, fs};

/// Every variable that begins with `STAGEPASS_` and means something to one of
/// Stagepass's programs.
const KNOWN: [&str; 19] = [
    "STAGEPASS_ADDRESS_CONNECTION_LIMIT",
    "STAGEPASS_DATA_DIR",
    "STAGEPASS_FAILED_AUTH_RATE_LIMIT",
    "STAGEPASS_HOST_DIR",
    "STAGEPASS_IDLE_TIMEOUT",
    "STAGEPASS_JWT_SECRET",
    "STAGEPASS_JWT_SECRET_FILE",
    "STAGEPASS_LISTEN",
    "STAGEPASS_LOG",
    "STAGEPASS_LOG_FORMAT",
    "STAGEPASS_PUBLIC_URL",
    "STAGEPASS_REQUEST_TIMEOUT",
    "STAGEPASS_TRUSTED_PROXIES",
    "STAGEPASS_USER_RATE_LIMIT",
    "STAGEPASS_VAULT_FILE_PASSWORD",
    "STAGEPASS_VAULT_FILE_PASSWORD_FILE",
    "STAGEPASS_VAULT_PASSWORD",
    "STAGEPASS_VAULT_PASSWORD_FILE",
    "STAGEPASS_YT_DLP",
];
/// Variables that would change what is kept where, or who can listen in: to
/// pass over them in silence would be dangerous.
const UNSUPPORTED: [&str; 2] = ["STAGEPASS_TLS_CERT", "STAGEPASS_TLS_KEY"];

/// What is wrong, in words for people; never a secret.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<String>);

impl Faults {
    pub(super) fn add(&mut self, fault: impl Into<String>) {
        self.0.push(fault.into());
    }

    /// Notes a fault where there is no value.
    pub(super) fn required<T>(&mut self, value: Option<T>, fault: &str) -> Option<T> {
        if value.is_none() {
            self.add(fault);
        }
        value
    }

    /// Refuses variables that nothing here reads.
    pub(super) fn check_environment(&mut self) {
        for (name, _) in env::vars_os() {
            let Some(name) = name.to_str() else { continue };
            if UNSUPPORTED.contains(&name) {
                self.add(format!("{name} is not supported by this version; unset it"));
            } else if name.starts_with("STAGEPASS_") && !KNOWN.contains(&name) {
                self.add(format!("{name} is unknown; known are {}", KNOWN.join(", ")));
            }
        }
    }

    pub(super) fn parse<T: FromStr>(&mut self, name: &str, text: &str, expected: &str) -> Option<T> {
        self.required(text.parse().ok(), &format!("{name} must be {expected}, not {text:?}"))
    }

    /// A whole number that is in `range`.
    pub(super) fn number(&mut self, name: &str, text: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let (least, most) = range.into_inner();
        self.required(number, &format!("{name} must be a whole number from {least} to {most}, not {text:?}"))
    }

    /// The host of the public URL.
    pub(super) fn public_host(&mut self, url: &str) -> Option<String> {
        let url: Option<Uri> = url.parse().ok();
        let is_bare = |url: &Uri| {
            url.query().is_none()
                && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        };
        let url = url.filter(|url| matches!(url.scheme_str(), Some("http" | "https")) && is_bare(url));
        let host = url.and_then(|url| url.host().map(str::to_owned));
        self.required(host, "STAGEPASS_PUBLIC_URL must be an http or https URL without user and query")
    }

    /// Notes that a secret is missing which can't be made because of `variable`.
    pub(super) fn must_be_given(&mut self, secret: &str, variable: &str) {
        self.add(format!("{secret} must be given with {variable}; `openssl rand -base64 32` makes one"));
    }

    /// Whether a secret is given, well or badly.
    pub(super) fn is_given(variable: &str, file: Option<&NamedFile>) -> bool {
        env::var_os(variable).is_some() || file.is_some()
    }

    /// A secret from its variable or from the file named instead; `None` where
    /// neither is given, or where a fault was noted. A file that a flag names
    /// wins.
    pub(super) fn secret(&mut self, variable: &str, file: Option<&NamedFile>) -> Option<SecretString> {
        self.trimmed(variable, file, str::trim)
    }

    /// The same for a password, whose white space is part of it: only the end
    /// of its line is not.
    pub(super) fn password(&mut self, variable: &str, file: Option<&NamedFile>) -> Option<SecretString> {
        self.trimmed(variable, file, |text| text.trim_end_matches(['\r', '\n']))
    }

    fn trimmed(
        &mut self,
        variable: &str,
        file: Option<&NamedFile>,
        trim: fn(&str) -> &str,
    ) -> Option<SecretString> {
        let secret = match (env::var(variable), file) {
            (_, Some(file)) if file.is_flags => read(variable, file, trim),
            (Err(env::VarError::NotPresent), None) => return None,
            (Err(env::VarError::NotPresent), Some(file)) => read(variable, file, trim),
            (Err(env::VarError::NotUnicode(_)), _) => Err(format!("{variable} is not UTF-8")),
            (Ok(_), Some(_)) => Err(format!("{variable} and {variable}_FILE are both given; leave one out")),
            (Ok(text), None) => Ok(SecretString::from(trim(&text))),
        };
        match secret {
            Ok(secret) if secret.expose_secret().is_empty() => self.add(format!("{variable} is empty")),
            Ok(secret) => return Some(secret),
            Err(fault) => self.add(fault),
        }
        None
    }

    pub(super) fn key(&mut self, variable: &str, text: &SecretString) -> Option<Key> {
        self.required(Key::from_base64(text), &format!("{variable} must be base64 of exactly 32 bytes"))
    }

    /// Keys for reading, separated by commas.
    pub(super) fn keys(&mut self, variable: &str, file: Option<&NamedFile>) -> Vec<Key> {
        let Some(list) = self.secret(variable, file) else { return Vec::new() };
        list.expose_secret().split(',').filter_map(|text| self.key(variable, &text.into())).collect()
    }

    /// Former service secrets, one a line.
    pub(super) fn previous(&mut self, file: Option<&NamedFile>) -> Vec<SecretString> {
        let Some(list) = self.secret(PREVIOUS_SERVICE_SECRETS, file) else { return Vec::new() };
        let lines: Vec<_> = list.expose_secret().lines().map(str::trim).collect();
        if lines.contains(&"") {
            self.add(format!("{PREVIOUS_SERVICE_SECRETS} has an empty line"));
        }
        lines.into_iter().map(SecretString::from).collect()
    }
}

fn read(variable: &str, file: &NamedFile, trim: fn(&str) -> &str) -> Result<SecretString, String> {
    let text = fs::read_to_string(&file.path);
    let text = text.map_err(|error| format!("{variable}_FILE: {}: {error}", file.path.display()))?;
    Ok(SecretString::from(trim(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_http_and_has_neither_user_nor_query() {
        let host = |url| Faults::default().public_host(url);
        assert_eq!(host("https://stagepass.example.org:8443/").as_deref(), Some("stagepass.example.org"));
        for bad in
            ["stagepass.example.org", "ftp://x", "https://user:pw@x/", "https://user@x/", "https://x/?q"]
        {
            assert_eq!(host(bad), None, "{bad}");
        }
    }
}
