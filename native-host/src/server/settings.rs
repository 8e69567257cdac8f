//! Which server serves which platform: the settings as people write them, in the environment or
//! elsewhere, and checked. Knows the token only by its file.

use super::fault::ServerFault;
use serde::{Deserialize, Serialize};
use stagepass_core::url_host::is_host_name;
use stagepass_core::{PublicSuffixes, Site};
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::net::IpAddr;
use std::path::PathBuf;
use url::{Host, Url};

/// The variable that names the server.
pub(crate) const SERVER: &str = "STAGEPASS_SERVER";
const TOKEN_FILE: &str = "STAGEPASS_TOKEN_FILE";
const CONNECTIONS: &str = "STAGEPASS_CONNECTIONS";
const ALLOW_HTTP_TO: &str = "STAGEPASS_ALLOW_HTTP_TO";

/// The length of a connection's id (RFC 9562).
const ID_CHARS: usize = 36;

/// The settings as people write them.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    /// The server's address.
    pub(crate) server: String,
    /// The file with the token.
    pub(crate) token_file: PathBuf,
    /// `PLATFORM=ID,…`
    pub(crate) connections: String,
    /// `HOST,…`
    #[serde(default)]
    pub(crate) allow_http_to: String,
}

/// Checked settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The server's address, https unless http is allowed.
    pub(crate) address: Url,
    pub(crate) token_file: PathBuf,
    /// The connection of each platform.
    pub(crate) connections: BTreeMap<String, String>,
    /// Where the settings were found.
    pub(crate) origin: String,
}

/// The settings of the environment; `None` if no variable is set.
pub(super) fn from_environment() -> Result<Option<Settings>, ServerFault> {
    let named = |member: &str| format!("STAGEPASS_{}", member.to_uppercase());
    let written = variables()?;
    written.map(|written| written.check("the environment".to_owned(), named)).transpose()
}

/// The variables; an empty one counts as unset.
fn variables() -> Result<Option<Written>, ServerFault> {
    let path = |variable| env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let text = |variable: &'static str| {
        let text = path(variable).map(|value| value.into_os_string().into_string());
        let not_unicode = |_| ServerFault::Setting { name: variable.to_owned(), fault: "is not UTF-8" };
        text.transpose().map_err(not_unicode)
    };
    let (server, token_file) = (text(SERVER)?, path(TOKEN_FILE));
    let (connections, allow_http_to) = (text(CONNECTIONS)?, text(ALLOW_HTTP_TO)?);
    let Some(server) = server else {
        let others = [
            (TOKEN_FILE, token_file.is_some()),
            (CONNECTIONS, connections.is_some()),
            (ALLOW_HTTP_TO, allow_http_to.is_some()),
        ];
        return match others.into_iter().find(|(_, is_set)| *is_set) {
            Some((variable, _)) => Err(ServerFault::Missing { variable, missing: SERVER }),
            None => Ok(None),
        };
    };
    let missing = |missing| ServerFault::Missing { variable: SERVER, missing };
    Ok(Some(Written {
        server,
        token_file: token_file.ok_or_else(|| missing(TOKEN_FILE))?,
        connections: connections.ok_or_else(|| missing(CONNECTIONS))?,
        allow_http_to: allow_http_to.unwrap_or_default(),
    }))
}

impl Written {
    /// Checks each setting. `name_of` gives a setting's name for messages.
    pub(crate) fn check(
        &self,
        origin: String,
        name_of: impl Fn(&str) -> String,
    ) -> Result<Settings, ServerFault> {
        let setting = |member: &str| {
            let name = name_of(member);
            move |fault| ServerFault::Setting { name, fault }
        };
        let http_hosts = parse_hosts(&self.allow_http_to).map_err(setting("allow_http_to"))?;
        let address = parse_address(&self.server).map_err(setting("server"))?;
        if plain_http_host(&address).is_some_and(|host| !http_hosts.contains(&host)) {
            return Err(setting("server")(
                "is plain http, which others can read on the way. Use https, or allow exactly this host name with \
                 STAGEPASS_ALLOW_HTTP_TO or \"stagepass login --allow-http-to\"",
            ));
        }
        let connections = parse_connections(&self.connections).map_err(setting("connections"))?;
        Ok(Settings { address, token_file: self.token_file.clone(), connections, origin })
    }
}

/// The address of a server: scheme, host and perhaps a port.
pub(crate) fn parse_address(text: &str) -> Result<Url, &'static str> {
    const FAULT: &str =
        "must be an address such as https://stagepass.example.org, without a user name, a path or a query";
    let url = Url::parse(text.trim()).map_err(|_| FAULT)?;
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    let is_web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    if is_web && is_bare && is_anonymous { Ok(url) } else { Err(FAULT) }
}

/// The host of an http address, unless it is this machine, so that no network carries the http.
pub(crate) fn plain_http_host(address: &Url) -> Option<String> {
    let is_loopback = match address.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(address).to_canonical().is_loopback(),
    };
    (address.scheme() == "http" && !is_loopback).then(|| address.host_str().map(str::to_owned)).flatten()
}

