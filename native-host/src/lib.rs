//! Stagepass on a person's own computer: writes captured sessions to cookie files, and gives them
//! to yt-dlp.
//!
//! There are two programs. A browser starts `stagepass-native-host` and exchanges frames with it
//! over standard input and output. People use `stagepass` at the command line. Only that one uses
//! the network, and only to ask a Stagepass server that a person has configured. They run no other
//! program, except for the commands `yt-dlp`, `run` and `doctor`, and `doctor` also the programs
//! that host manifests name.

mod allowed_extensions;
mod atomic_file;
mod bridge;
mod caller;
mod cli;
mod commands;
mod doctor;
mod error;
pub mod exports;
mod folder_lock;
pub mod frame;
mod host_dir;
mod in_use;
mod ownership;
mod programs;
mod registration;
mod request;
mod run;
mod run_folder;
pub mod serve;
mod server;
mod shell;
mod signals;
mod utc_time;
mod yt_dlp_plugin;

pub use error::Error;
pub use utc_time::UtcTime;

use caller::Caller;
use stagepass_core::visible::printable;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Runs `stagepass` with its arguments, its own name first.
#[must_use]
pub fn run_command(args: Vec<OsString>) -> ExitCode {
    programs::set_running(programs::COMMAND);
    quieten_panics();
    cli::run(args)
}

/// Runs `stagepass-native-host` with its arguments, its own name first.
#[must_use]
pub fn run_host(args: Vec<OsString>) -> ExitCode {
    programs::set_running(programs::HOST);
    quieten_panics();
    match caller::recognise(args.get(1..).unwrap_or_default()) {
        Some(caller) => serve_browser(&caller),
        None => cli::run_host(args),
    }
}

fn serve_browser(caller: &Caller) -> ExitCode {
    let host_dir = host_dir::from_environment().and_then(|host_dir| {
        allowed_extensions::check(caller, &host_dir)?;
        Ok(host_dir)
    });
    let (input, output) = (io::stdin().lock(), io::stdout());
    let served = match host_dir {
        Ok(host_dir) => serve::serve(input, output, &host_dir),
        // An unknown extension learns nothing.
        Err(fault @ Error::CallerNotAllowed(_)) => Err(fault),
        Err(fault) => serve::refuse(input, output, &fault).and(Err(fault)),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            // A browser may disconnect at any time. Only a refused caller or a missing folder
            // is a failure.
            if matches!(error, Error::BrokenFrame(_)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}

/// Writes a message to standard error, which browsers log. It may be closed, so a failure is
/// ignored.
fn complain(error: &dyn std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{}: {}", programs::running(), printable(&error.to_string()));
}

/// Prints only a panic's location, because its message can quote a secret.
fn quieten_panics() {
    std::panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        complain(&format_args!("bug in this program at {location}; please report it"));
    }));
}
