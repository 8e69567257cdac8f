//! Settings of how PostgreSQL is used.

use super::faults::Faults;
use crate::store::{PostgresSettings, PostgresUrl};
use clap::Args;
use std::ops::RangeInclusive;
use std::time::Duration;

/// One for those who write and one for services that read.
const CONNECTIONS: RangeInclusive<u32> = 2..=1000;
const SECONDS: RangeInclusive<u32> = 1..=600;

/// What is given on the command line or in the environment.
#[derive(Args, Clone, Debug)]
pub(super) struct PostgresArgs {
    /// Connections to PostgreSQL that this process may have at a time, and up to twice as many
    /// while it does not answer on those; all servers together must leave room below
    /// PostgreSQL's own max_connections
    #[arg(
        long,
        env = "STAGEPASS_POSTGRES_CONNECTIONS",
        value_name = "NUMBER",
        default_value = "20",
        global = true
    )]
    postgres_connections: String,
    /// Seconds that each host of DATABASE_URL has until a connection is ready. One that
    /// takes longer is asked last for 30 seconds
    #[arg(
        long,
        env = "STAGEPASS_POSTGRES_HANDSHAKE_TIMEOUT",
        value_name = "SECONDS",
        default_value = "2",
        global = true
    )]
    postgres_handshake_timeout: String,
    /// Seconds that `serve` waits for an answer of PostgreSQL. Migrations, upkeep and the
    /// other commands may take as long as they need
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
    /// How the database at `url` is used; without one the faults alone are noted.
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
