//! Hosts as the URL Standard writes and reads them. Knows neither cookies nor platforms.

use core::net::{Ipv4Addr, Ipv6Addr};

/// The most bytes of a host name (RFC 1035).
const MAX_HOST_NAME_BYTES: usize = 253;
/// The most bytes between two dots of a host name (RFC 1035).
const MAX_LABEL_BYTES: usize = 63;

/// Whether a text is a DNS name (RFC 1035, plus underscores, as browsers have it) or an IPv4
/// address.
#[must_use]
pub fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    host.len() <= MAX_HOST_NAME_BYTES && host.split('.').all(is_label)
}

/// Whether every program takes the same host from this https URL. The URL Standard reads a backslash
/// as a slash, decodes percent signs and maps letters beyond ASCII; curl and Python do some of this, and
/// otherwise. A URL like `https://a.example\@b.example/` leads some programs to one host and some to the
/// other.
#[must_use]
pub fn is_unambiguous_https(url: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    let authority = url.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
    authority.is_some_and(|authority| !authority.is_empty() && authority.bytes().all(is_plain))
}

/// Whether a host is an IPv4 or a bracketed IPv6 address.
pub(crate) fn is_address(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok(),
    }
}

/// Whether an identifier can be the host of a URL: an IPv4 address in its usual form, or labels
/// that no parser reads as an address.
pub(crate) fn is_host(id: &str) -> bool {
    if is_numeric(id) { id.parse::<Ipv4Addr>().is_ok() } else { id.split('.').all(|label| !label.is_empty()) }
}

/// Whether a host is an IPv4 address. The URL Standard parses every host as one whose last label
/// is a number.
pub(crate) fn is_numeric(host: &str) -> bool {
    let label = host.rsplit('.').next().unwrap_or_default();
    match label.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// Whether a browser writes this host in this way.
pub(crate) fn is_serialised_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        // Browsers write an IPv4 address inside an IPv6 address in hexadecimal, which Rust doesn't.
        Some(address) => address.parse::<Ipv6Addr>().is_ok_and(|read| read.to_string() == address),
        None => {
            let is_lower_case = !host.bytes().any(|byte| byte.is_ascii_uppercase());
            is_lower_case && is_host_name(host) && is_host(host)
        }
    }
}

/// The host of an origin; all that follows the scheme if it has no valid form.
#[must_use]
pub fn host_of(origin: &str) -> &str {
    // A search for a text would bring more code into the browser's module than one for a character.
    let authority = origin.split_once(':').and_then(|(_, rest)| rest.strip_prefix("//")).unwrap_or(origin);
    match authority.find(']') {
        Some(end) => &authority[..=end],
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    }
}
