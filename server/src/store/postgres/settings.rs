//! How a process uses PostgreSQL: its address, time limits, and the number of connections.

use super::PostgresUrl;
use std::time::Duration;

/// The checked settings.
#[derive(Clone, Debug)]
pub(crate) struct PostgresSettings {
    pub(crate) url: PostgresUrl,
    /// How long a host may take from the look-up of its name to a ready connection.
    pub(crate) handshake: Duration,
    /// How long an answer may take; `None` for commands, which wait as long as the host accepts new
    /// connections.
    pub(crate) round_trip: Option<Duration>,
    /// The most connections of this process at a time.
    pub(crate) connections: usize,
}
