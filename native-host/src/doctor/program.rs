//! The step after the manifest: checks the program that it names.

use super::report::Section;
use super::{close_to_writing, is_writable_by_all};
use crate::programs;
use std::fs;
use std::io;
use std::path::Path;

const STEP: &str = "program";

/// Checks the program, and returns whether it can be started.
pub(super) fn check(section: &mut Section, program: &Path, install_command: &str) -> bool {
    let shown = program.display();
    let install = format!("Run \"{install_command}\".");
    let metadata = match fs::metadata(program) {
        Ok(metadata) => metadata,
        Err(fault) => {
            let detail = match fault.kind() {
                io::ErrorKind::NotFound => format!("{shown} doesn't exist"),
                _ => format!("cannot look at {shown}: {fault}"),
            };
            section.fault(STEP, detail, install);
            return false;
        }
    };
    if !metadata.is_file() {
        section.fault(STEP, format!("{shown} is not a file"), install);
    } else if !is_executable(&metadata) {
        let chmod = format!("Run: chmod u+x {}", crate::shell::quoted(program));
        section.fault(STEP, format!("{shown} is not executable"), chmod);
    } else if is_writable_by_all(&metadata) {
        section.fault(STEP, format!("every user may change {shown}; not started"), close_to_writing(program));
    } else if is_this_one(program) {
        section.ok(STEP, format!("{shown}, of this command"));
        return true;
    } else {
        let advice = format!("To use the one beside this command instead: {install}");
        section.note(STEP, format!("{shown}, not the one beside this command"), advice);
        return true;
    }
    false
}

fn is_this_one(program: &Path) -> bool {
    programs::host_path().and_then(|own| same_file::is_same_file(own, program)).unwrap_or(false)
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &fs::Metadata) -> bool {
    true
}
