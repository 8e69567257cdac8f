//! `stagepass-server audit`: who did what to which record, whether the log is complete, and how
//! long rows are kept.

mod export;
mod list;
mod names;
mod prune;
mod table;
mod verify;

use super::error::CliError;
use super::stores::StoreArgs;
use crate::audit::{Anchor, ChainKey, ExpectedHeads, Head, Row, Verdict, Verifier};
use crate::clock::parse_time;
use crate::store::{Database, IfMissing};
use clap::Subcommand;
use std::io;

/// Rows read at a time.
const BATCH: u32 = 1000;
/// The form of a time in options.
const TIME: &str = "a date (2026-01-31), a time (2026-01-31T18:00:00Z; UTC without an offset), or an \
                    age (90d, 12h)";

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List what was done, newest first: when, who, what, the outcome, which record
    List(list::ListArgs),
    /// Check whether rows of the log were changed, removed or reordered, and whether another
    /// program changed rows that grant rights. Prints the log's head, to be kept elsewhere
    Verify(verify::VerifyArgs),
    /// Export the log as JSON lines that can be verified without the database
    Export(export::ExportArgs),
    /// Remove the oldest rows. A signed anchor replaces them, from which the rest can still be
    /// verified
    Prune(prune::PruneArgs),
}

impl AuditCommand {
    pub(super) async fn run(self, stores: &StoreArgs) -> Result<(), CliError> {
        match self {
            Self::List(args) => list::run(&stores.open(IfMissing::Refuse).await?, args).await,
            Self::Verify(args) => verify::run(stores, args).await,
            Self::Export(args) => export::run(&stores.open(IfMissing::Refuse).await?, args).await,
            Self::Prune(args) => prune::run(&stores.open(IfMissing::Refuse).await?, args).await,
        }
    }
}

/// Parses a time from an option, in milliseconds since the Unix epoch.
fn time(text: &str) -> Result<i64, String> {
    parse_time(text).ok_or_else(|| format!("must be {TIME}"))
}

/// Where the chains of the log start and end.
struct Ends {
    anchors: Vec<Anchor>,
    heads: Vec<Head>,
}

impl Ends {
    /// Reads the starts before the heads: later starts could lie beyond the heads. Rows that are
    /// appended meanwhile lie beyond the heads.
    async fn read(database: &dyn Database) -> Result<Self, CliError> {
        let anchors = database.audit_anchors().await?;
        Ok(Self { anchors, heads: database.audit_heads().await? })
    }

    fn verifier<'a>(&self, key: &'a ChainKey, expected: ExpectedHeads) -> Verifier<'a> {
        Verifier::new(key, self.heads.clone(), self.anchors.clone(), expected)
    }

    /// Whether rows were removed or chains started since. Then what was read meanwhile may look
    /// incomplete.
    async fn have_moved(&self, database: &dyn Database) -> Result<bool, CliError> {
        let now = Self::read(database).await?;
        let chains = |ends: &Self| ends.heads.iter().map(|head| head.chain).collect::<Vec<_>>();
        Ok(now.anchors != self.anchors || chains(&now) != chains(self))
    }
}

/// Feeds all rows of the log to a verifier, and each row to `also`.
async fn read_log(
    database: &dyn Database,
    mut verifier: Verifier<'_>,
    mut also: impl FnMut(&Row) -> io::Result<()>,
) -> Result<Verdict, CliError> {
    let mut after = (i64::MIN, 0);
    loop {
        let rows = database.audit_rows(after, BATCH).await?;
        let Some(last) = rows.last() else { return Ok(verifier.finish()) };
        after = (last.chain, last.sequence);
        for row in &rows {
            verifier.take(row);
            also(row).map_err(CliError::Output)?;
        }
    }
}
