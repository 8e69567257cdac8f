//! A transaction on PostgreSQL: its actor's rights, its statements with their values, and how they
//! are sent. It does not know the audit log.

use super::db_connection::DbConnection;
use super::fault::PostgresFault;
use crate::store::Actor;
use futures_util::future::{join_all, join3};
use std::fmt;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};
use uuid::Uuid;

/// The time limit of upkeep and of each step of a key rotation.
const UPKEEP_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Values for a statement's `$1`, `$2`, ….
pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A statement with its values.
#[derive(Clone, Copy)]
pub(super) struct Step<'a>(pub(super) &'static str, pub(super) Parameters<'a>);

/// The actor of a transaction, whose rights row-level security enforces.
#[derive(Clone, Copy, Debug)]
pub(super) enum Acting {
    /// Nobody in particular, for tables without users' records.
    Nobody,
    User(Uuid),
    Service,
    /// Upkeep, and commands of the operator.
    Maintenance,
}

impl From<Actor> for Acting {
    fn from(actor: Actor) -> Self {
        match actor {
            Actor::User(id) => Self::User(id),
            Actor::Service => Self::Service,
        }
    }
}

/// The value with which the policies compare.
impl fmt::Display for Acting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => Ok(()),
            Self::User(id) => write!(f, "{id}"),
            Self::Service => f.write_str("service"),
            Self::Maintenance => f.write_str("maintenance"),
        }
    }
}

/// How a transaction sees concurrent changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum View {
    /// Each statement sees what is committed when it begins.
    Latest,
    /// All statements see the same state.
    Snapshot,
}

/// Runs prepared statements in a transaction, in one round trip. A single statement that needs no
/// one's rights is a transaction by itself. Upkeep has a longer time limit.
pub(super) async fn execute(
    db: &DbConnection,
    acting: Acting,
    view: View,
    prepared: &[(Statement, Parameters<'_>)],
) -> Result<Vec<Vec<Row>>, PostgresFault> {
    if let (Acting::Nobody, [(statement, parameters)]) = (acting, prepared) {
        return Ok(vec![db.answered(db.client.query(statement, parameters)).await?]);
    }
    let isolation = match view {
        View::Latest => "READ COMMITTED",
        View::Snapshot => "REPEATABLE READ",
    };
    let mut begin = format!("BEGIN ISOLATION LEVEL {isolation}; SET LOCAL stagepass.actor = '{acting}'");
    if !matches!(acting, Acting::Maintenance) {
        return db.answered(run_between(&db.client, &begin, prepared)).await;
    }
    begin.push_str("; SET LOCAL statement_timeout = 0");
    let running = async { Ok(run_between(&db.client, &begin, prepared).await?) };
    // A commit may wait for a standby that is gone.
    let patient = timeout(UPKEEP_TIMEOUT, db.watch.patiently(running)).await;
    patient.unwrap_or_else(|_| Err(db.watch.give_up("upkeep took too long")))
}

async fn run_between(
    client: &Client,
    begin: &str,
    prepared: &[(Statement, Parameters<'_>)],
) -> Result<Vec<Vec<Row>>, tokio_postgres::Error> {
    // Each future sends its data when first polled, and they are polled in this order.
    let steps = prepared.iter().map(|(statement, parameters)| client.query(statement, parameters));
    let (begun, rows, committed) =
        join3(client.batch_execute(begin), join_all(steps), client.batch_execute("COMMIT")).await;
    // The first error is the real one: it invalidates the transaction, and the COMMIT, although
    // answered, undoes it.
    begun?;
    let rows = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
    committed?;
    Ok(rows)
}
