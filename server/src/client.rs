//! The address a request comes from: the connection's peer or, behind trusted proxies, the address
//! that the nearest of them reports. Also whether the request came over TLS to this server itself.
//!
//! Only `X-Forwarded-For` is read, and only from trusted proxies.

use crate::error::Error;
use crate::request::{LOCAL_NAMES, OverTls, Peer, host_names};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Uri, header};
use ipnet::{AddrParseError, IpNet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

// Decision: docs/decisions/http.md#only-x-forwarded-for-is-read
const FORWARDED_FOR: &str = "x-forwarded-for";
/// One customer of an IPv6 network has at least its last 64 bits.
const IPV6_HOST_BITS: u32 = 64;
/// The length of the prefix before IPv4 addresses in IPv6.
const IPV4_IN_IPV6: u8 = 96;

/// The proxies whose `X-Forwarded-For` is trusted.
#[derive(Debug, Default)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl FromStr for TrustedProxies {
    type Err = AddrParseError;

    /// Addresses and networks, separated by commas.
    fn from_str(list: &str) -> Result<Self, AddrParseError> {
        list.split(',').map(|entry| parse_network(entry.trim())).collect::<Result<_, _>>().map(Self)
    }
}

fn parse_network(text: &str) -> Result<IpNet, AddrParseError> {
    let network = text.parse::<IpAddr>().map_or_else(|_| text.parse(), |address| Ok(address.into()))?;
    Ok(canonical(network))
}

/// A network of IPv4-mapped IPv6 addresses (RFC 4291, section 2.5.5.2), as an IPv4 network.
fn canonical(network: IpNet) -> IpNet {
    let address = network.addr().to_canonical();
    let v4 = network.prefix_len().checked_sub(IPV4_IN_IPV6).filter(|_| address.is_ipv4());
    v4.filter(|_| network.addr().is_ipv6())
        .and_then(|prefix_len| IpNet::new(address, prefix_len).ok())
        .unwrap_or(network)
}

impl TrustedProxies {
    /// Whether the list contains an address.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether a network is larger than any private one (RFC 1918, RFC 4193), or has IPv4 addresses
    /// within IPv6, which would never match.
    pub(crate) fn are_too_many(&self) -> bool {
        IpNet::aggregate(&self.0).iter().any(|network| match network {
            IpNet::V4(network) => network.prefix_len() < 8,
            IpNet::V6(network) => {
                network.prefix_len() < 7 || network.contains(&Ipv4Addr::UNSPECIFIED.to_ipv6_mapped())
            }
        })
    }

    /// Whether one of the proxies may be on this machine.
    fn contain_this_machine(&self) -> bool {
        let is_at_loopback = |network: &IpNet| {
            network.addr().is_loopback() || network.contains(&IpAddr::from(Ipv4Addr::LOCALHOST))
        };
        self.contain(Ipv6Addr::LOCALHOST.into()) || self.0.iter().any(is_at_loopback)
    }

    /// The nearest address that is not a trusted proxy: from the right, each trusted proxy reports
    /// the address before it. Anything else in the header ends the search.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')).map(parse_hop);
        let mut client = peer.to_canonical();
        while self.contain(client)
            && let Some(Some(hop)) = hops.next()
        {
            client = hop;
        }
        client
    }
}

/// An address, with or without the port that some proxies add.
fn parse_hop(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

/// Whether proxies add such a header. They differ in which ones they add; most serve here only to
/// detect a proxy.
fn is_of_proxy(name: &HeaderName) -> bool {
    let others = ["x-real-ip", "x-azure-clientip", "x-proxyuser-ip"];
    let beginnings = ["x-forwarded", "x-original-", "x-envoy-", "x-appengine-", "cf-"];
    *name == header::FORWARDED
        || *name == header::VIA
        || name.as_str().ends_with("-client-ip")
        || others.contains(&name.as_str())
        || beginnings.iter().any(|beginning| name.as_str().starts_with(beginning))
}

/// Where a request comes from, as far as addresses tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    address: IpAddr,
    is_this_machine: bool,
    is_over_tls: bool,
}

