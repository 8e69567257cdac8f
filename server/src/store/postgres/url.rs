//! `DATABASE_URL`: where PostgreSQL is, and how to reach it.

use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr as _;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

const DEFAULT_PORT: u16 = 5432;
/// How long a host may leave sent data unacknowledged before it counts as gone.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(15);
const FORM: &str = "postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters percent-encoded";
/// The `sslmode`s that check the server's certificate. In libpq `require` does not; here every
/// encrypted connection knows its peer.
const VERIFYING: [&str; 3] = ["require", "verify-ca", "verify-full"];

/// Where PostgreSQL is. Its `Debug` and `Display` forms omit the password.
#[derive(Clone, Debug)]
pub(crate) struct PostgresUrl {
    config: Config,
}

impl PostgresUrl {
    /// Parses a URL. The fault says what is expected and quotes nothing, since any part of a
    /// mistyped URL may be the password.
    pub(crate) fn parse(url: &SecretString) -> Result<Self, String> {
        let url = url.expose_secret();
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(format!("must be {FORM}; leave it unset for SQLite in the data directory"));
        }
        // Text after the first of several would be taken for a host, and shown.
        if url.matches('@').count() > 1 {
            return Err("has more than one @; write an @ in the password as %40".to_owned());
        }
        // A question mark before the host belongs to a password.
        let host = url.find('@').unwrap_or_default();
        let (base, parameters) = match url[host..].find('?') {
            Some(index) => (&url[..host + index], &url[host + index + 1..]),
            None => (url, ""),
        };
        let parameters: Vec<_> = parameters.split('&').filter(|parameter| !parameter.is_empty()).collect();
        let sslmode = parameters.iter().find_map(|parameter| parameter.strip_prefix("sslmode="));
        if parameters.iter().any(|parameter| parameter.starts_with("sslrootcert=")) {
            return Err("has sslrootcert, which is not supported; let the operating system trust that \
                        certificate, or name its file in SSL_CERT_FILE"
                .to_owned());
        }
        let others = parameters.iter().filter(|parameter| !parameter.starts_with("sslmode="));
        let others = others.copied().collect::<Vec<_>>().join("&");
        let mut config = Config::from_str(&format!("{base}?{others}"))
            .map_err(|_| format!("must be {FORM}; or one of its parameters is unknown or has a bad value"))?;
        check_complete(&config)?;
        config.ssl_mode(ssl_mode(sslmode, is_local(&config))?);
        fill_in(&mut config);
        Ok(Self { config })
    }

    /// The password, if there is one and it is text.
    pub(crate) fn password(&self) -> Option<SecretString> {
        std::str::from_utf8(self.config.get_password()?).ok().map(SecretString::from)
    }

    /// The hosts, in the order in which to ask them.
    pub(super) fn hosts(&self) -> Vec<UrlHost> {
        let (hosts, addresses, ports) =
            (self.config.get_hosts(), self.config.get_hostaddrs(), self.config.get_ports());
        (0..hosts.len().max(addresses.len()))
            .map(|index| UrlHost {
                host: hosts.get(index).cloned(),
                address: addresses.get(index).copied(),
                port: ports.get(index).or(ports.first()).copied().unwrap_or(DEFAULT_PORT),
            })
            .collect()
    }

    /// Everything besides the hosts.
    pub(super) fn without_hosts(&self) -> Config {
        let (from, mut config) = (&self.config, Config::new());
        from.get_user().map(|user| config.user(user));
        from.get_password().map(|password| config.password(password));
        from.get_dbname().map(|name| config.dbname(name));
        from.get_options().map(|options| config.options(options));
        from.get_application_name().map(|name| config.application_name(name));
        from.get_connect_timeout().map(|timeout| config.connect_timeout(*timeout));
        from.get_tcp_user_timeout().map(|timeout| config.tcp_user_timeout(*timeout));
        from.get_keepalives_interval().map(|interval| config.keepalives_interval(interval));
        from.get_keepalives_retries().map(|retries| config.keepalives_retries(retries));
        config
            .ssl_mode(from.get_ssl_mode())
            .ssl_negotiation(from.get_ssl_negotiation())
            .keepalives(from.get_keepalives())
            .keepalives_idle(from.get_keepalives_idle())
            .target_session_attrs(from.get_target_session_attrs())
            .channel_binding(from.get_channel_binding());
        config
    }

    /// Whether traffic may cross a network unencrypted.
    pub(super) fn is_exposed(&self) -> bool {
        self.config.get_ssl_mode() != SslMode::Require && !is_local(&self.config)
    }
}

