//! Reading settings while gathering what is wrong with them.

use super::PREVIOUS_SERVICE_SECRETS;
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

/// Every variable that begins with `STAGEPASS_` and means something to one of
/// Stagepass's programs.
const KNOWN: [&str; 27] = [
    "STAGEPASS_ADDRESS_CONNECTION_LIMIT",
    "STAGEPASS_AUDIT_DAYS",
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
/// Variables that would change what is kept where, or who can listen in: to
/// pass over them in silence would be dangerous.
const UNSUPPORTED: [&str; 2] = ["STAGEPASS_TLS_CERT", "STAGEPASS_TLS_KEY"];

const LOG: &str = "STAGEPASS_LOG";
const LOG_FILTER_FILE: &str = "STAGEPASS_LOG_FILTER_FILE";
/// More than any filter has; of a longer one the rest is not read.
const MAX_FILTER_BYTES: u64 = 64 * 1024;

/// The shortest secret that opens this server to whoever sends it. A
/// random one has 120 bits or more in so many letters and digits.
pub(super) const MIN_SENT_CHARS: usize = 24;
/// The shortest key that HS256 may have (RFC 7518, section 3.2): whoever has one
/// token can try keys on it without asking anybody.
pub(super) const MIN_SIGNING_BYTES: usize = 32;
/// A command that every Unix has, and that makes a secret long enough for all uses.
const MAKE_ONE: &str = "`head -c 32 /dev/urandom | base64` makes one";

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
            "STAGEPASS_PUBLIC_URL must be https://HOST or https://HOST:PORT, or on this machine http, \
             without user, path, query and fragment",
        )
    }

    /// What to log, as given or as a file says; `info` where neither does.
    pub(super) fn log_filter(&mut self, given: Option<&str>, file: Option<&Path>) -> Option<Targets> {
        match (given, file) {
            (Some(_), Some(_)) => {
                self.add(format!("{LOG} and {LOG_FILTER_FILE} are both given; leave one out"));
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

    /// A word that is no level would be taken for the name of a part that does not exist,
    /// of which alone everything is then logged.
    fn log(&mut self, name: &str, filter: &str) -> Option<Targets> {
        let directives: Vec<_> = filter.split(',').map(str::trim).collect();
        let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
        let is_target =
            |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_:".contains(letter));
        let is_directive = |text: &&str| match text.split_once('=') {
            Some((target, level)) => is_target(target) && !target.is_empty() && is_level(level),
            None => is_level(text),
        };
        // Others alone would silence this program.
        let is_ours = |text: &&str| !text.contains('=') || text.starts_with("stagepass");
        let makes_sense = directives.iter().all(is_directive) && directives.iter().any(is_ours);
        let parsed = directives.join(",").parse().ok().filter(|_| makes_sense);
        self.required(
            parsed,
            &format!(
                "{name} must be a level (off, error, warn, info, debug or trace), alone or before TARGET=LEVEL,…"
            ),
        )
    }

    /// Notes that a secret is missing which can't be made because of `variable`.
    pub(super) fn must_be_given(&mut self, secret: &str, variable: &str) {
        self.add(format!("{secret} must be given with {variable}; {MAKE_ONE}"));
    }

    /// Notes that a secret is so short that somebody could guess it by trying.
    pub(super) fn check_sent(&mut self, name: &str, secret: Option<&SecretString>) {
        if secret.is_some_and(|secret| secret.expose_secret().chars().count() < MIN_SENT_CHARS) {
            self.add(format!("{name} has fewer than {MIN_SENT_CHARS} characters; {MAKE_ONE}"));
        }
    }

    /// The same of a secret that signs tokens.
    pub(super) fn check_signing(&mut self, name: &str, secret: Option<&SecretString>) {
        if secret.is_some_and(|secret| secret.expose_secret().len() < MIN_SIGNING_BYTES) {
            self.add(format!("{name} has fewer than {MIN_SIGNING_BYTES} bytes; {MAKE_ONE}"));
        }
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

    /// A secret that is kept in the data directory, which must be there.
    pub(super) fn kept(&mut self, path: &Path) -> Option<SecretString> {
        match secret_file::read_kept(path) {
            Ok(secret) => {
                masking::hold(&secret);
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
            (Ok(_), Some(_)) => Err(format!("{variable} and {variable}_FILE are both given; leave one out")),
            (Ok(text), None) => Ok(SecretString::from(trim(&text))),
        };
        match secret {
            Ok(secret) if secret.expose_secret().is_empty() => self.add(format!("{variable} is empty")),
            Ok(secret) => {
                masking::hold(&secret);
                return Some(secret);
            }
            Err(fault) => self.add(fault),
        }
        None
    }

    pub(super) fn key(&mut self, variable: &str, text: &SecretString) -> Option<Key> {
        masking::hold(text);
        self.required(Key::from_base64(text), &format!("{variable} must be base64 of exactly 32 bytes"))
    }

    /// The key that seals: not the one of a placeholder, which anybody would try.
    /// What is sealed with such a key can still be read with it.
    pub(super) fn writing_key(&mut self, variable: &str, text: &SecretString) -> Option<Key> {
        let key = self.key(variable, text)?;
        let fault = format!(
            "{variable} is 32 bytes of zero, which is no secret; {MAKE_ONE} (if something is sealed with \
             the zeros, list them in CREDENTIALS_ENC_OLD_KEYS_B64 and run rotate-keys)"
        );
        self.required(Some(key).filter(|key| !key.is_zero()), &fault)
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
        let secrets: Vec<_> =
            lines.into_iter().filter(|line| !line.is_empty()).map(SecretString::from).collect();
        for (index, secret) in secrets.iter().enumerate() {
            masking::hold(secret);
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

/// Whether it is an address or a name of the DNS (RFC 1123), in ASCII.
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

/// Whether a URL's host stands for this machine, over whose http nobody else listens.
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
    fn a_secret_that_could_be_guessed_is_refused_with_a_command_that_makes_a_better_one() {
        let sent = |text: &str| {
            let mut faults = Faults::default();
            faults.check_sent("NAME", Some(&text.into()));
            faults.0
        };
        assert_eq!(
            sent(&"s".repeat(23)),
            ["NAME has fewer than 24 characters; `head -c 32 /dev/urandom | base64` makes one"]
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
    fn a_key_of_zeros_only_reads() {
        let zero = SecretString::from(STANDARD.encode([0; 32]));
        let mut faults = Faults::default();
        assert!(faults.writing_key("NAME", &zero).is_none());
        assert_eq!(
            faults.0,
            [
                "NAME is 32 bytes of zero, which is no secret; `head -c 32 /dev/urandom | base64` makes one (if \
              something is sealed with the zeros, list them in CREDENTIALS_ENC_OLD_KEYS_B64 and run \
              rotate-keys)"
            ]
        );
        assert!(Faults::default().key("NAME", &zero).is_some());
        assert!(Faults::default().writing_key("NAME", &STANDARD.encode([1; 32]).into()).is_some());
    }

    #[test]
    fn a_public_url_is_a_host_and_a_port_at_most() {
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
    fn a_word_that_is_no_level_silences_no_log() {
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
