//! `stagepass-server audit`: what was done to which record, whether the log of it is whole,
//! and what is kept of it.

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

/// Rows that are read at a time.
const BATCH: u32 = 1000;
/// What options take as a time.
const TIME: &str = "a date (2026-01-31), a time (2026-01-31T18:00:00Z; UTC where no offset is named), or an \
                    age (90d, 12h)";

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List what was done, newest first: when, who, what, how it ended, which record
    List(list::ListArgs),
    /// Find out whether rows of the log were changed, removed or reordered, and whether
    /// rows that grant rights were changed by something else; and print the log's head,
    /// to be kept elsewhere
    Verify(verify::VerifyArgs),
    /// Write the log as JSON lines that can be verified without the database
    Export(export::ExportArgs),
    /// Remove the oldest rows; a signed anchor stands for them, from which the rest verifies
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

/// Reads a time of an option, in milliseconds since the Unix epoch.
fn time(text: &str) -> Result<i64, String> {
    parse_time(text).ok_or_else(|| format!("must be {TIME}"))
}

/// Where the chains of the log begin and end.
struct Ends {
    anchors: Vec<Anchor>,
    heads: Vec<Head>,
}

impl Ends {
    /// Reads them, the beginnings first: those of a later moment could lie beyond the ends. Rows
    /// that are appended meanwhile lie beyond the heads.
    async fn read(database: &dyn Database) -> Result<Self, CliError> {
        let anchors = database.audit_anchors().await?;
        Ok(Self { anchors, heads: database.audit_heads().await? })
    }

    fn verifier<'a>(&self, key: &'a ChainKey, expected: ExpectedHeads) -> Verifier<'a> {
        Verifier::new(key, self.heads.clone(), self.anchors.clone(), expected)
    }

    /// Whether old rows were removed or chains begun since: then what was read of the log
    /// meanwhile may look as if it were not whole.
    async fn have_moved(&self, database: &dyn Database) -> Result<bool, CliError> {
        let now = Self::read(database).await?;
        let chains = |ends: &Self| ends.heads.iter().map(|head| head.chain).collect::<Vec<_>>();
        Ok(now.anchors != self.anchors || chains(&now) != chains(self))
    }
}

/// Reads all rows of the log into a verifier, and gives each to `also`.
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
