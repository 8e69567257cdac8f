//! `stagepass-server audit verify`.

use super::super::error::CliError;
use super::super::output::say;
use super::super::stores::StoreArgs;
use super::{Ends, read_log};
use crate::audit::{ExpectedHeads, Verdict};
use crate::audit_export::{Exports, ExportsVerdict};
use crate::keyed_stores::KeyedStores;
use crate::proof::read_fingerprint;
use crate::store::IfMissing;
use clap::Args;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// How often the log is read again if rows were removed or chains started meanwhile.
const ATTEMPTS: usize = 3;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    stagepass-server audit verify\n  \
    stagepass-server audit verify --file 2025.jsonl --file 2026.jsonl\n  \
    stagepass-server audit verify --file 2025.jsonl --fingerprint \"3F2A 91C0 …\"")]
pub(in crate::cli) struct VerifyArgs {
    /// A head printed earlier: the rows up to it must still exist
    #[arg(long, value_name = "HEAD")]
    expect: Option<ExpectedHeads>,
    /// Verify this file of `audit export` instead of the database. Give several files in the order
    /// of their rows to check also that each continues the one before
    #[arg(long = "file", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The fingerprint of the server that must have written the files, as printed by `fingerprint`.
    /// Then no database is needed [default: that of this database's server]
    #[arg(long, value_name = "FINGERPRINT", requires = "files", value_parser = fingerprint)]
    fingerprint: Option<String>,
}

/// Parses a fingerprint in its printed form.
fn fingerprint(text: &str) -> Result<String, String> {
    let expected = || "must be the 32 digits that `stagepass-server fingerprint` prints".to_owned();
    read_fingerprint(text).ok_or_else(expected)
}

pub(super) async fn run(stores: &StoreArgs, args: VerifyArgs) -> Result<(), CliError> {
    let expected = args.expect.unwrap_or_default();
    if let (Some(fingerprint), false) = (&args.fingerprint, args.files.is_empty()) {
        return verify_files(&args.files, Exports::new(fingerprint.clone(), None, expected));
    }
    let stores = stores.open(IfMissing::Refuse).await?;
    if args.files.is_empty() {
        return verify_database(&stores, expected).await;
    }
    let exports = Exports::new(stores.server_key.fingerprint(), Some(&stores.chain_key), expected);
    verify_files(&args.files, exports)
}

fn verify_files(files: &[PathBuf], mut exports: Exports<'_>) -> Result<(), CliError> {
    for path in files {
        let fault = |error| CliError::File { path: path.clone(), error };
        let file = File::open(path).map_err(fault)?;
        exports.take(&name(path), BufReader::new(file)).map_err(fault)?;
    }
    let ExportsVerdict { rows, faults, parts, heads } = exports.finish();
    parts.iter().try_for_each(|part| say(part))?;
    if !faults.is_empty() {
        return Err(CliError::User(format!("the export fails verification:\n  {}", faults.join("\n  "))));
    }
    say(&format!("the export is complete and unchanged: {rows} rows"))?;
    say(&format!("head: {heads}"))
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

async fn verify_database(stores: &KeyedStores, expected: ExpectedHeads) -> Result<(), CliError> {
    let database = &*stores.database;
    let log = log_fault(&verdict(stores, &expected).await?)?;
    let rows = rows_fault(&database.broken_rows().await?)?;
    let faults: Vec<_> = log.into_iter().chain(rows).collect();
    if faults.is_empty() { Ok(()) } else { Err(CliError::User(faults.join("\n"))) }
}

/// Verifies the log, and reads it again if a fault may come from rows removed or chains started
/// during the reading.
async fn verdict(stores: &KeyedStores, expected: &ExpectedHeads) -> Result<Verdict, CliError> {
    let database = &*stores.database;
    let mut attempt = 1;
    loop {
        let ends = Ends::read(database).await?;
        let verifier = ends.verifier(&stores.chain_key, expected.clone());
        let verdict = read_log(database, verifier, |_| Ok(())).await?;
        if verdict.faults.is_empty() || attempt == ATTEMPTS || !ends.have_moved(database).await? {
            return Ok(verdict);
        }
        attempt += 1;
    }
}

/// The faults of the log. If there are none, prints the result.
fn log_fault(verdict: &Verdict) -> Result<Option<String>, CliError> {
    if !verdict.faults.is_empty() {
        return Ok(Some(format!("the audit log fails verification:\n  {}", verdict.faults.join("\n  "))));
    }
    if verdict.rows == 0 && verdict.removed == 0 {
        // An expected head would have made the missing rows a fault.
        let empty = "the audit log is empty: either nothing was logged yet, or all rows were removed";
        return Ok(Some(empty.to_owned()));
    }
    let before = match verdict.removed {
        0 => String::new(),
        removed => {
            format!("; Stagepass removed {removed} older ones, and signed anchors replace them")
        }
    };
    say(&format!("the audit log is complete and unchanged: {} rows{before}", verdict.rows))?;
    say(&format!("head: {}", verdict.heads))?;
    if verdict.unchecked.is_empty() {
        return Ok(None);
    }
    let unchecked = verdict.unchecked.join("\n  ");
    Ok(Some(format!(
        "the rows up to the expected head were removed; keep the new head, and check the old one against \
         an export of the removed rows with --file and --expect:\n  {unchecked}"
    )))
}

/// The same for the rows that grant rights.
fn rows_fault(broken: &[String]) -> Result<Option<String>, CliError> {
    if broken.is_empty() {
        say("this server wrote every row that grants rights")?;
        return Ok(None);
    }
    Ok(Some(format!(
        "another program changed rows that grant rights, so Stagepass ignores them; restore them from a \
         backup, or delete and recreate them:\n  {}",
        broken.join("\n  ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_a_fingerprint_with_any_grouping() {
        let printed = "3F2A 91C0 0000 1111 2222 3333 4444 5555";
        for written in
            [printed, "3f2a91c0000011112222333344445555", "3F2A:91C0:0000:1111:2222:3333:4444:5555"]
        {
            assert_eq!(fingerprint(written).as_deref(), Ok(printed));
        }
        for bad in ["", "3F2A", "XX2A 91C0 0000 1111 2222 3333 4444 5555"] {
            assert!(fingerprint(bad).is_err(), "{bad}");
        }
    }
}
