//! `stagepass-server audit prune`.

use super::super::error::CliError;
use super::super::output::{Progress, say};
use super::{TIME, time};
use crate::audit::Caller;
use crate::clock::{now_ms, render_ms};
use crate::keyed_stores::KeyedStores;
use crate::retention;
use clap::Args;

#[derive(Args, Debug)]
#[command(after_help = format!("A TIME is {TIME}.\n\nExamples:\n  \
    stagepass-server audit export --until 2026-01-01 --output 2025.jsonl\n  \
    stagepass-server audit prune --before 2026-01-01"))]
pub(in crate::cli) struct PruneArgs {
    /// Remove the rows of each chain before its first one at this time or later. They can't be
    /// restored, so export them first if you want to keep them
    #[arg(long, value_name = "TIME", value_parser = time)]
    before: i64,
}

pub(super) async fn run(stores: &KeyedStores, args: PruneArgs) -> Result<(), CliError> {
    if args.before > now_ms() {
        return Err(CliError::User("--before must not be in the future".to_owned()));
    }
    let mut progress = Progress::new("rows removed");
    let tell = |rows| progress.show(rows);
    let pruned =
        retention::prune(&*stores.database, &stores.chain_key, &Caller::Operator, args.before, tell).await?;
    drop(progress);
    match pruned.rows {
        0 => say(&format!("nothing removed: no removable row is older than {}", render_ms(args.before)))?,
        rows => say(&format!("removed {rows} rows older than {}", render_ms(args.before)))?,
    }
    if pruned.faults.is_empty() {
        return Ok(());
    }
    let faults = pruned.faults.join("\n  ");
    Err(CliError::User(format!(
        "the audit log fails verification, so the rows from there on stay as evidence; see `audit verify`:\n  {faults}"
    )))
}
