//! The two programs over this library: their names, and where one finds the other.

use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The command for people.
pub(crate) const COMMAND: &str = "stagepass";
/// The program that browsers start.
pub(crate) const HOST: &str = "stagepass-native-host";

/// The name of the program that runs, for its messages.
static RUNNING: OnceLock<&str> = OnceLock::new();

pub(crate) fn set_running(name: &'static str) {
    // Only the first name counts; a process runs one program.
    let _ = RUNNING.set(name);
}

/// The name that begins each message: that of the command, unless the host runs.
pub(crate) fn running() -> &'static str {
    RUNNING.get().copied().unwrap_or(COMMAND)
}

/// The program that browsers start; it is in the folder of the one that runs. Not every system says
/// where a link leads that was started.
pub(crate) fn host_path() -> io::Result<PathBuf> {
    let beside = |program: PathBuf| program.with_file_name(format!("{HOST}{}", std::env::consts::EXE_SUFFIX));
    let running = std::env::current_exe()?;
    let path = beside(running.clone());
    let linked = || running.canonicalize().map(beside).ok().filter(|path| path.is_file());
    if path.is_file() { Ok(path) } else { Ok(linked().unwrap_or(path)) }
}
