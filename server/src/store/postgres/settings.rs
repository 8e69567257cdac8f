//! How a process uses PostgreSQL: where it is, how long it may keep us waiting, and how
//! many connections it is asked for.

use super::PostgresUrl;
use std::time::Duration;

/// What is given, checked.
#[derive(Clone, Debug)]
pub(crate) struct PostgresSettings {
    pub(crate) url: PostgresUrl,
    /// How long a host may take from its name to a connection that is ready.
    pub(crate) handshake: Duration,
    /// How long an answer may take; `None` for commands, which wait for as long as the
    /// host answers new connections.
    pub(crate) round_trip: Option<Duration>,
    /// The most connections that this process has at a time.
    pub(crate) connections: usize,
}
