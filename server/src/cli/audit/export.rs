//! `stagepass-server audit export`.

use super::super::error::{CliError, must_be_new};
use super::super::output::{Progress, say, stdout, tell};
use super::{Ends, TIME, read_log, time};
use crate::audit::ExpectedHeads;
use crate::audit_export::Export;
use crate::keyed_stores::KeyedStores;
use crate::serve::StopSignals;
use clap::Args;
use stagepass_private_files::{Access, AtomicFile};
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(after_help = format!("A TIME is {TIME}.\n\nExamples:\n  \
    stagepass-server audit export --output audit.jsonl\n  \
    stagepass-server audit export --until 2026-01-01 --output 2025.jsonl\n  \
    stagepass-server audit export | gzip > audit.jsonl.gz"))]
pub(in crate::cli) struct ExportArgs {
    /// A new file, readable only by your user; an existing file is not overwritten [default:
    /// standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Start each chain with its first row at this time or later
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// End each chain before its first row at this time or later. The next export can continue with
    /// --since the same time, and `prune --before` removes the same rows
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<i64>,
}

pub(super) async fn run(stores: &KeyedStores, args: ExportArgs) -> Result<(), CliError> {
    let mut signals = StopSignals::listen().map_err(CliError::Output)?;
    tokio::select! {
        done = export(stores, args) => done,
        // Dropping the writer also removes the incomplete file.
        _ = signals.next() => Err(CliError::Interrupted),
    }
}

async fn export(stores: &KeyedStores, args: ExportArgs) -> Result<(), CliError> {
    let span = args.since.unwrap_or(i64::MIN)..args.until.unwrap_or(i64::MAX);
    if span.is_empty() {
        return Err(CliError::User("--until must be later than --since".to_owned()));
    }
    let Some(path) = &args.output else {
        return write(stores, span, stdout()).await.map(drop);
    };
    let fault = |error| CliError::new_file(path, error);
    must_be_new(path)?;
    let file = BufWriter::new(AtomicFile::begin(path, Access::Private).map_err(fault)?);
    let (rows, file) = match write(stores, span, file).await {
        Err(CliError::Output(error)) => return Err(fault(error)),
        written => written?,
    };
    let file = file.into_inner().map_err(|error| fault(error.into_error()))?;
    file.put_new().map_err(fault)?;
    say(&format!("exported {rows} rows to {}", path.display()))
}

/// Writes the rows of a time span and returns their number.
async fn write<W: Write>(stores: &KeyedStores, span: Range<i64>, out: W) -> Result<(u64, W), CliError> {
    let database = &*stores.database;
    let ends = Ends::read(database).await?;
    let mut export = Export::begin(out, span, &ends.heads, &ends.anchors).map_err(CliError::Output)?;
    let verifier = ends.verifier(&stores.chain_key, ExpectedHeads::default());
    let mut progress = Progress::new("rows");
    let verdict = read_log(database, verifier, |row| {
        export.take(row)?;
        progress.show(export.rows());
        Ok(())
    })
    .await?;
    drop(progress);
    if !verdict.faults.is_empty() && ends.have_moved(database).await? {
        let meanwhile =
            "old rows were removed, or a chain was started, while the log was read; run this again";
        return Err(CliError::User(meanwhile.to_owned()));
    }
    let rows = export.rows();
    let out = export.finish(&verdict.faults, &stores.server_key).map_err(CliError::Output)?;
    if !verdict.faults.is_empty() {
        tell(&format!(
            "the audit log fails verification, and the export records why:\n  {}",
            verdict.faults.join("\n  ")
        ));
    }
    Ok((rows, out))
}
