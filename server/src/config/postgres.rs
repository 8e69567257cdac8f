//! Settings for PostgreSQL.

use super::faults::Faults;
use crate::store::{PostgresSettings, PostgresUrl};
use clap::Args;
use std::ops::RangeInclusive;
use std::time::Duration;

/// At least two: one for callers that write, and one for services that read.
const CONNECTIONS: RangeInclusive<u32> = 2..=1000;
const SECONDS: RangeInclusive<u32> = 1..=600;

/// The settings as they stand on the command line or in the environment.
#[derive(Args, Clone, Debug)]
pub(super) struct PostgresArgs {
    /// Connections to PostgreSQL for this process, and up to twice as many while some do not
    /// answer. The sum over all servers must stay below PostgreSQL's max_connections
    #[arg(
        long,
        env = "STAGEPASS_POSTGRES_CONNECTIONS",
        value_name = "NUMBER",
        default_value = "20",
        global = true
    )]
    postgres_connections: String,
    /// Seconds that each host of DATABASE_URL has to provide a connection. A host that takes longer
    /// is tried last for 30 seconds
    #[arg(
        long,
        env = "STAGEPASS_POSTGRES_HANDSHAKE_TIMEOUT",
        value_name = "SECONDS",
        default_value = "2",
        global = true
    )]
    postgres_handshake_timeout: String,
    /// Seconds that `serve` waits for an answer from PostgreSQL. Migrations, upkeep and other
    /// commands have no limit
    #[arg(
        long,
        env = "STAGEPASS_POSTGRES_ROUND_TRIP_TIMEOUT",
        value_name = "SECONDS",
        default_value = "5",
        global = true
    )]
    postgres_round_trip_timeout: String,
}

impl PostgresArgs {
    /// How to use the database at `url`; without a URL, only checks for faults.
    pub(super) fn check(&self, url: Option<PostgresUrl>, faults: &mut Faults) -> Option<PostgresSettings> {
        let connections =
            faults.number("STAGEPASS_POSTGRES_CONNECTIONS", &self.postgres_connections, CONNECTIONS);
        let handshake =
            faults.number("STAGEPASS_POSTGRES_HANDSHAKE_TIMEOUT", &self.postgres_handshake_timeout, SECONDS);
        let round_trip = faults.number(
            "STAGEPASS_POSTGRES_ROUND_TRIP_TIMEOUT",
            &self.postgres_round_trip_timeout,
            SECONDS,
        );
        Some(PostgresSettings {
            url: url?,
            handshake: Duration::from_secs(handshake?.into()),
            round_trip: Some(Duration::from_secs(round_trip?.into())),
            connections: usize::try_from(connections?).ok()?,
        })
    }
}
