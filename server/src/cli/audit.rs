//! `stagepass-server audit`: what was done to which record, and whether the log
//! of it is whole.

use super::CliError;
use super::output::say;
use crate::audit::{ExpectedHeads, Row, Verdict, Verifier};
use crate::clock::render_ms;
use crate::keyed_stores::KeyedStores;
use crate::store::Database;
use clap::Subcommand;
use stagepass_core::visible::printable_line;

/// Rows that are read at a time.
const BATCH: u32 = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List what was done last, newest first: time, who, what, which record, outcome
    List {
        /// How many rows
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Find out whether rows of the log were changed, removed or reordered, and whether
    /// rows that grant rights were changed by something else; and print the log's head,
    /// to be kept elsewhere
    Verify {
        /// A head that was printed before: rows up to it must still be there
        #[arg(long, value_name = "HEAD")]
        expect: Option<ExpectedHeads>,
    },
}

impl AuditCommand {
    pub(super) async fn run(self, stores: &KeyedStores) -> Result<(), CliError> {
        match self {
            Self::List { limit } => {
                let rows = stores.database.newest_audit_rows(limit).await?;
                rows.iter().try_for_each(|row| say(&line(row)))
            }
            Self::Verify { expect } => verify(stores, expect.unwrap_or_default()).await,
        }
    }
}

fn line(Row { entry, .. }: &Row) -> String {
    let time = render_ms(entry.at);
    let caller = match entry.acting_for {
        Some(user) => format!("{} for user:{user}", entry.caller),
        None => entry.caller.clone(),
    };
    let record = entry.record.as_deref().unwrap_or("-");
    let [caller, action, record, outcome] =
        [&caller, &entry.action, record, &entry.outcome].map(printable_line);
    format!("{time}\t{caller}\t{action}\t{record}\t{outcome}")
}

async fn verify(stores: &KeyedStores, expected: ExpectedHeads) -> Result<(), CliError> {
    let database: &dyn Database = &*stores.database;
    // Heads first: rows that are appended meanwhile lie beyond them.
    let heads = database.audit_heads().await?;
    let mut verifier = Verifier::new(&stores.chain_key, heads, expected);
    let mut after = (i64::MIN, 0);
    loop {
        let rows = database.audit_rows(after, BATCH).await?;
        let Some(last) = rows.last() else { break };
        after = (last.chain, last.sequence);
        rows.iter().for_each(|row| verifier.take(row));
    }
    let log = log_fault(&verifier.finish())?;
    let rows = rows_fault(&database.broken_rows().await?)?;
    let faults: Vec<_> = log.into_iter().chain(rows).collect();
    if faults.is_empty() { Ok(()) } else { Err(CliError::User(faults.join("\n"))) }
}

/// What is wrong with the log; where nothing is, that is printed.
fn log_fault(verdict: &Verdict) -> Result<Option<String>, CliError> {
    if !verdict.faults.is_empty() {
        return Ok(Some(format!("the audit log is not whole:\n  {}", verdict.faults.join("\n  "))));
    }
    if verdict.rows == 0 {
        // Where nothing was expected: with a head that was, its rows are missing.
        let empty = "the audit log is empty: either nothing was done here yet, or all of it was removed";
        return Ok(Some(empty.to_owned()));
    }
    say(&format!("the audit log is whole: {} rows", verdict.rows))?;
    say(&format!("head: {}", verdict.heads))?;
    Ok(None)
}

/// The same for the rows that grant rights.
fn rows_fault(broken: &[String]) -> Result<Option<String>, CliError> {
    if broken.is_empty() {
        say("every row that grants rights was written by this server")?;
        return Ok(None);
    }
    Ok(Some(format!(
        "rows that grant rights were changed by something else than Stagepass, and count as absent; put them \
         back from a backup, or delete them and make them again:\n  {}",
        broken.join("\n  ")
    )))
}
