//! Reads settings and gathers what is wrong with them.

use super::PREVIOUS_SERVICE_SECRETS;
use super::allowed_hosts::AllowedHosts;
use super::named_file::NamedFile;
use crate::masking;
use crate::sealing::Key;
use crate::secret_file;
use axum::http::Uri;
use axum::http::uri::Authority;
use secrecy::{ExposeSecret as _, SecretString};
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::{env, fs};
use tracing_subscriber::filter::{LevelFilter, Targets};

/// Every variable that starts with `STAGEPASS_` and that one of Stagepass's programs reads.
// Decision: docs/decisions/keys-and-audit.md#unknown-variables-stop-the-start
const KNOWN: [&str; 37] = [
    "STAGEPASS_ADDRESS_CONNECTION_LIMIT",
    "STAGEPASS_ALLOWED_HOSTS",
    "STAGEPASS_ALLOW_HTTP_TO",
    "STAGEPASS_ALLOW_PLAIN_HTTP",
    "STAGEPASS_AUDIT_DAYS",
    "STAGEPASS_CONNECTIONS",
    "STAGEPASS_COOKIES",
    "STAGEPASS_DATA_DIR",
    "STAGEPASS_DRAIN_TIME",
    "STAGEPASS_FAILED_AUTH_RATE_LIMIT",
    "STAGEPASS_HOST_DIR",
    "STAGEPASS_IDLE_TIMEOUT",
    "STAGEPASS_JWT_SECRET",
    "STAGEPASS_JWT_SECRET_FILE",
    "STAGEPASS_LISTEN",
    "STAGEPASS_LOG",
    "STAGEPASS_LOG_FILTER_FILE",
    "STAGEPASS_LOG_FORMAT",
    "STAGEPASS_POSTGRES_CONNECTIONS",
    "STAGEPASS_POSTGRES_HANDSHAKE_TIMEOUT",
    "STAGEPASS_POSTGRES_ROUND_TRIP_TIMEOUT",
    "STAGEPASS_PUBLIC_URL",
    "STAGEPASS_REQUEST_TIMEOUT",
    "STAGEPASS_RUN",
    "STAGEPASS_SERVER",
    "STAGEPASS_TLS_CERT",
    "STAGEPASS_TLS_KEY",
    "STAGEPASS_TOKEN_FILE",
    "STAGEPASS_TRUSTED_PROXIES",
    "STAGEPASS_USER_RATE_LIMIT",
    "STAGEPASS_USER_RECORD_LIMIT",
    "STAGEPASS_USER_STORAGE_LIMIT",
    "STAGEPASS_VAULT_FILE_PASSWORD",
    "STAGEPASS_VAULT_FILE_PASSWORD_FILE",
    "STAGEPASS_VAULT_PASSWORD",
    "STAGEPASS_VAULT_PASSWORD_FILE",
    "STAGEPASS_YT_DLP",
];

const LOG: &str = "STAGEPASS_LOG";
const LOG_FILTER_FILE: &str = "STAGEPASS_LOG_FILTER_FILE";
/// More than any filter needs; the rest of a longer file is not read.
const MAX_FILTER_BYTES: u64 = 64 * 1024;

/// The shortest secret that a caller sends. A random one of this length has 120 bits or more, even
/// if it has only letters and digits.
pub(super) const MIN_SENT_CHARS: usize = 24;
/// The shortest key for HS256 (RFC 7518, section 3.2): anyone with one token can try keys on it
/// offline.
pub(super) const MIN_SIGNING_BYTES: usize = 32;
/// Every Unix has this command, and its output is long enough for all uses.
const MAKE_ONE: &str = "`head -c 32 /dev/urandom | base64` generates one";

/// The faults of the settings, as messages for people, without secrets.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<String>);

impl Faults {
    pub(super) fn add(&mut self, fault: impl Into<String>) {
        self.0.push(fault.into());
    }

    /// Adds a fault if there is no value.
    pub(super) fn required<T>(&mut self, value: Option<T>, fault: &str) -> Option<T> {
        if value.is_none() {
            self.add(fault);
        }
        value
    }

    /// Refuses variables that no program reads.
    pub(super) fn check_environment(&mut self) {
        for (name, _) in env::vars_os() {
            let Some(name) = name.to_str() else { continue };
            if name.starts_with("STAGEPASS_") && !KNOWN.contains(&name) {
                self.add(format!("{name} is unknown; the known variables are {}", KNOWN.join(", ")));
            }
        }
    }