impl Client {
    /// The sender of a request. The router determines it once and stores it for the extractor.
    pub(crate) fn of(request: &Request, proxies: &TrustedProxies, is_public: bool) -> Result<Self, Error> {
        let peer = request.extensions().get().ok_or(Error::Internal("a request without a peer"))?;
        let client = Self::from_parts(*peer, request.uri(), request.headers(), proxies, is_public);
        Ok(Self { is_over_tls: request.extensions().get::<OverTls>().is_some(), ..client })
    }

    /// The only place that decides what "this machine" is. Behind a proxy on this machine every
    /// connection comes from here, and the proxy may add no header. So if the settings say that
    /// there is a proxy, no caller counts as this machine.
    fn from_parts(
        peer: Peer,
        uri: &Uri,
        headers: &HeaderMap,
        proxies: &TrustedProxies,
        is_public: bool,
    ) -> Self {
        let address = proxies.client(peer.0.ip(), headers);
        let has_proxy = is_public || proxies.contain_this_machine() || headers.keys().any(is_of_proxy);
        let is_asked_for = host_names(uri, headers).all(|name| LOCAL_NAMES.contains(&name));
        let is_this_machine = address.is_loopback() && is_asked_for && !has_proxy;
        Self { address, is_this_machine, is_over_tls: false }
    }

