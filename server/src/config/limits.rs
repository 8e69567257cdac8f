//! Settings that limit how much one caller can take from all others.

use super::faults::Faults;
use crate::client::TrustedProxies;
use crate::store::{MIB, UsageLimits};
use clap::Args;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Connections at the same time. A further one replaces the one that has waited longest for a request
/// head; if none waits, it waits itself.
pub(crate) const MAX_CONNECTIONS: u32 = 512;
const RATES: RangeInclusive<u32> = 0..=1_000_000;
const MAX_RECORDS: u32 = 1_000_000_000;
/// A PiB.
const MAX_MIB: u32 = 1024 * 1024 * 1024;
const SECONDS: RangeInclusive<u32> = 1..=3600;

/// The settings as they stand on the command line or in the environment.
#[derive(Args, Debug)]
pub(crate) struct LimitArgs {
    /// Proxies whose X-Forwarded-For is trusted: addresses or networks, such as 10.0.0.0/8,
    /// separated by commas [default: trusts no proxy]
    #[arg(long, env = "STAGEPASS_TRUSTED_PROXIES", value_name = "ADDRESS,…")]
    trusted_proxies: Option<String>,
    /// Calls per second for each user, averaged over ten seconds; 0 is no limit. Each server
    /// process counts separately
    #[arg(long, env = "STAGEPASS_USER_RATE_LIMIT", value_name = "CALLS", default_value = "100")]
    user_rate_limit: String,
    /// Records of each kind, such as connections, for each user in the server's own database; 0 is
    /// no limit. If there are too many sessions, those that ended first are removed; any other
    /// record beyond the limit is refused with 409
    #[arg(long, env = "STAGEPASS_USER_RECORD_LIMIT", value_name = "RECORDS", default_value = "50000")]
    user_record_limit: String,
    /// MiB for the records of each user there, plus 256 bytes per record; 0 is no limit. `user
    /// list` shows the usage
    #[arg(long, env = "STAGEPASS_USER_STORAGE_LIMIT", value_name = "MIB", default_value = "256")]
    user_storage_limit: String,
    /// Calls per second with a missing or wrong token or secret, for each address (for IPv6, each
    /// /64 network), averaged over ten seconds; 0 is no limit. This machine is not limited. Each
    /// server process counts separately, and users and services count separately
    #[arg(long, env = "STAGEPASS_FAILED_AUTH_RATE_LIMIT", value_name = "CALLS", default_value = "10")]
    failed_auth_rate_limit: String,
    /// Connections, out of 512, that each address (for IPv6, each /64 network) may have open; 0 is
    /// no limit. This machine and trusted proxies are not limited
    #[arg(long, env = "STAGEPASS_ADDRESS_CONNECTION_LIMIT", value_name = "NUMBER", default_value = "128")]
    address_connection_limit: String,
    /// Seconds that a request may take, including its body, and that an answer may wait for the
    /// client to continue reading
    #[arg(long, env = "STAGEPASS_REQUEST_TIMEOUT", value_name = "SECONDS", default_value = "30")]
    request_timeout: String,
    /// Seconds that a connection may idle between requests, and that the head of a request may
    /// take. Set it longer than a proxy in front keeps idle connections
    #[arg(long, env = "STAGEPASS_IDLE_TIMEOUT", value_name = "SECONDS", default_value = "75")]
    idle_timeout: String,
    /// Seconds that the server still accepts connections after SIGTERM, while /readyz says that it
    /// is draining. Then it finishes open requests and exits. Ctrl-C skips this
    #[arg(long, env = "STAGEPASS_DRAIN_TIME", value_name = "SECONDS", default_value = "5")]
    drain_time: String,
}

/// The checked settings.
#[derive(Debug)]
pub(crate) struct LimitSettings {
    pub(crate) trusted_proxies: TrustedProxies,
    /// Calls per second; 0 is no limit.
    pub(crate) user_rate: u32,
    pub(crate) usage: UsageLimits,
    /// Calls per second; 0 is no limit.
    pub(crate) failed_auth_rate: u32,
    /// Connections at once; 0 is no limit.
    pub(crate) address_connections: u32,
    pub(crate) timeouts: Timeouts,
    /// How long the listener stays open after the server was asked to stop.
    pub(crate) draining: Duration,
}

/// How long a client may keep the server waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// The limit for a whole request, starting with its head; and for an answer, the limit between
    /// two parts that the client takes.
    pub(crate) request: Duration,
    /// The limit for the head of a request, including the idle time before it.
    pub(crate) idle: Duration,
}

impl LimitArgs {
    /// Whether a trusted proxy on another machine is set, valid or not. One on this machine reaches a
    /// server that listens only here.
    pub(super) fn trusts_a_distant_proxy(&self) -> bool {
        let addresses = self.trusted_proxies.as_deref().unwrap_or_default().split(',');
        let mut addresses = addresses.map(|network| network.split('/').next().unwrap_or_default().trim());
        addresses.any(|address| {
            let parsed: Option<IpAddr> = address.parse().ok();
            !address.is_empty() && parsed.is_none_or(|address| !address.to_canonical().is_loopback())
        })
    }

    /// `None` if there is a fault.
    pub(super) fn check(&self, faults: &mut Faults) -> Option<LimitSettings> {
        let expected = "addresses or networks, separated by commas, such as 127.0.0.1,10.0.0.0/8";
        let trusted_proxies = match &self.trusted_proxies {
            None => Some(TrustedProxies::default()),
            Some(list) => faults.parse("STAGEPASS_TRUSTED_PROXIES", list, expected),
        };
        if trusted_proxies.as_ref().is_some_and(TrustedProxies::are_too_many) {
            faults.add(
                "STAGEPASS_TRUSTED_PROXIES has a network larger than a private one (such as 10.0.0.0/8): \
                 everyone in it could pretend to have any address; use the proxy's own",
            );
        }
        let user_rate = faults.number("STAGEPASS_USER_RATE_LIMIT", &self.user_rate_limit, RATES);
        let records = faults.number("STAGEPASS_USER_RECORD_LIMIT", &self.user_record_limit, 0..=MAX_RECORDS);
        let mib = faults.number("STAGEPASS_USER_STORAGE_LIMIT", &self.user_storage_limit, 0..=MAX_MIB);
        let failed_auth_rate =
            faults.number("STAGEPASS_FAILED_AUTH_RATE_LIMIT", &self.failed_auth_rate_limit, RATES);
        let address_connections = faults.number(
            "STAGEPASS_ADDRESS_CONNECTION_LIMIT",
            &self.address_connection_limit,
            0..=MAX_CONNECTIONS,
        );
        let request = faults.number("STAGEPASS_REQUEST_TIMEOUT", &self.request_timeout, SECONDS);
        let idle = faults.number("STAGEPASS_IDLE_TIMEOUT", &self.idle_timeout, SECONDS);
        let draining = faults.number("STAGEPASS_DRAIN_TIME", &self.drain_time, 0..=3600);
        let seconds = |number: u32| Duration::from_secs(number.into());
        Some(LimitSettings {
            trusted_proxies: trusted_proxies?,
            user_rate: user_rate?,
            usage: UsageLimits { rows: records?.into(), bytes: i64::from(mib?) * MIB },
            failed_auth_rate: failed_auth_rate?,
            address_connections: address_connections?,
            timeouts: Timeouts { request: seconds(request?), idle: seconds(idle?) },
            draining: seconds(draining?),
        })
    }
}