    pub(super) fn parse<T: FromStr>(&mut self, name: &str, text: &str, expected: &str) -> Option<T> {
        self.required(text.parse().ok(), &format!("{name} must be {expected}, not {text:?}"))
    }

    /// A whole number in `range`.
    pub(super) fn number(&mut self, name: &str, text: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let (least, most) = range.into_inner();
        self.required(number, &format!("{name} must be a whole number from {least} to {most}, not {text:?}"))
    }

    /// The host of the public URL.
    pub(super) fn public_host(&mut self, url: &str) -> Option<String> {
        let has_fragment = url.contains('#');
        let url: Option<Uri> = url.parse().ok().filter(|_| !has_fragment);
        let is_bare = |url: &Uri| matches!(url.path(), "" | "/") && url.query().is_none();
        let is_host_and_port = |authority: &Authority| {
            let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
            let has_port = authority.port().is_some_and(|port| port.as_u16() != 0 && is_port(port.as_str()));
            let is_bare = authority.as_str() == authority.host();
            is_host(authority.host()) && (is_bare || has_port && !authority.as_str().contains('@'))
        };
        let is_private = |url: &Uri| match url.scheme_str() {
            Some("https") => true,
            Some("http") => url.host().is_some_and(is_loopback),
            _ => false,
        };
        let url = url
            .filter(|url| is_bare(url) && is_private(url) && url.authority().is_some_and(is_host_and_port));
        let host = url.and_then(|url| url.host().map(str::to_ascii_lowercase));
        self.required(
            host,
            "STAGEPASS_PUBLIC_URL must be https://HOST or https://HOST:PORT (http only for this \
             machine), without user, path, query and fragment",
        )
    }

    /// Further host names under which requests are answered.
    pub(super) fn allowed_hosts(&mut self, list: &str) -> Option<AllowedHosts> {
        self.parse(
            "STAGEPASS_ALLOWED_HOSTS",
            list,
            "exact host names without scheme, port, path or wildcard, separated by commas, such as \
             stagepass,stagepass.lan",
        )
    }

    /// The log filter, from the variable or a file; `info` by default.
    pub(super) fn log_filter(&mut self, given: Option<&str>, file: Option<&Path>) -> Option<Targets> {
        match (given, file) {
            (Some(_), Some(_)) => {
                self.add(format!("{LOG} and {LOG_FILTER_FILE} are both set; unset one of them"));
                None
            }
            (given, None) => self.log(LOG, given.unwrap_or("info")),
            (None, Some(path)) => match read_filter(path) {
                Ok(text) => self.log(&format!("{LOG_FILTER_FILE}: {}", path.display()), text.trim()),
                Err(error) => {
                    self.add(format!("{LOG_FILTER_FILE}: {}: {error}", path.display()));
                    None
                }
            },
        }
    }

    /// A misspelt level would be taken for the name of a module, and nothing else would be logged.
    fn log(&mut self, name: &str, filter: &str) -> Option<Targets> {
        let directives: Vec<_> = filter.split(',').map(str::trim).collect();
        let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
        let is_target =
            |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_:".contains(letter));
        let is_directive = |text: &&str| match text.split_once('=') {
            Some((target, level)) => is_target(target) && !target.is_empty() && is_level(level),
            None => is_level(text),
        };
        // A filter for other modules only would silence this program.
        let is_ours = |text: &&str| !text.contains('=') || text.starts_with("stagepass");
        let makes_sense = directives.iter().all(is_directive) && directives.iter().any(is_ours);
        let parsed = directives.join(",").parse().ok().filter(|_| makes_sense);
        self.required(
            parsed,
            &format!(
                "{name} must be a level (off, error, warn, info, debug or trace), alone or followed by TARGET=LEVEL,…"
            ),
        )
    }

    /// Adds a fault for a missing secret that can't be generated because `variable` is set.
    pub(super) fn must_be_given(&mut self, secret: &str, variable: &str) {
        self.add(format!("{secret} must be set when {variable} is set; {MAKE_ONE}"));
    }