    /// A client that connects from this machine, for a server without a proxy.
    #[cfg(test)]
    pub(crate) fn at_loopback(parts: &Parts) -> Self {
        let peer = Peer(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
        Self::from_parts(peer, &parts.uri, &parts.headers, &TrustedProxies::default(), false)
    }

    /// The same with TLS to the server itself.
    #[cfg(test)]
    pub(crate) fn over_tls(self) -> Self {
        Self { is_over_tls: true, ..self }
    }

    /// The address that this server trusts.
    pub(crate) fn address(self) -> IpAddr {
        self.address
    }

    /// Whether a program on this machine calls without a proxy in between.
    pub(crate) fn is_this_machine(self) -> bool {
        self.is_this_machine
    }

    /// Whether the call came over TLS to this server itself.
    pub(crate) fn is_over_tls(self) -> bool {
        self.is_over_tls
    }

    /// The network that limits count.
    pub(crate) fn limited_network(self) -> Option<IpAddr> {
        limited_network(self.address)
    }
}

/// The network that limits count: an IPv4 address, or an IPv6 network. `None` for a loopback
/// address: everyone behind an untrusted proxy on this machine has it, and one guesser would lock
/// out all others. This does not decide whether this machine calls, and grants no rights.
pub(crate) fn limited_network(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    let network = match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() >> IPV6_HOST_BITS << IPV6_HOST_BITS).into()
        }
    };
    (!address.is_loopback()).then_some(network)
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        parts.extensions.get().copied().ok_or(Error::Internal("a request without a client"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded_for: &[&str]) -> Client {
        let proxies = if trusted.is_empty() { TrustedProxies::default() } else { trusted.parse().unwrap() };
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "localhost:3001".parse().unwrap());
        for line in forwarded_for {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let peer = Peer(SocketAddr::new(peer.parse().unwrap(), 1));
        Client::from_parts(peer, &Uri::default(), &headers, &proxies, false)
    }

    fn address(trusted: &str, peer: &str, forwarded_for: &[&str]) -> String {
        client(trusted, peer, forwarded_for).address.to_string()
    }

    #[test]
    fn trusts_only_configured_proxies() {
        assert_eq!(address("", "127.0.0.1", &["203.0.113.9"]), "127.0.0.1");
        assert_eq!(address("10.0.0.0/8", "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(address("10.0.0.0/8", "10.1.2.3", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(address("10.1.2.3", "::ffff:10.1.2.3", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(address("fd00::/8", "fd00::1", &["2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn the_first_untrusted_hop_from_the_right_is_the_client() {
        let trusted = "10.0.0.0/8, 192.0.2.7";
        for (lines, expected) in [
            (&["198.51.100.1, 203.0.113.9, 192.0.2.7, 10.0.0.2"][..], "203.0.113.9"),
            (&["198.51.100.1", "203.0.113.9,192.0.2.7", "10.0.0.2"], "203.0.113.9"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&[], "10.0.0.1"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            // Nothing to the left of an invalid address is read.
            (&["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2"),
            (&["203.0.113.9, "], "10.0.0.1"),
        ] {
            assert_eq!(address(trusted, "10.0.0.1", lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn accepts_only_addresses_and_networks_as_proxies() {
        for bad in ["", "10.0.0.0/33", "10.0.0.1,", "proxy.example", "10.0.0.1;10.0.0.2"] {
            assert!(bad.parse::<TrustedProxies>().is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_count_ipv6_by_network_and_skip_this_machine() {
        let network = |peer: &str| client("", peer, &[]).limited_network();
        for local in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(network(local), None, "{local}");
        }
        assert_eq!(network("2001:db8::1"), network("2001:db8::2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.2"), network("192.0.2.1"));
        assert!(client("127.0.0.1", "127.0.0.1", &["192.0.2.1"]).limited_network().is_some());
    }

    #[test]
    fn no_caller_is_this_machine_if_a_proxy_may_run_on_it() {
        for trusted in [
            "127.0.0.1",
            "::1",
            "10.0.0.1,127.0.0.0/8",
            "127.0.0.2",
            "127.0.0.2/31",
            "::ffff:127.0.0.1",
            "::ffff:127.0.0.1/128",
            "::ffff:127.0.0.0/104",
        ] {
            assert!(!client(trusted, "127.0.0.1", &[]).is_this_machine(), "{trusted}");
        }
        assert!(client("10.0.0.1", "127.0.0.1", &[]).is_this_machine());
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "localhost".parse().unwrap());
        let is_this_machine = |is_public| {
            let peer = Peer(SocketAddr::from(([127, 0, 0, 1], 1)));
            let nobody = TrustedProxies::default();
            Client::from_parts(peer, &Uri::default(), &headers, &nobody, is_public).is_this_machine()
        };
        assert!(is_this_machine(false) && !is_this_machine(true));
    }

    #[test]
    fn a_proxied_request_does_not_come_from_this_machine() {
        assert!(client("", "127.0.0.1", &[]).is_this_machine());
        assert!(!client("", "192.0.2.1", &[]).is_this_machine());
        for trusted in ["", "127.0.0.1"] {
            assert!(!client(trusted, "127.0.0.1", &["127.0.0.1"]).is_this_machine(), "{trusted}");
        }
        let is_this_machine = |uri: &'static str, host: &str, header: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            headers.extend(header.map(|name| (HeaderName::from_static(name), "127.0.0.1".parse().unwrap())));
            let peer = Peer(SocketAddr::from(([127, 0, 0, 1], 1)));
            let uri = Uri::from_static(uri);
            Client::from_parts(peer, &uri, &headers, &TrustedProxies::default(), false).is_this_machine()
        };
        assert!(is_this_machine("/", "localhost:3001", Some("accept")));
        assert!(is_this_machine("http://[::1]:3001/", "localhost", None));
        assert!(!is_this_machine("/", "stagepass.example.org", None));
        assert!(!is_this_machine("http://stagepass.example.org/", "localhost", None));
        for header in [
            "forwarded",
            "via",
            "x-real-ip",
            "x-forwarded",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-original-forwarded-for",
            "x-envoy-external-address",
            "x-cluster-client-ip",
            "fly-client-ip",
            "true-client-ip",
            "cf-connecting-ip",
            "cf-ray",
        ] {
            assert!(!is_this_machine("/", "localhost", Some(header)), "{header}");
        }
    }
}