/// Host names, separated by commas.
fn parse_hosts(text: &str) -> Result<BTreeSet<String>, &'static str> {
    const FAULT: &str = "must be exact host names, without scheme, port or wildcard, separated by commas";
    let host = |name: &str| is_host_name(name).then(|| name.to_ascii_lowercase()).ok_or(FAULT);
    parts(text).map(host).collect()
}

/// Platforms with their connections' ids, separated by commas.
fn parse_connections(text: &str) -> Result<BTreeMap<String, String>, &'static str> {
    const FAULT: &str = "must be PLATFORM=ID for each connection, separated by commas, such as \
                         instagram=0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f";
    let mut connections = BTreeMap::new();
    for part in parts(text) {
        let (platform, id) = part.split_once('=').ok_or(FAULT)?;
        let (platform, id) = (platform.trim().to_ascii_lowercase(), id.trim().to_ascii_lowercase());
        if !is_id(&id) {
            return Err(FAULT);
        }
        if Site::of_id(&platform, PublicSuffixes::built_in()).is_err() {
            return Err("has something that is neither a platform such as instagram nor a site such as \
                        example.org");
        }
        if connections.insert(platform, id).is_some() {
            return Err("names two connections for one platform");
        }
    }
    if connections.is_empty() { Err(FAULT) } else { Ok(connections) }
}

fn is_id(text: &str) -> bool {
    text.len() == ID_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0198c5a2-7d1e-7c3b-9f64-2a1b3c4d5e6f";

    fn check(server: &str, connections: &str, allow_http_to: &str) -> Result<Settings, String> {
        let written = Written {
            server: server.to_owned(),
            token_file: "/token".into(),
            connections: connections.to_owned(),
            allow_http_to: allow_http_to.to_owned(),
        };
        written.check("a test".to_owned(), str::to_owned).map_err(|fault| fault.to_string())
    }

    fn with_server(server: &str, allow_http_to: &str) -> Result<Settings, String> {
        check(server, &format!("x={ID}"), allow_http_to)
    }

    #[test]
    fn takes_https_loopback_and_hosts_that_are_allowed_by_name() {
        for (server, allowed) in [
            ("https://stagepass.example.org", ""),
            ("https://192.168.0.2:8443/", ""),
            ("http://localhost:3001", ""),
            ("http://127.0.0.1:3001", ""),
            ("http://[::1]:3001", ""),
            ("http://stagepass:3001", "stagepass"),
            ("http://Media_1:3001", "other, MEDIA_1"),
            ("http://10.0.0.7:3001", "10.0.0.7"),
        ] {
            assert!(with_server(server, allowed).is_ok(), "{server} with {allowed:?}");
        }
        for (server, allowed) in [
            ("http://stagepass:3001", ""),
            ("http://stagepass:3001", "stage"),
            ("http://stagepass.evil.example", "stagepass"),
            ("http://evil.stagepass", "stagepass"),
            ("http://localhost.example.org", ""),
            ("http://localhost.", ""),
            ("http://10.0.0.7", "10.0.0.8"),
        ] {
            let fault = with_server(server, allowed).unwrap_err();
            assert!(fault.starts_with("server is plain http"), "{server}: {fault}");
        }
        for allowed in ["http://stagepass", "stagepass:3001", "*", "*.lan", "a/b", "user@stagepass"] {
            let fault = with_server("https://example.org", allowed).unwrap_err();
            assert!(fault.starts_with("allow_http_to must be exact host names"), "{allowed}: {fault}");
        }
    }

    #[test]
    fn refuses_an_address_that_is_more_than_a_host_and_does_not_repeat_it() {
        for server in [
            "",
            "stagepass.example.org",
            "ftp://stagepass.example.org",
            "https://someone:planted@stagepass.example.org",
            "https://planted@stagepass.example.org",
            "https://stagepass.example.org/planted",
            "https://stagepass.example.org/?planted",
            "https://stagepass.example.org/#planted",
        ] {
            let fault = with_server(server, "").unwrap_err();
            assert!(fault.starts_with("server must be an address") && !fault.contains("planted"), "{fault}");
        }
    }

    #[test]
    fn reads_one_connection_for_each_platform() {
        let text = format!(" instagram={ID} ,x={}, example.org={ID},", ID.to_uppercase());
        let connections = check("https://a.example", &text, "").unwrap().connections;
        let expected = ["example.org", "instagram", "x"].map(|platform| (platform.to_owned(), ID.to_owned()));
        assert_eq!(connections, BTreeMap::from(expected));
        for (text, word) in [
            (String::new(), "must be PLATFORM=ID"),
            (",".to_owned(), "must be PLATFORM=ID"),
            ("x".to_owned(), "must be PLATFORM=ID"),
            ("x=1".to_owned(), "must be PLATFORM=ID"),
            (format!("x={ID}a"), "must be PLATFORM=ID"),
            (format!("x={ID},X={ID}"), "two connections for one platform"),
            (format!("com={ID}"), "neither a platform"),
            (format!("no site={ID}"), "neither a platform"),
        ] {
            let fault = check("https://a.example", &text, "").unwrap_err();
            assert!(fault.starts_with("connections ") && fault.contains(word), "{text}: {fault}");
        }
    }
}