    /// Adds a fault if a secret is short enough to be guessed.
    pub(super) fn check_sent(&mut self, name: &str, secret: Option<&SecretString>) {
        if secret.is_some_and(|secret| secret.expose_secret().chars().count() < MIN_SENT_CHARS) {
            self.add(format!("{name} has fewer than {MIN_SENT_CHARS} characters; {MAKE_ONE}"));
        }
    }

    /// The same for a secret that signs tokens.
    pub(super) fn check_signing(&mut self, name: &str, secret: Option<&SecretString>) {
        if secret.is_some_and(|secret| secret.expose_secret().len() < MIN_SIGNING_BYTES) {
            self.add(format!("{name} has fewer than {MIN_SIGNING_BYTES} bytes; {MAKE_ONE}"));
        }
    }

    /// Whether a secret is set, valid or not.
    pub(super) fn is_given(variable: &str, file: Option<&NamedFile>) -> bool {
        env::var_os(variable).is_some() || file.is_some()
    }

    /// A secret from its variable or from its file; `None` if neither is set or a fault was added.
    /// A file named by a flag wins.
    pub(super) fn secret(&mut self, variable: &str, file: Option<&NamedFile>) -> Option<SecretString> {
        self.trimmed(variable, file, str::trim)
    }

    /// The same for a password, where white space counts: only the end of the line is removed.
    pub(super) fn password(&mut self, variable: &str, file: Option<&NamedFile>) -> Option<SecretString> {
        self.trimmed(variable, file, |text| text.trim_end_matches(['\r', '\n']))
    }

    /// A secret kept in the data directory. Its file must exist.
    pub(super) fn kept_secret(&mut self, path: &Path) -> Option<SecretString> {
        match secret_file::read_kept(path) {
            Ok(secret) => {
                masking::register(&secret);
                Some(secret)
            }
            Err(error) => {
                self.add(format!("{}: {error}", path.display()));
                None
            }
        }
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
            (Ok(_), Some(_)) => {
                Err(format!("{variable} and {variable}_FILE are both set; unset one of them"))
            }
            (Ok(text), None) => Ok(SecretString::from(trim(&text))),
        };
        match secret {
            Ok(secret) if secret.expose_secret().is_empty() => self.add(format!("{variable} is empty")),
            Ok(secret) => {
                masking::register(&secret);
                return Some(secret);
            }
            Err(fault) => self.add(fault),
        }
        None
    }

    pub(super) fn key(&mut self, variable: &str, text: &SecretString) -> Option<Key> {
        masking::register(text);
        self.required(Key::from_base64(text), &format!("{variable} must be exactly 32 bytes in base64"))
    }

    /// The key for encryption. The all-zero key of examples is refused because anyone would try it;
    /// it can still decrypt what was encrypted with it.
    pub(super) fn writing_key(&mut self, variable: &str, text: &SecretString) -> Option<Key> {
        let key = self.key(variable, text)?;
        let fault = format!(
            "{variable} is 32 zero bytes, which is not secret; {MAKE_ONE} (if records are encrypted with \
             the zero key, list it in CREDENTIALS_ENC_OLD_KEYS_B64 and run rotate-keys)"
        );
        self.required(Some(key).filter(|key| !key.is_zero()), &fault)
    }

    /// Keys for decryption only, separated by commas.
    pub(super) fn keys(&mut self, variable: &str, file: Option<&NamedFile>) -> Vec<Key> {
        let Some(list) = self.secret(variable, file) else { return Vec::new() };
        list.expose_secret().split(',').filter_map(|text| self.key(variable, &text.into())).collect()
    }

    /// Former service secrets, one per line.
    pub(super) fn previous(&mut self, file: Option<&NamedFile>) -> Vec<SecretString> {
        let Some(list) = self.secret(PREVIOUS_SERVICE_SECRETS, file) else { return Vec::new() };
        let lines: Vec<_> = list.expose_secret().lines().map(str::trim).collect();
        if lines.contains(&"") {
            self.add(format!("{PREVIOUS_SERVICE_SECRETS} has an empty line"));
        }
        let secrets: Vec<_> =
            lines.into_iter().filter(|line| !line.is_empty()).map(SecretString::from).collect();
        for (index, secret) in secrets.iter().enumerate() {
            masking::register(secret);
            self.check_sent(&format!("{PREVIOUS_SERVICE_SECRETS}: secret {}", index + 1), Some(secret));
        }
        secrets
    }
}

