//! The name of the asking program, for the list of hand-overs. Nothing depends on it, because
//! programs can choose their names freely.

use stagepass_core::bridge::MAX_NAME_CHARS;
use stagepass_core::visible::printable_start;
use std::fs;

const BETWEEN: &str = " › ";
/// The system truncates program names to this length.
const COMM_BYTES: usize = 15;

/// The program's name after its parent's, such as `bash › stagepass`. The parent matters
/// because the program is nearly always our own command.
// Decision: docs/decisions/bridge.md#the-list-of-hand-overs-names-a-program-and-its-starter
pub(super) fn describe(pid: i32) -> Option<String> {
    let name = name(pid)?;
    Some(match parent(pid).and_then(self::name) {
        Some(parent) => parent + BETWEEN + &name,
        None => name,
    })
}

/// The program's name as the system knows it; completed from its file's name if it was truncated.
fn name(pid: i32) -> Option<String> {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    let comm = comm.strip_suffix('\n').unwrap_or(&comm);
    let file = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let file = file.as_deref().and_then(|path| path.file_name()?.to_str()).unwrap_or_default();
    let is_cut = comm.len() == COMM_BYTES && file.starts_with(comm);
    let name = if is_cut { file.strip_suffix(" (deleted)").unwrap_or(file) } else { comm };
    // The limit must leave room for two names and the separator.
    let max_chars = (MAX_NAME_CHARS - BETWEEN.chars().count()) / 2;
    let name = printable_start(name, max_chars);
    (!name.is_empty()).then_some(name)
}

/// The parent process.
fn parent(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name comes before, in brackets, and may contain anything.
    let (_, fields) = status.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok().filter(|parent| *parent > 0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn names_this_program_in_full_and_its_parent() {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let own = std::env::current_exe().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        assert!(own.len() > COMM_BYTES, "{own}");
        let own: String = own.chars().take(30).collect();
        let parent = name(rustix::process::getppid().unwrap().as_raw_nonzero().get()).unwrap();
        assert_eq!(describe(pid), Some(format!("{parent} › {own}")));
    }

    #[test]
    fn an_ended_process_has_no_name() {
        for pid in [i32::MAX, -1] {
            assert_eq!(describe(pid), None);
        }
    }
}
