//! The step after the manifest: whether the program that it names is there.

use super::report::Section;
use super::{close_to_writing, is_anybodys};
use std::fs;
use std::io;
use std::path::Path;

const STEP: &str = "program";

/// Whether it can be started at all.
pub(super) fn look(section: &mut Section, program: &Path, install_command: &str) -> bool {
    let shown = program.display();
    let install = format!("Run \"{install_command}\".");
    let metadata = match fs::metadata(program) {
        Ok(metadata) => metadata,
        Err(fault) => {
            let detail = match fault.kind() {
                io::ErrorKind::NotFound => format!("{shown} is not there (any more)"),
                _ => format!("cannot look at {shown}: {fault}"),
            };
            section.fault(STEP, detail, install);
            return false;
        }
    };
    if !metadata.is_file() {
        section.fault(STEP, format!("{shown} is no file"), install);
    } else if !is_executable(&metadata) {
        let chmod = format!("Run: chmod u+x {}", crate::shell::quoted(program));
        section.fault(STEP, format!("{shown} is not executable"), chmod);
    } else if is_anybodys(&metadata) {
        section.fault(STEP, format!("every user may change {shown}; not started"), close_to_writing(program));
    } else if is_this_one(program) {
        section.ok(STEP, format!("{shown}, which is this one"));
        return true;
    } else {
        let advice = format!("To have this one started instead: {install}");
        section.note(STEP, format!("{shown}, which is another one than this"), advice);
        return true;
    }
    false
}

fn is_this_one(program: &Path) -> bool {
    std::env::current_exe().and_then(|this| same_file::is_same_file(this, program)).unwrap_or(false)
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
