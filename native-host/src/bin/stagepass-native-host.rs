//! The program that browsers start: passes its arguments to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    stagepass_native_host::run_host(std::env::args_os().collect())
}
