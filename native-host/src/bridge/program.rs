//! What a program that asks is called, for the person who reads the list of
//! hand-overs. Nothing is decided by it: programs may call themselves what they like.

use stagepass_core::bridge::MAX_NAME_CHARS;
use stagepass_core::visible::printable_start;
use std::fs;

const BETWEEN: &str = " › ";
/// The system cuts a program's name to so many bytes.
const COMM_BYTES: usize = 15;

/// The program's name after that of the one that has started it, such as
/// `bash › stagepass-native-host`: who asks is nearly always our own command.
pub(super) fn describe(pid: i32) -> Option<String> {
    let name = name(pid)?;
    Some(match parent(pid).and_then(self::name) {
        Some(parent) => parent + BETWEEN + &name,
        None => name,
    })
}

/// What the system calls it; in full, where that is its file's name cut off.
fn name(pid: i32) -> Option<String> {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    let comm = comm.strip_suffix('\n').unwrap_or(&comm);
    let file = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let file = file.as_deref().and_then(|path| path.file_name()?.to_str()).unwrap_or_default();
    let is_cut = comm.len() == COMM_BYTES && file.starts_with(comm);
    let name = if is_cut { file.strip_suffix(" (deleted)").unwrap_or(file) } else { comm };
    // Two of them, and what is between, are what the list takes.
    let most = (MAX_NAME_CHARS - BETWEEN.chars().count()) / 2;
    let name = printable_start(name, most);
    (!name.is_empty()).then_some(name)
}

/// The process that has started it, or taken it on.
fn parent(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name comes before, in brackets, and may hold anything.
    let (_, fields) = status.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok().filter(|parent| *parent > 0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn names_this_program_in_full_and_who_has_started_it() {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let own = std::env::current_exe().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        assert!(own.len() > COMM_BYTES, "{own}");
        let own: String = own.chars().take(30).collect();
        let starter = name(rustix::process::getppid().unwrap().as_raw_nonzero().get()).unwrap();
        assert_eq!(describe(pid), Some(format!("{starter} › {own}")));
    }

    #[test]
    fn what_is_gone_is_unknown() {
        for pid in [i32::MAX, -1] {
            assert_eq!(describe(pid), None);
        }
    }
}