/// A host from the URL.
#[derive(Clone, Debug)]
pub(super) struct UrlHost {
    /// The host's name, which a certificate must contain.
    pub(super) host: Option<Host>,
    /// The host's address, if set separately from the name.
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = match self.config.get_hosts() {
            [] => self.config.get_hostaddrs().iter().map(IpAddr::to_string).collect(),
            hosts => hosts.iter().map(host_name).collect(),
        };
        write!(f, "postgres://{}/{}", hosts.join(","), self.config.get_dbname().unwrap_or_default())
    }
}

fn host_name(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    }
}

fn check_complete(config: &Config) -> Result<(), String> {
    let has_host = !config.get_hosts().is_empty() || !config.get_hostaddrs().is_empty();
    if !has_host || config.get_user().is_none() || config.get_dbname().is_none() {
        return Err(format!("must be {FORM}; a host, a user and a database are required"));
    }
    let (hosts, addresses) = (config.get_hosts().len(), config.get_hostaddrs().len());
    if hosts > 0 && addresses > 0 && hosts != addresses {
        return Err("must have as many addresses in hostaddr as it has hosts".to_owned());
    }
    if config.get_ports().len() > 1 && config.get_ports().len() != hosts.max(addresses) {
        return Err("must have one port, or one for each host".to_owned());
    }
    Ok(())
}

/// The TLS mode: by default, TLS to other machines and none on this one.
fn ssl_mode(given: Option<&str>, is_local: bool) -> Result<SslMode, String> {
    match given {
        None if is_local => Ok(SslMode::Disable),
        None => Ok(SslMode::Require),
        Some("disable") => Ok(SslMode::Disable),
        Some("prefer") => Ok(SslMode::Prefer),
        Some(mode) if VERIFYING.contains(&mode) => Ok(SslMode::Require),
        Some(_) => Err(format!("has an unknown sslmode; use disable, prefer, {}", VERIFYING.join(", "))),
    }
}

/// Whether all hosts are this machine.
fn is_local(config: &Config) -> bool {
    let is_loopback = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    // If addresses are set, connections go to them.
    match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(is_loopback),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    }
}

/// Sets unset values that must not depend on defaults.
fn fill_in(config: &mut Config) {
    // A standby accepts no writes: find the primary, now and after a failover.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE_TIMEOUT);
    }
    // An abandoned connection is tracked until its host has answered or is gone.
    if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
        config.keepalives_idle(SILENCE_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("stagepass-server");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<PostgresUrl, String> {
        PostgresUrl::parse(&url.into())
    }

    fn mode(url: &str) -> SslMode {
        parse(url).unwrap().config.get_ssl_mode()
    }

    #[test]
    fn uses_tls_to_other_machines_unless_the_url_says_otherwise() {
        assert_eq!(mode("postgres://u:p@db.example.org/d"), SslMode::Require);
        assert_eq!(mode("postgres://u:p@localhost,db.example.org/d"), SslMode::Require);
        for local in ["localhost", "127.0.0.1", "[::1]", "%2Frun%2Fpostgresql"] {
            assert_eq!(mode(&format!("postgresql://u:p@{local}/d")), SslMode::Disable, "{local}");
        }
        assert_eq!(mode("postgres://u:p?sslmode=disable@db.example.org/d"), SslMode::Require);
        for (given, expected) in [
            ("disable", SslMode::Disable),
            ("prefer", SslMode::Prefer),
            ("require", SslMode::Require),
            ("verify-full", SslMode::Require),
        ] {
            let url = parse(&format!("postgres://u:p@db.example.org/d?connect_timeout=3&sslmode={given}"));
            let url = url.unwrap();
            assert_eq!(url.config.get_ssl_mode(), expected, "{given}");
            assert_eq!(url.is_exposed(), expected != SslMode::Require, "{given}");
        }
    }

    #[test]
    fn refuses_a_bad_url_without_quoting_it() {
        for bad in [
            "mysql://planted:planted@h/d",
            "postgres://planted",
            "postgres://planted:planted@h",
            "postgres://h/planted",
            "postgres://u:p@h/d?planted=1",
            "postgres://u:p@h/d?sslmode=planted",
            "postgres://u:p@h:planted/d",
            "postgres://u:p@h/d?sslrootcert=planted",
            "postgres://u:p@planted:1,h:2,i/d?port=3",
            "postgres://u:p@h,planted/d?hostaddr=127.0.0.1",
        ] {
            let fault = parse(bad).unwrap_err();
            assert!(!fault.contains("planted"), "{bad}: {fault}");
        }
    }

    #[test]
    fn no_form_shows_the_password() {
        let url = parse("postgres://user:planted@one:1,two:2/stagepass").unwrap();
        assert_eq!(url.to_string(), "postgres://one,two/stagepass");
        assert!(!format!("{url:?}").contains("planted"));
    }
}
