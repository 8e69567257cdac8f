//! The command for people: passes its arguments to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    stagepass_native_host::run_command(std::env::args_os().collect())
}