fn read_filter(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(MAX_FILTER_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn read(variable: &str, file: &NamedFile, trim: fn(&str) -> &str) -> Result<SecretString, String> {
    let text = secret_file::open_named(&file.path).and_then(secret_file::read);
    let text = text.map_err(|error| format!("{variable}_FILE: {}: {error}", file.path.display()))?;
    Ok(SecretString::from(trim(text.expose_secret())))
}

/// Whether it is an IP address or a DNS name (RFC 1123), in ASCII.
fn is_host(host: &str) -> bool {
    let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    in_brackets.map_or_else(
        || host.split('.').all(is_label),
        |address| address.parse::<std::net::Ipv6Addr>().is_ok(),
    )
}

/// Whether a URL's host is this machine, so that no network carries its http.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    #[test]
    fn refuses_a_guessable_secret_and_suggests_a_command_that_generates_one() {
        let sent = |text: &str| {
            let mut faults = Faults::default();
            faults.check_sent("NAME", Some(&text.into()));
            faults.0
        };
        assert_eq!(
            sent(&"s".repeat(23)),
            ["NAME has fewer than 24 characters; `head -c 32 /dev/urandom | base64` generates one"]
        );
        assert_eq!(sent(&"ä".repeat(23)).len(), 1, "characters count, not bytes");
        assert!(sent(&"s".repeat(24)).is_empty());
        let signing = |text: &str| {
            let mut faults = Faults::default();
            faults.check_signing("NAME", Some(&text.into()));
            faults.0.len()
        };
        assert_eq!((signing(&"s".repeat(31)), signing(&"s".repeat(32))), (1, 0));
    }

    #[test]
    fn accepts_an_all_zero_key_only_for_decryption() {
        let zero = SecretString::from(STANDARD.encode([0; 32]));
        let mut faults = Faults::default();
        assert!(faults.writing_key("NAME", &zero).is_none());
        assert_eq!(
            faults.0,
            [
                "NAME is 32 zero bytes, which is not secret; `head -c 32 /dev/urandom | base64` generates one (if \
              records are encrypted with the zero key, list it in CREDENTIALS_ENC_OLD_KEYS_B64 and run \
              rotate-keys)"
            ]
        );
        assert!(Faults::default().key("NAME", &zero).is_some());
        assert!(Faults::default().writing_key("NAME", &STANDARD.encode([1; 32]).into()).is_some());
    }

    #[test]
    fn accepts_only_a_host_and_a_port_as_the_public_url() {
        let host = |url| Faults::default().public_host(url);
        assert_eq!(host("https://stagepass.example.org:8443/").as_deref(), Some("stagepass.example.org"));
        for good in ["http://localhost:8080", "http://127.0.0.1/", "http://[::1]:8080", "http://LOCALHOST"] {
            assert!(host(good).is_some(), "{good}");
        }
        for bad in [
            "stagepass.example.org",
            "ftp://x",
            "https://user:pw@x/",
            "https://user@x/",
            "https://x/?q",
            "https://x/#top",
            "https://x#top",
            "https://x:0",
            "https://x:",
            "https://x:65536",
            "https://x:+443",
            "https://:443",
            "https://*",
            "https://a,b",
            "https://a..b",
            "https://[x]",
            "https://[fe80::1%25eth0]",
            "https://user:443@x",
            "https://x/stagepass",
            "http://stagepass.example.org",
            "http://localhost.example.org",
            "http://192.168.0.2:3001",
        ] {
            assert_eq!(host(bad), None, "{bad}");
        }
    }

    #[test]
    fn refuses_a_log_filter_with_a_misspelt_level() {
        let is_taken = |filter| Faults::default().log(LOG, filter).is_some();
        for good in [
            "info",
            "WARN",
            "off",
            "warn,stagepass_server=debug",
            "stagepass_server::serve=info",
            "info,a=off",
        ] {
            assert!(is_taken(good), "{good}");
        }
        for bad in [
            "warning",
            "",
            "verbose",
            "stagepass_server",
            "info,verbose",
            "a=warning",
            "info,",
            "a=",
            "=info",
            "info,[a]=info",
            "hyper=info",
        ] {
            assert!(!is_taken(bad), "{bad}");
        }
    }
}
