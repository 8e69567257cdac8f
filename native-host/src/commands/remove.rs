//! Removes exports.

use super::{CommandError, check_failures, select};
use crate::exports::{Export, Exports};
use stagepass_core::visible::printable_line;
use std::io::Write;
use std::path::Path;

/// Which exports of a platform to remove.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which<'a> {
    /// The only one; an error if there are several.
    TheOnly,
    /// The one with this label.
    Label(&'a str),
    /// Each.
    All,
}

/// Removes a platform's exports, each with all of its files. One that can't be removed keeps no other.
pub(crate) fn remove(
    host_dir: &Path,
    platform: &str,
    which: Which<'_>,
    output: &mut impl Write,
) -> Result<(), CommandError> {
    let exports = Exports::new(host_dir);
    let label = if let Which::Label(label) = which { Some(label) } else { None };
    let found = select::exactly(&exports.list()?, platform, label)?;
    if let (Which::TheOnly, [first, _, ..]) = (which, &found[..]) {
        let labels = found.iter().filter_map(|export| export.label.as_ref());
        let labels: Vec<_> = labels.map(|label| format!("{label:?}")).collect();
        return Err(CommandError::SeveralExports(first.platform.clone(), labels.join(", ")));
    }
    let mut lines = Vec::new();
    let mut failures = 0;
    for export in &found {
        lines.push(match exports.delete_files(&export.stem) {
            Ok(true) => format!("Removed {}", described(export)),
            Ok(false) => format!("{} was already removed", described(export)),
            Err(fault) => {
                failures += 1;
                format!("FAILED: {}: {fault}", described(export))
            }
        });
    }
    let written = lines.iter().try_for_each(|line| writeln!(output, "{}", printable_line(line)));
    check_failures(failures).and(written.map_err(CommandError::Output))
}

fn described(export: &Export) -> String {
    match export.label.as_deref() {
        Some("") => export.platform.clone(),
        Some(label) => format!("{} ({label})", export.platform),
        None => format!("{} (?)", export.platform),
    }
}
